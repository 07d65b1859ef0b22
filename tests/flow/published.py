"""A small release written by hand, and the serving tables that hold it (docs/architecture.md)."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import analytics
from analytics import suppression
from analytics.definitions import catalogue

RELEASE_ID = "20260630T120000Z-test"
FEATURES = ["age", "condition_count", "diabetes", "hypertension", "hba1c", "systolic"]
_TRANSFORM = {
    "age": ("value", 50.0, [0, 100], 50.0, 15.0),
    "condition_count": ("count", 0.0, [0, 12], 0.7, 0.6),
    "diabetes": ("flag", 0.0, [0, 1], 0.0, 0.5),
    "hypertension": ("flag", 0.0, [0, 1], 0.0, 0.5),
    "hba1c": ("value", 5.6, [4, 14], 5.6, 1.0),
    "systolic": ("value", 126.0, [80, 200], 126.0, 14.0),
}
TABLES = Path(analytics.__file__).with_name("tables.sql")


def model(definitions_hash: str | None = None) -> dict[str, Any]:
    """`release.json` with two groups; the hash is that of the definitions in use unless another is given."""
    names = ("shape", "fill", "cap", "middle", "scale")
    return {
        "release_id": RELEASE_ID,
        "definitions_hash": definitions_hash or catalogue.definitions_hash(),
        "features": FEATURES,
        "transform": {name: dict(zip(names, step, strict=True)) for name, step in _TRANSFORM.items()},
        "mean": [0.1, 0.2, 0.3, 0.3, 0.3, 0.1],
        "groups": [
            _group(1, "Few conditions, younger", [-0.6, -0.6, 0.0, 0.1, -0.3, -0.3], (900, 820, 41),
                   {"hba1c": [5.1, 5.7], "systolic": [112, 128], "age": [31, 48], "condition_count": [0, 1]}),
            _group(2, "Diabetes with high HbA1c", [1.1, 0.9, 2.0, 1.4, 2.6, 0.9], (431, 412, 128),
                   {"hba1c": [7.1, 8.6], "systolic": [128, 146], "age": [58, 72], "condition_count": [2, 5]}),
        ],
    }  # fmt: skip


def _group(rank: int, name: str, centre: list[float], seen: tuple[Any, ...], usual: dict[str, Any]) -> dict[str, Any]:
    share = {"diabetes": 0.96 if rank == 2 else 0.02, "hypertension": 0.71 if rank == 2 else 0.1}
    return {
        "rank": rank, "name": name, "rule": None, "centre": centre, "description": f"Mostly: {name}.",
        **suppression.rate(*seen), "usual": usual, "share": share,
    }  # fmt: skip


def publish(path: Path, ehr: str, release: dict[str, Any]) -> None:
    """Write a serving database that holds this release as the current one of one EHR."""
    with sqlite3.connect(path) as db:
        db.executescript(TABLES.read_text("utf-8"))
        row = (RELEASE_ID, ehr, "2026-06-30T12:00:00Z", "2026-06-30", "2025-06-30", release["definitions_hash"],
               json.dumps(release), "2026-06-30T12:00:00Z")  # fmt: skip
        db.execute("INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')", row)
        db.execute("INSERT INTO current_release VALUES (?, ?)", (ehr, RELEASE_ID))
    db.close()
