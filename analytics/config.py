"""Settings from the environment, checked at start: every error names the variable that is wrong."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from analytics.errors import ConfigError
from analytics.registry import BulkClient, fhir_base, registered_ehrs

__all__ = ["BulkClient", "HdfsOptions", "Settings", "SparkOptions", "fhir_base", "redact_url", "registered_ehrs"]

MIB = 1024 * 1024


@dataclass(frozen=True)
class HdfsOptions:
    """How files of a lake on HDFS are written, and as whom; None leaves it to the cluster, or to a ticket of kinit."""

    block_bytes: int | None = None
    replication: int | None = None
    principal: str | None = None
    keytab: str | None = None  # path


@dataclass(frozen=True)
class SparkOptions:
    """What a cluster is asked for (docs/spark.md); None leaves it to spark-defaults.conf or the cluster."""

    environment: str | None = None  # URL of the packed Python environment that every executor unpacks
    driver_host: str | None = None  # name or address under which the executors reach this process
    driver_memory: str = "2g"
    executors: int | None = None
    executor_cores: int | None = None
    executor_memory: str | None = None  # the JVM's heap
    executor_overhead: str | None = None  # beside the heap: Python, DuckDB, Arrow
    queue: str | None = None  # of YARN


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
    spark: SparkOptions = SparkOptions()
    keep_releases: int = 5  # in the serving database: the newest so many, and
    keep_days: int = 90  # those published in so many days
    earlier_dates: int = 2  # before the index date, at which the method is tried again (analytics/evidence/temporal.py)

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
            spark=_spark(given),
            keep_releases=_positive(given, "KINDRED_KEEP_RELEASES", 5, "releases"),
            keep_days=_positive(given, "KINDRED_KEEP_DAYS", 90, "days"),
            earlier_dates=_up_to_nine(given, "KINDRED_EARLIER_DATES", 2),
        )

    def redacted(self) -> dict[str, str | int]:
        """The settings for printing, passwords in URLs replaced by ***."""
        values = asdict(self)
        for part in ("hdfs", "spark"):
            values |= {f"{part}_{key}": value for key, value in values.pop(part).items() if value is not None}
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


def _spark(given: Mapping[str, str]) -> SparkOptions:
    def count(name: str, default: int, unit: str) -> int | None:
        return _positive(given, name, default, unit) if name in given else None

    return SparkOptions(
        environment=_archive(given.get("KINDRED_SPARK_ENVIRONMENT")),
        driver_host=given.get("KINDRED_SPARK_DRIVER_HOST"),
        driver_memory=_memory(given, "KINDRED_SPARK_DRIVER_MEMORY") or "2g",
        executors=count("KINDRED_SPARK_EXECUTORS", 2, "executors"),
        executor_cores=count("KINDRED_SPARK_EXECUTOR_CORES", 2, "cores"),
        executor_memory=_memory(given, "KINDRED_SPARK_EXECUTOR_MEMORY"),
        executor_overhead=_memory(given, "KINDRED_SPARK_EXECUTOR_OVERHEAD"),
        queue=given.get("KINDRED_SPARK_QUEUE"),
    )


def _memory(given: Mapping[str, str], name: str) -> str | None:
    """As Java and Spark write it; at least 256 MiB, below which neither starts."""
    text = given.get(name)
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)([mg])", text.lower())
    if not found or int(found[1]) * (1024 if found[2] == "g" else 1) < 256:
        raise ConfigError(f"{name} is {text!r}, which is no size of at least 256m.",
                          "Set it to something like 1536m or 4g, or leave it out.")
    return text.lower()


def _archive(place: str | None) -> str | None:
    """A URL; a path is taken as a file of this machine, which must be there."""
    if place is None:
        return None
    scheme, _, rest = place.rpartition("://")
    if scheme not in ("", "file", "hdfs") or not rest.endswith((".tar.gz", ".tgz", ".tar", ".zip")) or "#" in rest:
        raise ConfigError(f"KINDRED_SPARK_ENVIRONMENT is {redact_url(place)!r}, no archive that Spark unpacks.",
                          "Set it to a path or hdfs:// URL that ends in .tar.gz: `kindred environment` makes one.")
    if scheme == "hdfs":
        return place
    path = Path(rest).expanduser().absolute()
    if not path.is_file():
        raise ConfigError(f"KINDRED_SPARK_ENVIRONMENT: there is no file {path}.",
                          f"Make it: kindred environment {path}")
    return path.as_uri()


def _positive(given: Mapping[str, str], name: str, default: int, unit: str = "bytes") -> int:
    text = given.get(name, str(default)).replace("_", "")
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ConfigError(f"{name} is {given[name]!r}, which is not a whole number of {unit} above 0.",
                          f"Set it to a number such as {default}, or leave it out.")
    return int(text)


def _up_to_nine(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not re.fullmatch("[0-9]", text):
        raise ConfigError(f"{name} is {text!r}, which is no whole number from 0 to 9.", "Correct it, or leave it out.")
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
