"""One sandbox and one app for all of these tests; each test has an EHR address and a browser of its own."""

from collections.abc import Callable, Iterator

import pytest

from tests.conformance.smart.browser import Browser
from tests.conformance.smart.world import Ehr, World, a_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("smart")) as both:
        yield both


@pytest.fixture
def ehr(world: World) -> Ehr:
    """An EHR at which the app is a public client."""
    return world.ehr()


@pytest.fixture
def ehr_for(world: World) -> Callable[[str], Ehr]:
    """An EHR at which the app is registered in the way that is named."""
    return world.ehr


@pytest.fixture
def browser() -> Iterator[Browser]:
    one = Browser()
    yield one
    one.http.close()


@pytest.fixture
def other_browser() -> Iterator[Browser]:
    one = Browser()
    yield one
    one.http.close()
