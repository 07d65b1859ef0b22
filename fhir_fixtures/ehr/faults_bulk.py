"""Faults of a bulk export: kick-off, status, manifest, files. See faults.py for how they are switched on."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults import Answer, Call, Fault, outcome

BROKEN_TYPE = b"Observation"
LONG = 10_000_000  # bytes in one line


def broken_lines(patient: str = "Patient/no-such-patient") -> list[bytes]:
    """Lines as real servers have sent them, each wrong in one way; all count in the manifest."""
    def observation(number: int, **elements: Any) -> bytes:
        return orjson.dumps({
            "resourceType": "Observation", "id": f"broken-{number}", "status": "final",
            "subject": {"reference": patient}, "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
            "effectiveDateTime": "2024-05-01T08:00:00Z", "valueQuantity": {"value": 6.1, "code": "%"}, **elements})

    without_id = orjson.loads(observation(2))
    del without_id["id"]
    without_subject = orjson.loads(observation(3))
    del without_subject["subject"]
    return [
        b'{"resourceType":"Observation","id":"broken-1","status":"fin',  # broken JSON
        orjson.dumps(without_id),
        orjson.dumps(without_subject),
        b'{"resourceType":"Observatoin","id":"broken-4"}',  # unknown type
        observation(5, effectiveDateTime="0001-01-01T00:00:00Z"),
        observation(6, effectiveDateTime="3000-01-01T00:00:00Z"),
        observation(7).replace(b"6.1", b"1e308"),
        observation(8).replace(b"6.1", b'"NaN"'),
        observation(9, note=[{"text": "x" * LONG}]),
    ]


def _is_kick_off(call: Call) -> bool:
    return call.path.endswith("/$export")


def _is_status(call: Call) -> bool:
    return call.path.startswith("/fhir/bulk/status/") and call.request.method == "GET"


def _is_file(call: Call) -> bool:
    return call.path.startswith("/fhir/bulk/file/")


def _kick_off_429(call: Call, answer: Answer) -> Response:
    busy = _is_kick_off(call) and call.count("kick-off") <= call.number
    return outcome(429, "throttled", **{"Retry-After": "1"}) if busy else answer()


def _kick_off_405(call: Call, answer: Answer) -> Response:
    refused = _is_kick_off(call) and call.request.method == "GET"
    return outcome(405, "not-supported", Allow="POST") if refused else answer()


def _status_transient(call: Call, answer: Answer) -> Response:
    tired = _is_status(call) and call.count("status") <= call.number
    return outcome(500, "transient", **{"Retry-After": "1"}) if tired else answer()


def _status_failed(call: Call, answer: Answer) -> Response:
    return outcome(500, "exception") if _is_status(call) else answer()


def _file_503(call: Call, answer: Answer) -> Response:
    busy = _is_file(call) and call.count(call.path) <= call.number
    return outcome(503, "transient", **{"Retry-After": "1"}) if busy else answer()


def _file_401_once(call: Call, answer: Answer) -> Response:
    return outcome(401, "login") if _is_file(call) and call.count(call.path) == 1 else answer()


def _file_slow(call: Call, answer: Answer) -> Response:
    """Each piece of a file is followed by a rest of so many seconds."""
    response = answer()
    if _is_file(call) and response.status_code == 200:
        response.response = _slowly(response.iter_encoded(), call.number)
    return response


def _slowly(pieces: Iterable[bytes], seconds: float) -> Iterator[bytes]:
    import time

    for piece in pieces:
        yield piece
        time.sleep(seconds)


def _file_cut(call: Call, answer: Answer) -> Response:
    """The connection breaks within the first so many answers of each file, in the middle of a line."""
    response = answer()
    if _is_file(call) and response.status_code == 200 and call.count(call.path) <= call.number:
        response.response = _cut(response.iter_encoded(), chunked="Content-Length" not in response.headers)
    return response


def _cut(pieces: Iterable[bytes], chunked: bool) -> Iterator[bytes]:
    first = next(iter(pieces), b"")
    yield first[: max(len(first) * 2 // 3, 1)]
    if chunked:  # with a length the early end says it; without one only an error breaks the connection off
        raise ConnectionAbortedError("fault file-cut")


def _file_redirect(call: Call, answer: Answer) -> Response:
    """Each file redirects to another host, as Oracle's do; that one refuses a token, as S3 does."""
    if not _is_file(call):
        return answer()
    parts = urlsplit(call.request.url)
    if "signed" in call.request.args:
        return _signed(call, answer)
    other = {"127.0.0.1": "localhost"}.get(parts.hostname or "", "127.0.0.1")
    target = urlunsplit((parts.scheme, f"{other}:{parts.port}", parts.path, "signed=1", ""))
    return Response(status=307, headers={"Location": target})


def _signed(call: Call, answer: Answer) -> Response:
    """A pre-signed link works without a token, and with none only."""
    if "Authorization" in call.request.headers:
        return Response("Only one auth mechanism allowed", 400, content_type="text/plain")
    call.request.environ["kindred.signed_link"] = True
    return answer()


def _file_no_token(call: Call, answer: Answer) -> Response:
    if _is_file(call):
        return _signed(call, answer)
    return _change_manifest(call, answer, lambda manifest: manifest.update(requiresAccessToken=False))


def _file_expired(call: Call, answer: Answer) -> Response:
    """Links of the first manifest work for so many requests, then 410; those of the next manifest work."""
    if _is_file(call):
        first = call.request.args.get("links") == "1"
        return outcome(410, "expired") if first and call.count("links") > call.number else answer()

    def stamp(manifest: dict[str, Any]) -> None:
        call.memory["manifests"] = call.memory.get("manifests", 0) + 1
        for item in manifest["output"]:
            item["url"] += f"?links={call.memory['manifests']}"

    return _change_manifest(call, answer, stamp)


def _file_wrong_count(call: Call, answer: Answer) -> Response:
    def more(manifest: dict[str, Any]) -> None:
        for item in manifest["output"]:
            item["count"] += 7

    return _change_manifest(call, answer, more)


def _file_foreign(call: Call, answer: Answer) -> Response:
    """The manifest sends the token to a host that is not the EHR's."""
    def elsewhere(manifest: dict[str, Any]) -> None:
        for item in manifest["output"]:
            item["url"] = item["url"].replace("127.0.0.1", "localhost")

    return _change_manifest(call, answer, elsewhere)


def _manifest_stu4(call: Call, answer: Answer) -> Response:
    """The 4.0 ballot: POST only, `outcome` for `error`, no `request`, `extension` a list."""
    if _is_kick_off(call):
        return _kick_off_405(call, answer)

    def rename(manifest: dict[str, Any]) -> None:
        manifest["outcome"] = manifest.pop("error")
        del manifest["request"]
        manifest.update(manifestType="bulk-export", outputFormat="application/fhir+ndjson", extension=[])

    return _change_manifest(call, answer, rename)


def _manifest_paged(call: Call, answer: Answer) -> Response:
    """The manifest comes in pages of two files, asked for or not."""
    page = int(call.request.args.get("fault-page", 1))

    def cut(manifest: dict[str, Any]) -> None:
        more = len(manifest["output"]) > page * 2
        manifest["output"] = manifest["output"][page * 2 - 2: page * 2]
        if more:
            manifest["link"] = [{"relation": "next", "url": f"{call.request.base_url}?fault-page={page + 1}"}]

    return _change_manifest(call, answer, cut)


def _manifest_errors(call: Call, answer: Answer) -> Response:
    """The manifest names one error file: a fatal OperationOutcome, as when a type could not be exported."""
    if _is_file(call) and call.request.args.get("fault-error"):
        call.request.environ["kindred.signed_link"] = True
        return Response(outcome(200, "exception").get_data() + b"\n", 200, content_type="application/fhir+ndjson")

    def add(manifest: dict[str, Any]) -> None:
        url = manifest["output"][0]["url"] + "?fault-error=1"
        manifest["error"] = [{"type": "OperationOutcome", "url": url, "count": 1}]

    return _change_manifest(call, answer, add)


def _manifest_deleted(call: Call, answer: Answer) -> Response:
    """The manifest names a file of deletions with one Bundle: Observation/gone-1 and Observation/gone-2."""
    if _is_file(call) and call.request.args.get("fault-deleted"):
        entries = [{"request": {"method": "DELETE", "url": f"Observation/gone-{number}"}} for number in (1, 2)]
        body = orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + b"\n"
        return Response(body, 200, content_type="application/fhir+ndjson")

    def add(manifest: dict[str, Any]) -> None:
        url = manifest["output"][0]["url"] + "?fault-deleted=1"
        manifest["deleted"] = [{"type": "Bundle", "url": url, "count": 1}]

    return _change_manifest(call, answer, add)


def _broken_lines(call: Call, answer: Answer) -> Response:
    """The first Observation file ends with broken lines, which the manifest counts."""
    if _is_file(call) and call.request.args.get("broken"):
        call.request.environ["HTTP_ACCEPT_ENCODING"] = "identity"
        response = answer()
        extra = b"\n".join(broken_lines()) + b"\n"
        if "Content-Length" in response.headers:
            response.headers["Content-Length"] = str(int(response.headers["Content-Length"]) + len(extra))
        pieces = response.iter_encoded()
        response.response = (piece for source in (pieces, [extra]) for piece in source)
        return response

    def announce(manifest: dict[str, Any]) -> None:
        for item in (item for item in manifest["output"] if item["type"] == BROKEN_TYPE.decode()):
            item["url"] += "?broken=1"
            item["count"] += len(broken_lines())
            return

    return _change_manifest(call, answer, announce)


def _change_manifest(call: Call, answer: Answer, change: Callable[[dict[str, Any]], None]) -> Response:
    response = answer()
    if _is_status(call) and response.status_code == 200:
        manifest = orjson.loads(response.get_data())
        change(manifest)
        response.set_data(orjson.dumps(manifest))
    return response


BULK_FAULTS: dict[str, Fault] = {
    "kickoff-429": _kick_off_429,
    "kickoff-405": _kick_off_405,
    "status-transient": _status_transient,
    "status-failed": _status_failed,
    "file-503": _file_503,
    "file-401-once": _file_401_once,
    "file-slow": _file_slow,
    "file-cut": _file_cut,
    "file-redirect": _file_redirect,
    "file-no-token-needed": _file_no_token,
    "file-expired": _file_expired,
    "file-truncated-count": _file_wrong_count,
    "file-foreign-host": _file_foreign,
    "manifest-stu4": _manifest_stu4,
    "manifest-paged": _manifest_paged,
    "manifest-errors": _manifest_errors,
    "manifest-deleted": _manifest_deleted,
    "broken-lines": _broken_lines,
}
