"""What a page without a group lists: values that the chart holds, and nothing that is only worked out of them."""

from analytics.definitions import catalogue
from app.chart.view import WORKED_OUT, found

VALUES = {"systolic": 140.0, "systolic_age_days": 3.0, "systolic_trend": 2.0, "systolic_variability": 4.0, "copd": 1.0,
          "copd_years": 6.0, "stays_12m": 0.0, "hba1c": None, "hba1c_change": 0.5}  # fmt: skip


def test_values_are_listed_and_what_is_worked_out_of_them_is_not():
    assert found(VALUES) == [
        ("COPD", "yes"),
        ("Systolic blood pressure", "140 mmHg"),
        ("Change in HbA1c", "+0.5 %"),
    ]


def test_a_chart_that_holds_everything_lists_each_value_once():
    whole = found(dict.fromkeys(catalogue.features(), 1.0))
    kept = [name for name, feature in catalogue.features().items() if feature.kind not in WORKED_OUT]
    assert len(whole) == len(kept) < len(catalogue.features()) - 100
    assert len({label for label, _ in whole}) == len(whole)
