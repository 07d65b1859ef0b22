"""A world for each file of launches: its own EHR and app, with the faults that the file names in FAULTS."""

from collections.abc import Iterator

import pytest
import requests

from tests.flow.published import model, publish
from tests.flow.world import World, running


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    publish(folder / "kindred.db", "sandbox", model())
    with running(folder, request.module.FAULTS) as both:
        yield both


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session
