"""``kindred score``: the live path over files."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from analytics.bundles import resources
from analytics.config import Settings, fhir_base
from analytics.definitions import live
from analytics.definitions.errors import SubjectError
from analytics.errors import ConfigError, DataError
from analytics.pipeline import only_ehr
from analytics.publish import current


def score_files(
    settings: Settings, files: tuple[Path, ...], as_of: date | None, ehr: str | None, base: str | None = None
) -> dict[str, Any]:
    """Score one patient whose resources lie in NDJSON or Bundle files (.gz or plain).

    base: the FHIR base that the files are of; without one, that of the EHR whose release it is. Where no EHR is
    registered either, no absolute reference is the patient's, but for those that a Bundle itself resolves. Raises
    DataError when they hold no patient or several, or cannot be read.
    """
    name = _ehr(settings, ehr)
    model = current(settings.database, name) if name else None
    base = base or (fhir_base(settings.ehrs, name) if name else None)
    day = as_of or (date.fromisoformat(model["as_of"]) if model else datetime.now().astimezone().date())
    try:
        return live.score((line for file in files for line in _lines(file)), day, model, base)
    except SubjectError as error:
        raise DataError(f"This cannot be scored: {error}.", "Give the files of exactly one patient.") from None


def _ehr(settings: Settings, ehr: str | None) -> str | None:
    """The EHR that is meant; None where none is registered yet and none was named."""
    try:
        return only_ehr(settings, ehr)
    except ConfigError:
        if ehr is not None or settings.ehrs.exists():
            raise
        return None


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
    yield from map(json.dumps, resources(bundle))


def _bundle(content: bytes) -> dict[str, Any] | None:
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return whole if isinstance(whole, dict) and whole.get("resourceType") == "Bundle" else None
