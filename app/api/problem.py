"""Errors of the API in one shape: `application/problem+json` (RFC 9457) with our own words, never what was sent."""

import orjson
from flask import Response

from app.problems import Problem

MEDIA_TYPE = "application/problem+json"
TYPES = "/api/v1/openapi.json#/x-problems/"


class Unusable(Problem):
    """What was sent cannot be used: `errors` says which parts, in names of ours."""

    def __init__(self, *errors: str) -> None:
        super().__init__("input_unusable", "what_if")
        self.errors = errors


def problem_json(problem: Problem) -> Response:
    """The reply for a problem."""
    words = problem.words
    body = {"type": TYPES + problem.code, "title": words.title, "status": words.status, "detail": words.text,
            "next": words.next, "code": problem.code, "errors": list(getattr(problem, "errors", ()))}  # fmt: skip
    return Response(orjson.dumps(body), words.status, content_type=MEDIA_TYPE)
