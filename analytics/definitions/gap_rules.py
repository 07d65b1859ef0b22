"""What the rule of a care gap is, and ``gaps.toml`` read into rules: what is incomplete or wrong is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Any

import duckdb

from analytics.definitions import catalogue, events
from analytics.definitions.errors import DefinitionError

MET, GAP, NOT_APPLICABLE = "met", "gap", "not_applicable"
DIED = "The patient has died."
READ = (
    "Each was read in public: in a copy of its value set, in FHIR content, in Synthea modules or in a classification. "
    "None was checked in VSAC itself."
)
#: Words of SQL that a condition may hold beside names of features, numbers and these signs.
WORDS = frozenset({"AND", "OR", "NOT", "IS", "NULL", "ABS"})
TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>\d+(?:\.\d+E0)?)(?![\w.])|(?P<sign><=|>=|<>|[-+*<>=()]))")
TEXTS = ("title", "asks", "applies", "met_when", "look_back", "every", "not_known", "source")
KEYS = {
    "exclusion": ({"when", "reason"}, {"evidence"}),
    "rule": ({*TEXTS, "who", "not_for", "met", "gap", "rests_on", "weight"}, set()),
    "who": ({"when", "reason"}, {"unknown"}),
    "met": ({"when", "says", "evidence", "due_days"}, set()),
    "gap": ({"says"}, {"when", "evidence"}),
}


@dataclass(frozen=True)
class Case:
    """One way for a rule to come out. when: SQL condition, "" for always; says: words, may hold {date} and {feature}.

    evidence: the feature whose record shows it, "" for none. due_days: from its date to the next time, 0 for none.
    """

    state: str
    when: str
    says: str
    evidence: str = ""
    due_days: int = 0


@dataclass(frozen=True)
class Rule:
    """One care gap; ``gaps.toml`` says what each field means. cases: in the order in which they are tried."""

    id: str
    title: str
    asks: str
    applies: str
    met_when: str
    look_back: str
    every: str
    not_for: tuple[str, ...]
    not_known: str
    rests_on: tuple[str, ...]
    source: str
    weight: float
    cases: tuple[Case, ...]

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """The whole rule in words: what each part is about, and the part."""
        return (
            ("Asks", self.asks), ("For", self.applies), ("Met when", self.met_when),
            ("Look-back", f"{self.look_back}."), ("Due", self.every),
            ("Not for", " ".join(self.not_for) or "No exclusions."),
            ("Not known from the records", self.not_known),
            ("Codes checked", f"Not all; check first: {', '.join(self.unverified)}." if self.unverified else READ),
        )  # fmt: skip

    @property
    def concepts(self) -> tuple[catalogue.Concept, ...]:
        """Every concept that a feature of the rule is about: by itself, by its family, or as a member of such a one."""
        known, named = catalogue.concepts(), {catalogue.features()[name].concept for name in self.features} - {""}
        about = {one.name for one in known.values() if named & {one.name, one.family}}
        about |= {member for name in about for member in known[name].members}
        return tuple(one for one in known.values() if one.name in about)

    @cached_property
    def unverified(self) -> tuple[str, ...]:
        """Codes on which the rule rests and that were seen nowhere with their meaning, with what they stand for."""
        return tuple(f"{code.rpartition('|')[2]} ({one.label})" for one in self.concepts for code in one.unverified)

    @property
    def text(self) -> str:
        """The same as one text."""
        return " ".join(f"{about}: {part}" for about, part in self.parts)

    def decided_by_patient(self, says: str) -> bool:
        """Whether it does not apply for a reason that the Patient resource alone gives: age, sex, death."""
        reasons = [case for case in self.cases if case.state == NOT_APPLICABLE and case.says == says]
        return says == DIED or any(set(names(case.when)) <= {"age", "female"} for case in reasons)

    @property
    def features(self) -> tuple[str, ...]:
        """Every feature that the rule looks at, in the order of the catalogue."""
        named = {name for case in self.cases for name in (*names(case.when), case.evidence, *marks(case.says))}
        return tuple(name for name in catalogue.features() if name in named)


def names(condition: str) -> list[str]:
    """Names of features in a condition."""
    found = [match["name"] for match in TOKEN.finditer(condition) if match["name"]]
    return [name for name in found if name not in WORDS]


def marks(text: str) -> list[str]:
    """What a text has in braces, without {date}."""
    return [mark for _, mark, _, _ in Formatter().parse(text) if mark not in (None, "date")]


def read() -> dict[str, Rule]:
    """All rules by id. Raises DefinitionError."""
    table = catalogue.gap_rules()
    exclusions = {}
    for name, fields in table["exclusion"].items():
        _check_keys("exclusion", f"[exclusion.{name}]", fields)
        exclusions[name] = Case(NOT_APPLICABLE, fields["when"], fields["reason"], fields.get("evidence", ""))
        _check_case(f"[exclusion.{name}]", exclusions[name])
    found = {name: _rule(name, fields, exclusions) for name, fields in table["rule"].items()}
    if unused := exclusions.keys() - {name for fields in table["rule"].values() for name in fields["not_for"]}:
        raise DefinitionError(f"gaps.toml [exclusion.{sorted(unused)[0]}]: no rule names it")
    _try(found)
    return found


def _rule(name: str, fields: Mapping[str, Any], exclusions: Mapping[str, Case]) -> Rule:
    where = f"[rule.{name}]"
    _check_keys("rule", where, fields)
    if empty := [key for key in (*TEXTS, "who", "met", "gap", "rests_on") if not fields[key]]:
        raise DefinitionError(f"gaps.toml {where}: {empty[0]} is empty")
    if unknown := [one for one in fields["not_for"] if one not in exclusions]:
        raise DefinitionError(f"gaps.toml {where}: there is no exclusion {unknown[0]!r}")
    if unknown := [one for one in fields["rests_on"] if one not in events.resource_types()]:
        raise DefinitionError(f"gaps.toml {where}: rests_on names {unknown[0]!r}, which is not read")
    if not isinstance(fields["weight"], int | float) or not fields["weight"] > 0:
        raise DefinitionError(f"gaps.toml {where}: weight is {fields['weight']!r}, expected a number above 0")
    for key in ("who", "met", "gap"):
        for step in fields[key]:
            _check_keys(key, f"{where} {key}", step)
    left_out = [exclusions[one] for one in fields["not_for"]]
    cases = (*_who(where, fields["who"]), *left_out, *_met(fields["met"]), *_gap(where, fields["gap"]))
    for case in cases:
        _check_case(where, case)
    texts = {key: fields[key] for key in TEXTS}
    reasons = tuple(case.says for case in left_out)
    return Rule(id=name, **texts, not_for=reasons, rests_on=tuple(fields["rests_on"]),
                weight=fields["weight"], cases=cases)  # fmt: skip


def _who(where: str, steps: list[Mapping[str, Any]]) -> list[Case]:
    """Two cases for each condition: it cannot be decided, it does not hold."""
    made = []
    for step in steps:
        condition = step["when"]
        made.append(Case(NOT_APPLICABLE, f"({condition}) IS NULL", step.get("unknown") or _unknown(where, condition)))
        made.append(Case(NOT_APPLICABLE, f"NOT ({condition})", step["reason"]))
    return made


def _unknown(where: str, condition: str) -> str:
    """The words for a condition that cannot be decided; of a condition that always can, they are never said."""
    known = catalogue.features()
    open_ones = list(dict.fromkeys(one for one in names(condition) if one in known and known[one].missing == "unknown"))
    if len(open_ones) > 1 and " IS NULL" not in condition:
        raise DefinitionError(f"gaps.toml {where} who: {condition!r} needs the words for what is not known (unknown)")
    label = known[open_ones[0]].label if open_ones else "this"
    return f"{label[:1].upper()}{label[1:]} not known."


def _met(steps: list[Mapping[str, Any]]) -> list[Case]:
    return [Case(MET, step["when"], step["says"], step["evidence"], step["due_days"]) for step in steps]


def _gap(where: str, steps: list[Mapping[str, Any]]) -> list[Case]:
    made = [Case(GAP, step.get("when", ""), step["says"], step.get("evidence", "")) for step in steps]
    if [bool(case.when) for case in made] != [True] * (len(made) - 1) + [False]:
        raise DefinitionError(f"gaps.toml {where} gap: the last one, and it alone, has no condition (when)")
    return made


def _check_keys(kind: str, where: str, fields: Mapping[str, Any]) -> None:
    needed, allowed = KEYS[kind]
    if lacking := sorted(needed - fields.keys()):
        raise DefinitionError(f"gaps.toml {where}: {lacking[0]} is missing")
    if unknown := sorted(fields.keys() - needed - allowed):
        raise DefinitionError(f"gaps.toml {where}: there is no key {unknown[0]!r}")


def _check_case(where: str, case: Case) -> None:
    """Refuse a condition with anything but features and numbers, words with unknown marks, days that are none."""
    known, place = catalogue.features(), 0
    while place < len(case.when.rstrip()):
        token = TOKEN.match(case.when, place)
        if token is None:
            raise DefinitionError(f"gaps.toml {where}: {case.when!r} cannot be read from {case.when[place:][:20]!r} on")
        if token["name"] and token["name"] not in known and token["name"] not in WORDS:
            raise DefinitionError(f"gaps.toml {where}: there is no feature {token['name']!r}")
        place = token.end()
    if case.evidence and case.evidence not in known:
        raise DefinitionError(f"gaps.toml {where}: evidence {case.evidence!r} is no feature")
    if unknown := [mark for mark in marks(case.says) if mark not in known]:
        raise DefinitionError(f"gaps.toml {where}: {case.says!r} has {unknown[0]!r}, which is no feature")
    if "{date}" in case.says and not case.evidence:
        raise DefinitionError(f"gaps.toml {where}: {case.says!r} has a date and no evidence")
    if not isinstance(case.due_days, int) or case.due_days < 0:
        raise DefinitionError(f"gaps.toml {where}: due_days is {case.due_days!r}, expected days, or 0 for none")


def _try(found: Mapping[str, Rule]) -> None:
    """Plan each rule's conditions once: what is no truth value of the features is refused."""
    columns = ", ".join(f"CAST(NULL AS DOUBLE) AS {name}" for name in catalogue.features())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE nobody AS SELECT {columns}")
        for rule in found.values():
            tried = ", ".join(f"({case.when})" for case in rule.cases if case.when)
            try:
                kinds = connection.sql(f"SELECT {tried} FROM nobody").types  # noqa: S608 (checked token by token)
            except duckdb.Error as error:
                said = str(error).splitlines()[0]
                raise DefinitionError(f"gaps.toml [rule.{rule.id}]: a condition cannot be planned: {said}") from error
            if [kind for kind in kinds if str(kind) != "BOOLEAN"]:
                raise DefinitionError(f"gaps.toml [rule.{rule.id}]: a condition is no truth value")
