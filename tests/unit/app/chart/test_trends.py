"""Values over time: which, in which words, and never a direction that the values do not bear."""

from datetime import date

import pytest

from analytics.definitions import catalogue
from app.chart import trends
from app.chart.figures import spark
from tests.flow.published import model
from tests.spec.live.fhir import observation
from tests.unit.app.readings import ON, reading_of, served

TOO_FEW = "Too few values in 24 months, or too close together, to tell a direction."
HBA1C = catalogue.features()["hba1c"]


def hba1c(*values: tuple[str, float]):
    return [observation(f"a{n}", "4548-4", value, "%", when) for n, (when, value) in enumerate(values)]


def of(*values: tuple[str, float]) -> trends.Trend:
    with served():
        found = trends.section(reading_of(model(), *hba1c(*values)))
    assert found
    (figure,) = found.figures
    return figure


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([("2024-10-01", 7.0), ("2025-06-01", 7.4), ("2026-05-01", 7.9)],
         "Rising 0.57 % per year over 24 months (3 values)."),
        ([("2024-10-01", 7.9), ("2025-06-01", 7.4), ("2026-05-01", 7.0)],
         "Falling 0.56 % per year over 24 months (3 values)."),
        ([("2024-10-01", 7.0), ("2025-04-01", 8.0), ("2025-10-01", 7.0), ("2026-04-01", 7.1)],
         "No clear direction over 24 months (4 values)."),
        ([("2024-10-01", 7.0), ("2025-05-01", 7.0), ("2026-05-01", 7.0)], "Unchanged over 24 months (3 values)."),
        ([("2024-10-01", 7.0), ("2026-05-01", 9.0)], TOO_FEW),
        ([("2026-04-01", 7.0), ("2026-05-01", 9.0)], TOO_FEW),
        ([("2022-04-01", 7.0), ("2023-05-01", 9.0)], TOO_FEW),
    ],
)  # fmt: skip
def test_the_direction_is_that_of_the_trend_feature(values, said) -> None:
    assert of(*values).direction == said


def test_the_newest_value_its_date_and_its_record() -> None:
    found = of(("2024-10-01", 7.0), ("2026-05-01", 7.9))
    assert (found.newest, found.dated, found.resource, found.count) == ("7.9 %", "01-May-2026", "Observation/a1", 2)
    assert found.points == [("01-May-2026", "7.9 %"), ("01-Oct-2024", "7 %")]


def test_other_units_come_in_the_unit_of_the_feature_and_implausible_values_do_not_come() -> None:
    resources = [
        observation("a", "4548-4", 53, "mmol/mol", "2025-03-01"),
        observation("b", "4548-4", 7.1, "%", "2026-03-01"),
        observation("c", "4548-4", 900, "%", "2026-04-01"),
    ]
    with served():
        found = trends.section(reading_of(model(), *resources))
    assert found and [value for _, value in found.figures[0].points] == ["7.1 %", "7 %"]


def test_one_value_is_no_trend_and_old_or_later_ones_do_not_count() -> None:
    with served():
        assert trends.section(reading_of(model(), *hba1c(("2026-05-01", 7.0)))) is None
        assert trends.section(reading_of(model(), *hba1c(("2019-05-01", 7.0), ("2026-05-01", 7.0)))) is None
        assert trends.section(reading_of(model(), *hba1c(("2026-05-01", 7.0), ("2026-07-02", 9.0)))) is None


def test_a_sparkline_stays_inside_its_frame() -> None:
    points = [(0.0, 5.0), (10.0, 9.0)]
    found = spark(points, (0.0, 10.0), [7.0, 8.0])
    assert found.points == ((5.0, 35.0), (155.0, 5.0)) and found.band == (12.5, 20.0)
    far = spark(points, (0.0, 10.0), [500.0, 900.0])
    assert far.points == found.points and far.band == (0.0, 0.0)
    flat = spark([(0.0, 0.0), (1.0, 0.0)], (0.0, 1.0), None)
    assert all(0 <= y <= flat.height for _, y in flat.points) and flat.path.startswith("M5.0 35.0 L")


def test_the_window_is_that_of_the_feature() -> None:
    points = [(date(2024, 6, 30), 5.0), (date(2024, 7, 1), 5.0), (date(2025, 6, 1), 6.0), (date(2026, 6, 1), 7.0)]
    assert trends.direction(HBA1C, 1.0, points, ON) == "Rising 1 % per year over 24 months (3 values)."
