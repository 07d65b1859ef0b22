"""Planned stays, stays after which none is a readmission, and the visit that a stay began with. As of 2026-06-30."""

from __future__ import annotations

from tests.spec.tables import Case

PLANNED = [
    Case(
        "a stay for chemotherapy, rehabilitation or a transplant is planned",
        "encounters",
        """
        id | time             | end              | code                    | kind
        a  | 2026-01-01 10:00 | 2026-01-03       | inpatient               |
        a  | 2026-01-01 10:00 | 2026-01-03       | REASON_ICD10CM#Z51.11   |
        b  | 2026-01-05 10:00 | 2026-01-08       | inpatient               |
        b  | 2026-01-05 10:00 | 2026-01-08       | REASON_SNOMED#254637007 |
        c  | 2026-01-10 10:00 | 2026-01-12       | inpatient               |
        t  | 2026-01-11 09:00 |                  | SNOMED#367336001        | Procedure
        d  | 2026-01-15 10:00 | 2026-01-17       | inpatient               |
        u  | 2026-01-15 09:00 |                  | SNOMED#367336001        | Procedure
        e  | 2026-01-20 10:00 | 2026-01-22       | inpatient               |
        e  | 2026-01-20 10:00 | 2026-01-22       | PRIORITY#EM             |
        v  | 2026-01-21 10:00 |                  | SNOMED#367336001        | Procedure
        f  | 2026-01-25 10:00 | 2026-01-27       | inpatient               |
        f  | 2026-01-25 10:00 | 2026-01-27       | ADMITTED#emd            |
        w  | 2026-01-26 10:00 |                  | ICD10CM#Z51.11          |
        g  | 2026-02-01 10:00 | 2026-02-04       | inpatient               |
        g  | 2026-02-01 10:00 | 2026-02-04       | REASON_SNOMED#15081005  |
        h  | 2026-02-10 10:00 | 2026-02-14       | inpatient               |
        x  | 2026-02-11 10:00 |                  | SNOMED#70536003         | Procedure
        i  | 2026-03-01 10:00 | 2026-03-05       | inpatient               |
        i  | 2026-03-01 10:00 | 2026-03-05       | SNOMED#394602003        |
        j  | 2026-03-10 08:00 | 2026-03-10 10:00 | emergency               |
        k  | 2026-03-10 10:30 | 2026-03-13       | inpatient               |
        y  | 2026-03-12 10:00 |                  | SNOMED#367336001        | Procedure
        """,
        """
        resource | acute_stay | apart
        a        | 0          | 0
        b        | 1          | 1
        c        | 0          | 0
        d        | 1          | 0
        e        | 1          | 0
        f        | 1          | 0
        g        | 0          | 0
        h        | 0          | 0
        i        | 0          | 0
        j        | 0          | 0
        k        | 1          | 0
        """,
    ),
    Case(
        "a night in the sleep laboratory is planned, a study or rehabilitation within a long stay tells nothing",
        "encounters",
        """
        id | time             | end              | code            | kind
        a  | 2026-01-01 20:00 | 2026-01-02 20:00 | inpatient       |
        t  | 2026-01-01 23:00 |                  | SNOMED#60554003 | Procedure
        b  | 2026-02-01 20:00 | 2026-02-09 20:00 | inpatient       |
        u  | 2026-02-05 23:00 |                  | SNOMED#60554003 | Procedure
        c  | 2026-03-01 20:00 | 2026-03-09 20:00 | inpatient       |
        v  | 2026-03-05 10:00 |                  | SNOMED#15081005 | Procedure
        """,
        """
        resource | acute_stay
        a        | 0
        b        | 1
        c        | 1
        """,
    ),
    Case(
        "years of stays for chemotherapy are no unplanned ones",
        "feature_values",
        """
        id | time             | end        | code             | kind
        a  | 2026-01-01 10:00 | 2026-01-03 | inpatient        |
        q  | 2026-01-01 11:00 |            | SNOMED#367336001 | Procedure
        b  | 2026-01-22 10:00 | 2026-01-24 | inpatient        |
        r  | 2026-01-22 11:00 |            | SNOMED#367336001 | Procedure
        c  | 2026-02-12 10:00 | 2026-02-14 | inpatient        |
        s  | 2026-02-12 11:00 |            | SNOMED#367336001 | Procedure
        d  | 2026-02-20 10:00 | 2026-02-23 | inpatient        |
        """,
        """
        feature      | value | resource
        stays_12m    | 1     | d
        bed_days_12m | 3     |
        """,
        about=("stays_12m", "bed_days_12m", "readmissions_12m"),
    ),
    Case(
        "after a psychiatric stay, one for cancer or a transfer none is a readmission",
        "feature_values",
        """
        id | time       | end        | code                 | text
        a  | 2025-08-01 | 2025-08-05 | inpatient            |
        a  | 2025-08-01 | 2025-08-05 | REASON_ICD10CM#F20.0 |
        b  | 2025-08-10 | 2025-08-12 | inpatient            |
        c  | 2025-10-01 | 2025-10-05 | inpatient            |
        c  | 2025-10-01 | 2025-10-05 | REASON_ICD10CM#C34.9 |
        d  | 2025-10-10 | 2025-10-12 | inpatient            |
        e  | 2025-12-01 | 2025-12-05 | inpatient            |
        e  | 2025-12-01 | 2025-12-05 | specialty_psychiatry |
        f  | 2025-12-10 | 2025-12-12 | inpatient            |
        g  | 2026-02-01 | 2026-02-05 | inpatient            | other-hcf
        h  | 2026-02-10 | 2026-02-12 | inpatient            |
        i  | 2026-04-01 | 2026-04-05 | inpatient            |
        j  | 2026-04-10 | 2026-04-12 | inpatient            |
        j  | 2026-04-10 | 2026-04-12 | REASON_ICD10CM#F10.2 |
        k  | 2026-05-01 | 2026-05-05 | inpatient            |
        """,
        """
        feature          | value | resource
        readmissions_12m | 2     | k
        stays_12m        | 11    | k
        """,
        about=("stays_12m", "readmissions_12m"),
    ),
    Case(
        "a stay begins with the visit that ends at most an hour before it",
        "stays",
        """
        id | time             | end              | code
        a  | 2026-01-01 08:00 | 2026-01-01 12:00 | emergency
        b  | 2026-01-01 13:00 | 2026-01-04 12:00 | inpatient
        c  | 2026-02-01 08:00 | 2026-02-01 12:00 | emergency
        d  | 2026-02-01 13:01 | 2026-02-04 12:00 | inpatient
        e  | 2026-03-01 08:00 | 2026-03-01 12:00 | emergency
        f  | 2026-03-01 12:30 | 2026-03-02 09:00 | observation_stay
        g  | 2026-03-02 10:00 | 2026-03-04 12:00 | inpatient
        h  | 2026-04-01 08:00 | 2026-04-01 15:00 | emergency
        i  | 2026-04-01 14:00 | 2026-04-04 12:00 | inpatient
        j  | 2026-05-01 08:00 | 2026-05-02 07:00 | observation_stay
        k  | 2026-06-01 08:00 | 2026-06-01 09:00 | ambulatory
        l  | 2026-06-01 09:30 | 2026-06-03 09:00 | inpatient
        """,
        """
        admitted         | discharged       | resource
        2026-01-01 08:00 | 2026-01-04 12:00 | b
        2026-02-01 13:01 | 2026-02-04 12:00 | d
        2026-03-01 08:00 | 2026-03-04 12:00 | g
        2026-04-01 08:00 | 2026-04-04 12:00 | i
        2026-06-01 09:30 | 2026-06-03 09:00 | l
        """,
    ),
    Case(
        "the kind of visit by its class first, and by its type where no class is known",
        "encounters",
        """
        id | time             | end              | code
        a  | 2026-01-01 10:00 | 2026-01-03 10:00 | inpatient_by_type
        b  | 2026-01-05 10:00 | 2026-01-05 12:00 | emergency_by_type
        c  | 2026-01-07 10:00 | 2026-01-07 12:00 | SNOMED#183452005
        c  | 2026-01-07 10:00 | 2026-01-07 12:00 | emergency
        d  | 2026-01-09 10:00 | 2026-01-09 11:00 | SNOMED#50849002
        d  | 2026-01-09 10:00 | 2026-01-09 11:00 | ambulatory
        e  | 2026-01-11 10:00 | 2026-01-14 10:00 | SNOMED#32485007
        e  | 2026-01-11 10:00 | 2026-01-14 10:00 | ACT#NONAC
        """,
        """
        resource | emergency | acute_stay
        a        | 0         | 1
        b        | 1         | 0
        c        | 1         | 0
        d        | 0         | 0
        e        | 0         | 0
        """,
    ),
]
