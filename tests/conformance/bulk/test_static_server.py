"""The server of the benchmarks: what a bulk client asks for, from ready files, over connections that are kept."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

SERVER = Path(__file__).parents[3] / "scripts" / "bench" / "static_server.py"
FILES = {"Patient.0.ndjson": b'{"id":"1"}\n{"id":"2"}\n', "Observation.0.ndjson": "{é}\n".encode() * 1_000_000}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("static")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    command = [sys.executable, str(SERVER), str(folder), "--registry", str(folder / "ehrs.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0


def test_it_answers_what_an_export_asks(base: str) -> None:
    with requests.Session() as http:
        token = http.get(f"{base}/.well-known/smart-configuration").json()["token_endpoint"]
        assert http.post(token, data={"grant_type": "client_credentials"}).json()["token_type"] == "bearer"
        for method in ("GET", "POST"):
            kick_off = http.request(method, f"{base}/Patient/$export?_type=Patient", json={"a": "b"})
            assert kick_off.status_code == 202
        manifest = http.get(kick_off.headers["Content-Location"]).json()
        assert [(item["type"], item["count"]) for item in manifest["output"]] == [
            ("Observation", 1_000_000), ("Patient", 2)]
        contents = [http.get(item["url"]).content for item in manifest["output"]]
        assert contents == [FILES["Observation.0.ndjson"], FILES["Patient.0.ndjson"]]
        assert http.get(f"{base}/bulk/file/2").status_code == 404
        assert http.delete(kick_off.headers["Content-Location"]).status_code == 202
        adapter = http.get_adapter(base)
        assert [pool.num_connections for pool in adapter.poolmanager.pools._container.values()] == [1]
