"""The project's own Python files and what can be read off their syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("analytics", "app", "fhir_fixtures")


def python_files(*folders: str) -> list[Path]:
    """Every Python file below these folders of the repository, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def label(path: Path, line: int = 1) -> str:
    """`app/config.py:12`, for messages."""
    return f"{path.relative_to(ROOT)}:{line}"


def package_of(path: Path) -> list[str]:
    """The package in which the file's relative imports start: ['app', 'smart'] for app/smart/tokens.py."""
    return list(path.relative_to(ROOT).parts[:-1])


def imported_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Each imported module with its line, relative ones made absolute; `from x import y` gives `x.y`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package_of(path)[: 1 - node.level or None] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of the file, nested ones too."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def files_in_git() -> list[Path]:
    """Every file that git tracks and that is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]
