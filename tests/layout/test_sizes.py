"""Files that one can read in one sitting, and a README at every door."""

from pathlib import Path

from tests.layout.sources import PACKAGES, ROOT, files_in_git, functions, label, python_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
DOORS = (*PACKAGES, "fhir_fixtures/ehr", "tests", "scripts")
SOURCE = {".py", ".sql", ".html", ".css", ".js", ".sh", ""}  # TOML is data: a list is as long as it is


def test_no_source_file_is_longer_than_400_lines() -> None:
    long = {
        label(path): lines
        for path in files_in_git()
        if path.suffix in SOURCE and path.name != "LICENSE" and (lines := _line_count(path)) > LONGEST_FILE
    }
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        label(path, node.lineno): lines
        for path in python_files(*PACKAGES, "tests")
        for node in functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_every_room_has_a_readme() -> None:
    rooms = {path.parent for path in python_files("analytics", "app") if path.parents[2] == ROOT}
    assert [room for room in [*map(ROOT.joinpath, DOORS), *sorted(rooms)] if not (room / "README.md").is_file()] == []


def test_every_folder_of_tests_has_a_readme() -> None:
    folders = {path.parent for path in python_files("tests") if path.parent.parent == ROOT / "tests"}
    assert [folder.name for folder in sorted(folders) if not (folder / "README.md").is_file()] == []


def _line_count(path: Path) -> int:
    return path.read_bytes().count(b"\n")
