"""The access token on its way out: added to requests of one launch, for its EHR's FHIR origin alone; refreshed once."""

import logging
import time
from typing import Any

import requests
from requests.auth import AuthBase

from app.problems import Problem
from app.registry import Ehr
from app.smart.client import ask_token, oauth_session
from app.smart.context import Context
from app.smart.discovery import Discovery, Metadata
from app.smart.token_reply import scopes_of, token_of
from app.smart.tokens import Launch, Store, Token

LOG = logging.getLogger(__name__)
EARLY_SECONDS = 60.0  # refresh this long before the end, so that a page does not stop half-way
WAIT_SECONDS = 30.0  # for another request that refreshes the same launch
POLL_SECONDS = 0.05


class Bearer(AuthBase):
    """A requests auth object: the only way in which the rest of the app uses a token."""

    def __init__(self, launch: Launch, ehr: Ehr, store: Store, discovery: Discovery) -> None:
        self._launch, self._ehr, self._store, self._discovery = launch, ehr, store, discovery
        self._renewed: Token | None = None  # what came in place of a refused token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request that may carry this launch's token (`Ehr.takes_token`); leave any other without it."""
        if self._ehr.takes_token(str(request.url)):
            request.headers["Authorization"] = f"Bearer {self._launch.token.access}"
        return request

    @property
    def launch(self) -> Launch:
        """The launch with the newest token that this bearer knows."""
        return self._launch

    @property
    def can_refresh(self) -> bool:
        """Is there a refresh token at all?"""
        return self._launch.token.refresh is not None

    @property
    def context(self) -> Context:
        """The launch context with the scopes that the newest token has."""
        return self._launch.context

    def renew_if_ending(self) -> None:
        """Refresh ahead of time where there is a refresh token; a token that still holds outlives a failed try."""
        token = self._launch.token
        if not token.refresh or token.expires_at is None or token.expires_at > time.time() + EARLY_SECONDS:
            return
        try:
            self._renew(token.access)
        except Problem as problem:
            if problem.code != "ehr_unreachable" or token.expires_at <= time.time():
                raise

    def used(self, request: requests.PreparedRequest) -> str:
        """The access token that a request carried, to hand to `refresh`."""
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    def refresh(self, refused: str) -> None:
        """Get a new token in place of `refused`, once, however many requests, threads and processes saw it refused.

        Raises Problem `session_ended` when the EHR gives none (and forgets the launch) or refuses what it gave.
        """
        renewed = self._renewed
        if renewed and renewed.access == refused and (renewed.expires_at is None or renewed.expires_at > time.time()):
            raise Problem("session_ended", "401_after_refresh")
        self._renew(refused)
        self._renewed = self._launch.token

    def _renew(self, refused: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            current = self._store.reload(self._launch)
            if current is None:
                raise Problem("session_ended", "record_gone")
            if current.token.access != refused:
                self._launch = current
                return
            if current.token.refresh is None:
                self._store.forget(current.sid)
                raise Problem("session_ended", "no_refresh_token")
            holder = self._store.lease(current)
            if holder is not None:
                self._launch = self._refreshed(current, holder)
                return
            if time.monotonic() > deadline:
                raise Problem("ehr_unreachable", "refresh_waited")
            time.sleep(POLL_SECONDS)

    def _refreshed(self, launch: Launch, holder: str) -> Launch:
        """Use the refresh token under the lease; whatever goes wrong, the lease is given back or the launch ends."""
        try:
            metadata = self._discovery.of(self._ehr)
            reply = self._asked(launch, metadata)
        except BaseException:
            self._store.release(launch, holder)
            raise
        token, patient = token_of(reply, launch.token.refresh), reply.get("patient")
        if patient is not None and patient != launch.context.patient:
            self._store.forget(launch.sid)
            self._tell_to_end(metadata, token)
            raise Problem("patient_mismatch", "refresh")
        kept = self._store.replace_token(launch, holder, token, scopes_of(reply, launch.context.scopes))
        if kept is None:  # closed meanwhile: nobody is left to use the new token
            self._tell_to_end(metadata, token)
            raise Problem("session_ended", "record_gone")
        return kept

    def _asked(self, launch: Launch, metadata: Metadata) -> dict[str, Any]:
        """The reply to our refresh token. Scope is left out: the grant stays what it was (RFC 6749, section 6)."""
        with oauth_session(self._ehr) as client:
            try:
                return ask_token(client.refresh_token, metadata.token_endpoint, refresh_token=launch.token.refresh)
            except Problem as problem:
                if problem.code == "token_unreachable":
                    raise Problem("ehr_unreachable", "refresh") from problem
                self._store.forget(launch.sid)
                raise Problem("session_ended", problem.cause) from problem

    def revoke(self) -> None:
        """Tell the EHR to end the grant, where it offers that; a failure is not the clinician's concern."""
        try:
            self._tell_to_end(self._discovery.of(self._ehr), self._launch.token)
        except Problem as problem:
            LOG.warning("not revoked cause=%s", problem.code)

    def _tell_to_end(self, metadata: Metadata, token: Token) -> None:
        """RFC 7009, the refresh token first: where the access token's turn fails, it is the one that ends by itself."""
        if metadata.revocation_endpoint is None:
            return
        for hint, value in (("refresh_token", token.refresh), ("access_token", token.access)):
            if value is None:
                continue
            try:
                with oauth_session(self._ehr) as client:
                    reply = client.revoke_token(metadata.revocation_endpoint, token=value, token_type_hint=hint)
                    outcome = str(reply.status_code)
            except requests.RequestException as error:
                outcome = type(error).__name__
            if outcome != "200":
                LOG.warning("not revoked %s outcome=%s", hint, outcome)
