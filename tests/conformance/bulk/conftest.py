
import pytest

from tests.conformance.bulk.caller import Caller
from tests.conformance.bulk.live import Live


@pytest.fixture
def caller(sandbox: Live) -> Caller:
    return Caller(sandbox)
