"""Calls of a bulk client to the sandbox, without a network between them."""

import time
from typing import Any

import orjson
from werkzeug.test import TestResponse

from fhir_fixtures.ehr.bulk.job import Job
from fhir_fixtures.ehr.vault import Access, Grant
from tests.conformance.bulk.live import Live


class Caller:
    """Calls the sandbox with a token of these scopes."""

    def __init__(self, live: Live, scope: str = "system/*.rs", client_id: str = "kindred-bulk") -> None:
        words = scope.split()
        vault = live.app.extensions["sandbox"].vault
        token = vault.access.put(Access(Grant(client_id, words), words), 300)
        self.app = live.app
        self._http = live.app.test_client()
        self._headers = {"Authorization": f"Bearer {token}", "Prefer": "respond-async"}

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {**self._headers, **options.pop("headers", {})}
        return self._http.open(path.removeprefix("http://localhost"), method=method, headers=headers, **options)

    def start(self, path: str, **options: Any) -> str:
        response = self.call(options.pop("method", "GET"), path, **options)
        assert response.status_code == 202, response.get_data()
        return response.headers["Content-Location"]

    def job(self, status: str) -> Job:
        """The sandbox's own record of a job, so that a test decides when it is ready."""
        job: Job = self.app.extensions["bulk_jobs"][status.rpartition("/")[2]]
        return job

    def wait(self, status: str) -> TestResponse:
        end = time.monotonic() + 60
        while (response := self.call("GET", status)).status_code == 202:
            assert time.monotonic() < end
            time.sleep(0.02)
        return response

    def manifest(self, path: str, **options: Any) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(self.wait(self.start(path, **options)).get_data())
        return body

    def lines(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        """The parsed lines of one file of a manifest."""
        return [orjson.loads(line) for line in self.call("GET", item["url"]).get_data().splitlines()]

    def resources(self, manifest: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        return [line for item in manifest["output"] if item["type"] == kind for line in self.lines(item)]

    def deleted(self, manifest: dict[str, Any]) -> list[str]:
        """`Type/id` of every deletion, from Bundles that say nothing else."""
        bundles = [bundle for item in manifest["deleted"] for bundle in self.lines(item)]
        assert {bundle["type"] for bundle in bundles} <= {"transaction"}
        entries = [entry["request"] for bundle in bundles for entry in bundle["entry"]]
        assert {entry["method"] for entry in entries} <= {"DELETE"}
        return [entry["url"] for entry in entries]


def counts(manifest: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for item in manifest["output"]:
        found[item["type"]] = found.get(item["type"], 0) + item["count"]
    return found


def issue(response: TestResponse) -> tuple[int, str]:
    body = orjson.loads(response.get_data())
    assert body["resourceType"] == "OperationOutcome"
    return response.status_code, body["issue"][0]["code"]
