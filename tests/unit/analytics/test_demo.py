"""The demo: ports, and when an export made earlier in the same home is used again. Nothing starts here."""

import os
import socket
from pathlib import Path

import click
import pytest

from analytics.config import Settings
from analytics.demo import EHR, _export_what_is_new, _population, run_demo
from analytics.errors import PortTaken
from analytics.lake import Lake
from analytics.pipeline import Pipeline


class Counting(Pipeline):
    """Its export writes only the mark of a finished one."""

    exports = 0

    def export(self, options: object = None) -> str:
        self.exports += 1
        self.lake.finish(self.lake.export(EHR, f"2026070{self.exports}T000000Z"))
        return ""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"KINDRED_HOME": str(tmp_path)})


def test_a_taken_port_is_told_before_anything_starts(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTaken):
        run_demo(settings, patients=9, seed=7, data=None, port=taken.getsockname()[1] - 100, check=False)
    assert not (settings.home / "sandbox").exists()


def test_the_app_needs_a_port_above(settings: Settings) -> None:
    with pytest.raises(click.UsageError, match="65435"):
        run_demo(settings, patients=9, seed=7, data=None, port=65436, check=False)


def test_the_same_patients_are_exported_once(settings: Settings) -> None:
    pipeline = Counting(settings, EHR)
    for patients, exports in ((60, 1), (60, 1), (61, 2), (60, 3)):
        _export_what_is_new(pipeline, _population(patients, 7, None))
        assert pipeline.exports == exports


def test_an_export_that_was_broken_off_is_not_taken_for_the_new_patients(settings: Settings) -> None:
    class Failing(Pipeline):
        def export(self, options: object = None) -> str:
            raise KeyboardInterrupt

    pipeline = Counting(settings, EHR)
    _export_what_is_new(pipeline, [300, 7])
    with pytest.raises(KeyboardInterrupt):
        _export_what_is_new(Failing(settings, EHR), [60, 7])
    _export_what_is_new(pipeline, [60, 7])
    assert pipeline.exports == 2


def test_a_lake_that_was_emptied_is_filled_again(settings: Settings) -> None:
    pipeline = Counting(settings, EHR)
    _export_what_is_new(pipeline, [60, 7])
    Lake(settings.lake).delete(EHR)
    _export_what_is_new(pipeline, [60, 7])
    assert pipeline.exports == 2


def test_a_folder_is_known_by_its_files(tmp_path: Path) -> None:
    file = tmp_path / "Patient.ndjson"
    file.write_text("{}\n")
    before = _population(300, 7, tmp_path)
    assert _population(9, 9, tmp_path) == before
    os.utime(file, (1, 1))
    assert _population(300, 7, tmp_path) != before
