"""Who may import whom (docs/architecture.md), read off the source; import-linter adds the indirect ways."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.layout.sources import PACKAGES, ROOT, functions, imported_modules, label, python_files, tree

OWN_PACKAGES_ALLOWED = {
    "analytics/definitions": ("analytics.definitions",),
    "analytics": ("analytics",),
    "app": ("app", "analytics.definitions", "analytics.toml_lines"),
    "fhir_fixtures": ("fhir_fixtures",),
}
# Beside the standard library; pyarrow carries DuckDB's tables. Anything else would tie them to an engine or a server.
DEFINITIONS_MAY_USE = {"duckdb", "numpy", "orjson", "pyarrow"}
DEFINITIONS_MUST_NOT_USE = {"os", "socket", "subprocess", "urllib", "http", "random", "secrets", "logging", "time"}
READS_THE_CLOCK = {"now", "today", "utcnow"}


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize("room", OWN_PACKAGES_ALLOWED)
def test_a_room_imports_of_ours_only_what_the_table_allows(room: str) -> None:
    allowed = OWN_PACKAGES_ALLOWED[room]
    wrong = [
        f"{label(path, line)} imports {module}"
        for path in python_files(room)
        for module, line in imported_modules(path)
        if module.split(".")[0] in PACKAGES and not any(is_within(module, name) for name in allowed)
    ]
    assert not wrong, "\n".join(wrong)


def test_definitions_use_the_standard_library_and_duckdb_but_no_clock_network_or_environment() -> None:
    allowed = (set(sys.stdlib_module_names) | DEFINITIONS_MAY_USE | {"analytics"}) - DEFINITIONS_MUST_NOT_USE
    files = python_files("analytics/definitions")
    imports = [
        f"{label(path, line)} imports {module}"
        for path in files
        for module, line in imported_modules(path)
        if module.split(".")[0] not in allowed
    ]
    clock = [
        f"{label(path, node.lineno)} reads the clock"
        for path in files
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS_THE_CLOCK
    ]
    wrong = imports + clock
    assert not wrong, "\n".join(wrong)


def test_no_two_files_of_the_definitions_need_each_other() -> None:
    files = {module_of(path): path for path in python_files("analytics/definitions")}
    needs = {
        name: {other for imported, _ in imported_modules(path) for other in (imported, imported.rpartition(".")[0])
               if other in files and other != name and files[other].name != "__init__.py"}
        for name, path in files.items()
    }  # fmt: skip
    tuple(TopologicalSorter(needs).static_order())  # raises CycleError, which names them


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_import_linter_keeps_every_contract() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-500:]


@pytest.mark.parametrize("room", ["analytics/definitions", "app/smart"])
def test_public_functions_of_the_strict_rooms_have_types_and_a_docstring(room: str) -> None:
    wrong = [
        f"{label(path, node.lineno)} {node.name}"
        for path in python_files(room)
        for node in functions(path)
        if not node.name.startswith("_") and _is_public(path, node) and not _is_explained(node)
    ]
    assert not wrong, "\n".join(wrong)


def _is_public(path: Path, node: ast.AST) -> bool:
    """At module level, or a method of a public class: nobody outside can reach a nested function."""
    module = tree(path)
    owners = [module.body, *(c.body for c in module.body if isinstance(c, ast.ClassDef) and c.name[0] != "_")]
    return any(getattr(node, "lineno", 0) == member.lineno for body in owners for member in body)


def _is_explained(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    typed = all(one.annotation for one in arguments if one.arg not in ("self", "cls"))
    return bool(ast.get_docstring(node)) and typed and node.returns is not None
