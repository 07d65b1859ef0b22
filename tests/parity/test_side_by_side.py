"""Random histories side by side, of the same ids and of others: each gives what it gives alone."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from analytics.definitions import live
from tests.parity.batch import AS_OF
from tests.parity.histories import histories, medicines
from tests.parity.test_histories import QUIET
from tests.references import BASE

CHART = st.tuples(
    st.sampled_from(["p", "q"]).flatmap(histories),
    st.sampled_from([[], medicines(["6472", "1998"]), medicines(["1998", "6472"])]),
).map(lambda parts: [*parts[0], *parts[1]])


def told(found: object) -> str:
    return json.dumps(found) if isinstance(found, dict) else repr(found)


@QUIET
@given(st.lists(CHART, min_size=2, max_size=6))
def test_charts_side_by_side_give_what_each_gives_alone(charts: list[list[bytes]]) -> None:
    asked = [live.Asked(lines, None) for lines in charts]
    alone = [told(next(live.score_each([one], AS_OF, BASE))) for one in asked]
    assert [told(one) for one in live.score_each(asked, AS_OF, BASE)] == alone
