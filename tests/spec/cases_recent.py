"""Charlson, social findings, medicines that start and stop, readmissions, and the windows of 6, 12 and 24 months."""

from __future__ import annotations

from tests.spec.cases_kinds import kind

RECENT = [
    kind(
        "Charlson 5 and 4, of complicated diabetes, kidney and heart",
        """
        id | time       | code
        a  | 2022-05-01 | ICD10CM#E11.22
        b  | 2022-05-01 | ICD10CM#N18.3
        c  | 2022-05-01 | ICD10CM#I50.22
        d  | 2022-05-02 | SNOMED#84114007
        """,
        """
        feature       | value
        charlson_1987 | 5
        charlson_2011 | 4
        """,
    ),
    kind(
        "Charlson 7 and 8: metastases in place of the cancer",
        """
        id | time       | code
        a  | 2022-05-01 | ICD10CM#C50.911
        b  | 2022-05-01 | ICD10CM#C78.00
        c  | 2022-05-01 | ICD10CM#F03.90
        """,
        """
        feature       | value
        charlson_1987 | 7
        charlson_2011 | 8
        """,
    ),
    kind(
        "Charlson 2 and 1: complicated diabetes in place of the plain one",
        """
        id | time       | code
        a  | 2022-05-01 | ICD10CM#E10.0
        b  | 2022-05-01 | ICD10CM#E10.2
        c  | 2026-07-01 | ICD10CM#B20
        """,
        """
        feature       | value
        charlson_1987 | 2
        charlson_2011 | 1
        """,
    ),
    kind(
        "Charlson 9 and 8: severe liver disease in place of the mild one",
        """
        id | time       | code
        a  | 2022-05-01 | ICD10CM#K74.60
        b  | 2022-05-01 | ICD10CM#K76.6
        c  | 2022-05-01 | ICD10CM#B20
        """,
        """
        feature       | value
        charlson_1987 | 9
        charlson_2011 | 8
        """,
    ),
    kind(
        "hypertension is no Charlson group",
        """
        id | time       | code
        a  | 2022-05-01 | ICD10CM#I10
        """,
        "",
        "charlson_1987", "charlson_2011",
    ),
    kind(
        "social findings are no conditions, and work is no burden",
        """
        id | time       | code
        a  | 2022-05-01 | SNOMED#73595000
        b  | 2023-05-01 | SNOMED#73595000
        c  | 2023-05-01 | ICD10CM#Z59.0
        d  | 2023-05-01 | SNOMED#160903007
        e  | 2023-05-01 | SNOMED#314529007
        """,
        """
        feature                  | value | resource
        social_risk_count        | 2     |
        stress                   | 1     | a
        housing_or_money_problem | 1     | c
        """,
        "social_risk_count", "condition_count", "stress", "housing_or_money_problem", "social_isolation",
    ),
    kind(
        "classes in use now and not a year before, and the other way round",
        """
        id | time       | end        | code
        a  | 2025-01-01 |            | statin
        b  | 2026-05-01 |            | statin
        c  | 2026-02-01 |            | thiazide
        d  | 2025-01-01 | 2025-12-31 | opioid
        e  | 2024-07-01 |            | insulin
        f  | 2024-06-30 |            | anticoagulant
        g  | 2025-06-30 | 2027-01-01 | loop_diuretic
        h  | 2025-07-01 | 2027-01-01 | beta_blocker
        i  | 2024-12-01 |            | antiplatelet
        """,
        """
        feature             | value | time
        medicine_starts_12m | 2     | 2026-02-01
        medicine_stops_12m  | 3     |
        """,
    ),
    kind(
        "ingredients are counted each, classes once",
        """
        id | time       | code
        a  | 2026-02-01 | RXNORM#29046
        b  | 2026-02-01 | RXNORM#52175
        c  | 2026-02-01 | RXNORM#259255
        d  | 2026-02-01 | RXNORM#617310
        """,
        """
        feature                      | value
        medicine_classes_in_use      | 2
        ingredients_in_use           | 3
        """,
    ),
    kind(
        "a stay within 30 days of the one before is a readmission",
        """
        id | time       | end        | code
        a  | 2024-07-10 | 2024-07-15 | inpatient
        b  | 2024-08-14 | 2024-08-16 | inpatient
        c  | 2024-09-16 | 2024-09-17 | inpatient
        d  | 2025-08-01 | 2025-08-05 | inpatient
        e  | 2025-09-04 | 2025-09-05 | inpatient
        f  | 2026-01-01 | 2026-01-03 | inpatient
        g  | 2026-01-03 | 2026-01-09 | inpatient
        h  | 2026-02-01 | 2026-02-03 | inpatient
        i  | 2026-02-20 | 2026-02-22 | inpatient
        i  | 2026-02-20 | 2026-02-22 | PRIORITY#EL
        """,
        """
        feature          | value | time       | resource
        readmissions_6m  | 1     | 2026-02-01 | h
        readmissions_12m | 2     | 2026-02-01 | h
        readmissions_24m | 3     | 2026-02-01 | h
        """,
    ),
    kind(
        "nothing is a readmission after a transfer or a stay left against advice",
        """
        id | time       | end        | code      | text
        a  | 2026-01-01 | 2026-01-03 | inpatient | aadvice
        b  | 2026-01-20 | 2026-01-22 | inpatient | other-hcf
        c  | 2026-02-10 | 2026-02-12 | inpatient | home
        d  | 2026-03-01 | 2026-03-02 | inpatient | home
        """,
        """
        feature          | value | time       | resource
        readmissions_6m  | 1     | 2026-03-01 | d
        readmissions_12m | 1     | 2026-03-01 | d
        readmissions_24m | 1     | 2026-03-01 | d
        """,
    ),
    kind(
        "nursing and rehabilitation stays apart: no admission, no night in hospital, but care",
        """
        id | time       | end        | code
        a  | 2026-05-01 | 2026-05-21 | inpatient
        a  | 2026-05-01 | 2026-05-21 | SNOMED#449411000124106
        b  | 2025-09-01 | 2025-09-11 | ACT#NONAC
        b  | 2025-09-01 | 2025-09-11 | SNOMED#449411000124106
        c  | 2024-09-01 | 2024-09-11 | ACT#NONAC
        d  | 2024-06-30 | 2024-07-11 | ACT#NONAC
        e  | 2026-06-01 | 2026-06-03 | maternity_stay
        """,
        """
        feature            | value | time       | resource
        nursing_stays_6m   | 1     | 2026-05-01 | a
        nursing_stays_12m  | 2     | 2026-05-01 | a
        nursing_stays_24m  | 3     | 2026-05-01 | a
        care_days_24m      | 4     | 2026-06-01 |
        """,
        "nursing_stays_6m", "nursing_stays_12m", "nursing_stays_24m", "care_days_24m", "stays_24m", "bed_days_24m",
    ),
    kind(
        "stays, nights, emergency visits and days with care in 6, 12 and 24 months",
        """
        id | time             | end              | code
        a  | 2026-01-01 08:00 | 2026-01-03 08:00 | inpatient
        b  | 2025-12-30 08:00 | 2025-12-30 12:00 | emergency
        c  | 2025-12-31 08:00 | 2025-12-31 12:00 | emergency
        d  | 2025-07-01 08:00 | 2025-07-02 08:00 | inpatient
        e  | 2025-06-30 08:00 | 2025-06-30 12:00 | emergency
        f  | 2024-07-01 08:00 | 2024-07-04 08:00 | inpatient
        g  | 2024-06-30 08:00 | 2024-06-30 12:00 | emergency
        """,
        """
        feature       | value
        stays_6m      | 1
        stays_12m     | 2
        stays_24m     | 3
        bed_days_6m   | 2
        bed_days_12m  | 3
        bed_days_24m  | 6
        emergency_6m  | 1
        emergency_12m | 2
        emergency_24m | 3
        care_days_6m  | 2
        care_days_12m | 4
        care_days_24m | 6
        """,
    ),
    kind(
        "specialties and kinds of encounter in 6, 12 and 24 months",
        """
        id | time       | code
        a  | 2026-06-01 | ambulatory
        a  | 2026-06-01 | specialty_cardiology
        b  | 2026-05-01 | virtual_visit
        b  | 2026-05-01 | specialty_cardiology
        c  | 2025-09-01 | home_visit
        c  | 2025-09-01 | specialty_nephrology
        d  | 2024-09-01 | ambulatory
        d  | 2024-09-01 | specialty_urology
        e  | 2024-06-30 | emergency
        e  | 2024-06-30 | specialty_psychiatry
        """,
        """
        feature             | value | time
        specialties_6m      | 1     | 2026-06-01
        specialties_12m     | 2     | 2026-06-01
        specialties_24m     | 3     | 2026-06-01
        encounter_kinds_6m  | 2     | 2026-06-01
        encounter_kinds_12m | 3     | 2026-06-01
        encounter_kinds_24m | 3     | 2026-06-01
        """,
    ),
]
