"""What each stage makes of a person's events. As of 2026-06-30."""

from __future__ import annotations

from tests.spec.tables import Case

STAGES = [
    Case(
        "the newest version wins and errors leave nothing",
        "current_events",
        """
        id | version | time       | code  | value | status
        a  | 2026-01 | 2026-01-02 | hba1c | 7.1   | preliminary
        a  | 2026-02 | 2026-01-02 | hba1c | 6.9   | final
        b  | 2026-02 | 2026-01-03 | ldl   | 100   | entered-in-error
        b  | 2026-01 | 2026-01-03 | ldl   | 90    | final
        c  | 1       | 2026-01-04 | hdl   | 50    | cancelled
        d  | 1       | 2026-01-05 | hdl   | 51    |
        e  | 1       | 2026-01-06 | copd  |       | refuted
        f  | 1       | 2026-01-07 | copd  |       | draft
        g  | 1       | 2026-01-08 | copd  |       | not-done
        h  | 1       | 2026-01-09 | copd  |       | do-not-perform
        i  | 1       | 2026-01-10 | copd  |       | planned
        """,
        """
        resource | numeric_value
        a        | 6.9
        d        | 51
        """,
    ),
    Case(
        "the same line twice is one, and a version may hold several events",
        "current_events",
        """
        id | version | time       | code      | value
        a  | 1       | 2026-01-02 | systolic  | 140
        a  | 1       | 2026-01-02 | systolic  | 140
        a  | 1       | 2026-01-02 | diastolic | 90
        """,
        """
        resource | numeric_value
        a        | 140
        a        | 90
        """,
    ),
    Case(
        "a medicine by reference gets the codes of its Medication",
        "coded",
        """
        id | time       | code      | of     | text
        m  |            | statin    | nobody |
        m  |            | thiazide  | nobody |
        r  | 2026-01-02 | med:m     |        | order
        s  | 2026-01-03 | med:gone  |        | order
        t  | 2026-01-04 | insulin   |        | order
        """,
        """
        resource | code
        r        | http://www.nlm.nih.gov/research/umls/rxnorm#6472
        r        | http://www.nlm.nih.gov/research/umls/rxnorm#2409
        s        | reference#Medication/gone
        t        | http://www.nlm.nih.gov/research/umls/rxnorm#86009
        """,
    ),
    Case(
        "codes mean concepts, by code or by beginning, once for each resource",
        "facts",
        """
        id | time       | code
        a  | 2026-01-02 | SNOMED#44054006
        a  | 2026-01-02 | ICD10CM#E11.9
        b  | 2026-01-03 | ICD10CM#E11.22
        c  | 2026-01-04 | ICD10CM#E12.9
        d  | 2026-01-05 | SNOMED#E11.9
        e  | 2026-01-06 | LOINC#44054006
        f  | 2026-01-07 | ICD10CM#I1030
        g  | 2026-01-08 | ICD10CM#R73.03
        h  | 2026-01-09 | ICD10CM#R73.01
        i  | 2026-01-10 | SNOMED#73595000
        j  | 2026-01-11 | RXNORM#898342
        k  | 2026-01-12 | ICD10CM#i21.4
        """,
        """
        resource | concept                 | family
        a        | diabetes                | condition
        a        | charlson_diab           | charlson
        b        | diabetes                | condition
        b        | diabetes_complication   | condition
        b        | charlson_diabwc         | charlson
        c        | charlson_diab           | charlson
        f        | hypertension            | condition
        g        | prediabetes             | condition
        i        | stress                  | social_risk
        j        | calcium_channel_blocker | medicine
        j        | renin_angiotensin       | medicine
        j        | ingredient_amlodipine   | ingredient
        j        | ingredient_benazepril   | ingredient
        """,
    ),
    Case(
        "what was on record by the end of the as-of date",
        "known",
        """
        id | time                | recorded            | code
        a  | 2026-06-30 23:59:59 |                     | sleep_apnoea
        b  | 2026-07-01          |                     | sleep_apnoea
        c  | 2020-01-01          | 2026-06-30 23:59:59 | sleep_apnoea
        d  | 2020-01-01          | 2026-07-01          | sleep_apnoea
        e  |                     |                     | sleep_apnoea
        f  |                     | 2026-07-01          | sleep_apnoea
        g  | 2026-01-01          |                     | ldl
        """,
        """
        resource | time
        a        | 2026-06-30 23:59:59
        c        | 2020-01-01
        e        |
        """,
    ),
    Case(
        "a measurement in its canonical unit, or why it cannot be used",
        "measured",
        """
        id | time       | code       | value   | unit     | text
        a  | 2026-01-01 | hba1c      | 7.1     | %        |
        b  | 2026-01-02 | hba1c      | 64      | mmol/mol |
        c  | 2026-01-03 | hba1c      | 64      |          |
        d  | 2026-01-04 | hba1c      | 7.1     |          |
        e  | 2026-01-05 | hba1c      | 7.1     | furlong  |
        f  | 2026-01-06 | hba1c      |         | %        |
        g  | 2026-01-07 | hba1c      | 20.5    | %        |
        h  | 2026-01-08 | hba1c      | 2.9     | %        |
        i  | 2026-01-09 | hba1c      | 2.9     |          |
        j  | 2026-01-10 | hba1c      | 3       | %        |
        k  | 2026-01-11 | hba1c      | 20      | %        |
        l  | 2026-01-12 | egfr       | 90      | mL/min   | >
        m  | 2026-01-13 | creatinine | 106     | umol/L   |
        n  | 2026-01-14 | creatinine | 22      |          |
        o  |            | hba1c      | 7.1     | %        |
        """,
        """
        resource | value              | reason       | inferred | comparator
        a        | 7.1                |              | false    |
        b        | 8.006              |              | false    |
        c        | 8.006              |              | true     |
        d        | 7.1                |              | true     |
        e        |                    | unit_unknown |          |
        f        |                    | no_value     |          |
        g        | 20.5               | implausible  | false    |
        h        | 2.9                | implausible  | false    |
        i        |                    | unit_unknown |          |
        j        | 3                  |              | false    |
        k        | 20                 |              | false    |
        l        | 90                 |              | false    | >
        m        | 1.1990950226244343 |              | false    |
        n        |                    | unit_unknown |          |
        o        | 7.1                |              | false    |
        """,
    ),
    Case(
        "what has a reason or no time is not measured",
        "measurements",
        """
        id | time       | code  | value | unit
        a  | 2026-01-01 | hba1c | 7.1   | %
        b  | 2026-01-02 | hba1c | 99    | %
        c  |            | hba1c | 7.1   | %
        """,
        """
        resource | value
        a        | 7.1
        """,
    ),
    Case(
        "a medicine is in use until the end of its order, or for a year",
        "in_use",
        """
        id | time       | end                 | code     | text
        a  | 2025-07-01 |                     | statin   | order
        b  | 2025-06-30 |                     | statin   | order
        c  | 2020-01-01 | 2026-07-01          | insulin  | plan
        d  | 2026-06-01 | 2026-06-30 23:59:59 | insulin  | order
        e  | 2026-06-30 | 2030-01-01          | opioid   |
        f  | 2026-07-01 |                     | opioid   | order
        g  |            |                     | opioid   | order
        h  | 2026-06-01 |                     | copd     |
        i  | 2026-06-01 |                     | thiazide | proposal
        j  | 2026-06-01 |                     | thiazide | option
        """,
        """
        resource | concept                | family
        a        | statin                 | medicine
        a        | ingredient_lovastatin  | ingredient
        c        | insulin                | medicine
        c        | ingredient_insulin     | ingredient
        e        | opioid                 | medicine
        e        | ingredient_buprenorphine | ingredient
        """,
    ),
    Case(
        "birth and death known by then",
        "people",
        """
        id | time       | code
        p  | 1960-03-15 | born
        p  |            | female
        p  | 2026-06-30 | died
        """,
        """
        born       | died | died_at
        1960-03-15 | 1    | 2026-06-30
        """,
    ),
    Case(
        "a death without a day is known",
        "people",
        """
        id | time | code
        p  |      | born
        p  |      | died
        """,
        """
        born | died | died_at
             | 1    |
        """,
    ),
    Case(
        "a death of tomorrow is not",
        "people",
        """
        id | time       | code
        p  |            | male
        p  | 2026-07-01 | died
        """,
        """
        born | died | died_at
             | 0    |
        """,
    ),
    Case(
        "who has no Patient resource is no one",
        "people",
        """
        id | time       | code
        a  | 2026-01-01 | copd
        """,
        "",
    ),
    Case(
        "classes in use a year before",
        "used_before",
        """
        id | time       | end        | code          | text
        a  | 2024-07-01 |            | statin        | order
        b  | 2024-06-30 |            | insulin       | order
        c  | 2020-01-01 | 2025-07-01 | opioid        | order
        d  | 2025-06-30 |            | thiazide      |
        e  | 2025-07-01 |            | loop_diuretic | order
        f  | 2020-01-01 | 2025-06-30 | beta_blocker  | order
        g  | 2025-06-01 |            | antiplatelet  | proposal
        """,
        """
        concept
        statin
        opioid
        thiazide
        """,
    ),
    Case(
        "records placed from the first, dated ones first, and from the newest",
        "placed_records",
        """
        id | time       | code
        b  | 2020-01-01 | gout
        a  | 2020-01-01 | gout
        c  |            | gout
        """,
        """
        feature | kind | time       | time_before | resource | from_first | from_newest
        gout    | ever | 2020-01-01 |             | a        | 1          | 2
        gout    | ever | 2020-01-01 | 2020-01-01  | b        | 2          | 1
        gout    | ever |            | 2020-01-01  | c        | 3          | 3
        """,
        ("gout",),
    ),
    Case(
        "concepts of a family, the newest record of any, and how many have ended",
        "families",
        """
        id | time       | code            | end
        a  | 2020-01-01 | copd            | 2021-01-01
        b  | 2022-01-01 | copd            |
        c  | 2019-01-01 | atrial_fibrillation | 2020-01-01
        """,
        """
        feature               | kind               | n | ended | time
        condition_count       | family_count       | 2 | 1     | 2022-01-01
        ended_condition_count | ended_family_count | 2 | 1     | 2022-01-01
        """,
        ("condition_count", "ended_condition_count"),
    ),
    Case(
        "visits, days and stays, of each window the newest",
        "care",
        """
        id | time                | code      | end
        a  | 2026-05-01T08:00:00 | inpatient | 2026-05-04T08:00:00
        b  | 2026-05-20T08:00:00 | inpatient | 2026-05-21T08:00:00
        c  | 2026-05-04         | emergency | 2026-05-04T02:00:00
        d  | 2026-05-04         | emergency | 2026-05-04T02:00:00
        """,
        """
        feature            | kind               | n | days | nights | time                | resource
        stays_12m          | stays              | 2 | 2    | 4      | 2026-05-20 08:00 | b
        bed_days_12m       | bed_days           | 2 | 2    | 4      | 2026-05-20 08:00 | b
        readmissions_12m   | readmissions       | 1 | 1    | 0      | 2026-05-20 08:00 | b
        days_since_contact | days_since_contact | 4 | 3    | 0      | 2026-05-20 08:00 |
        emergency_12m | visits           | 2 | 1    | 0      | 2026-05-04          | d
        """,
        ("stays_12m", "bed_days_12m", "readmissions_12m", "days_since_contact", "emergency_12m"),
    ),
    Case(
        "a series summed up in whole steps: of 0.0001 % above 3 %",
        "summaries",
        """
        id | time       | code  | value | unit
        z  | 2024-06-30 | hba1c | 9     | %
        a  | 2026-06-28 | hba1c | 7.1   | %
        b  | 2026-06-28 | hba1c | 7.3   | %
        c  | 2026-06-20 | hba1c | 3.0004 | %
        """,
        """
        concept | n | steps | newest | resource | oldest | newest_days | oldest_days | sum_x | sum_xx     | sum_d
        hba1c   | 3 | 10000 | 7.3    | b        | 3.0004 | 2           | 10          | 84004 | 3530000016 | 14
        """,
    ),
]
