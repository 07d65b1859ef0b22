"""One EHR as its administrator registered us: the `[NAME]` and `[NAME.app]` tables of the registry."""

import difflib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CLIENT_AUTHS = ("public", "client_secret_basic", "private_key_jwt")
SIGNING_ALGORITHMS = ("RS384", "ES384")  # SMART App Launch 2.2, asymmetric authentication: both must be supported
KEYS = {
    "client_id", "client_auth", "client_secret", "private_key", "redirect_uri", "scopes", "hosts", "frame_ancestors",
    "today", "sandbox",
}  # fmt: skip


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
    today: date | None = None
    sandbox: bool = False
    client_secret: str | None = field(default=None, repr=False)
    private_key: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def own_origin(self) -> str:
        """Scheme, host and port under which this EHR's browsers reach us."""
        return origin_of(self.redirect_uri)

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The only origins that codes, secrets and tokens of this EHR may travel to."""
        return frozenset({origin_of(self.issuer), *self.hosts})

    @property
    def is_synthetic(self) -> bool:
        """A sandbox, or an EHR with a clock of its own: the page says that its patients are not real."""
        return self.sandbox or self.today is not None


def origin_of(url: str) -> str:
    """`scheme://host:port`, lower case, default ports left out. Raises ValueError where there is no host."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise ValueError("not a URL of a host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")


def is_loopback(url: str) -> bool:
    """Does this URL name this machine? Only there is plain http allowed."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_ehr(name: str, table: dict[str, Any], folder: Path) -> Ehr:
    """Check one EHR's tables; raises ValueError naming table and key, without the value."""
    app = table["app"]
    if not isinstance(app, dict):
        raise ValueError(f"[{name}] app: must be a table; write [{name}.app].")
    for key in app:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            raise ValueError(f"[{name}.app] {key}: not a known key" + (f"; did you mean {near[0]}?" if near else "."))
    read = _Reader(f"{name}.app", app)
    client_auth = read.one_of("client_auth", CLIENT_AUTHS)
    return Ehr(
        name=name,
        issuer=_Reader(name, table).url("issuer"),
        client_id=read.text("client_id"),
        client_auth=client_auth,
        redirect_uri=read.redirect_uri(),
        scopes=read.scopes(),
        hosts=read.origins("hosts"),
        frame_ancestors=read.origins("frame_ancestors"),
        today=read.day("today"),
        sandbox=read.flag("sandbox"),
        client_secret=read.text("client_secret") if client_auth == "client_secret_basic" else None,
        private_key=read.private_key(folder) if client_auth == "private_key_jwt" else None,
    )


class _Reader:
    """Reads one table's keys; every failure says `[table] key: what is wrong; what to write`."""

    def __init__(self, table: str, values: dict[str, Any]) -> None:
        self.table, self.values = table, values

    def wrong(self, key: str, what: str) -> ValueError:
        return ValueError(f"[{self.table}] {key}: {what}")

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "missing or not a text; write it in quotes.")
        return value

    def url(self, key: str) -> str:
        return self._secure(key, self.text(key))

    def _secure(self, key: str, url: str) -> str:
        try:
            origin_of(url)
        except ValueError as error:
            raise self.wrong(key, "not a URL; write scheme, host and path.") from error
        parts = urlsplit(url)
        if parts.query or parts.fragment or url != url.strip():
            raise self.wrong(key, "must have no query, fragment or surrounding space.")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(url)):
            raise self.wrong(key, "must be https (plain http is for this machine only, such as http://127.0.0.1).")
        return url

    def redirect_uri(self) -> str:
        uri = self.url("redirect_uri")
        if urlsplit(uri).path != "/callback":
            raise self.wrong("redirect_uri", "its path must be /callback, where this app listens.")
        return uri

    def one_of(self, key: str, choices: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in choices:
            raise self.wrong(key, f"must be one of {', '.join(choices)}.")
        return value

    def scopes(self) -> tuple[str, ...]:
        scopes = tuple(self.text("scopes").split())
        if not any(scope.startswith(("patient/", "user/")) for scope in scopes):
            raise self.wrong("scopes", "no patient/ or user/ scope; ask for at least patient/Patient.rs.")
        return scopes

    def origins(self, key: str) -> tuple[str, ...]:
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.wrong(key, "must be a list of texts, such as [\"https://ehr.example.org\"].")
        for value in values:
            self._secure(key, value)
            if urlsplit(value).path not in ("", "/") or any(mark in value for mark in " ;,*'\""):
                raise self.wrong(key, "an origin is scheme://host:port, without a path.")
        return tuple(origin_of(value) for value in values)

    def day(self, key: str) -> date | None:
        value = self.values.get(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            raise self.wrong(key, "must be a date without quotes, such as 2026-06-30.")
        return value

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false.")
        return value

    def private_key(self, folder: Path) -> dict[str, Any]:
        path = folder / self.text("private_key")
        try:
            if path.stat().st_mode & 0o077:
                raise self.wrong("private_key", f"others can read {path}; run `chmod 600` on it.")
            key = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise self.wrong("private_key", f"{path} cannot be read.") from error
        except json.JSONDecodeError as error:
            raise self.wrong("private_key", f"{path} is not JSON; it must hold one private JWK.") from error
        if not isinstance(key, dict) or "d" not in key or not isinstance(key.get("kid"), str):
            raise self.wrong("private_key", f"{path} must hold one private JWK with a kid.")
        if key.get("alg") not in SIGNING_ALGORITHMS:
            raise self.wrong("private_key", f"{path}: alg must be {' or '.join(SIGNING_ALGORITHMS)}.")
        return key
