"""Nothing in git says where its authors worked or where their packages came from."""

import re

from tests.layout.sources import ROOT, files_in_git, label

# Written in pieces, so that this file does not find itself.
_HOMES = "|".join(["ro" + "ot", "wo" + "rk", "Us" + "ers", "ho" + "me/[a-z]"])
_REGISTRIES = "|".join(
    [
        "py" + r"pi\.org",
        "pythonho" + r"sted\.org",
        "-do" + r"cker\.pkg\.dev",
        "pkg" + r"\.dev\b",
        "de" + r"b\.debian",
        "npm" + r"js\.",
        "repo1?" + r"\.mav" + "en",
    ]
)
HOME_PATH = re.compile(rf"(?<![\w./$}}>-])/(?:{_HOMES})(?=/|\b)")
REGISTRY = re.compile(_REGISTRIES)


def _found(pattern: re.Pattern[str]) -> list[str]:
    return [
        label(path, number)
        for path in files_in_git()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_somebodys_folder() -> None:
    assert not (places := _found(HOME_PATH)), "\n".join(places)


def test_no_file_names_a_package_registry() -> None:
    assert not (places := _found(REGISTRY)), "\n".join(places)


def test_lock_files_carry_hashes_and_no_index() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        packages = re.findall(r"^[a-z].*==.*$", text, re.MULTILINE)
        assert packages and len(packages) <= text.count("--hash=sha256:")
        assert not re.search(r"^--", text, re.MULTILINE)
