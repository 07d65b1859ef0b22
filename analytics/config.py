"""Settings from the environment, and the bulk part of the registry of EHRs; both are checked at start.

Every error names the variable, or the file, table and key, that is wrong.
"""

import json
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from analytics.errors import ConfigError

MIB = 1024 * 1024
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
EHR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
BULK_KEYS = {"client_id", "private_key", "scopes", "group", "hosts", "patience_days"}
ALGORITHMS = {"RSA": "RS384", "EC": "ES384"}  # SMART App Launch 2.2, asymmetric clients: both must be supported


@dataclass(frozen=True)
class HdfsOptions:
    """How files of a lake on HDFS are written, and as whom; None leaves it to the cluster, or to a ticket of kinit."""

    block_bytes: int | None = None
    replication: int | None = None
    principal: str | None = None
    keytab: str | None = None  # path


@dataclass(frozen=True)
class Settings:
    """Where things are. Paths are absolute, so that a step run from another folder finds the same lake."""

    home: Path
    lake: str
    database: str
    spark_master: str
    ehrs: Path
    file_target_bytes: int  # lake files are rolled near this size: one HDFS block
    max_line_bytes: int  # a longer NDJSON line is quarantined by load
    hdfs: HdfsOptions = HdfsOptions()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the KINDRED_ variables; an empty one counts as not set. Raises ConfigError."""
        given = {key: value.strip() for key, value in environ.items() if key.startswith("KINDRED_") and value.strip()}
        home = Path(given.get("KINDRED_HOME", ".kindred")).expanduser().absolute()
        hdfs = _hdfs(given)
        return cls(
            home=home,
            lake=_lake_url(given.get("KINDRED_LAKE", f"file://{home}/lake")),
            database=_database_url(given.get("KINDRED_DATABASE", f"sqlite:///{home}/kindred.db")),
            spark_master=_spark_master(given.get("KINDRED_SPARK_MASTER", "local[*]")),
            ehrs=Path(given.get("KINDRED_EHRS", str(home / "ehrs.toml"))).expanduser().absolute(),
            file_target_bytes=_positive(given, "KINDRED_FILE_TARGET_BYTES", hdfs.block_bytes or 128 * MIB),
            max_line_bytes=_positive(given, "KINDRED_MAX_LINE_BYTES", 5_000_000),
            hdfs=hdfs,
        )

    def redacted(self) -> dict[str, str | int]:
        """The settings for printing, passwords in URLs replaced by ***."""
        values = asdict(self)
        values |= {f"hdfs_{key}": value for key, value in values.pop("hdfs").items() if value is not None}
        return {key: value if isinstance(value, int) else redact_url(str(value)) for key, value in values.items()}


def redact_url(url: str) -> str:
    """Hide the password of a URL, and every query value that is named like a secret."""
    url = re.sub(r"(://[^:/@\s]*):.*@(?=[^@]*$)", r"\1:***@", url)
    return re.sub(r"(?i)([?&][^=&]*(?:password|passwd|secret|token|key)[^=&]*=)[^&]*", r"\1***", url)


def _hdfs(given: Mapping[str, str]) -> HdfsOptions:
    block = _positive(given, "KINDRED_HDFS_BLOCK_BYTES", 128 * MIB) if "KINDRED_HDFS_BLOCK_BYTES" in given else None
    copies = _positive(given, "KINDRED_HDFS_REPLICATION", 3) if "KINDRED_HDFS_REPLICATION" in given else None
    principal, keytab = given.get("KINDRED_HDFS_PRINCIPAL"), given.get("KINDRED_HDFS_KEYTAB")
    if block is not None and block % 512:
        raise ConfigError(f"KINDRED_HDFS_BLOCK_BYTES is {block}, which is no multiple of 512, HDFS's checksum unit.",
                          "Set it to a number such as 134217728.")
    if copies is not None and copies > 512:
        raise ConfigError(f"KINDRED_HDFS_REPLICATION is {copies}; HDFS keeps at most 512 copies.", "Set it to 3 or so.")
    if keytab and not principal:
        raise ConfigError("KINDRED_HDFS_KEYTAB is set without KINDRED_HDFS_PRINCIPAL.", "Set both, or neither.")
    if keytab and not Path(keytab).expanduser().is_file():
        raise ConfigError(f"KINDRED_HDFS_KEYTAB: there is no file {keytab}.", "Correct the path.")
    return HdfsOptions(block, copies, principal, str(Path(keytab).expanduser().absolute()) if keytab else None)


def _positive(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default)).replace("_", "")
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ConfigError(f"{name} is {given[name]!r}, which is not a whole number of bytes above 0.",
                          f"Set it to a number such as {default}, or leave it out.")
    return int(text)


def _spark_master(master: str) -> str:
    if re.fullmatch(r"local(\[[\d*, ]+\])?|spark://\S+:\d+(,\S+:\d+)*|yarn|k8s://\S+", master):
        return master
    raise ConfigError(f"KINDRED_SPARK_MASTER is {master!r}, which is no Spark master.",
                      "Set it to local[*], spark://HOST:PORT, yarn or k8s://..., or leave it out.")


def _lake_url(url: str) -> str:
    """`file://` URL with an absolute path, or an `hdfs://` URL; a plain path is taken as a local folder."""
    if "://" not in url:
        url = f"file://{url}"
    scheme, _, rest = url.partition("://")
    if scheme == "file" and rest:
        return f"file://{Path(rest).expanduser().absolute()}"
    if scheme == "hdfs" and rest:
        return url.rstrip("/")
    raise ConfigError(f"KINDRED_LAKE is {redact_url(url)!r}, which is neither a file:// nor an hdfs:// URL.",
                      "Set it to something like file:///data/lake or hdfs://namenode:8020/kindred.")


def _database_url(url: str) -> str:
    """A SQLAlchemy URL; a relative SQLite file is made absolute."""
    if "://" not in url:
        raise ConfigError("KINDRED_DATABASE is not a database URL.",
                          "Set it to something like sqlite:////data/kindred.db or postgresql+psycopg://user@host/kindred.")
    prefix, _, path = url.partition(":///")
    if prefix.startswith("sqlite") and path and not path.startswith((":memory:", "/", "file:")):
        return f"{prefix}:///{Path(path).expanduser().absolute()}"
    return url


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
            raise ConfigError(f"{path}: [{ehr}] has no table [{ehr}.bulk].",
                              f"Add [{ehr}.bulk] with client_id and private_key, as the EHR registered them.")
        _known_keys(path, f"{ehr}.bulk", bulk)
        key_name = _text(path, f"{ehr}.bulk", bulk, "private_key")
        key, algorithm = _private_key(path, f"{ehr}.bulk", path.parent / Path(key_name).expanduser())
        return cls(
            ehr=ehr,
            issuer=_origin_checked(path, ehr, "issuer", _text(path, ehr, table, "issuer")).rstrip("/"),
            client_id=_text(path, f"{ehr}.bulk", bulk, "client_id"),
            scopes=_text(path, f"{ehr}.bulk", bulk, "scopes", "system/*.rs"),
            private_key=key, algorithm=algorithm,
            group=_text(path, f"{ehr}.bulk", bulk, "group") if "group" in bulk else None,
            hosts=_hosts(path, f"{ehr}.bulk", bulk), patience_days=_days(path, f"{ehr}.bulk", bulk),
        )


def registered_ehrs(path: Path) -> list[str]:
    """Names of the EHRs in the registry, in the order of the file. Raises ConfigError."""
    return [name for name, table in _registry(path).items() if isinstance(table, dict)]


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
        raise ConfigError(f"{path}: not valid TOML: {error}.", "Correct that line.") from None


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
        raise ConfigError(f"{path}: [{table}] {key} is {state}.", f'Write {key} = "..." in that table.')
    return value.strip()


def _origin_checked(path: Path, table: str, key: str, url: str) -> str:
    """Tokens and patient data travel only over TLS, except to this very machine."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:
        usable = False
    safe_schemes = ("http", "https") if usable and parts.hostname in LOOPBACK else ("https",)
    if usable and parts.hostname and parts.scheme in safe_schemes:
        return url
    raise ConfigError(f"{path}: [{table}] {key} is not an https:// address without query, fragment and user name.",
                      "Plain http:// is taken for 127.0.0.1 and localhost only.")


def _hosts(path: Path, table: str, bulk: dict[str, Any]) -> tuple[str, ...]:
    hosts = bulk.get("hosts", [])
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise ConfigError(f"{path}: [{table}] hosts is not a list of texts.", 'Write hosts = ["https://files.example"].')
    return tuple(_origin_checked(path, table, "hosts", host) for host in hosts)


def _days(path: Path, table: str, bulk: dict[str, Any]) -> float:
    days = bulk.get("patience_days", 30)
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 365:
        raise ConfigError(f"{path}: [{table}] patience_days is not a number of days from above 0 to 365.",
                          "Write for example patience_days = 30.")
    return float(days)


def _known_keys(path: Path, table: str, bulk: dict[str, Any]) -> None:
    """A key that nobody reads is a slip of the pen, and what it was to set would silently not hold."""
    for key in bulk.keys() - BULK_KEYS:
        near = get_close_matches(key, BULK_KEYS, 1)
        raise ConfigError(f"{path}: [{table}] {key} is no key of this table.",
                          f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(BULK_KEYS))}.")


def _private_key(path: Path, table: str, key_file: Path) -> tuple[dict[str, Any], str]:
    where = f"{path}: [{table}] private_key {key_file}"
    try:
        mode = stat.S_IMODE(key_file.stat().st_mode)
        key = json.loads(key_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}.", "Check the path and its owner.") from None
    except ValueError:
        raise ConfigError(f"{where} is not JSON.", "It must hold one private JWK.") from None
    if mode & 0o077:
        raise ConfigError(f"{where} may be read by others (mode {mode:04o}).", f"Run: chmod 600 {key_file}")
    return _checked_key(where, key)


def _checked_key(where: str, key: Any) -> tuple[dict[str, Any], str]:
    if not isinstance(key, dict) or "d" not in key or not isinstance(key.get("kid"), str):
        raise ConfigError(f"{where} is not a private JWK with kid and d.", "Use the registered key's private half.")
    algorithm = ALGORITHMS.get(str(key.get("kty")))
    if algorithm is None or key.get("alg", algorithm) != algorithm:
        raise ConfigError(f"{where} is neither an RS384 nor an ES384 key.", "SMART asks for one of these two.")
    if algorithm == "ES384" and key.get("crv") != "P-384":
        raise ConfigError(f"{where} has the curve {key.get('crv')!r}.", "ES384 needs P-384.")
    return key, algorithm
