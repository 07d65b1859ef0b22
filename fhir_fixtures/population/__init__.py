"""A seeded population of patients with 5 to 15 years of history, as FHIR R4 NDJSON lines (US Core shape).

    for person in generate(patients=100, seed=7):
        for resource_type, line in person.lines: ...

Person ``i`` depends on the seed, ``i`` and ``until`` alone: not on the number of patients, the workers or the machine.
"""

from __future__ import annotations

from .people import Person, Truth, generate
from .shared import shared_resources

__all__ = ["Person", "Truth", "generate", "shared_resources"]
