"""Settings of the app: the environment and the registry's `[NAME]` and `[NAME.app]` tables, checked once at start.

Messages name the file, the table and the key, never a value: values may be secrets.
"""

import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.registry import Ehr, read_ehr


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
        ehrs=read_registry(Path(environ.get("KINDRED_EHRS") or home / "ehrs.toml").absolute()),
    )


def read_registry(path: Path) -> dict[str, Ehr]:
    """All EHRs that have an `[NAME.app]` table, by name."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"KINDRED_EHRS: there is no file {path}; register an EHR there.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"KINDRED_EHRS: {path} cannot be read as UTF-8; check its permissions.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML {_position(error)}; mend that line.") from error
    ehrs = {name: _checked(path, name, table) for name, table in tables.items() if _has_app(path, name, table)}
    if not ehrs:
        raise ConfigError(f"{path}: no EHR has a table [NAME.app]; add one so that it can launch the app.")
    _refuse_twins(path, ehrs)
    return ehrs


def _has_app(path: Path, name: str, table: Any) -> bool:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {name} stands outside of any table; move it under [NAME] or [NAME.app].")
    return "app" in table


def _checked(path: Path, name: str, table: dict[str, Any]) -> Ehr:
    try:
        return read_ehr(name, table, path.parent)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _refuse_twins(path: Path, ehrs: dict[str, Ehr]) -> None:
    seen: dict[str, str] = {}
    for ehr in ehrs.values():
        if ehr.issuer in seen:
            raise ConfigError(f"{path}: [{ehr.name}] issuer: already used by [{seen[ehr.issuer]}]; each needs its own.")
        seen[ehr.issuer] = ehr.name


def _position(error: tomllib.TOMLDecodeError) -> str:
    """Only the place: the rest of tomllib's message may quote the line."""
    found = re.search(r"\(at (.*)\)$", str(error))
    return f"at {found[1]}" if found else ""


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
