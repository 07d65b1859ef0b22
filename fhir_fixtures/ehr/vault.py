"""Short-lived secrets of the running sandbox: launches, codes, tokens, pages. They live in memory and end with the
process.
"""

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

LAUNCH_SECONDS = 600
CODE_SECONDS = 60
REPLAY_SECONDS = 3600
LOGIN_SECONDS = 600
PAGE_SECONDS = 3600
REFRESH_SECONDS = 30 * 86_400
BACKEND_SECONDS = 300  # SMART App Launch 2.2, Backend Services: SHOULD NOT exceed five minutes
CAPACITY = 50_000

Item = TypeVar("Item")


class Shelf(Generic[Item]):
    """Items under unguessable keys, each for a time; the oldest give way when `CAPACITY` is reached."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, tuple[float, Item]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, item: Item, seconds: float, key: str | None = None) -> str:
        """Keep an item and give the key under which it lies."""
        key = key or secrets.token_urlsafe(32)
        with self._lock:
            self._items[key] = (time.time() + seconds, item)
            while len(self._items) > CAPACITY:
                self._items.popitem(last=False)
        return key

    def get(self, key: str | None) -> Item | None:
        """The item, or None when the key is unknown or its time is over."""
        with self._lock:
            return self._live(key)

    def take(self, key: str | None) -> Item | None:
        """As `get`, and nobody gets it again."""
        with self._lock:
            item = self._live(key)
            if key is not None:
                self._items.pop(key, None)
            return item

    def add_once(self, key: str, item: Item, seconds: float) -> bool:
        """Keep the item unless the key is in use; says whether it was free."""
        with self._lock:
            if self._live(key) is not None:
                return False
            self._items[key] = (time.time() + seconds, item)
            return True

    def expires_at(self, key: str) -> float:
        """When the item ends, in seconds since 1970; 0 for an unknown key."""
        with self._lock:
            return self._items.get(key, (0.0, None))[0]

    def _live(self, key: str | None) -> Item | None:
        if key is None or key not in self._items:
            return None
        ends, item = self._items[key]
        if ends <= time.time():
            del self._items[key]
            return None
        return item


@dataclass
class Launch:
    """What the EHR had open when it launched the app; one use. `user`: a reference such as `Practitioner/7`.

    `context`: further parameters of the token response; `relative_user`: fhirUser is given relative to the FHIR base.
    """

    user: str
    patient: str | None = None
    encounter: Any = None
    relative_user: bool = False
    context: dict[str, Any] = field(default_factory=dict)


@dataclass
class Grant:
    """What a signed-in user (or, for Backend Services, the registration) allowed one client; tokens point at it."""

    client_id: str
    scope: list[str]
    user: str | None = None  # a reference such as `Practitioner/7`
    patient: str | None = None
    context: dict[str, Any] = field(default_factory=dict)
    relative_user: bool = False
    revoked: bool = False


@dataclass
class Code:
    """An authorization code's binding. Used and expired ones stay on the shelf for a while, so that a replay is
    noticed.
    """

    grant: Grant
    redirect_uri: str
    challenge: str
    nonce: str | None
    expires: float
    used: bool = False


@dataclass
class Access:
    """An access token's meaning."""

    grant: Grant
    scope: list[str]


@dataclass
class Refresh:
    """A refresh token's meaning; `used` once it was rotated away."""

    grant: Grant
    used: bool = False


class Vault:
    """All shelves of one sandbox. `lock` makes check-and-mark steps on codes and refresh tokens atomic."""

    def __init__(self) -> None:
        self.launches: Shelf[Launch] = Shelf()
        self.logins: Shelf[dict[str, Any]] = Shelf()
        self.codes: Shelf[Code] = Shelf()
        self.access: Shelf[Access] = Shelf()
        self.refresh: Shelf[Refresh] = Shelf()
        self.assertions: Shelf[bool] = Shelf()
        self.pages: Shelf[Any] = Shelf()
        self.cards: Shelf[Any] = Shelf()
        self.lock = threading.Lock()

    def access_for(self, token: str | None) -> Access | None:
        """The meaning of a presented access token; None when unknown, expired or revoked."""
        access = self.access.get(token)
        return None if access is None or access.grant.revoked else access
