"""The access token on its way out: added to requests of one launch, for its EHR's FHIR origin alone; refreshed once."""

import time
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import requests
from requests.auth import AuthBase

from app.problems import Problem
from app.registry import Ehr, origin_of
from app.smart.client import ask_token, oauth_session
from app.smart.discovery import Discovery
from app.smart.token_reply import token_of
from app.smart.tokens import Launch, Store

EARLY_SECONDS = 60.0  # refresh this long before the end, so that a page does not stop half-way


class _NamedLock:
    """A lock that lives as long as someone holds a reference to it."""

    def __init__(self) -> None:
        self.lock = Lock()


_LOCKS: "WeakValueDictionary[str, _NamedLock]" = WeakValueDictionary()
_LOCKS_GUARD = Lock()


class Bearer(AuthBase):
    """A requests auth object: the only way in which the rest of the app uses a token."""

    def __init__(self, launch: Launch, ehr: Ehr, store: Store, discovery: Discovery) -> None:
        self._launch, self._ehr, self._store, self._discovery = launch, ehr, store, discovery
        with _LOCKS_GUARD:
            self._lock = _LOCKS.setdefault(launch.sid, _NamedLock())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request to the FHIR base's own scheme, host and port; leave any other without a token."""
        if origin_of(str(request.url)) == origin_of(self._ehr.issuer):
            request.headers["Authorization"] = f"Bearer {self._launch.token.access}"
        return request

    def renew_if_ending(self) -> None:
        """Refresh ahead of time where the EHR gave both an end and a refresh token."""
        token = self._launch.token
        if token.refresh and token.expires_at is not None and token.expires_at < time.time() + EARLY_SECONDS:
            self.refresh(token.access)

    def used(self, request: requests.PreparedRequest) -> str:
        """The access token that a request carried, to hand to `refresh`."""
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    def refresh(self, refused: str) -> None:
        """Get a new token in place of `refused`, once, however many requests saw it refused.

        Raises Problem `session_ended` (and forgets the launch) when the EHR gives none.
        """
        with self._lock.lock:
            current = self._store.reload(self._launch)
            if current is None:
                raise Problem("session_ended", "record_gone")
            if current.token.access == refused:
                current = self._refreshed(current)
            self._launch = current

    def _refreshed(self, launch: Launch) -> Launch:
        if launch.token.refresh is None:
            self._store.forget(launch.sid)
            raise Problem("session_ended", "no_refresh_token")
        metadata = self._discovery.of(self._ehr)
        with oauth_session(self._ehr) as client:
            try:
                # Scope is left out: the grant stays what it was (RFC 6749, section 6).
                reply: dict[str, Any] = ask_token(
                    client.refresh_token, metadata.token_endpoint, refresh_token=launch.token.refresh
                )
            except Problem as problem:
                if problem.code == "token_unreachable":
                    raise Problem("ehr_unreachable", "refresh") from problem
                self._store.forget(launch.sid)
                raise Problem("session_ended", problem.cause) from problem
        patient = reply.get("patient")
        if patient is not None and patient != launch.context.patient:
            self._store.forget(launch.sid)
            raise Problem("patient_mismatch", "refresh")
        return self._store.replace_token(launch, token_of(reply, launch.token.refresh))

    def revoke(self) -> None:
        """Tell the EHR to end the grant, where it offers that (RFC 7009); a failure is not the clinician's concern."""
        try:
            endpoint = self._discovery.of(self._ehr).revocation_endpoint
            if endpoint:
                with oauth_session(self._ehr) as client:
                    token = self._launch.token
                    client.revoke_token(endpoint, token=token.refresh or token.access)
        except (Problem, requests.RequestException):
            return
