"""Checks the `[NAME]`, `[NAME.app]` and `[NAME.hooks]` tables of the registry of EHRs and makes each an `Ehr`.

Whatever is wrong is raised as `Wrong`, which names table and key and says what to write, and never holds a value:
values may be secrets. docs/ehr-registry.md explains each key; a test holds it to the lists here.
"""

import difflib
import json
import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from analytics.definitions.resource_types import R4_TYPES, nearest
from app.registry import Ehr, HookClient, is_loopback, origin_of
from app.smart.keys import checked, checked_public, public_half
from app.smart.scopes import Granted, parse

EHR_KEYS = ("issuer", "notes", "app", "bulk", "hooks")  # bulk is the export's part: bulk.py, analytics/registry.py
APP_KEYS = (
    "client_id", "client_auth", "client_secret", "private_key", "private_keys", "publish_keys", "redirect_uri",
    "scopes", "hosts", "frame_ancestors", "authorize_method", "headers", "today", "sandbox",
)  # fmt: skip
HOOKS_KEYS = ("issuer", "jwks_url", "jwks", "origins", "quiet_days")
CLIENT_AUTHS = ("public", "client_secret_basic", "private_key_jwt")
BELONG_TO = {
    "client_secret": "client_secret_basic", "private_key": "private_key_jwt", "private_keys": "private_key_jwt",
}  # fmt: skip
CONTEXT_SCOPES = {
    "launch", "launch/patient", "launch/encounter", "openid", "fhirUser", "profile", "offline_access", "online_access",
}  # fmt: skip
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
OWN_HEADERS = re.compile(r"(?i)authorization|cookie|host|accept|connection|origin|(content|transfer|proxy|sec)-.*")


class Wrong(ValueError):
    """Something in one table; `key` is None where it is the table itself."""

    def __init__(self, table: str, key: str | None, what: str) -> None:
        super().__init__(f"[{table}] {key}: {what}" if key else f"[{table}]: {what}")
        self.table, self.key = table, key


def read_ehr(name: str, table: dict[str, Any], folder: Path) -> Ehr:
    """One EHR that has an app table. `folder`: what paths of key files are relative to. Raises Wrong."""
    if not NAME.fullmatch(name):
        raise Wrong(name, None, "an EHR's name has letters, digits, - and _ only.")
    refuse_unknown(name, table, EHR_KEYS)
    app = table["app"]
    if not isinstance(app, dict):
        raise Wrong(name, "app", f"must be a table; write [{name}.app].")
    refuse_unknown(f"{name}.app", app, APP_KEYS)
    ehr, read = TableReader(name, table), TableReader(f"{name}.app", app)
    hooks = _hooks(name, table["hooks"], folder) if "hooks" in table else None
    client_auth = read.one_of("client_auth", CLIENT_AUTHS)
    read.refuse_leftovers(client_auth)
    return Ehr(
        name=name,
        issuer=ehr.url("issuer"),
        notes=ehr.notes(),
        client_id=read.text("client_id"),
        client_auth=client_auth,
        redirect_uri=read.redirect_uri(),
        scopes=read.scopes(),
        hosts=read.origins("hosts"),
        frame_ancestors=read.origins("frame_ancestors"),
        authorize_method=read.one_of("authorize_method", ("GET", "POST"), "GET"),
        headers=read.headers(),
        today=read.day("today"),
        sandbox=read.flag("sandbox"),
        client_secret=read.text("client_secret") if client_auth == "client_secret_basic" else None,
        private_keys=read.private_keys(folder) if client_auth == "private_key_jwt" else (),
        published_keys=tuple(public_half(key) for key in read.keys("publish_keys", folder)),
        hooks=hooks,
    )


def _hooks(name: str, table: Any, folder: Path) -> HookClient:
    """The EHR as a CDS client; its keys come from one address or from one file."""
    if not isinstance(table, dict):
        raise Wrong(name, "hooks", f"must be a table; write [{name}.hooks].")
    refuse_unknown(f"{name}.hooks", table, HOOKS_KEYS)
    read = TableReader(f"{name}.hooks", table)
    if ("jwks_url" in table) == ("jwks" in table):
        raise read.wrong("jwks_url", "give either jwks_url or jwks: the address or the file of the EHR's public keys.")
    return HookClient(
        issuer=read.url("issuer"),
        jwks_url=read.url("jwks_url") if "jwks_url" in table else None,
        keys=read.key_set("jwks", folder) if "jwks" in table else (),
        origins=read.origins("origins"),
        quiet_days=read.number("quiet_days", HookClient.quiet_days, 0, 365),
    )


def refuse_unknown(table: str, values: dict[str, Any], known: Iterable[str]) -> None:
    """Raises Wrong for a key that nothing reads, with the one that was probably meant."""
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise Wrong(table, key, "not a known key" + (f"; did you mean {near[0]}?" if near else "."))


class TableReader:
    """Reads one table's keys; each method raises Wrong."""

    def __init__(self, table: str, values: dict[str, Any]) -> None:
        self.table, self.values = table, values

    def wrong(self, key: str, what: str) -> Wrong:
        return Wrong(self.table, key, what)

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "missing or not a text; write it in quotes.")
        if value != value.strip() or not value.isprintable():
            raise self.wrong(key, "must have no space around it and no line break or other control character in it.")
        return value

    def one_of(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key) if default is None or key in self.values else default
        if value not in choices:
            raise self.wrong(key, f"must be one of {', '.join(choices)}.")
        return value

    def refuse_leftovers(self, client_auth: str) -> None:
        for key, needs in BELONG_TO.items():
            if key in self.values and needs != client_auth:
                raise self.wrong(key, f'belongs to client_auth = "{needs}"; take it out, or change client_auth.')

    def url(self, key: str) -> str:
        return self._secure(key, self.text(key))

    def _secure(self, key: str, url: str) -> str:
        try:
            origin_of(url)
            usable = url.isascii() and urlsplit(url).port != 0 and not set(url) & set(" \\")
        except ValueError:
            usable = False
        if not usable:
            raise self.wrong(key, "not a URL; write scheme, host and path, in ASCII and without a user name.")
        parts = urlsplit(url)
        if "?" in url or "#" in url:
            raise self.wrong(key, "must have no query and no fragment.")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(url)):
            raise self.wrong(key, "must be https (plain http is for this machine only, such as http://127.0.0.1).")
        return url

    def redirect_uri(self) -> str:
        uri = self.url("redirect_uri")
        if urlsplit(uri).path != "/callback":
            raise self.wrong("redirect_uri", "its path must be /callback, where this app listens.")
        return uri

    def scopes(self) -> tuple[str, ...]:
        scopes = tuple(self.text("scopes").split())
        for number, word in enumerate(scopes, 1):
            scope = parse(word)
            if scope is None and word not in CONTEXT_SCOPES and "://" not in word:
                raise self.wrong("scopes", f"word {number} is no scope of an app; write such as patient/Condition.rs.")
            if scope:
                self.refuse_unknown_type(number, scope.type)
        if not Granted(scopes).may_read("Patient"):
            raise self.wrong("scopes", "nothing lets the app read the patient; ask for at least patient/Patient.r.")
        return scopes

    def refuse_unknown_type(self, number: int, name: str) -> None:
        """Raises Wrong for a scope (the so-many-th word) of a resource type that no server of FHIR R4 can have."""
        if name not in R4_TYPES and name != "*":
            near = nearest(name)
            meant = f"; did you mean {near}?" if near else "."
            raise self.wrong("scopes", f"word {number} names no resource type of FHIR R4{meant}")

    def texts(self, key: str, example: str) -> list[str]:
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) and value.strip() for value in values):
            raise self.wrong(key, f'must be a list of texts, such as ["{example}"].')
        return values

    def notes(self) -> tuple[str, ...]:
        notes = self.texts("notes", "Epic: changes take 12 hours to arrive")
        if not all(note.isprintable() and len(note) <= 300 for note in notes):
            raise self.wrong("notes", "each note is one line of 300 characters at most.")
        return tuple(notes)

    def origins(self, key: str) -> tuple[str, ...]:
        values = self.texts(key, "https://ehr.example.org")
        for value in values:
            if "*" in value or urlsplit(self._secure(key, value)).path not in ("", "/"):
                raise self.wrong(key, "an origin is scheme://host:port, without a path.")
        return tuple(origin_of(value) for value in values)

    def headers(self) -> dict[str, str]:
        headers = self.values.get("headers", {})
        if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
            raise self.wrong("headers", 'must be a table of texts, such as { Epic-Client-ID = "..." }.')
        for name, value in headers.items():
            if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name) or OWN_HEADERS.fullmatch(name):
                raise self.wrong("headers", "one of them is no header name, or one that the app sets itself.")
            if not value.isascii() or not value.isprintable() or value != value.strip():
                raise self.wrong("headers", "each value is one line of ASCII without space around it.")
        return headers

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

    def number(self, key: str, default: int, low: int, high: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"must be a whole number from {low} to {high}.")
        return value

    def key_set(self, key: str, folder: Path) -> tuple[dict[str, Any], ...]:
        """The public keys of a JWKS file; a private one in it is refused, since it would not be the EHR's alone."""
        path = folder / self.text(key)
        try:
            return checked_public(json.loads(path.read_text("utf-8")))
        except OSError as error:
            raise self.wrong(key, f"{path} cannot be read.") from error
        except ValueError as error:
            what = str(error) if str(error).startswith("must hold") else "must hold a JSON Web Key Set."
            raise self.wrong(key, f"{path} {what}") from error

    def private_keys(self, folder: Path) -> tuple[dict[str, Any], ...]:
        if "private_keys" not in self.values:
            return (self.key("private_key", folder),)
        if "private_key" in self.values:
            raise self.wrong("private_keys", "stands beside private_key; keep one of the two.")
        keys = self.keys("private_keys", folder)
        if not keys:
            raise self.wrong("private_keys", "names no key; the first one signs.")
        return keys

    def key(self, key: str, folder: Path) -> dict[str, Any]:
        return self._key(key, folder / Path(self.text(key)).expanduser())

    def keys(self, key: str, folder: Path) -> tuple[dict[str, Any], ...]:
        return tuple(self._key(key, folder / name) for name in self.texts(key, "new.jwk.json"))

    def _key(self, key: str, path: Path) -> dict[str, Any]:
        try:
            if path.stat().st_mode & 0o077:
                raise self.wrong(key, f"others can read {path}; run `chmod 600` on it.")
            return checked(json.loads(path.read_text("utf-8")))
        except OSError as error:
            raise self.wrong(key, f"{path} cannot be read.") from error
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise self.wrong(key, f"{path} is not JSON; it must hold one private JWK.") from error
        except Wrong:
            raise
        except ValueError as error:
            raise self.wrong(key, f"{path} {error}") from error
