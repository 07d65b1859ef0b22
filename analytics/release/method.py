"""A hash of how a release is made: where the rule of choice, or a paper, is made otherwise, the release is another."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

ANALYTICS = Path(__file__).parents[1]
#: Beside the definitions, which have a hash of their own: what makes features into groups, evidence and papers.
PARTS = ("build.py", "suppression", "risk_groups", "evidence", "release")


@cache
def method_hash(analytics: Path = ANALYTICS) -> str:
    """SHA-256 over the names and the contents of the code and tables of the method."""
    digest = sha256()
    for path in sorted(_files(analytics), key=lambda path: path.relative_to(analytics).as_posix()):
        digest.update(path.relative_to(analytics).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files(analytics: Path) -> list[Path]:
    parts = [analytics / part for part in PARTS]
    inside = [path for part in parts if part.is_dir() for path in part.rglob("*") if path.suffix in {".py", ".toml"}]
    return inside + [part for part in parts if part.is_file()]
