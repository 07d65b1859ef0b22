from collections.abc import Iterator

import pytest

from tests.conformance.bulk.caller import Caller
from tests.conformance.bulk.live import Live, live_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_sandbox(tmp_path_factory.mktemp("sandbox")) as live:
        yield live


@pytest.fixture
def caller(sandbox: Live) -> Caller:
    return Caller(sandbox)
