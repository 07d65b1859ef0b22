"""How each kind of feature is computed. As of 2026-06-30; windows of 365 and 730 days end with that day."""

from __future__ import annotations

from tests.spec.tables import Case


def kind(name: str, events: str, expected: str, *about: str) -> Case:
    return Case(name, "feature_values", events, expected, about)


KINDS = [
    kind(
        "a condition has ended where every record of it has",
        """
        id | time       | end                 | code         | text
        a  | 2010-01-01 | 2012-01-01          | asthma       | resolved
        b  | 2015-01-01 | 2016-01-01          | depression   |
        c  | 2020-01-01 |                     | depression   | active
        d  | 2020-01-01 | 2026-06-30 23:59:59 | anaemia      |
        e  | 2020-01-01 | 2026-07-01          | copd         |
        f  | 2020-01-01 |                     | hypertension | inactive
        g  | 2020-01-01 | 2021-01-01          | stress       |
        """,
        """
        feature               | value
        ended_condition_count | 2
        condition_count       | 5
        """,
        "ended_condition_count",
        "condition_count",
    ),
    kind(
        "age on the birthday",
        """
        id | time       | code
        p  | 1960-06-30 | born
        """,
        """
        feature | value | resource
        age     | 66    | patient
        """,
    ),
    kind(
        "age on the day before",
        """
        id | time       | code
        p  | 1960-07-01 | born
        """,
        """
        feature | value | resource
        age     | 65    | patient
        """,
    ),
    kind(
        "age of someone born on 29 February",
        """
        id | time       | code
        p  | 2024-02-29 | born
        """,
        """
        feature | value | resource
        age     | 2     | patient
        """,
    ),
    kind(
        "a woman",
        """
        id | time | code
        p  |      | female
        """,
        """
        feature | value | time | resource
        female  | 1     |      | patient
        """,
    ),
    kind(
        "a man",
        """
        id | time | code
        p  |      | male
        """,
        """
        feature | value | time | resource
        female  | 0     |      | patient
        """,
    ),
    kind(
        "the newest known answer counts",
        """
        id | time       | code           | text
        a  | 2025-01-01 | smoking_status | current
        b  | 2026-01-01 | smoking_status | former
        c  | 2026-02-01 | smoking_status | SNOMED#266927001
        """,
        """
        feature | value | time       | resource
        smoker  | 0     | 2026-01-01 | b
        former_smoker | 1 | 2026-01-01 | b
        """,
    ),
    kind(
        "of two answers of one instant the one with the later id",
        """
        id | time       | code           | text
        a  | 2026-01-01 | smoking_status | never
        b  | 2026-01-01 | smoking_status | current
        """,
        """
        feature | value | time       | resource
        smoker  | 1     | 2026-01-01 | b
        former_smoker | 0 | 2026-01-01 | b
        """,
    ),
    kind(
        "a condition from its first record on",
        """
        id | time       | recorded   | code
        a  | 2022-05-01 |            | heart_failure
        b  | 2019-03-01 |            | heart_failure
        c  | 2018-01-01 | 2026-08-01 | heart_failure
        d  |            |            | heart_failure
        """,
        """
        feature         | value | time       | resource
        heart_failure   | 1     | 2019-03-01 | b
        """,
    ),
    kind(
        "a condition without any date",
        """
        id | time | code
        a  |      | heart_failure
        """,
        """
        feature         | value | time | resource
        heart_failure   | 1     |      | a
        """,
    ),
    kind(
        "different conditions are counted, not their records",
        """
        id | time       | code
        a  | 2022-05-01 | copd
        b  | 2023-05-01 | copd
        c  | 2023-05-01 | asthma
        c  | 2023-05-01 | ICD10CM#J45.9
        d  | 2023-06-01 | hba1c
        e  | 2026-07-01 | stroke
        """,
        """
        feature         | value | time | resource
        condition_count | 2     |      |
        """,
    ),
    kind(
        "the newest value within 730 days",
        """
        id | time       | code     | value | unit
        a  | 2024-07-01 | hba1c    | 7.1   | %
        b  | 2024-06-30 | ldl      | 100   | mg/dL
        c  | 2026-01-01 | systolic | 150   | mm[Hg]
        d  | 2026-06-30 | systolic | 140   | mm[Hg]
        e  | 2026-07-01 | systolic | 130   | mm[Hg]
        f  | 2026-06-30 23:59 | egfr | 55   | mL/min
        """,
        """
        feature  | value | time             | resource
        hba1c    | 7.1   | 2024-07-01       | a
        systolic | 140   | 2026-06-30       | d
        egfr     | 55    | 2026-06-30 23:59 | f
        """,
    ),
    kind(
        "of several values of one instant the largest",
        """
        id | time       | code     | value | unit
        a  | 2026-01-01 | systolic | 150   | mm[Hg]
        b  | 2026-01-01 | systolic | 160   | mm[Hg]
        c  | 2026-01-01 | systolic | 140   | mm[Hg]
        """,
        """
        feature  | value | resource
        systolic | 160   | b
        """,
    ),
    kind(
        "an unusable value does not hide an older one",
        """
        id | time       | code | value | unit
        a  | 2026-01-01 | ldl  | 100   | mg/dL
        b  | 2026-02-01 | ldl  | 9999  | mg/dL
        c  | 2026-03-01 | ldl  |       | mg/dL
        d  | 2026-04-01 | ldl  | 100   | furlong
        """,
        """
        feature | value | time       | resource
        ldl     | 100   | 2026-01-01 | a
        """,
    ),
    kind(
        "change is the newest minus the oldest of the window",
        """
        id | time       | code   | value | unit
        a  | 2024-06-30 | weight | 99    | kg
        b  | 2024-07-01 | weight | 80.25 | kg
        c  | 2025-07-01 | weight | 120   | kg
        d  | 2026-06-30 | weight | 76.5  | kg
        """,
        """
        feature       | value | time       | resource
        weight_change | -3.75 | 2026-06-30 | d
        """,
    ),
    kind(
        "change of values 90 days apart",
        """
        id | time             | code  | value | unit
        a  | 2026-01-01 23:00 | hba1c | 7     | %
        b  | 2026-04-01 01:00 | hba1c | 7.5   | %
        """,
        """
        feature      | value | time             | resource
        hba1c_change | 0.5   | 2026-04-01 01:00 | b
        """,
    ),
    kind(
        "no change of values 89 days apart",
        """
        id | time       | code   | value | unit
        a  | 2026-01-02 | weight | 70    | kg
        b  | 2026-04-01 | weight | 80    | kg
        """,
        "",
        "weight_change", "weight_trend", "weight_variability",
    ),
    kind(
        "no change of one value",
        """
        id | time       | code   | value | unit
        a  | 2026-01-02 | weight | 70    | kg
        """,
        "",
        "weight_change", "weight_trend", "weight_variability",
    ),
    kind(
        "change between units",
        """
        id | time       | code   | value | unit
        a  | 2025-01-02 | weight | 100   | [lb_av]
        b  | 2026-01-02 | weight | 50000 | g
        """,
        """
        feature       | value             | resource
        weight_change | 4.640763 | b
        """,
    ),
    kind(
        "medicines in use, with the newest order of each",
        """
        id | time       | end        | code
        a  | 2025-08-01 |            | statin
        b  | 2026-02-01 |            | statin
        c  | 2024-02-01 | 2025-01-01 | insulin
        d  | 2026-01-01 | 2027-01-01 | RXNORM#898342
        """,
        """
        feature                        | value | time       | resource
        statin_in_use                  | 1     | 2026-02-01 | b
        calcium_channel_blocker_in_use | 1     | 2026-01-01 | d
        renin_angiotensin_in_use       | 1     | 2026-01-01 | d
        medicine_classes_in_use        | 3     |            |
        ingredients_in_use | 3 | |
        """,
    ),
    kind(
        "stays that began in the window, with the newest",
        """
        id | time             | end              | code
        a  | 2024-06-28 23:59 | 2024-06-29       | inpatient
        b  | 2024-07-01 00:00 | 2024-07-03       | inpatient
        c  | 2025-06-29 12:00 | 2025-06-29 20:00 | inpatient
        d  | 2025-07-01 22:00 | 2025-07-02 06:00 | inpatient
        e  | 2026-03-01 12:00 | 2026-03-04 09:00 | inpatient
        f  | 2026-06-28 12:00 | 2026-07-09       | inpatient
        """,
        """
        feature      | value | time             | resource
        stays_12m    | 3     | 2026-06-28 12:00 | f
        stays_24m    | 5     | 2026-06-28 12:00 | f
        bed_days_12m | 7     | 2026-06-28 12:00 |
        care_days_12m | 3    | 2026-06-28 12:00 |
        days_since_contact | 2 | 2026-06-28 12:00 |
        """,
        "stays_12m", "stays_24m", "bed_days_12m", "care_days_12m", "days_since_contact",
    ),
    kind(
        "emergency visits, those that became a stay included",
        """
        id | time             | end              | code
        a  | 2024-07-01 08:00 | 2024-07-01 12:00 | emergency
        b  | 2025-07-01 08:00 | 2025-07-01 12:00 | emergency
        c  | 2026-02-01 08:00 | 2026-02-03 12:00 | emergency
        d  | 2026-02-01 20:00 |                  | emergency
        """,
        """
        feature            | value | time             | resource
        emergency_12m      | 3     | 2026-02-01 20:00 | d
        emergency_24m      | 4     | 2026-02-01 20:00 | d
        """,
        "emergency_12m", "emergency_24m",
    ),
    kind(
        "days with care are counted once, and each day is a day of UTC",
        """
        id | time             | code
        a  | 2026-02-01 00:00 | ambulatory
        b  | 2026-02-01 23:59 | emergency
        c  | 2026-02-02 00:00 | ambulatory
        d  | 2025-06-30 23:59 | ambulatory
        """,
        """
        feature            | value | time       | resource
        care_days_12m      | 2     | 2026-02-02 |
        """,
        "care_days_12m",
    ),
    kind(
        "the last contact, however long ago",
        """
        id | time             | code
        a  | 2019-01-01 23:59 | ambulatory
        b  | 2026-01-01       | hba1c
        """,
        """
        feature            | value | time             | resource
        days_since_contact | 2737  | 2019-01-01 23:59 |
        """,
    ),
    kind(
        "contact on the as-of date itself",
        """
        id | time             | code
        a  | 2026-06-30 23:59 | ambulatory
        b  | 2026-07-01 00:00 | ambulatory
        """,
        """
        feature            | value | time             | resource
        days_since_contact | 0     | 2026-06-30 23:59 |
        """,
    ),
    kind(
        "nothing known gives nothing",
        """
        id | time | code
        """,
        "",
    ),
    Case(
        "no record is zero or unknown, as each feature says",
        "wide",
        """
        id | time | code
        p  |      | born
        """,
        """
        died | age | female | smoker | diabetes | hba1c | hba1c_change | statin_in_use | stays_12m | days_since_contact
        0    |     |        |        | 0        |       |              | 0             | 0         |
        """,
    ),
]
