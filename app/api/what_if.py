"""A published score over values that a program sends. It is arithmetic alone: nothing is read, kept or written."""

from typing import Any

import orjson
from flask import Request

from analytics.definitions import scores
from analytics.definitions.scores.inputs import Input
from app.api.problem import Unusable
from app.problems import Problem

_WANTED = {"number": "a number or null", "flag": "true, false or null", "codes": "a list of codes or null"}
MOST_CODES = 500


def computed(request: Request) -> dict[str, Any]:
    """`{"score", "result"}`. Raises Problem `media_type`, `bad_request`, `input_unusable`."""
    if request.mimetype != "application/json":
        raise Problem("media_type", "what_if")
    try:
        asked = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise Problem("bad_request", "json") from error
    if not isinstance(asked, dict) or set(asked) != {"score", "inputs"} or not isinstance(asked["inputs"], dict):
        raise Unusable("the body: an object with `score` and `inputs`")
    name, given = asked["score"], asked["inputs"]
    if not isinstance(name, str) or name not in scores.NAMES:
        raise Unusable(f"score: one of {', '.join(scores.NAMES)}")
    inputs = scores.declared_inputs(name)
    wrong = [f"inputs.{one.name}: {_wanted(one)}" for one in inputs.values() if not _fits(one, given.get(one.name))]
    if set(given) - set(inputs):
        wrong.append(f"inputs: only {', '.join(inputs)}")
    if wrong:
        raise Unusable(*wrong)
    return {"score": name, "result": scores.compute(name, given)}


def _wanted(one: Input) -> str:
    return _WANTED.get(one.kind) or f"one of {', '.join(one.choices)}{', or another text' if one.otherwise else ''}"


def _fits(one: Input, value: Any) -> bool:
    """Is it of the input's kind? Whether it lies within the range is the score's own matter, and said in its result."""
    if value is None:
        return True
    if one.kind == "flag":
        return isinstance(value, bool)
    if one.kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if one.kind == "codes":
        return isinstance(value, list) and len(value) <= MOST_CODES and all(isinstance(code, str) for code in value)
    return isinstance(value, str) and (value in one.choices or bool(one.otherwise and value))


def schemas() -> list[dict[str, Any]]:
    """The bodies that are taken, one for each score, as JSON schemas for the contract."""
    return [_schema(name) for name in scores.NAMES]


def _schema(name: str) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        "number": {"type": ["number", "null"]},
        "flag": {"type": ["boolean", "null"]},
        "codes": {"type": ["array", "null"], "items": {"type": "string"}, "maxItems": MOST_CODES},
    }
    inputs = {}
    for one in scores.declared_inputs(name).values():
        choices: dict[str, Any] = {"type": ["string", "null"], "minLength": 1}
        if not one.otherwise:
            choices = {"enum": [*one.choices, None]}
        inputs[one.name] = {**kinds.get(one.kind, choices), "description": f"{one.meaning} ({one.unit})"}
    body = {"type": "object", "properties": inputs, "additionalProperties": False}
    return {
        "type": "object",
        "title": name,
        "properties": {"score": {"const": name}, "inputs": body},
        "required": ["score", "inputs"],
        "additionalProperties": False,
    }
