"""READMEs and docs name files that are there: a moved file takes its name along."""

import re
from pathlib import PurePosixPath

from tests.layout.sources import PACKAGES, ROOT, files_in_git

NAMED = re.compile(r"`([\w./-]+\.(?:py|sql|html|css|js|toml))`")
PLACEHOLDER = re.compile(r"[A-Z]{2,}\.")  # `kinds/KIND.sql`
FILES = frozenset(path.relative_to(ROOT).as_posix() for path in files_in_git())


def test_every_file_that_a_document_names_is_there() -> None:
    gone = [
        f"{document} names {name}"
        for document in sorted(FILES)
        if document.endswith(".md") and document != "CHANGELOG.md"  # which tells of what was, too
        for name in NAMED.findall((ROOT / document).read_text(encoding="utf-8"))
        if not PLACEHOLDER.search(name) and not _is_there(name, PurePosixPath(document))
    ]
    assert gone == []


def _is_there(name: str, document: PurePosixPath) -> bool:
    """As a path from the root, or as the end of one in the document's own package; docs speak of every package."""
    package = f"{document.parts[0]}/" if document.parts[0] in (*PACKAGES, "scripts", "tests") else ""
    return name in FILES or any(f"/{file}".endswith(f"/{name}") and file.startswith(package) for file in FILES)
