"""The kinds of features that care gaps alone ask for, and what is no use and no result. As of 2026-06-30."""

from __future__ import annotations

from tests.spec.cases_kinds import kind

PRESSURES = ("systolic_outpatient", "diastolic_outpatient")
FOR_GAPS = [
    kind(
        "the lowest HbA1c of the latest day, of the last 12 months",
        """
        id | time             | code  | value | unit
        a  | 2025-07-01 08:00 | hba1c | 6.1   | %
        b  | 2026-03-01 08:00 | hba1c | 9.4   | %
        c  | 2026-03-01 12:00 | hba1c | 9.2   | %
        d  | 2026-03-01 18:00 | hba1c | 9.8   | %
        e  | 2026-03-02 08:00 | hba1c |       | %
        f  | 2025-07-01       | gmi   | 7.1   | %
        g  | 2025-06-30       | gmi   | 6.5   | %
        """,
        """
        feature          | value | time             | resource
        hba1c_day_lowest | 9.2   | 2026-03-01 12:00 | c
        gmi_day_lowest   | 7.1   | 2025-07-01       | f
        """,
        "hba1c_day_lowest", "gmi_day_lowest",
    ),
    kind(
        "of two equal readings of a day the later one, of one instant the later id",
        """
        id | time             | code  | value | unit
        a  | 2026-03-01 08:00 | hba1c | 9.2   | %
        b  | 2026-03-01 12:00 | hba1c | 9.2   | %
        c  | 2026-03-01 12:00 | hba1c | 9.2   | %
        """,
        """
        feature          | value | resource
        hba1c_day_lowest | 9.2   | c
        """,
        "hba1c_day_lowest",
    ),
    kind(
        "the lowest blood pressures of the latest day with both, outside of stays and emergency visits",
        """
        id | time             | end              | code       | value | unit
        a  | 2026-05-01 08:00 |                  | systolic   | 150   | mm[Hg]
        a  | 2026-05-01 08:00 |                  | diastolic  | 84    | mm[Hg]
        b  | 2026-05-01 10:00 |                  | systolic   | 138   | mm[Hg]
        b  | 2026-05-01 10:00 |                  | diastolic  | 92    | mm[Hg]
        c  | 2026-05-02 10:00 |                  | systolic   | 120   | mm[Hg]
        d  | 2026-05-10 12:00 |                  | systolic   | 118   | mm[Hg]
        d  | 2026-05-10 12:00 |                  | diastolic  | 70    | mm[Hg]
        e  | 2026-05-10 12:00 | 2026-05-12 09:00 | inpatient  |       |
        f  | 2026-05-20 09:30 |                  | systolic   | 119   | mm[Hg]
        f  | 2026-05-20 09:30 |                  | diastolic  | 71    | mm[Hg]
        g  | 2026-05-20 08:00 | 2026-05-20 09:30 | emergency  |       |
        h  | 2026-05-01 07:00 | 2026-05-01 11:00 | ambulatory |       |
        """,
        """
        feature              | value | time             | resource
        systolic_outpatient  | 138   | 2026-05-01 10:00 | b
        diastolic_outpatient | 84    | 2026-05-01 08:00 | a
        """,
        *PRESSURES,
    ),
    kind(
        "a reading just after the emergency visit counts, one older than 12 months does not",
        """
        id | time             | end              | code      | value | unit
        a  | 2026-05-20 08:00 | 2026-05-20 09:30 | emergency |       |
        b  | 2026-05-20 09:31 |                  | systolic  | 131   | mm[Hg]
        b  | 2026-05-20 09:31 |                  | diastolic | 81    | mm[Hg]
        """,
        """
        feature              | value
        systolic_outpatient  | 131
        diastolic_outpatient | 81
        """,
        *PRESSURES,
    ),
    kind(
        "no blood pressure where the year has none of both",
        """
        id | time       | code      | value | unit
        a  | 2025-06-30 | systolic  | 131   | mm[Hg]
        a  | 2025-06-30 | diastolic | 81    | mm[Hg]
        b  | 2026-06-01 | systolic  | 131   | mm[Hg]
        """,
        "",
        *PRESSURES,
    ),
    kind(
        "the highest LDL and the lowest ejection fraction ever",
        """
        id | time       | code                | value | unit
        a  | 2009-01-01 | ldl                 | 195   | mg/dL
        b  | 2012-01-01 | ldl                 | 195   | mg/dL
        c  | 2026-01-01 | ldl                 | 80    | mg/dL
        d  | 2026-01-02 | ldl                 | 900   | mg/dL
        e  | 2011-01-01 | LOINC#10230-1       | 32    | %
        f  | 2026-01-01 | LOINC#8806-2        | 55    |
        """,
        """
        feature                  | value | time       | resource
        ldl_highest              | 195   | 2012-01-01 | b
        ejection_fraction_lowest | 32    | 2011-01-01 | e
        """,
        "ldl_highest", "ejection_fraction_lowest",
    ),
    kind(
        "doses at least 28 days after the record before",
        """
        id | time       | code
        a  | 2025-01-01 | CVX#187
        b  | 2025-01-01 | CVX#187
        c  | 2025-01-28 | CVX#187
        d  | 2025-02-25 | CVX#187
        e  | 2025-02-25 | CVX#121
        f  | 2025-01-01 | CVX#43
        g  | 2025-02-01 | CVX#08
        h  | 2025-07-01 | CVX#104
        i  | 2025-01-01 | CVX#189
        j  | 2025-01-29 | CVX#189
        k  |            | CVX#189
        """,
        """
        feature                      | value | time       | resource
        zoster_doses                 | 2     | 2025-02-25 | d
        hepatitis_b_doses            | 3     | 2025-07-01 | h
        hepatitis_b_adjuvanted_doses | 2     | 2025-01-29 | j
        """,
    ),
    kind(
        "a dose without a date is none",
        """
        id | time | code
        a  |      | CVX#187
        """,
        "",
        "zoster_doses",
    ),
    kind(
        "the age of the newest known smoking status",
        """
        id | time       | code           | text
        a  | 2025-07-01 | smoking_status | current
        b  | 2026-06-01 | smoking_status | former
        c  | 2026-06-20 | smoking_status | SNOMED#266927001
        """,
        """
        feature                 | value | time       | resource
        smoking_status_age_days | 29    | 2026-06-01 | b
        """,
        "smoking_status_age_days",
    ),
    kind(
        "living in a nursing home",
        """
        id | time       | code           | text
        a  | 2025-07-01 | housing_status | elsewhere
        b  | 2026-06-01 | housing_status | nursing_home
        """,
        """
        feature              | value | time       | resource
        lives_in_nursing_home | 1    | 2026-06-01 | b
        """,
        "lives_in_nursing_home",
    ),
    kind(
        "an allergy to a medicine is no use of it",
        """
        id | kind               | time       | code         | text
        a  | AllergyIntolerance | 2026-06-01 | RXNORM#83367 | active
        b  | AllergyIntolerance |            | RXNORM#29046 |
        c  | AllergyIntolerance | 2026-06-01 | RXNORM#6918  | resolved
        d  | AllergyIntolerance | 2026-06-01 | RXNORM#1202  | inactive
        e  | AllergyIntolerance | 2024-12-01 | RXNORM#17767 | active
        """,
        """
        feature                   | value | time       | resource
        statin_allergy            | 1     | 2026-06-01 | AllergyIntolerance/a
        renin_angiotensin_allergy | 1     |            | AllergyIntolerance/b
        """,
        "statin_allergy", "renin_angiotensin_allergy", "beta_blocker_allergy", "statin_in_use", "beta_blocker_in_use",
        "medicine_classes_in_use", "medicine_starts_12m", "medicine_stops_12m", "ingredients_in_use",
    ),
    kind(
        "an allergy to a beta-blocker beside its use",
        """
        id | kind               | time       | code        | text
        a  | AllergyIntolerance | 2020-06-01 | RXNORM#6918 | active
        b  | MedicationRequest  | 2026-06-01 | RXNORM#1202 | order
        """,
        """
        feature              | value | time       | resource
        beta_blocker_allergy | 1     | 2020-06-01 | AllergyIntolerance/a
        beta_blocker_in_use  | 1     | 2026-06-01 | MedicationRequest/b
        """,
        "beta_blocker_allergy", "beta_blocker_in_use",
    ),
    kind(
        "visits outside of hospital",
        """
        id | time       | code
        a  | 2026-06-01 | ambulatory
        b  | 2026-05-01 | virtual_visit
        c  | 2025-07-01 | home_visit
        d  | 2025-06-30 | ambulatory
        e  | 2026-06-02 | emergency
        f  | 2026-06-03 | inpatient
        """,
        """
        feature               | value | time       | resource
        outpatient_visits_12m | 3     | 2026-06-01 | a
        """,
        "outpatient_visits_12m",
    ),
    kind(
        "an Observation without a value is no result, a Procedure needs none",
        """
        id | kind        | time       | code          | value | text
        a  | Observation | 2026-06-01 | LOINC#57905-2 |       |
        b  | Observation | 2026-05-01 | LOINC#57905-2 | 12    |
        c  | Observation | 2026-06-01 | LOINC#10524-7 |       | normal
        d  | Procedure   | 2026-06-01 | colonoscopy   |       |
        """,
        """
        feature                     | value | resource
        days_since_stool_blood_test | 60    | Observation/b
        days_since_pap_test         | 29    | Observation/c
        days_since_colonoscopy      | 29    | Procedure/d
        """,
        "days_since_stool_blood_test", "days_since_pap_test", "days_since_colonoscopy",
    ),
]
