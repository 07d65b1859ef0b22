"""Errors that a person can act on, and the exit code of each.

A message says what went wrong and where; `next_step` says what to do. Neither ever holds patient data (names, ids,
values, resource text) nor a token. Anything that is not a `KindredError` is a defect of ours: the command line prints
its class alone, and its stack with KINDRED_DEBUG=1.

| exit | class | meaning |
|---|---|---|
| 0 | | done |
| 1 | any other | a defect of ours |
| 2 | click.UsageError | the command line is wrong |
| 3 | ConfigError | a setting or the registry of EHRs is wrong |
| 10 | EhrError | the EHR cannot be reached, or refused |
| 11 | ExportError | the export failed, or must not be used |
| 12 | LakeError | the lake cannot be read or written |
| 13 | DataError | the data there cannot be used |
| 14 | SparkError | Spark or Java is missing or failed |
| 15 | ReleaseError | no release, or not one that may be used |
| 16 | DatabaseError | the serving database cannot be read or written |
| 17 | PortTaken | another program listens on that port |
| 18 | ProcessFailed | a process that Kindred started ended before it answered (processes.py) |
"""


class KindredError(Exception):
    """What happened and where (`message`), and what to do about it (`next_step`); ends a command with `exit_code`."""

    exit_code = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class ConfigError(KindredError):
    """A setting, the registry of EHRs or a key file is missing or wrong."""

    exit_code = 3


class EhrError(KindredError):
    """The EHR cannot be reached, or refused: discovery, token, kick-off, status, download."""

    exit_code = 10


class ExportError(KindredError):
    """The EHR answered, but the export failed or its result must not be used."""

    exit_code = 11


class LakeError(KindredError):
    """The lake cannot be read or written: no room, no permission, a folder that is not finished."""

    exit_code = 12


class DataError(KindredError):
    """The data of a step cannot be used, for example because nothing of it was kept."""

    exit_code = 13


class SparkError(KindredError):
    """Spark or Java is missing, too old, or failed."""

    exit_code = 14


class ReleaseError(KindredError):
    """There is no release, or it must not be used."""

    exit_code = 15


class DatabaseError(KindredError):
    """The serving database cannot be read or written."""

    exit_code = 16


class PortTaken(KindredError):
    """Another program listens on the port that was asked for."""

    exit_code = 17
