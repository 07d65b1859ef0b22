"""What becomes of visits and stays: encounters, stays, transfers. As of 2026-06-30."""

from __future__ import annotations

from tests.spec.tables import Case

CARE = [
    Case(
        "one row for an encounter, whatever number of codes",
        "encounters",
        """
        id | time             | end              | code
        a  | 2026-01-01 10:00 | 2026-01-01 11:00 | ambulatory
        b  | 2026-01-02 10:00 | 2026-01-05 10:00 | inpatient
        b  | 2026-01-02 10:00 | 2026-01-05 10:00 | PRIORITY#EM
        c  | 2026-02-02 10:00 | 2026-02-05 10:00 | inpatient
        c  | 2026-02-02 10:00 | 2026-02-05 10:00 | PRIORITY#EL
        d  | 2026-02-10 10:00 | 2026-02-15 10:00 | inpatient
        d  | 2026-02-10 10:00 | 2026-02-15 10:00 | maternity_stay
        e  | 2026-03-01 10:00 | 2026-03-02 10:00 | emergency
        f  | 2026-03-05 10:00 | 2026-03-06 09:59 | emergency
        g  | 2026-03-10 10:00 |                  | emergency
        h  | 2026-03-12 10:00 | 2026-03-11 10:00 | inpatient
        i  | 2026-06-29 10:00 | 2026-07-20 10:00 | inpatient
        j  |                  |                  | inpatient
        k  | 2026-03-20       | 2026-03-25       | ACT#NONAC
        l  | 2026-04-20       | 2026-04-25       | inpatient
        l  | 2026-04-20       | 2026-04-25       | SNOMED#449411000124106
        """,
        """
        resource | time             | end_time         | emergency | acute_stay
        a        | 2026-01-01 10:00 | 2026-01-01 11:00 | 0         | 0
        b        | 2026-01-02 10:00 | 2026-01-05 10:00 | 0         | 1
        c        | 2026-02-02 10:00 | 2026-02-05 10:00 | 0         | 0
        d        | 2026-02-10 10:00 | 2026-02-15 10:00 | 0         | 0
        e        | 2026-03-01 10:00 | 2026-03-02 10:00 | 1         | 1
        f        | 2026-03-05 10:00 | 2026-03-06 09:59 | 1         | 0
        g        | 2026-03-10 10:00 | 2026-03-10 10:00 | 1         | 0
        h        | 2026-03-12 10:00 | 2026-03-12 10:00 | 0         | 1
        i        | 2026-06-29 10:00 | 2026-07-01       | 0         | 1
        k        | 2026-03-20       | 2026-03-25       | 0         | 0
        l        | 2026-04-20       | 2026-04-25       | 0         | 0
        """,
    ),
    Case(
        "stays less than a day apart are one",
        "stays",
        """
        id | time             | end              | code
        a  | 2026-01-01 10:00 | 2026-01-03 10:00 | inpatient
        b  | 2026-01-04 10:00 | 2026-01-06 10:00 | inpatient
        c  | 2026-01-07 10:01 | 2026-01-08 10:00 | inpatient
        """,
        """
        admitted         | discharged       | resource
        2026-01-01 10:00 | 2026-01-06 10:00 | a
        2026-01-07 10:01 | 2026-01-08 10:00 | c
        """,
    ),
    Case(
        "a stay is sent on if its last part is",
        "stays",
        """
        id | time             | end              | code      | text
        a  | 2026-01-01 10:00 | 2026-01-03 10:00 | inpatient | other-hcf
        b  | 2026-01-03 12:00 | 2026-01-06 10:00 | inpatient | home
        c  | 2026-02-01 10:00 | 2026-02-03 10:00 | inpatient | aadvice
        d  | 2026-03-01 10:00 | 2026-03-03 10:00 | inpatient | 02
        e  | 2026-04-01 10:00 | 2026-04-03 10:00 | inpatient | 01
        f  | 2026-05-01 10:00 | 2026-05-03 10:00 | inpatient | 07
        g  | 2026-06-01 10:00 | 2026-06-03 10:00 | inpatient |
        """,
        """
        admitted         | discharged       | resource | sent_on
        2026-01-01 10:00 | 2026-01-06 10:00 | a        | 0
        2026-02-01 10:00 | 2026-02-03 10:00 | c        | 1
        2026-03-01 10:00 | 2026-03-03 10:00 | d        | 1
        2026-04-01 10:00 | 2026-04-03 10:00 | e        | 0
        2026-05-01 10:00 | 2026-05-03 10:00 | f        | 1
        2026-06-01 10:00 | 2026-06-03 10:00 | g        | 0
        """,
    ),
    Case(
        "a short stay within a long one does not end it",
        "stays",
        """
        id | time       | end        | code
        a  | 2026-01-01 | 2026-01-20 | inpatient
        b  | 2026-01-02 | 2026-01-03 | inpatient
        c  | 2026-01-15 | 2026-01-16 | inpatient
        d  | 2026-01-20 | 2026-01-22 | inpatient
        """,
        """
        admitted   | discharged | resource
        2026-01-01 | 2026-01-22 | a
        """,
    ),
    Case(
        "an emergency visit that leads to a stay is its beginning, alone it is none",
        "stays",
        """
        id | time             | end              | code
        a  | 2026-01-01 08:00 | 2026-01-01 12:00 | emergency
        b  | 2026-01-01 12:00 | 2026-01-04 12:00 | inpatient
        c  | 2026-02-01 08:00 | 2026-02-01 12:00 | emergency
        d  | 2026-03-01 08:00 | 2026-03-03 12:00 | emergency
        """,
        """
        admitted         | discharged       | resource
        2026-01-01 08:00 | 2026-01-04 12:00 | b
        2026-03-01 08:00 | 2026-03-03 12:00 | d
        """,
    ),
    Case(
        "two stays of the same instant are one",
        "stays",
        """
        id | time       | end        | code
        b  | 2026-01-01 | 2026-01-04 | inpatient
        a  | 2026-01-01 | 2026-01-04 | inpatient
        """,
        """
        admitted   | discharged | resource
        2026-01-01 | 2026-01-04 | a
        """,
    ),
    Case(
        "a procedure that was stopped or only prepared did not happen",
        "current_events",
        """
        id | kind              | time       | code        | status
        a  | Procedure         | 2026-06-01 | colonoscopy | stopped
        b  | Procedure         | 2026-06-01 | colonoscopy | preparation
        c  | Procedure         | 2026-06-01 | colonoscopy | on-hold
        d  | Procedure         | 2026-06-01 | colonoscopy | not-done
        e  | Procedure         | 2026-06-01 | colonoscopy | completed
        f  | Procedure         | 2026-06-01 | colonoscopy |
        g  | MedicationRequest | 2026-06-01 | statin      | stopped
        h  | MedicationRequest | 2026-06-01 | statin      | on-hold
        """,
        """
        resource
        Procedure/e
        Procedure/f
        MedicationRequest/g
        MedicationRequest/h
        """,
    ),
]
