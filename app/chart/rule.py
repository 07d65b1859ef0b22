"""The whole rule of one care gap: its parts in words, and every code that it counts, by what the code stands for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analytics.definitions import catalogue, gaps
from analytics.definitions.catalogue import Concept
from app.chart.words import capital
from app.problems import Problem

SYSTEMS = {
    "SNOMED": "SNOMED CT", "ICD10CM": "ICD-10-CM", "LOINC": "LOINC", "RXNORM": "RxNorm", "CVX": "CVX",
    "ACT": "HL7 kind of visit", "GENDER": "FHIR gender",
}  # fmt: skip
#: What the sources of medicines stand for (concepts/ingredients.toml).
READ_IN = {
    "[1]": "VSAC ingredient sets, OHDSI PhenotypeLibrary and PEDSnet, as collected in clinical tables",
    "[2]": "products that Synthea modules prescribe", "[3]": "RxNorm itself",
}  # fmt: skip
BELOW = " and all below"  # where a code stands for every one with that beginning
UNCHECKED = " (not checked)"


@dataclass(frozen=True)
class Codes:
    """What is counted, by which codes of which system, and where these were read."""

    label: str
    codes: tuple[tuple[str, str], ...]  # system, and its codes
    members: str | None  # what a class is made of; each has a row of its own
    read_in: str
    note: str


@dataclass(frozen=True)
class RulePage:
    """All that the page prints; nothing of it is about a patient."""

    id: str
    title: str
    parts: tuple[tuple[str, str], ...]
    source: str
    weight: str
    period: str
    rows: tuple[Codes, ...]


def rule_page(gap: str) -> RulePage:
    """The page of one rule. Raises Problem `not_found` where there is none of that id."""
    rule = gaps.rules().get(gap)
    if rule is None:
        raise Problem("not_found", "gap")
    rows = sorted((_codes(one) for one in rule.concepts), key=lambda row: row.label.casefold())
    period = catalogue.gap_rules()["period"]["words"]
    return RulePage(rule.id, rule.title, rule.parts, rule.source, f"{rule.weight:g}", period, tuple(rows))


def _codes(concept: Concept) -> Codes:
    known = catalogue.concepts()
    elsewhere = {code for name in concept.members for code in known[name].codes}
    own = (code for code in concept.codes if code not in elsewhere)
    told = [(system, codes) for system, codes in _by_system(own, concept.unverified)]
    for answer, codes in concept.answers:
        told += [(f"Answer “{answer.replace('_', ' ')}”, {system}", listed) for system, listed in _by_system(codes)]
    members = ", ".join(sorted(known[name].label for name in concept.members)) or None
    read_in = ", ".join(READ_IN.get(one, one) for one in concept.source.split(", "))
    return Codes(capital(concept.label), tuple(told), members, read_in, concept.note)


def _by_system(codes: Iterable[str], unverified: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """`SNOMED CT`, `44054006, 714628002`: the codes of each system in their order."""
    found: dict[str, list[str]] = {}
    for one in codes:
        system, _, code = one.rpartition("|")
        shown = code.removesuffix("*") + (BELOW if code.endswith("*") else "")
        found.setdefault(_system(system), []).append(shown + (UNCHECKED if one in set(unverified) else ""))
    return ((system, ", ".join(listed)) for system, listed in found.items())


def _system(uri: str) -> str:
    short = {address: name for name, address in catalogue.read_toml("concepts/systems.toml").items()}
    return SYSTEMS.get(short.get(uri, ""), uri)
