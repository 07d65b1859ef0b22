"""Loads and checks what is defined, and hashes it: the hash travels with every release fitted from it."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import pyarrow as pa

from analytics.definitions.errors import DefinitionError

ROOT = Path(__file__).parent
KINDS = frozenset(path.stem for path in (ROOT / "features" / "kinds").glob("*.sql"))
MISSING = frozenset({"zero", "unknown"})
SHAPES = frozenset({"flag", "count", "value", "log", "none"})
DIRECTIONS = frozenset({"higher", "lower", "none"})
WITHOUT_CONCEPT = frozenset(
    {"age", "stays", "bed_days", "readmissions", "visits", "care_days", "days_since_contact", "charlson", "stops"}
)
WITH_ANSWER = frozenset({"answer", "charlson", "extreme"})
NAME = re.compile(r"[a-z0-9]+( [a-z0-9]+)*")
SENTENCE_MARKS = frozenset({"value", "unit", "date", "label", "Label"})
#: In place of a source, where a concept lists codes by source: codes that were seen nowhere with this meaning.
UNCHECKED = "not checked"


@dataclass(frozen=True)
class Feature:
    """One number about a person; ``features.toml`` says what each field means.

    missing is "zero" (no record means 0) or "unknown" (no record means None, never imputed on the page).
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

    @property
    def grouped(self) -> bool:
        """Whether the feature is an input of the grouping."""
        return self.shape != "none"


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


def _toml(name: str) -> dict[str, Any]:
    try:
        return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"definitions/{name}: {error}") from error


@cache
def features() -> dict[str, Feature]:
    """All features by name, in the order of the file.

    Raises DefinitionError when one lacks a field or names an unknown kind, concept, policy or shape.
    """
    table = _toml("features.toml")
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
        feature = Feature(name=name, **fields)
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
    systems = _toml("concepts/systems.toml")
    found: dict[str, Concept] = {}
    for path in sorted((ROOT / "concepts").glob("*.toml")):
        if path.stem == "systems":
            continue
        family = {"family": "measurement"} if path.stem == "measurements" else {}
        for name, fields in _toml(f"concepts/{path.name}").items():
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
    table = _toml("scores/charlson.toml")
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
    return _toml("groups.toml")


@cache
def gap_rules() -> dict[str, Any]:
    """``gaps.toml`` as it stands there; ``gaps.rules`` checks it and makes rules of it."""
    return _toml("gaps.toml")


@cache
def reference_tables() -> dict[str, pa.Table]:
    """The definitions as tables that the feature SQL joins.

    plausible.steps: steps to the unit in which measurements are summed up, at most a million over the plausible range.
    """
    measured = [concept for concept in concepts().values() if concept.family == "measurement"]
    return {
        "concepts": _rows(("code", "is_prefix", "concept", "family"), _code_rows()),
        "units": _rows(("concept", "unit", "low", "high", "factor", "shift", "inferred"), _unit_rows()),
        "plausible": _rows(
            ("concept", "low", "high", "steps"),
            [(c.name, float(c.range[0]), float(c.range[1]), _steps(c)) for c in measured],
        ),
        "answers": _rows(
            ("concept", "answer", "code"),
            [(c.name, answer, code) for c in concepts().values() for answer, codes in c.answers for code in codes],
        ),
        "feature_defs": _rows(
            ("feature", "kind", "concept", "answer", "window_days"),
            [
                (f.name, f.kind, f.concept, f.answer, f.window_days)
                for f in features().values()
            ],
        ),
        **_medicine_name_tables(),
        **_score_tables(),
    }


def _medicine_name_tables() -> dict[str, pa.Table]:
    """What medicines are called: each name with what it stands for, and words that rule out a name, or any ('').

    Raises DefinitionError for a name of no ingredient, or one that is not written as the events have it.
    """
    table = _toml("medicine_names.toml")
    ingredients = [concept for concept in concepts().values() if concept.family == "ingredient"]
    called = {one.name: [one.label, *table["names"].get(one.name, [])] for one in ingredients}
    every = [name for names in called.values() for name in names]
    words = every + table["not_beside"] + [word for listed in table["not_beside_name"].values() for word in listed]
    unknown = [*(set(table["names"]) - set(called)), *(set(table["not_beside_name"]) - set(every)),
               *(word for word in words if not NAME.fullmatch(word))]  # fmt: skip
    if unknown:
        wrong = sorted(unknown)[0]
        raise DefinitionError(f"medicine_names.toml: {wrong!r} is no ingredient, no name, or not in small letters")
    rows = [(name, one, "ingredient") for one, names in called.items() for name in names]
    rows += [(name, concept.name, concept.family) for concept in concepts().values() if concept.family == "medicine"
             for one in concept.members for name in called[one]]  # fmt: skip
    beside = [(word, "") for word in table["not_beside"]] + [(f"{name} free", name) for name in every]
    beside += [(word, name) for name, listed in table["not_beside_name"].items() for word in listed]
    return {
        "medicine_names": _rows(("name", "concept", "family"), rows),
        "medicine_names_not": _rows(("words", "name"), beside),
    }


def _steps(concept: Concept) -> float:
    """The largest power of ten that divides the plausible range into at most a million steps."""
    width = concept.range[1] - concept.range[0]
    return float(10 ** math.floor(math.log10(1_000_000 / width)))


def _score_tables() -> dict[str, pa.Table]:
    """What the feature SQL needs of the published scores, from their own files."""
    epi, groups = _toml("scores/ckd_epi_2021.toml"), _toml("scores/charlson.toml")["groups"]
    every, low_high = epi["coefficients"], [float(bound) for bound in epi["inputs"]["age"]["range"]]
    common = [float(every[key]) for key in ("scale", "beta", "per_year")]
    own = [(sex, *(float(every[sex][key]) for key in ("kappa", "alpha", "factor"))) for sex in ("female", "male")]
    weights = [(f"charlson_{name}", year, group[f"weight_{year}"]) for name, group in groups.items()
               for year in ("1987", "2011")]  # fmt: skip
    instead = [(f"charlson_{name}", f"charlson_{group['instead_of']}") for name, group in groups.items()
               if "instead_of" in group]  # fmt: skip
    return {
        "ckd_epi": _rows(
            ("sex", "kappa", "alpha", "factor", "scale", "beta", "per_year", "min_age", "max_age"),
            [(*row, *common, *low_high) for row in own],
        ),
        "charlson_weights": _rows(("concept", "answer", "weight"), weights),
        "charlson_instead": _rows(("concept", "instead_of"), instead),
    }


def _rows(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})


def _code_rows() -> list[tuple[str, bool, str, str]]:
    rows = []
    for concept in concepts().values():
        for code in concept.codes:
            prefix = code.endswith("*")
            rows.append(
                (code.removesuffix("*").replace(".", "") if prefix else code, prefix, concept.name, concept.family)
            )
    return rows


def _unit_rows() -> list[tuple[str, str, float, float, float, float, bool]]:
    rows = []
    anything = (-1e15, 1e15)
    for concept in (c for c in concepts().values() if c.family == "measurement"):
        known = {concept.unit: (1.0, 0.0)} | dict.fromkeys(concept.also, (1.0, 0.0))
        for step in concept.conversions:
            known[step["unit"]] = (float(step["factor"]), float(step.get("offset", 0.0)))
        rows += [(concept.name, unit, *anything, *known[unit], False) for unit in known]
        for guess in concept.unitless:
            if guess["unit"] not in known:
                raise DefinitionError(
                    f"measurements.toml [{concept.name}]: unitless unit {guess['unit']!r} has no conversion"
                )
            rows.append((concept.name, "", float(guess["low"]), float(guess["high"]), *known[guess["unit"]], True))
    return rows
