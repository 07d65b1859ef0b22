"""Loads and checks what is defined, and hashes it: the hash travels with every release fitted from it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from analytics.definitions.errors import DefinitionError

ROOT = Path(__file__).parent
KINDS = frozenset(path.stem for path in (ROOT / "features" / "kinds").glob("*.sql"))
MISSING = frozenset({"zero", "unknown"})
SHAPES = frozenset({"flag", "count", "value", "log", "none"})
DIRECTIONS = frozenset({"higher", "lower", "none"})
WITHOUT_CONCEPT = frozenset(
    {"age", "stays", "bed_days", "readmissions", "visits", "care_days", "days_since_contact", "charlson", "stops"}
)
#: Kinds that are 1 from one record on: of these a part of the records is enough to know a 1.
FLAGS = frozenset({"ever", "in_use", "allergy"})
WITH_ANSWER = frozenset({"answer", "charlson", "extreme"})
SENTENCE_MARKS = frozenset({"value", "unit", "date", "label", "Label"})
#: In place of a source, where a concept lists codes by source: codes that were seen nowhere with this meaning.
UNCHECKED = "not checked"


@dataclass(frozen=True)
class Feature:
    """One number about a person; ``features.toml`` says what each field means.

    missing is "zero" (no record means 0) or "unknown" (no record means None, never imputed on the page).
    records: of a feature that is "zero", the resource types that could tell it: no record of what was not read is no 0.
    left_out_by: the types that can take something out of the count, so that it may be too large without them.
    """

    name: str
    kind: str
    window_days: int
    unit: str
    missing: str
    shape: str
    direction: str
    label: str
    high: str
    low: str
    sentence: str
    meaning: str
    concept: str = ""
    answer: str = ""
    absent: str = ""
    records: tuple[str, ...] = ()
    left_out_by: tuple[str, ...] = ()

    @property
    def grouped(self) -> bool:
        """Whether the feature is an input of the grouping."""
        return self.shape != "none"

    def stands(self, value: float | None, unread: Collection[str]) -> bool:
        """Does the value stand where these resource types were not read whole? A 0 for "no record" does not, and a
        count is too small; a flag that is set stands. Of what only takes things out of a count, a 0 stands."""
        if value and set(self.left_out_by) & set(unread):
            return False
        return not set(self.records) & set(unread) or (self.kind in FLAGS and value == 1)


@dataclass(frozen=True)
class Concept:
    """A clinical idea and the codes that express it; measurements also have unit, range and conversions.

    members: concepts whose codes are codes of this one as well (the ingredients of a class of medicines).
    reason_of: concepts whose codes are codes of this one where they are the reason of an encounter.
    codes are listed under one source, or as a table of source to codes: sources holds each with the number of its own
    codes. unverified: codes that are listed as "not checked", which were seen nowhere with this meaning.
    """

    name: str
    family: str
    label: str
    codes: tuple[str, ...]
    source: str
    unit: str = ""
    range: tuple[float, float] = (0.0, 0.0)
    also: tuple[str, ...] = ()
    conversions: tuple[dict[str, Any], ...] = ()
    unitless: tuple[dict[str, Any], ...] = ()
    answers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    members: tuple[str, ...] = ()
    reason_of: tuple[str, ...] = ()
    note: str = ""
    sources: tuple[tuple[str, int], ...] = ()
    unverified: tuple[str, ...] = ()


def read_toml(name: str) -> dict[str, Any]:
    """A file of the definitions. Raises DefinitionError where it is no TOML."""
    try:
        return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"definitions/{name}: {error}") from error


@cache
def features() -> dict[str, Feature]:
    """All features by name, in the order of the file.

    Raises DefinitionError when one lacks a field or names an unknown kind, concept, policy or shape.
    """
    table = read_toml("features.toml")
    defaults, derived = table.pop("defaults"), table.pop("derived", {})
    written = {
        name: _feature(name, defaults.get(fields.get("kind", ""), {}) | fields) for name, fields in table.items()
    }
    made = [_derive(base, kind, rule) for kind, rule in derived.items() for base in written.values()
            if base.kind == rule["of"] and base.name not in rule["not_of"]]  # fmt: skip
    for feature in made:
        if feature.name in written:
            raise DefinitionError(f"features.toml [derived.{feature.kind}]: {feature.name} exists already")
        written[feature.name] = feature
    return written


def _derive(base: Feature, kind: str, rule: dict[str, Any]) -> Feature:
    """A further feature of the same concept and window, worded by the rule; direction "same" is that of the base."""
    said = {"{name_of}": base.name, "{of}": base.label, "{Of}": base.label[:1].upper() + base.label[1:],
            "{unit_of}": base.unit, "{high_of}": base.high, "{low_of}": base.low}  # fmt: skip
    fields = {key: value for key, value in rule.items() if key not in {"of", "not_of", "name"}}
    for mark, text in said.items():
        fields = {key: value.replace(mark, text) if isinstance(value, str) else value for key, value in fields.items()}
    fields = {"window_days": base.window_days, "concept": base.concept, "kind": kind} | fields
    if fields.get("direction") == "same":
        fields["direction"] = base.direction
    return _feature(rule["name"].replace("{name_of}", base.name), fields)


def _feature(name: str, fields: dict[str, Any]) -> Feature:
    try:
        feature = Feature(name=name, **fields | {key: tuple(fields.get(key, ())) for key in ("records", "left_out_by")})
    except TypeError as error:
        raise DefinitionError(f"features.toml [{name}]: {str(error).removeprefix('Feature.__init__() ')}") from error
    for value, allowed, key in (
        (feature.kind, KINDS, "kind"),
        (feature.missing, MISSING, "missing"),
        (feature.shape, SHAPES, "shape"),
        (feature.direction, DIRECTIONS, "direction"),
    ):
        if value not in allowed:
            raise DefinitionError(f"features.toml [{name}]: {key} is {value!r}, expected one of {sorted(allowed)}")
    known = set(concepts()) | {concept.family for concept in concepts().values()} | {""}
    if empty := [key for key in ("label", "high", "low", "sentence", "meaning", "unit") if not getattr(feature, key)]:
        raise DefinitionError(f"features.toml [{name}]: {empty[0]} is empty")
    if feature.concept not in known:
        raise DefinitionError(f"features.toml [{name}]: concept {feature.concept!r} is not in concepts/")
    _check_words(feature)
    if (feature.missing == "zero") != bool(feature.records):
        raise DefinitionError(f"features.toml [{name}]: records goes with missing 'zero', and with that alone")
    if feature.left_out_by and not feature.records:
        raise DefinitionError(f"features.toml [{name}]: left_out_by is for what records count")
    if feature.missing == "zero" and feature.shape in ("flag",) and not feature.absent:
        raise DefinitionError(f"features.toml [{name}]: a flag needs the sentence for its absence (absent)")
    return feature


def _check_words(feature: Feature) -> None:
    """Refuse a window that is none, no concept or answer where the kind needs one, and sentences with unknown marks."""
    where = f"features.toml [{feature.name}]"
    if not isinstance(feature.window_days, int) or feature.window_days < 0:
        raise DefinitionError(f"{where}: window_days is {feature.window_days!r}, expected days, or 0 for ever")
    if not feature.concept and feature.kind not in WITHOUT_CONCEPT:
        raise DefinitionError(f"{where}: kind {feature.kind!r} needs a concept")
    if feature.kind in WITH_ANSWER and not feature.answer:
        raise DefinitionError(f"{where}: kind {feature.kind!r} needs an answer")
    for text in (feature.sentence, feature.absent):
        asked = {mark for _, mark, _, _ in Formatter().parse(text) if mark is not None}
        if unknown := asked - SENTENCE_MARKS:
            raise DefinitionError(f"{where}: a sentence has {sorted(unknown)}, known are {sorted(SENTENCE_MARKS)}")


@cache
def concepts() -> dict[str, Concept]:
    """All concepts by name, Charlson's groups among them.

    Raises DefinitionError for an unknown code system or member, a missing field or a repeated name.
    """
    systems = read_toml("concepts/systems.toml")
    found: dict[str, Concept] = {}
    for path in sorted((ROOT / "concepts").glob("*.toml")):
        if path.stem == "systems":
            continue
        family = {"family": "measurement"} if path.stem == "measurements" else {}
        for name, fields in read_toml(f"concepts/{path.name}").items():
            if name in found:
                raise DefinitionError(f"concepts/{path.name} [{name}]: this concept exists already")
            found[name] = _concept(path.name, name, family | fields, systems)
    found |= _charlson_groups(systems)
    return {name: _with_members(concept, found) for name, concept in found.items()}


def _with_members(concept: Concept, found: dict[str, Concept]) -> Concept:
    if unknown := [name for name in (*concept.members, *concept.reason_of) if name not in found]:
        raise DefinitionError(f"concepts [{concept.name}]: there is no concept {unknown[0]!r}")
    codes = {*concept.codes, *(code for name in concept.members for code in found[name].codes)}
    codes |= {f"reason|{code}" for name in concept.reason_of for code in found[name].codes}
    in_order = sorted(codes, key=lambda code: (len(code), code))
    return replace(concept, codes=tuple(in_order)) if concept.members or concept.reason_of else concept


def _charlson_groups(systems: dict[str, str]) -> dict[str, Concept]:
    """The groups of the Charlson index as concepts (``charlson_mi``, ...), from the one list of the score."""
    table = read_toml("scores/charlson.toml")
    return {
        f"charlson_{name}": Concept(
            name=f"charlson_{name}",
            family="charlson",
            label=group["label"],
            codes=tuple(
                [f"{systems['ICD10CM']}|{prefix}*" for prefix in group["icd10cm"]]
                + [f"{systems['SNOMED']}|{code}" for code in group["snomed"]]
            ),
            source=table["source"],
        )
        for name, group in table["groups"].items()
    }


def _concept(file: str, name: str, fields: dict[str, Any], systems: dict[str, str]) -> Concept:
    answers = {
        key: tuple(_full_code(code, systems) for code in codes) for key, codes in fields.pop("answers", {}).items()
    }
    try:
        listed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in _by_source(fields).items()
        }
        if "members" in listed or "reason_of" in listed:
            listed.setdefault("codes", ())
        codes = tuple(_full_code(code, systems) for code in listed.pop("codes"))
        listed["unverified"] = tuple(_full_code(code, systems) for code in listed.pop("unverified"))
        concept = Concept(name=name, codes=codes, answers=tuple(answers.items()), **listed)
    except (TypeError, KeyError) as error:
        raise DefinitionError(f"concepts/{file} [{name}]: {error}") from error
    if lacking := _lacking(concept):
        raise DefinitionError(f"concepts/{file} [{name}]: {lacking}")
    return concept


def _by_source(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with all codes as one list, and with the number of them that was read at each source.

    Raises TypeError when codes are listed by source and the concept has a source of its own beside that.
    """
    codes = fields.get("codes", [])
    if not isinstance(codes, dict):
        read = {fields.get("source", ""): codes} if codes else {}
        return fields | {"sources": [(where, len(listed)) for where, listed in read.items()], "unverified": []}
    if "source" in fields:
        raise TypeError("codes are listed by source: a source beside that is none of a code")
    read = {where: listed for where, listed in codes.items() if where != UNCHECKED}
    return fields | {
        "codes": [code for listed in codes.values() for code in listed],
        "unverified": codes.get(UNCHECKED, []),
        "sources": [(where, len(listed)) for where, listed in read.items()],
        "source": "; ".join(read) or UNCHECKED,
    }


def _lacking(concept: Concept) -> str:
    """What a concept still lacks, "" for nothing."""
    if empty := [key for key in ("family", "label", "source") if not getattr(concept, key)]:
        return f"{empty[0]} is empty"
    if repeated := [code for place, code in enumerate(concept.codes) if code in concept.codes[:place]]:
        return f"{repeated[0]!r} is listed twice"
    if not all(where.strip() and number for where, number in concept.sources):
        return "a source is empty, or has no code"
    if not concept.codes and not concept.members and not concept.reason_of:
        return "there is no code"
    if concept.family != "measurement":
        return ""
    if not concept.unit or not concept.range[0] < concept.range[1]:
        return "a measurement needs a unit and a plausible range"
    wrong = [step for step in concept.conversions if not step.get("unit") or not step.get("factor", 0) > 0]
    return "a conversion needs a unit and a factor above 0" if wrong else ""


def _full_code(short: str, systems: dict[str, str]) -> str:
    system, bar, code = short.partition("|")
    if not bar or system not in systems:
        raise DefinitionError(f"concepts: code {short!r} must be SYSTEM|code with a system of systems.toml")
    return f"{systems[system]}|{code}" if systems[system] else code


@cache
def definitions_hash() -> str:
    """SHA-256 over every definition file and every line of code that turns them into numbers."""
    digest = hashlib.sha256()
    files = [path for path in ROOT.rglob("*") if path.suffix in {".toml", ".sql", ".py", ".json"}]
    for path in sorted(files, key=lambda path: path.relative_to(ROOT).as_posix()):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def group_rules() -> dict[str, Any]:
    """``groups.toml``: the no-contact rule, the outcome and the suppression of small cells."""
    return read_toml("groups.toml")


@cache
def gap_rules() -> dict[str, Any]:
    """``gaps.toml`` as it stands there; ``gaps.rules`` checks it and makes rules of it."""
    return read_toml("gaps.toml")
