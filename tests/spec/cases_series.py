"""Kinds that read a series of measurements, the computed eGFR, and time since a record. As of 2026-06-30.

Slopes and spreads agree with Python's statistics module, eGFR with the score of the same name.
"""

from __future__ import annotations

from tests.spec.cases_kinds import kind

SERIES = [
    kind(
        "newest value, its age, spread and slope",
        """
        id | time             | code     | value | unit
        z  | 2024-06-30       | systolic | 220   | mm[Hg]
        a  | 2025-06-30       | systolic | 120   | mm[Hg]
        b  | 2025-12-30       | systolic | 130   | mm[Hg]
        c  | 2026-06-30 09:00 | systolic | 140   | mm[Hg]
        """,
        """
        feature              | value              | time             | resource
        systolic             | 140                | 2026-06-30 09:00 | c
        systolic_age_days    | 0                  | 2026-06-30 09:00 | c
        systolic_variability | 10                 | 2026-06-30 09:00 | c
        systolic_trend       | 20.01364855532982  | 2026-06-30 09:00 | c
        systolic_change      | 20                 | 2026-06-30 09:00 | c
        """,
        "systolic", "systolic_age_days", "systolic_variability", "systolic_trend", "systolic_change",
    ),
    kind(
        "two values a year apart have a slope and no spread",
        """
        id | time       | code  | value | unit
        a  | 2025-03-02 | hba1c | 7.1   | %
        b  | 2026-03-02 | hba1c | 6.6   | %
        """,
        """
        feature        | value               | time       | resource
        hba1c          | 6.6                 | 2026-03-02 | b
        hba1c_age_days | 120                 | 2026-03-02 | b
        hba1c_trend    | -0.5003424657534247 | 2026-03-02 | b
        """,
        "hba1c", "hba1c_age_days", "hba1c_variability", "hba1c_trend",
    ),
    kind(
        "values that never change have no spread and no slope",
        """
        id | time       | code | value | unit
        a  | 2025-08-01 | ldl  | 2.6   | mmol/L
        b  | 2025-12-01 | ldl  | 2.6   | mmol/L
        c  | 2026-04-01 | ldl  | 2.6   | mmol/L
        """,
        """
        feature         | value | resource
        ldl_variability | 0     | c
        ldl_trend       | 0     | c
        """,
        "ldl_variability", "ldl_trend",
    ),
    kind(
        "three values in 89 days have a spread and no slope",
        """
        id | time       | code   | value | unit
        a  | 2026-04-02 | weight | 70    | kg
        b  | 2026-05-01 | weight | 72    | kg
        c  | 2026-06-30 | weight | 74    | kg
        """,
        """
        feature            | value | resource
        weight_variability | 2     | c
        """,
        "weight_variability", "weight_trend", "weight_change",
    ),
    kind(
        "eGFR of a woman from her newest creatinine, by her age on its day",
        """
        id | time       | code       | value | unit
        p  | 1971-03-02 | born       |       |
        p  | 1971-03-02 | female     |       |
        a  | 2025-01-01 | creatinine | 0.9   | mg/dL
        b  | 2026-03-01 | creatinine | 132.6 | umol/L
        c  | 2026-03-05 | egfr       | 44    | mL/min
        """,
        """
        feature   | value     | time       | resource
        egfr      | 44        | 2026-03-05 | c
        egfr_2021 | 41.154998 | 2026-03-01 | b
        """,
        "egfr", "egfr_2021",
    ),
    kind(
        "eGFR of a man of 55, as printed: 55",
        """
        id | time       | code       | value | unit
        p  | 1971-03-01 | born       |       |
        p  | 1971-03-01 | male       |       |
        b  | 2026-03-01 | creatinine | 1.5   | mg/dL
        """,
        """
        feature   | value     | time       | resource
        egfr_2021 | 54.64047  | 2026-03-01 | b
        """,
    ),
    kind(
        "eGFR from a sample of last year is by the age of last year",
        """
        id | time       | code       | value | unit
        p  | 1971-03-01 | born       |       |
        p  | 1971-03-01 | male       |       |
        b  | 2025-03-01 | creatinine | 1.5   | mg/dL
        """,
        """
        feature   | value     | time       | resource
        egfr_2021 | 54.981355 | 2025-03-01 | b
        """,
    ),
    kind(
        "no eGFR without a sex",
        """
        id | time       | code       | value | unit
        p  | 1971-03-01 | born       |       |
        b  | 2026-03-01 | creatinine | 1.5   | mg/dL
        """,
        "",
        "egfr_2021",
    ),
    kind(
        "no eGFR with two sexes",
        """
        id | time       | code       | value | unit
        p  | 1971-03-01 | born       |       |
        p  | 1971-03-01 | female     |       |
        q  | 1971-03-01 | male       |       |
        b  | 2026-03-01 | creatinine | 1.5   | mg/dL
        """,
        "",
        "egfr_2021",
    ),
    kind(
        "no eGFR without a birth date",
        """
        id | time       | code       | value | unit
        p  |            | female     |       |
        b  | 2026-03-01 | creatinine | 1.5   | mg/dL
        """,
        "",
        "egfr_2021",
    ),
    kind(
        "no eGFR from the day before the eighteenth birthday",
        """
        id | time       | code       | value | unit
        p  | 2008-03-02 | born       |       |
        p  | 2008-03-02 | male       |       |
        b  | 2026-03-01 | creatinine | 0.7   | mg/dL
        """,
        "",
        "egfr_2021",
    ),
    kind(
        "eGFR from the eighteenth birthday on",
        """
        id | time       | code       | value | unit
        p  | 2008-03-01 | born       |       |
        p  | 2008-03-01 | male       |       |
        b  | 2026-03-01 | creatinine | 0.7   | mg/dL
        """,
        """
        feature   | value      | resource
        egfr_2021 | 136.972013 | b
        """,
    ),
    kind(
        "years since the first dated record",
        """
        id | time       | code | recorded
        a  | 2025-06-30 | copd |
        b  | 2020-06-30 | copd |
        c  |            | copd |
        d  |            | gout |
        e  | 2019-01-01 | gout | 2026-08-01
        """,
        """
        feature    | value             | time       | resource
        copd       | 1                 | 2020-06-30 | b
        copd_years | 5.9986310746064335 | 2020-06-30 | b
        gout       | 1                 |            | d
        """,
        "copd", "copd_years", "gout", "gout_years",
    ),
    kind(
        "days since the newest screening and vaccine",
        """
        id | time             | code
        a  | 2024-06-30       | mammography
        b  | 2026-06-01 23:00 | SNOMED#24623002
        c  |                  | mammography
        d  | 2026-06-30 12:00 | influenza_vaccine
        e  | 2026-07-01       | colonoscopy
        """,
        """
        feature                      | value | time             | resource
        days_since_mammography       | 29    | 2026-06-01 23:00 | b
        days_since_influenza_vaccine | 0     | 2026-06-30 12:00 | d
        """,
    ),
]
