"""Settings of the app: the environment and the registry (`[NAME]`, `[NAME.app]`, `[NAME.hooks]`), checked at start.

Messages name the file, the line, the table and the key, never a value: values may be secrets.
"""

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics.toml_lines import line_of
from app.registry import Ehr
from app.registry.bulk import read_bulk
from app.registry.reader import EHR_KEYS, Wrong, read_ehr, refuse_unknown
from app.smart.keys import public_half


class ConfigError(Exception):
    """A setting is missing or wrong; the message says where and what to do."""


@dataclass(frozen=True)
class Config:
    """Everything the app needs to start. `repr` shows no secret."""

    home: Path
    database: str = field(repr=False)  # a database URL may hold a password
    secret_key: bytes = field(repr=False)  # 32 bytes or more; encrypts tokens and signs CSRF tokens
    ehrs: Mapping[str, Ehr]

    @property
    def by_issuer(self) -> dict[str, Ehr]:
        """The launch allow-list: issuer, character by character, to EHR."""
        return {ehr.issuer: ehr for ehr in self.ehrs.values()}

    @property
    def own_origins(self) -> frozenset[str]:
        """Origins under which browsers reach this app: those of the registered redirect URIs."""
        return frozenset(ehr.own_origin for ehr in self.ehrs.values())

    @property
    def frame_ancestors(self) -> tuple[str, ...]:
        """Every registered frame ancestor, for pages that show nothing but an error in our own words."""
        return tuple(sorted({origin for ehr in self.ehrs.values() for origin in ehr.frame_ancestors}))

    def describe(self) -> str:
        """One line for the log, without secrets."""
        database = re.sub(r"//[^/@]*@", "//***@", self.database)
        return f"home={self.home} database={database} secret_key=*** ehrs={','.join(sorted(self.ehrs))}"


def from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Read and check all settings; creates the home folder and, where none is set, the secret key in it."""
    home = Path(environ.get("KINDRED_HOME") or ".kindred").absolute()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"KINDRED_HOME: the folder {home} cannot be made; choose one that can be written.") from error
    return Config(
        home=home,
        database=environ.get("KINDRED_DATABASE") or f"sqlite:///{home / 'kindred.db'}",
        secret_key=_secret_key(home, environ.get("KINDRED_SECRET_KEY")),
        ehrs=read_registry(registry_path(environ)),
    )


def registry_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the registry of EHRs lies."""
    home = Path(environ.get("KINDRED_HOME") or ".kindred")
    return Path(environ.get("KINDRED_EHRS") or home / "ehrs.toml").absolute()


def report(ehrs: Mapping[str, Ehr]) -> list[str]:
    """What is registered, a line for each EHR and each of its notes, without secrets."""
    lines = []
    for ehr in ehrs.values():
        kids = " ".join(str(key["kid"]) for key in ehr.private_keys)
        proof = ehr.client_auth + (f", keys {kids}" if kids else "")
        elsewhere = f", hosts {' '.join(ehr.hosts)}" if ehr.hosts else ""
        cards = f", cards for {ehr.hooks.issuer}" if ehr.hooks else ", no cards"
        frames = f", framed by {' '.join(ehr.frame_ancestors)}" if ehr.frame_ancestors else ", never framed"
        lines.append(f"{ehr.name}: {ehr.issuer}, client {ehr.client_id} ({proof}), authorize by {ehr.authorize_method}"
                     f"{elsewhere}{frames}{cards}, back to {ehr.redirect_uri}")  # fmt: skip
        lines += [f"{ehr.name}: note: {note}" for note in ehr.notes]
    return lines


def check_registry(path: Path) -> list[str]:
    """`report` of the whole registry: beside what the app reads the bulk tables, which only the export needs."""
    lines = report(read_registry(path))
    text, tables = _tables(path)
    try:
        clients = {name: read_bulk(name, table, path.parent) for name, table in tables.items() if "bulk" in table}
    except Wrong as wrong:
        raise ConfigError(f"{path}:{_line(text, wrong)}: {wrong}") from wrong
    return lines + [f"{name}: {client.described()}" for name, client in clients.items()]


def read_registry(path: Path) -> dict[str, Ehr]:
    """All EHRs that have an `[NAME.app]` table, by name."""
    text, tables = _tables(path)
    try:
        ehrs = {name: read_ehr(name, table, path.parent) for name, table in tables.items() if _has_app(name, table)}
        _refuse_twins(ehrs)
        _refuse_open_secrets(path, ehrs)
    except Wrong as wrong:
        raise ConfigError(f"{path}:{_line(text, wrong)}: {wrong}") from wrong
    if not ehrs:
        raise ConfigError(f"{path}: no EHR has a table [NAME.app]; add one so that it can launch the app.")
    return ehrs


def _tables(path: Path) -> tuple[str, dict[str, Any]]:
    """The registry as text, and what stands in it."""
    try:
        text = path.read_text("utf-8")
        return text, tomllib.loads(text)
    except FileNotFoundError as error:
        raise ConfigError(f"KINDRED_EHRS: there is no file {path}; write one (docs/ehr-registry.md), "
                          "or run `kindred sandbox`, which writes one.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"KINDRED_EHRS: {path} cannot be read as UTF-8; check its permissions.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}:{_line_of_mistake(error, text)}: not valid TOML; mend that line.") from error


def _has_app(name: str, table: Any) -> bool:
    if not isinstance(table, dict):
        raise Wrong(name, None, "stands outside of any table; move it under [NAME] or [NAME.app].")
    if "app" not in table:
        refuse_unknown(name, table, EHR_KEYS)  # [NAME.ap] would otherwise be an EHR that nobody can launch from
    return "app" in table


def _line(text: str, wrong: Wrong) -> int:
    """Line of the key, or of its table where the key is missing."""
    table = wrong.table.split(".", 1)
    return (wrong.key and line_of(text, *table, wrong.key)) or line_of(text, *table) or 1


def _refuse_twins(ehrs: dict[str, Ehr]) -> None:
    """Two EHRs with one issuer, or two keys with one kid: which of them is meant could not be told."""
    issuers: dict[str, str] = {}
    signers: dict[str, str] = {}
    kids: dict[str, dict[str, Any]] = {}
    for ehr in ehrs.values():
        if (twin := issuers.setdefault(ehr.issuer.rstrip("/").lower(), ehr.name)) != ehr.name:
            raise Wrong(ehr.name, "issuer", f"already used by [{twin}]; each needs its own.")
        if ehr.hooks and (twin := signers.setdefault(ehr.hooks.issuer, ehr.name)) != ehr.name:
            raise Wrong(f"{ehr.name}.hooks", "issuer", f"already used by [{twin}.hooks]; each needs its own.")
        for jwk in (*ehr.private_keys, *ehr.published_keys):
            if kids.setdefault(jwk["kid"], public_half(jwk)) != public_half(jwk):
                raise Wrong(f"{ehr.name}.app", None, "one of its keys has the kid of another key; give each its own.")


def _refuse_open_secrets(path: Path, ehrs: dict[str, Ehr]) -> None:
    for ehr in ehrs.values():
        if ehr.client_secret and path.stat().st_mode & 0o077:
            raise Wrong(f"{ehr.name}.app", "client_secret", "others can read this file; run `chmod 600` on it.")


def _line_of_mistake(error: tomllib.TOMLDecodeError, text: str) -> int:
    """The line alone: the rest of tomllib's message may quote what stands there."""
    found = re.search(r"\(at line (\d+)", str(error))
    return int(found[1]) if found else len(text.splitlines()) or 1  # at the end of the document


def _secret_key(home: Path, given: str | None) -> bytes:
    if given:
        if len(given) < 32:
            raise ConfigError("KINDRED_SECRET_KEY: shorter than 32 characters; use `openssl rand -hex 32`.")
        return given.encode()
    path = home / "app.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _kept_key(path)
    except OSError as error:
        raise ConfigError(f"KINDRED_HOME: {path} cannot be written; choose a folder that can be.") from error
    key = secrets.token_hex(32).encode()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    return key


def _kept_key(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: others can read this key; run `chmod 600` on it.")
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read; check its owner.") from error
    if len(key) < 32:
        raise ConfigError(f"{path}: too short to be a key; delete it and a new one is made at the next start.")
    return key
