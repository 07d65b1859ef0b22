"""The bulk part of the registry of EHRs: `[NAME]` and `[NAME.bulk]`, checked at start.

Every error names file, line, table and key, and no value. The app reads the same file for itself (`[NAME.app]`), and
both refuse the same things where they read the same: a test holds them together. docs/ehr-registry.md has the keys.
"""

import ipaddress
import json
import re
import stat
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from analytics.definitions.resource_types import R4_TYPES, nearest
from analytics.errors import ConfigError
from analytics.toml_lines import line_of

EHR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
EHR_KEYS = {"issuer", "notes", "app", "bulk", "hooks"}
SCOPE = re.compile(r"system/(?P<type>\*|[A-Za-z]+)\.(read|write|\*|[cruds]+)(\?.+)?")
BULK_KEYS = {"client_id", "private_key", "scopes", "group", "hosts", "patience_days"}


@dataclass(frozen=True)
class BulkClient:
    """How Kindred's backend service is registered at one EHR (`[NAME.bulk]`)."""

    ehr: str
    issuer: str  # FHIR base without a slash at the end
    client_id: str
    scopes: str
    private_key: dict[str, Any]  # private JWK with kid
    algorithm: str  # RS384 or ES384
    group: str | None = None
    hosts: tuple[str, ...] = ()  # further origins (scheme://host:port) that may receive the token
    patience_days: float = 30.0  # how long a job may run at the EHR; some take weeks

    def __repr__(self) -> str:
        return f"BulkClient(ehr={self.ehr!r}, issuer={self.issuer!r}, client_id={self.client_id!r})"

    @classmethod
    def from_registry(cls, path: Path, ehr: str) -> "BulkClient":
        """The bulk client of one EHR. Raises ConfigError that names file, table and key."""
        table = _ehr_table(path, ehr)
        bulk = table.get("bulk")
        if not isinstance(bulk, dict):
            raise ConfigError(f"{_at(path, ehr)} has no table [{ehr}.bulk].",
                              f"Add [{ehr}.bulk] with client_id and private_key, as the EHR registered them.")
        _known_keys(path, ehr, table, EHR_KEYS)
        _known_keys(path, f"{ehr}.bulk", bulk, BULK_KEYS)
        key_name = _text(path, f"{ehr}.bulk", bulk, "private_key")
        key, algorithm = _private_key(path, f"{ehr}.bulk", path.parent / Path(key_name).expanduser())
        return cls(
            ehr=ehr,
            issuer=fhir_base(path, ehr),
            client_id=_text(path, f"{ehr}.bulk", bulk, "client_id"),
            scopes=_scopes(path, f"{ehr}.bulk", bulk),
            private_key=key, algorithm=algorithm,
            group=_text(path, f"{ehr}.bulk", bulk, "group") if "group" in bulk else None,
            hosts=_hosts(path, f"{ehr}.bulk", bulk), patience_days=_days(path, f"{ehr}.bulk", bulk),
        )


def registered_ehrs(path: Path) -> list[str]:
    """Names of the EHRs in the registry, in the order of the file. Raises ConfigError."""
    return [name for name, table in _registry(path).items() if isinstance(table, dict)]


def fhir_base(path: Path, ehr: str) -> str:
    """The issuer of one EHR, without a slash at its end: whose resources are ours. Raises ConfigError."""
    return _origin_checked(path, ehr, "issuer", _text(path, ehr, _ehr_table(path, ehr), "issuer")).rstrip("/")


def _registry(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"There is no registry of EHRs at {path}.",
                          "Set KINDRED_EHRS to your registry, or run `kindred sandbox`, which writes one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The registry {path} cannot be read ({type(error).__name__}).",
                          "Check that it is a UTF-8 text file that you may read.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}:{_line_of_mistake(path, error)}: not valid TOML.", "Correct that line.") from None


def _ehr_table(path: Path, ehr: str) -> dict[str, Any]:
    if not EHR_NAME.fullmatch(ehr):
        raise ConfigError(f"{ehr!r} is not a name for an EHR.", "Use letters, digits, '-' and '_' only.")
    registry = _registry(path)
    table = registry.get(ehr)
    if not isinstance(table, dict):
        known = ", ".join(name for name in registry) or "none"
        raise ConfigError(f"{path}: there is no EHR [{ehr}]; registered: {known}.", "Use one of those, or add it.")
    return table


def _text(path: Path, table: str, values: dict[str, Any], key: str, default: str | None = None) -> str:
    value = values.get(key, default)
    if not isinstance(value, str) or not value.strip():
        state = "missing" if value is None else "not a text with something in it"
        raise ConfigError(f"{_at(path, table, key)} is {state}.", f'Write {key} = "..." in that table.')
    if value != value.strip() or not value.isprintable():
        raise ConfigError(f"{_at(path, table, key)} has space around it, or a control character in it.",
                          "Write it in one line, without them.")
    return value


def _origin_checked(path: Path, table: str, key: str, url: str) -> str:
    """Tokens and patient data travel only over TLS, except to this very machine."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and url.isascii() and url.isprintable() and not set(url) & set(" \\?#@")
    except ValueError:
        usable = False
    safe_schemes = ("http", "https") if usable and _is_loopback(parts.hostname) else ("https",)
    if usable and parts.hostname and parts.scheme in safe_schemes:
        return url
    raise ConfigError(f"{_at(path, table, key)} is not an https:// address without query, fragment and user name.",
                      "Plain http:// is taken for 127.0.0.1 and localhost only.")


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _scopes(path: Path, table: str, bulk: dict[str, Any]) -> str:
    text = _text(path, table, bulk, "scopes", "system/*.rs")
    for number, word in enumerate(text.split(), 1):
        found = SCOPE.fullmatch(word)
        if found is None and "://" not in word:
            raise ConfigError(f"{_at(path, table, 'scopes')}: word {number} is no scope of a backend service.",
                              "Write such as system/*.rs.")
        if found and found["type"] not in {"*", *R4_TYPES}:
            near = nearest(found["type"])
            raise ConfigError(f"{_at(path, table, 'scopes')}: word {number} names no resource type of FHIR R4.",
                              f"Did you mean {near}?" if near else "Write such as system/Condition.rs.")
    return text


def _hosts(path: Path, table: str, bulk: dict[str, Any]) -> tuple[str, ...]:
    hosts = bulk.get("hosts", [])
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise ConfigError(f"{_at(path, table, 'hosts')} is not a list of texts.",
                          'Write hosts = ["https://files.example"].')
    for host in hosts:
        _origin_checked(path, table, "hosts", host)
        if urlsplit(host).path not in ("", "/") or set(host) & set(";,*'\""):
            raise ConfigError(f"{_at(path, table, 'hosts')} holds more than origins.",
                              "An origin is scheme://host:port, without a path.")
    return tuple(hosts)


def _days(path: Path, table: str, bulk: dict[str, Any]) -> float:
    days = bulk.get("patience_days", 30)
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 365:
        raise ConfigError(f"{_at(path, table, 'patience_days')} is not a number of days from above 0 to 365.",
                          "Write for example patience_days = 30.")
    return float(days)


def _known_keys(path: Path, table: str, values: dict[str, Any], known: set[str]) -> None:
    """A key that nobody reads is a slip of the pen, and what it was to set would silently not hold."""
    for key in (key for key in values if key not in known):
        near = get_close_matches(key, known, 1)
        raise ConfigError(f"{_at(path, table, key)} is no key of this table.",
                          f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(known))}.")


def _private_key(path: Path, table: str, key_file: Path) -> tuple[dict[str, Any], str]:
    from analytics.export.keys import signing_algorithm  # OAuth is spoken in the export's room alone

    where = f"{_at(path, table, 'private_key')} {key_file}"
    try:
        mode = stat.S_IMODE(key_file.stat().st_mode)
        key = json.loads(key_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}.", "Check the path and its owner.") from None
    except ValueError:
        raise ConfigError(f"{where} is not JSON.", "It must hold one private JWK.") from None
    if mode & 0o077:
        raise ConfigError(f"{where} may be read by others (mode {mode:04o}).", f"Run: chmod 600 {key_file}")
    try:
        return key, signing_algorithm(key)
    except ValueError as error:
        raise ConfigError(f"{where} {error}.", "Use the private half of a key that the EHR has registered.") from None


def _at(path: Path, table: str, key: str | None = None) -> str:
    """`ehrs.toml:7: [north.bulk] group`: where the key stands, or its table where it is missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:  # gone since it was read
        text = ""
    names = table.split(".", 1)
    line = (key and line_of(text, *names, key)) or line_of(text, *names) or 1
    return f"{path}:{line}: [{table}]" + (f" {key}" if key else "")


def _line_of_mistake(path: Path, error: tomllib.TOMLDecodeError) -> int:
    """The line alone: the rest of the parser's message may quote what stands there."""
    found = re.search(r"\(at line (\d+)", str(error))
    return int(found[1]) if found else len(path.read_text(encoding="utf-8").splitlines()) or 1
