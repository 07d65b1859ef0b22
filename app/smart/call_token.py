"""The token that comes with one call for cards (CDS Hooks 2.0, "Passing the Access Token"): used for it, never kept."""

import requests
from requests.auth import AuthBase

from app.problems import Problem
from app.registry import Ehr
from app.smart.client import VISIBLE


class CallToken(AuthBase):
    """A requests auth object as `Bearer` is, for a token that cannot be refreshed and lies in no database."""

    def __init__(self, ehr: Ehr, access: str) -> None:
        self._ehr, self._access = ehr, access

    def __repr__(self) -> str:
        return "CallToken()"

    @staticmethod
    def is_usable(access: object) -> bool:
        """May this stand in an Authorization header?"""
        return isinstance(access, str) and len(access) <= 8192 and VISIBLE.fullmatch(access) is not None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request that may carry this EHR's tokens (`Ehr.takes_token`); leave any other without it."""
        if self._ehr.takes_token(str(request.url)):
            request.headers["Authorization"] = f"Bearer {self._access}"
        return request

    def renew_if_ending(self) -> None:
        """It ends when it ends."""

    def used(self, _request: requests.PreparedRequest) -> str:
        """As of `Bearer`; nothing is refreshed with it."""
        return ""

    def refresh(self, _refused: str) -> None:
        """Raises Problem `session_ended`: the EHR refused its own token."""
        raise Problem("session_ended", "hook_token")
