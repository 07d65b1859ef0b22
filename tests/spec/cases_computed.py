"""Body mass index where none is recorded: from weight and adult height, never from what is not there."""

from __future__ import annotations

from tests.spec.tables import Case

COMPUTED = [
    Case(
        "a weight with the height before it, its date and evidence those of the newer",
        "measurements",
        """
        id | time             | code   | value | unit
        b  | 1960-03-15       | born   |       |
        h  | 2020-05-01       | height | 170   | cm
        i  | 2024-05-01       | height | 165   | cm
        w  | 2026-01-01 10:00 | weight | 80    | kg
        x  | 2022-01-01 10:00 | weight | 200   | [lb_av]
        """,
        """
        resource | concept         | time             | value
        h        | height          | 2020-05-01       | 170
        i        | height          | 2024-05-01       | 165
        w        | weight          | 2026-01-01 10:00 | 80
        x        | weight          | 2022-01-01 10:00 | 90.718474
        w        | body_mass_index | 2026-01-01 10:00 | 29.38
        x        | body_mass_index | 2022-01-01 10:00 | 31.39
        """,
    ),
    Case(
        "a height of the year after will do where there is none before",
        "measurements",
        """
        id | time       | code   | value | unit
        b  | 1960-03-15 | born   |       |
        w  | 2025-01-01 | weight | 80    | kg
        h  | 2026-01-01 | height | 170   | cm
        x  | 2024-12-31 | weight | 80    | kg
        """,
        """
        resource | concept         | time       | value
        w        | weight          | 2025-01-01 | 80
        x        | weight          | 2024-12-31 | 80
        h        | height          | 2026-01-01 | 170
        h        | body_mass_index | 2026-01-01 | 27.68
        """,
    ),
    Case(
        "what is recorded on the day stands alone",
        "measurements",
        """
        id | time             | code            | value | unit
        b  | 1960-03-15       | born            |       |
        h  | 2026-01-01 09:00 | height          | 170   | cm
        w  | 2026-01-01 09:00 | weight          | 80    | kg
        r  | 2026-01-01 23:00 | body_mass_index | 30    | kg/m2
        x  | 2026-02-01 09:00 | weight          | 85    | kg
        s  | 2026-02-01 09:00 | body_mass_index | 300   | kg/m2
        """,
        """
        resource | concept         | time             | value
        h        | height          | 2026-01-01 09:00 | 170
        w        | weight          | 2026-01-01 09:00 | 80
        r        | body_mass_index | 2026-01-01 23:00 | 30
        x        | weight          | 2026-02-01 09:00 | 85
        x        | body_mass_index | 2026-02-01 09:00 | 29.41
        """,
    ),
    Case(
        "heights and weights of adults only",
        "measurements",
        """
        id | time       | code   | value | unit
        b  | 2006-03-15 | born   |       |
        h  | 2024-03-14 | height | 170   | cm
        w  | 2024-03-14 | weight | 60    | kg
        x  | 2026-01-01 | weight | 70    | kg
        """,
        """
        resource | concept | value
        h        | height  | 170
        w        | weight  | 60
        x        | weight  | 70
        """,
    ),
    Case(
        "on the eighteenth birthday one is an adult",
        "measurements",
        """
        id | time       | code   | value | unit
        b  | 2006-03-15 | born   |       |
        h  | 2024-03-15 | height | 170   | cm
        w  | 2024-03-15 | weight | 60    | kg
        """,
        """
        resource | concept         | value
        h        | height          | 170
        w        | weight          | 60
        w        | body_mass_index | 20.76
        """,
    ),
    Case(
        "without a birth date, a number, a known unit or a height nothing is computed",
        "measurements",
        """
        id | time       | code   | value | unit    | text
        h  | 2026-01-01 | height | 170   | cm      |
        w  | 2026-01-01 | weight | 60    | kg      |
        """,
        """
        resource | concept | value
        h        | height  | 170
        w        | weight  | 60
        """,
    ),
    Case(
        "of what is not plausible or not exact nothing is computed",
        "measurements",
        """
        id | time       | code   | value | unit    | text
        b  | 1960-03-15 | born   |       |         |
        h  | 2026-01-01 | height | 600   | cm      |
        i  | 2026-01-01 | height | 170   | furlong |
        j  | 2026-01-01 | height |       | cm      |
        k  | 2026-01-02 | height | 170   | cm      | >
        w  | 2026-01-03 | weight | 60    | kg      |
        """,
        """
        resource | concept | value
        k        | height  | 170
        w        | weight  | 60
        """,
    ),
    Case(
        "an index beyond what is plausible is not computed",
        "measurements",
        """
        id | time       | code   | value | unit
        b  | 1960-03-15 | born   |       |
        h  | 2026-01-01 | height | 50    | cm
        w  | 2026-01-01 | weight | 60    | kg
        """,
        """
        resource | concept | value
        h        | height  | 50
        w        | weight  | 60
        """,
    ),
    Case(
        "the computed index is a value like any other",
        "feature_values",
        """
        id | time       | code   | value | unit
        b  | 1960-03-15 | born   |       |
        h  | 2010-01-01 | height | 170   | cm
        w  | 2026-01-01 | weight | 80    | kg
        """,
        """
        feature                  | value | time       | resource
        body_mass_index          | 27.68 | 2026-01-01 | w
        body_mass_index_age_days | 180   | 2026-01-01 | w
        """,
        about=("body_mass_index", "body_mass_index_age_days"),
    ),
]
