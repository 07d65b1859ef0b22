"""One EHR as its administrator registered us: what the `[NAME]` and `[NAME.app]` tables of the registry say."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*))(?::(?P<port>[0-9]{0,5}))?"
)
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")  # a browser reads such a name as an IPv4 address


@dataclass(frozen=True)
class HookClient:
    """The EHR as a CDS client (`[NAME.hooks]`): who signs its calls, with which keys, and how long a "no" holds."""

    issuer: str  # `iss` of its JWTs, character by character
    jwks_url: str | None = None  # the only `jku` that is believed
    keys: tuple[Mapping[str, Any], ...] = ()  # public JWKs, where the key set was handed over as a file
    origins: tuple[str, ...] = ()  # of pages that may call from a browser (CORS)
    quiet_days: int = 30  # that a card which was overridden stays away from this user and patient


@dataclass(frozen=True)
class Ehr:
    """A registered EHR. `issuer` is its FHIR base and its SMART `iss`; secrets are left out of `repr`."""

    name: str
    issuer: str
    client_id: str
    client_auth: str
    redirect_uri: str
    scopes: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    authorize_method: str = "GET"
    notes: tuple[str, ...] = ()
    today: date | None = None
    sandbox: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    client_secret: str | None = field(default=None, repr=False)
    private_keys: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)  # the first one signs
    published_keys: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)  # of the bulk client, for example
    hooks: HookClient | None = None  # None: this EHR gets no cards

    @property
    def own_origin(self) -> str:
        """Scheme, host and port under which this EHR's browsers reach us."""
        return origin_of(self.redirect_uri)

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The only origins that codes, secrets and tokens of this EHR may travel to."""
        return frozenset({origin_of(self.issuer), *self.hosts})

    @property
    def key_origins(self) -> frozenset[str]:
        """The only origins that its public keys are fetched from, without any token."""
        url = self.hooks.jwks_url if self.hooks else None
        return self.allowed_origins | ({origin_of(url)} if url else set())

    @property
    def is_synthetic(self) -> bool:
        """A sandbox, or an EHR with a clock of its own: the page says that its patients are not real."""
        return self.sandbox or self.today is not None

    def takes_token(self, url: str) -> bool:
        """May a request to this address carry an access token?

        On the FHIR base's own origin only below that base (another tenant may live beside it), on a listed host
        anywhere, and nowhere else. A path that a server could read as leading upwards is none of them.
        """
        try:
            origin, path = origin_of(url), urlsplit(url).path
        except ValueError:
            return False
        if origin in self.hosts:
            return True
        base = urlsplit(self.issuer).path.rstrip("/")
        rest = path.removeprefix(base)
        leads_up = any(mark in rest.lower() for mark in ("..", "%2e", "%2f", "%5c", "\\"))
        return origin == origin_of(self.issuer) and path.startswith(base) and rest[:1] in ("", "/") and not leads_up


def origin_of(url: str) -> str:
    """`scheme://host:port` as a browser writes it (RFC 6454, section 6): lower case, default ports left out.

    Every comparison of origins in the app is one of these texts. Raises ValueError for what is no http(s) address, and
    for what two programs could read as two addresses: of `https://one\\@two` some call `one` and some `two`. So a host
    has no user name, backslash, control character, percent sign or letter beyond ASCII in it, no dot at its end, and
    an IP address stands in its usual form.
    """
    parts = urlsplit(url)
    if not url.isprintable() or url != url.strip():
        raise ValueError("not an address that can be read in one way alone")
    return _origin(parts.scheme, parts.netloc)


@lru_cache(256)  # the hosts that there are; what a path or query says is not kept
def _origin(scheme: str, netloc: str) -> str:
    found = _HOST.fullmatch(netloc)
    if scheme not in DEFAULT_PORTS or not found:
        raise ValueError("not an address that can be read in one way alone")
    host = f"[{ipaddress.IPv6Address(found['six'])}]" if found["six"] else found["name"].lower()
    if _NUMBER.fullmatch(host):
        ipaddress.IPv4Address(host)
    default = DEFAULT_PORTS[scheme]
    port = int(found["port"] or default)
    if not 0 < port < 65536:
        raise ValueError("not a port")
    return f"{scheme}://{host}" + ("" if port == default else f":{port}")


def is_loopback(url: str) -> bool:
    """Does this URL name this machine? Only there is plain http allowed."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
