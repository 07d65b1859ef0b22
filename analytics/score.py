"""``kindred score``: the live path over files."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from analytics.config import Settings
from analytics.definitions import live
from analytics.definitions.errors import SubjectError
from analytics.errors import ConfigError, DataError
from analytics.pipeline import only_ehr
from analytics.publish import current


def score_files(settings: Settings, files: tuple[Path, ...], as_of: date | None, ehr: str | None) -> dict[str, Any]:
    """Score one patient whose resources lie in NDJSON or Bundle files (.gz or plain).

    Raises DataError when they hold no patient or several, or cannot be read.
    """
    model = _current_model(settings, ehr)
    day = as_of or (date.fromisoformat(model["as_of"]) if model else datetime.now().astimezone().date())
    try:
        return live.score((line for file in files for line in _lines(file)), day, model)
    except SubjectError as error:
        raise DataError(f"This cannot be scored: {error}.", "Give the files of exactly one patient.") from None


def _current_model(settings: Settings, ehr: str | None) -> dict[str, Any] | None:
    """The current release's model; None where no EHR is registered yet and none was named."""
    try:
        name = only_ehr(settings, ehr)
    except ConfigError:
        if ehr is not None or settings.ehrs.exists():
            raise
        return None
    return current(settings.database, name)


def _lines(file: Path) -> Iterator[str | bytes]:
    """The resources of a file: lines of NDJSON, or the entries of a Bundle."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} cannot be read ({type(error).__name__}).", "Check the file.") from None
    bundle = _bundle(content)
    if bundle is None:
        yield from content.split(b"\n")
        return
    for entry in bundle.get("entry") or []:
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield json.dumps(entry["resource"])


def _bundle(content: bytes) -> dict[str, Any] | None:
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return whole if isinstance(whole, dict) and whole.get("resourceType") == "Bundle" else None
