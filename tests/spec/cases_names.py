"""Medicines by what they are called, where no code is known; "no aspirin" is none. As of 2026-06-30."""

from __future__ import annotations

from tests.spec.tables import Case

NAMES = [
    Case(
        "whole words name an ingredient and its class",
        "facts",
        """
        id | time       | code                                | text
        a  | 2026-01-01 | NAME#atorvastatin 40 mg oral tablet | order
        b  | 2026-01-01 | NAME#lipitor                        | order
        c  | 2026-01-01 | NAME#take lisinopril hctz 20 12 5   | order
        d  | 2026-01-01 | NAME#atorvastatinx 40 mg            | order
        e  | 2026-01-01 | NAME#dihydrocodeine                 | order
        f  | 2026-01-01 | NAME#something else                 | order
        g  | 2026-01-01 | NAME#ec acetylsalicylic acid 75 mg  | order
        """,
        """
        resource | concept                        | family     | by_name | text_value
        a        | ingredient_atorvastatin        | ingredient | 1       | order
        a        | statin                         | medicine   | 1       | order
        b        | ingredient_atorvastatin        | ingredient | 1       | order
        b        | statin                         | medicine   | 1       | order
        c        | ingredient_lisinopril          | ingredient | 1       | order
        c        | renin_angiotensin              | medicine   | 1       | order
        c        | ingredient_hydrochlorothiazide | ingredient | 1       | order
        c        | thiazide                       | medicine   | 1       | order
        g        | ingredient_aspirin             | ingredient | 1       | order
        g        | antiplatelet                   | medicine   | 1       | order
        """,
    ),
    Case(
        "words that say it is not taken",
        "facts",
        """
        id | time       | code
        a  | 2026-01-01 | NAME#no aspirin
        b  | 2026-01-01 | NAME#aspirin allergy
        c  | 2026-01-01 | NAME#allergic to aspirin
        d  | 2026-01-01 | NAME#aspirin free
        e  | 2026-01-01 | NAME#non aspirin pain relief
        f  | 2026-01-01 | NAME#stop aspirin
        g  | 2026-01-01 | NAME#paracetamol instead of aspirin
        h  | 2026-01-01 | NAME#hold metoprolol
        i  | 2026-01-01 | NAME#heparin lock flush
        j  | 2026-01-01 | NAME#digoxin level
        k  | 2026-01-01 | NAME#morphine sulfate preservative free
        l  | 2026-01-01 | NAME#nonaspirin
        """,
        """
        resource | concept             | family
        k        | ingredient_morphine | ingredient
        k        | opioid              | medicine
        """,
    ),
    Case(
        "a device or another form takes one name only",
        "facts",
        """
        id | time       | code
        a  | 2026-01-01 | NAME#insulin syringe needle u 100
        b  | 2026-01-01 | NAME#pen needles for insulin
        c  | 2026-01-01 | NAME#insulin glargine pen
        d  | 2026-01-01 | NAME#fluticasone nasal spray
        e  | 2026-01-01 | NAME#fluticasone salmeterol inhaler
        f  | 2026-01-01 | NAME#enoxaparin prefilled syringe
        """,
        """
        resource | concept                | family
        c        | ingredient_insulin     | ingredient
        c        | insulin                | medicine
        e        | ingredient_fluticasone | ingredient
        e        | ingredient_salmeterol  | ingredient
        e        | airways                | medicine
        f        | ingredient_enoxaparin  | ingredient
        f        | anticoagulant          | medicine
        """,
    ),
    Case(
        "a code that is known always wins, one that is not does not stand in the way",
        "facts",
        """
        id | time       | code                | of
        a  | 2026-01-01 | RXNORM#6472         |
        a  | 2026-01-01 | NAME#aspirin        |
        b  | 2026-01-01 | RXNORM#99999999     |
        b  | 2026-01-01 | NAME#crestor        |
        m  |            | RXNORM#6472         | nobody
        m  |            | NAME#aspirin        | nobody
        n  |            | NAME#warfarin       | nobody
        c  | 2026-01-01 | med:m               |
        d  | 2026-01-01 | med:n               |
        e  | 2026-01-01 | REFERENCE#elsewhere |
        e  | 2026-01-01 | NAME#warfarin       |
        """,
        """
        resource | concept                 | by_name
        a        | ingredient_lovastatin   | 0
        a        | statin                  | 0
        b        | ingredient_rosuvastatin | 1
        b        | statin                  | 1
        c        | ingredient_lovastatin   | 0
        c        | statin                  | 0
        d        | ingredient_warfarin     | 1
        d        | anticoagulant           | 1
        e        | medicine_elsewhere      | 0
        e        | ingredient_warfarin     | 1
        e        | anticoagulant           | 1
        """,
    ),
    Case(
        "a medicine by name is in use like any other",
        "in_use",
        """
        id | time       | code         | text
        a  | 2026-01-01 | NAME#crestor | order
        b  | 2026-01-01 | NAME#eliquis | order
        c  | 2026-01-01 | NAME#aspirin | proposal
        d  | 2024-01-01 | NAME#aspirin | order
        """,
        """
        resource | concept                 | family
        a        | statin                  | medicine
        a        | ingredient_rosuvastatin | ingredient
        """,
    ),
]
