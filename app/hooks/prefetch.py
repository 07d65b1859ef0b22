"""What a call should bring: one template for each part of the chart, as narrow and as short as the definitions allow.

A template may use reads and searches by type, dates and codes alone (CDS Hooks 2.0, "Prefetch query restrictions").
Orders, conditions and procedures are asked whole: an old one may still hold.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache

from requests.utils import requote_uri

from analytics.definitions import catalogue

PATIENT = "{{context.patientId}}"
COUNT = 1000  # the specification wants all in one page
# For clocks, time zones and stays that began earlier. An EHR that keeps a template for long asks for more than needed.
SLACK_DAYS = 35
LOINC = "http://loinc.org|"
COMPUTED_FROM = {"height"}  # a weight counts with the newest height, however old that is (features/06_measurements.sql)


@dataclass(frozen=True)
class Part:
    """One part of the chart: its prefetch key, its type, and what narrows the search for it."""

    key: str
    resource_type: str
    narrowing: str = ""

    @property
    def template(self) -> str:
        """As discovery gives it."""
        return f"{self.resource_type}?patient={PATIENT}&_count={COUNT}{self.narrowing}"

    @cached_property
    def quoted(self) -> str:
        """What narrows the search, as it stands in an address: quoted once, since it may be long."""
        return requote_uri(self.narrowing)


@lru_cache(8)  # EHRs have their days, and a day its calls
def parts(on: date) -> tuple[Part, ...]:
    """All searches for a score as of this day."""
    since = on - timedelta(days=_longest_window() + SLACK_DAYS)
    dated = f"&date=ge{since.isoformat()}"
    return (
        Part("conditions", "Condition"),
        Part("observations", "Observation", dated),
        Part("lasting-observations", "Observation", f"&code={','.join(_lasting())}"),
        Part("encounters", "Encounter", dated),
        Part("medications", "MedicationRequest"),
        Part("procedures", "Procedure"),
        Part("immunizations", "Immunization"),
        Part("allergies", "AllergyIntolerance"),
    )


def templates(on: date) -> dict[str, str]:
    """Prefetch key to template; `patient` is the one that is read, not searched for."""
    return {"patient": f"Patient/{PATIENT}", **{part.key: part.template for part in parts(on)}}


def _longest_window() -> int:
    return max(feature.window_days for feature in catalogue.features().values())


def _lasting() -> list[str]:
    """LOINC codes of what counts however old it is."""
    concepts = catalogue.concepts()
    ever = {one.concept for one in catalogue.features().values() if one.window_days == 0} & set(concepts)
    return sorted({code for name in ever | COMPUTED_FROM for code in concepts[name].codes if code.startswith(LOINC)})
