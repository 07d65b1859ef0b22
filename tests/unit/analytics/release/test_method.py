"""Another method makes another release: its id follows the code and the tables of choice, evidence and papers."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from analytics.release import method
from analytics.risk_groups import fit


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The analytics room, to be changed."""
    return Path(shutil.copytree(method.ANALYTICS, tmp_path / "analytics", ignore=shutil.ignore_patterns("__pycache__")))


def test_a_copy_has_the_same_hash(copy: Path) -> None:
    assert method.method_hash(copy) == method.method_hash()


CHANGED = ["risk_groups/choice.py", "risk_groups/families.py", "evidence/strata.toml", "evidence/temporal.py",
           "release/model_card.toml", "suppression/__init__.py", "suppression/spans.py", "suppression/streams.py",
           "build.py"]  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_file_is_another_method(copy: Path, name: str) -> None:
    path = copy / name
    path.write_text(path.read_text() + "\n# another rule\n")
    assert method.method_hash(copy) != method.method_hash()


@pytest.mark.parametrize("name", ["risk_groups/README.md", "publish.py", "definitions/features.toml"])
def test_what_does_not_make_a_release_changes_nothing(copy: Path, name: str) -> None:
    (copy / name).write_text((copy / name).read_text() + "\n# said in other words\n")
    assert method.method_hash(copy) == method.method_hash()


def test_a_file_that_goes_or_comes_is_another_method(copy: Path) -> None:
    (copy / "risk_groups" / "new.py").write_text("")
    grown = method.method_hash(copy)
    method.method_hash.cache_clear()
    (copy / "risk_groups" / "new.py").unlink()
    (copy / "risk_groups" / "limits.py").unlink()
    assert len({grown, method.method_hash(copy), method.method_hash()}) == 3


def test_the_release_follows_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same export, date and settings; else a changed rule would find its work done and publish the old groups."""
    asked = ("ehr", "e1", date(2026, 6, 30), 100, "https://ehr.example/fhir")
    first = fit._release_id(*asked)
    assert first == fit._release_id(*asked) and first.startswith("20260630-")
    monkeypatch.setattr(method, "method_hash", lambda: "another")
    assert fit._release_id(*asked) != first


def test_the_release_follows_the_fhir_base() -> None:
    """Whose resources count as ours is another then."""
    bases = ("https://a.example/fhir", "https://b.example/fhir", None)
    assert len({fit._release_id("ehr", "e1", date(2026, 6, 30), 100, base) for base in bases}) == 3
