"""Faults of a bulk export's manifest. README.md says what each does."""

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, outcome

Manifest = dict[str, Any]
NDJSON = "application/fhir+ndjson"


def is_status(call: Call) -> bool:
    return call.path.startswith("/fhir/bulk/status/") and call.request.method == "GET"


def is_file(call: Call) -> bool:
    return call.path.startswith("/fhir/bulk/file/")


def change_manifest(call: Call, answer: Answer, change: Callable[[Manifest], None]) -> Response:
    """The answer; a manifest in it is changed first."""
    response = answer()
    if is_status(call) and response.status_code == 200 and response.mimetype == "application/json":
        manifest = orjson.loads(response.get_data())
        change(manifest)
        response.set_data(orjson.dumps(manifest))
    return response


def changed(change: Callable[[Manifest], None]) -> Fault:
    """A fault that does no more than change manifests."""
    return lambda call, answer: change_manifest(call, answer, change)


def _more_counted(manifest: Manifest) -> None:
    for item in manifest["output"]:
        item["count"] += 7


def _none_counted(manifest: Manifest) -> None:
    for item in manifest["output"]:
        item["count"] = 0


def _no_count(manifest: Manifest) -> None:
    for item in manifest["output"]:
        del item["count"]


def _elsewhere(manifest: Manifest) -> None:
    """The manifest sends the token to another host: not the EHR's, unless that host is registered too."""
    for item in manifest["output"]:
        item["url"] = item["url"].replace("127.0.0.1", "localhost")


def _ballot(manifest: Manifest) -> None:
    """The 4.0 ballot: `outcome` for `error`, no `request`, `extension` a list."""
    manifest["outcome"] = manifest.pop("error")
    del manifest["request"]
    manifest.update(manifestType="http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest",
                    outputFormat=NDJSON, extension=[])


def _first_twice(manifest: Manifest) -> None:
    manifest["output"] += manifest["output"][:1]


def _other_types(manifest: Manifest) -> None:
    """The first Observation file is announced as one of Conditions."""
    next(item for item in manifest["output"] if item["type"] == "Observation")["type"] = "Condition"


def _not_json(call: Call, answer: Answer) -> Response:
    response = answer()
    if is_status(call) and response.status_code == 200:
        return Response("<!doctype html><title>Sign in</title>", 200, content_type="text/html")
    return response


def _reorder(call: Call, answer: Answer) -> Response:
    """Every second manifest of a job lists its files the other way round."""
    def turn(manifest: Manifest) -> None:
        if call.count(call.path) % 2 == 0:
            manifest["output"].reverse()

    return change_manifest(call, answer, turn)


def _paged(call: Call, answer: Answer) -> Response:
    """The manifest comes in pages of two files, asked for or not."""
    page = int(call.request.args.get("fault-page", 1))

    def cut(manifest: Manifest) -> None:
        more = len(manifest["output"]) > page * 2
        manifest["output"] = manifest["output"][page * 2 - 2 : page * 2]
        if more:
            manifest["link"] = [{"relation": "next", "url": f"{call.request.base_url}?fault-page={page + 1}"}]

    return change_manifest(call, answer, cut)


def _issues(severity: str, call: Call, answer: Answer) -> Response:
    """The manifest names one error file with one OperationOutcome of this severity."""
    if is_file(call) and call.request.args.get("fault-error") == severity:
        call.request.environ["kindred.signed_link"] = True
        issue = {"severity": severity, "code": "exception", "diagnostics": "A fault that was switched on."}
        line = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}) + b"\n"
        return Response(line, 200, content_type=NDJSON)

    def add(manifest: Manifest) -> None:
        url = f"{manifest['output'][0]['url']}?fault-error={severity}"
        manifest["error"] = [{"type": "OperationOutcome", "url": url, "count": 1}]

    return change_manifest(call, answer, add)


def _deleted(call: Call, answer: Answer) -> Response:
    """The manifest names a file of deletions with one Bundle: Observation/gone-1 and Observation/gone-2."""
    if is_file(call) and call.request.args.get("fault-deleted"):
        entries = [{"request": {"method": "DELETE", "url": f"Observation/gone-{number}"}} for number in (1, 2)]
        body = orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + b"\n"
        return Response(body, 200, content_type=NDJSON)

    def add(manifest: Manifest) -> None:
        url = manifest["output"][0]["url"] + "?fault-deleted=1"
        manifest["deleted"] = [{"type": "Bundle", "url": url, "count": 1}]

    return change_manifest(call, answer, add)


def _file_expired(call: Call, answer: Answer) -> Response:
    """Links of the first manifest work for so many requests, then 410; those of the next manifest work."""
    if is_file(call):
        first = call.request.args.get("links") == "1"
        return outcome(410, "expired") if first and call.count("links") > call.number else answer()

    def stamp(manifest: Manifest) -> None:
        call.memory["manifests"] = call.memory.get("manifests", 0) + 1
        for item in manifest["output"]:
            item["url"] += f"?links={call.memory['manifests']}"

    return change_manifest(call, answer, stamp)


MANIFEST_FAULTS: dict[str, Fault] = {
    "manifest-stu4": changed(_ballot),
    "manifest-paged": _paged,
    "manifest-errors": partial(_issues, "error"),
    "manifest-warnings": partial(_issues, "warning"),
    "manifest-fatal": partial(_issues, "fatal"),
    "manifest-deleted": _deleted,
    "manifest-not-json": _not_json,
    "manifest-duplicate": changed(_first_twice),
    "manifest-reordered": _reorder,
    "file-expired": _file_expired,
    "file-truncated-count": changed(_more_counted),
    "file-zero-count": changed(_none_counted),
    "file-no-count": changed(_no_count),
    "file-wrong-type": changed(_other_types),
    "file-foreign-host": changed(_elsewhere),
}
