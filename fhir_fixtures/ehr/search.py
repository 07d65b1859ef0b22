"""FHIR search parameters as SQL conditions (FHIR R4, "Search"). Knows nothing of HTTP, tokens or paging."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import parse_qsl

from fhir_fixtures.ehr.dates import EARLIEST, interval
from fhir_fixtures.ehr.guard import token_condition
from fhir_fixtures.ehr.index import DATE_FIELDS, PATIENT_FIELDS, reference_id
from fhir_fixtures.ehr.store import Condition, all_of, any_of, in_list

DATE_NAMES = {
    "Condition": "onset-date",
    "MedicationRequest": "authoredon",
    "Patient": "birthdate",
    "Provenance": "recorded",
    "Claim": "created",
    "ExplanationOfBenefit": "created",
}
RECORDED_NAMES = {"Condition": "recorded-date"}
CODE_NAMES = {"Immunization": "vaccine-code", "Encounter": "type"}
WITHOUT_PATIENT = frozenset(("Medication", "Organization", "Practitioner", "Location", "Group", "PractitionerRole"))
PREFIXES = ("eq", "ne", "lt", "gt", "le", "ge", "sa", "eb")


class BadValue(ValueError):
    """A parameter that is known and whose value or modifier cannot be used; the text names the parameter only."""


@dataclass(frozen=True)
class Parameter:
    """One search parameter of a type: its name in requests, its FHIR kind, and how a value becomes a condition."""

    name: str
    kind: str
    condition: Callable[[str], Condition]


@lru_cache(256)  # there are fewer types
def parameters(kind: str) -> Mapping[str, Parameter]:
    """Every search parameter of a resource type by name, beside the result parameters (_count, _sort, ...)."""
    listed = [
        Parameter("_id", "token", lambda value: in_list("id", _split(value))),
        Parameter("_lastUpdated", "date", lambda value: _date("updated", "updated", value)),
        Parameter("identifier", "token", lambda value: _tokens(("identifier",), value)),
    ]
    listed += [*_patient_parameters(kind), *_coded_parameters(kind), *_date_parameters(kind), *_target_parameters(kind)]
    return MappingProxyType({parameter.name: parameter for parameter in listed})


def _patient_parameters(kind: str) -> Iterable[Parameter]:
    if kind == "Patient":
        for name in ("name", "family", "given"):
            yield Parameter(name, "string", _named)
        yield Parameter("general-practitioner", "reference", _general_practitioners)
    elif kind not in WITHOUT_PATIENT:
        for name in ("patient", "subject"):
            yield Parameter(name, "reference", _patients)


def _target_parameters(kind: str) -> Iterable[Parameter]:
    if kind == "Provenance":
        yield Parameter("target", "reference", lambda value: any_of(targets(one) for one in _split(value)))


def targets(reference: str) -> Condition:
    """A Provenance of this `Type/id`; there are few of one patient, so each is opened."""
    each = "SELECT 1 FROM json_each(CAST(body AS TEXT), '$.target') AS one"
    return Condition(f"EXISTS ({each} WHERE json_extract(one.value, '$.reference') = ?)", (reference,))


def _coded_parameters(kind: str) -> Iterable[Parameter]:
    if kind not in ("Patient", "Practitioner", "Organization", "Group"):
        yield Parameter(CODE_NAMES.get(kind, "code"), "token", lambda value: _tokens(("code",), value))
        yield Parameter("status", "token", lambda value: in_list("status", [_bare(v) for v in _split(value)]))
        yield Parameter("category", "token", lambda value: _tokens(("category",), value))
    if kind == "Observation":
        yield Parameter("combo-code", "token", lambda value: _tokens(("code", "component"), value))
        yield Parameter("component-code", "token", lambda value: _tokens(("component",), value))
    if kind in ("Condition", "AllergyIntolerance"):
        yield Parameter("clinical-status", "token", lambda value: _tokens(("clinical",), value))
    if kind == "Encounter":
        yield Parameter("class", "token", lambda value: _tokens(("class",), value))


def _date_parameters(kind: str) -> Iterable[Parameter]:
    if kind in DATE_FIELDS:
        yield Parameter(DATE_NAMES.get(kind, "date"), "date", lambda value: _date("date_low", "date_high", value))
    if kind in RECORDED_NAMES:
        yield Parameter(RECORDED_NAMES[kind], "date", lambda value: _date("recorded_low", "recorded_high", value))


def conditions(kind: str, pairs: Iterable[tuple[str, str]]) -> tuple[list[Condition], list[str]]:
    """The conditions of `name=value` pairs, all of which must hold, and the names that this type does not know.

    A comma in a value means "or"; an empty value counts as not given. Raises BadValue for a value that cannot be read.
    """
    known, found, unknown = parameters(kind), [], []
    for name, value in pairs:
        base, _, modifier = name.partition(":")
        if base not in known or modifier not in ("", "not"):
            unknown.append(name)
        elif value:
            found.append(_one(known[base], modifier, value))
    return found, unknown


def _one(parameter: Parameter, modifier: str, value: str) -> Condition:
    if modifier == "not" and parameter.kind != "token":
        raise BadValue(f"The modifier :not does not fit {parameter.name}.")
    try:
        condition = parameter.condition(value)
    except BadValue as error:
        raise BadValue(f"The value of {parameter.name} cannot be read: {error}") from error
    return Condition(f"NOT coalesce(({condition.sql}), 0)", condition.values) if modifier else condition


def _split(value: str) -> list[str]:
    """The alternatives of a value, at commas that no backslash guards."""
    parts = value.replace("\\,", "\0").split(",")
    return [part.replace("\0", ",") for part in parts if part]


def _bare(token: str) -> str:
    return token.rpartition("|")[2]


@lru_cache(256)  # long lists of codes come with each chart, and are slow to write
def _tokens(columns: tuple[str, ...], value: str) -> Condition:
    return any_of(_any_token(column, _split(value)) for column in columns)


def _any_token(column: str, wanted: list[str]) -> Condition:
    """One of these tokens. Most resources have one token, which is looked up among those that are wanted; only of
    several, or where a system or a code alone is wanted, is each looked for.
    """
    each = [token_condition(column, one) for one in wanted]
    texts = [str(one.values[0]) for one in each]
    if len(texts) < 2 or not all(text.startswith("\n") and text.endswith("\n") for text in texts):
        return any_of(each)
    several = Condition(f"instr(substr({column}, 2), char(10)) < length({column}) - 1")
    return any_of([in_list(column, texts), all_of([several, any_of(each)])])


def _patients(value: str) -> Condition:
    """`id`, `Patient/id` or an absolute reference; a reference to another type matches nothing."""
    ids = [reference_id({"reference": one}, "Patient") if "/" in one else one for one in _split(value)]
    return in_list("patient", [one for one in ids if one])


def _general_practitioners(value: str) -> Condition:
    """`id`, `Practitioner/id` or an absolute reference, as FHIR R4 3.1.1.4.8 lets one write it.

    Asked of the bodies themselves: a list is looked for now and then, and a column would be kept for everything.
    """
    reference = "'/' || CASE entry.type WHEN 'object' THEN json_extract(entry.value, '$.reference') END"
    sql = (
        "EXISTS (SELECT 1 FROM json_each(CAST(body AS TEXT), '$.generalPractitioner') AS entry"  # noqa: S608 -- ours
        f" WHERE substr({reference}, -length(?)) = ?)"
    )
    ends = [f"/{one.rpartition('/fhir/')[2]}" for one in _split(value)]
    return any_of(Condition(sql, (end, end)) for end in ends)


def _named(value: str) -> Condition:
    """Part of the name as the patient list shows it, whatever the case."""
    sql = "id IN (SELECT id FROM person WHERE instr(lower(name), ?) > 0)"
    return any_of(Condition(sql, (one.lower(),)) for one in _split(value))


def _date(low: str, high: str, value: str) -> Condition:
    return any_of(_date_one(low, high, one) for one in _split(value))


def _date_one(low: str, high: str, text: str) -> Condition:
    """FHIR R4 3.1.1.4.6: both the value and the resource's date are ranges."""
    prefix, day = (text[:2], text[2:]) if text[:2] in PREFIXES else ("eq", text)
    wanted = interval(day.replace(" ", "+"))  # a "+" of a time zone that was not percent-encoded arrives as a space
    if wanted is None:
        raise BadValue("a date is expected, with eq, ne, lt, gt, le, ge, sa or eb before it at most.")
    start, end = wanted
    within = Condition(f"{low} >= ? AND {high} <= ?", (start, end))
    rules = {
        "eq": within,
        "ne": Condition(f"NOT ({within.sql})", within.values),
        "lt": Condition(f"{low} < ?", (start,)),
        "gt": Condition(f"{high} > ?", (end,)),
        "le": any_of([Condition(f"{low} < ?", (start,)), within]),
        "ge": any_of([Condition(f"{high} > ?", (end,)), within]),
        "sa": Condition(f"{low} > ?", (end,)),
        "eb": Condition(f"{high} < ?", (start,)),
    }
    return rules[prefix]


@dataclass(frozen=True)
class Order:
    """The order of the answer: an SQL expression that is never NULL, so that a page can go on behind a (key, row)
    pair.
    """

    expression: str = "row"
    descending: bool = False

    def after(self, key: int, row: int) -> Condition:
        """The rows behind this one."""
        sign = "<" if self.descending else ">"
        return Condition(f"({self.expression}, row) {sign} (?, ?)", (key, row))

    @property
    def sql(self) -> str:
        """The ORDER BY clause."""
        way = "DESC" if self.descending else "ASC"
        return f"ORDER BY {self.expression} {way}, row {way}"


def order(kind: str, text: str) -> Order | None:
    """What `_sort` asks for; None when it is not supported for this type. Resources without the date come as the
    oldest.
    """
    descending, name = text.startswith("-"), text.lstrip("-")
    if name == "_lastUpdated":
        return Order("updated", descending)
    if kind in DATE_FIELDS and name in (DATE_NAMES.get(kind, "date"), "date"):
        return Order(f"coalesce(date_low, {EARLIEST})", descending)
    if RECORDED_NAMES.get(kind) == name:
        return Order(f"coalesce(recorded_low, {EARLIEST})", descending)
    return None


def includes(kind: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What `_include` knows for a type: its value -> included type and the fields that hold the reference."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    if kind == "MedicationRequest":
        found["MedicationRequest:medication"] = ("Medication", ("medicationReference",))
    if kind not in WITHOUT_PATIENT and kind != "Patient":
        found[f"{kind}:patient"] = found[f"{kind}:subject"] = ("Patient", PATIENT_FIELDS)
    return found


def type_filter(kind: str, query: str) -> Condition:
    """The condition of one `_typeFilter` query (`code=...&date=ge2020`), unknown parameters ignored as the server
    may.
    """
    found, _ = conditions(kind, parse_qsl(query))
    return all_of(found)
