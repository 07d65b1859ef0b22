"""Random histories give the same numbers and care gaps in the chart and in the batch, both ways, at both dates."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.definitions import live
from tests.parity.batch import AS_OF, batch_rows, batch_states, by_date, differences, live_numbers, live_states
from tests.parity.histories import histories, medicines
from tests.references import BASE

SHARED = medicines(["6472", "1998"])
QUIET = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@QUIET
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True).flatmap(
        lambda numbers: st.fixed_dictionaries({f"p{number}": histories(f"p{number}") for number in numbers})
    )
)
def test_the_chart_and_the_batch_agree_about_everyone(people: dict[str, list[bytes]]) -> None:
    with TemporaryDirectory() as folder:
        found, _ = batch_rows(Path(folder), [line for lines in people.values() for line in lines] + SHARED)
    charts = {person: lines + SHARED for person, lines in people.items()}
    assert differences(by_date(found), live_numbers(charts)) == []
    assert batch_states(found) == live_states(charts)


@QUIET
@given(histories("p"))
def test_the_chart_and_the_batch_drop_the_same_lines_for_the_same_reasons(lines: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        _, dropped = batch_rows(Path(folder), lines)
    told = live.score(lines, AS_OF, None, BASE)["dropped"]
    assert Counter({reason: n for reason, n in told.items() if not reason.startswith("measurement_")}) == dropped
