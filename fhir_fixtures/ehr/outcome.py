"""FHIR answers that are not resources of the store: OperationOutcome on every error, and the FHIR content type."""

from typing import Any

import orjson
from flask import Response

FHIR_JSON = "application/fhir+json"
CODES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    410: "deleted",
    412: "multiple-matches",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    500: "exception",
}


class FhirError(Exception):
    """Ends a FHIR request with an OperationOutcome. `message` must not hold patient data."""

    def __init__(self, status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or CODES.get(status, "processing")
        self.headers = headers or {}

    def response(self) -> Response:
        """The HTTP answer."""
        response = fhir_response(operation_outcome(self.message, self.code), self.status)
        response.headers.update(self.headers)
        return response


def operation_outcome(message: str, code: str, severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome of one issue."""
    issue = {"severity": severity, "code": code, "diagnostics": message}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def fhir_response(body: dict[str, Any] | bytes, status: int = 200) -> Response:
    """A resource as it goes over the wire; never cached, since it is a patient's."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    response = Response(raw, status, content_type=f"{FHIR_JSON}; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response
