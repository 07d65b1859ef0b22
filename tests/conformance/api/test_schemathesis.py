"""Schemathesis makes requests from the contract, good and bad, and holds every reply against it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,positive_data_acceptance,missing_required_header,"
    "unsupported_method,allow_header_conformance,ignored_auth"
)


@pytest.mark.parametrize("phases", ["examples,coverage", "fuzzing"])
def test_every_reply_keeps_the_contract(program: Any, tmp_path: Path, phases: str) -> None:
    (cookie,) = program.http.cookies
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        f'headers = {{ Origin = "{program.world.app_url}" }}\n[auth.openapi.browser]\napi_key = "{cookie.value}"\n'
        f'[parameters]\n"path.sid" = "{program.sid}"\n"header.Kindred-Patient" = "{program.mark}"\n'
    )
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config),
        "run", f"{program.world.app_url}/api/v1/openapi.json", "--url", program.world.app_url, "--checks", CHECKS,
        "--phases", phases, "--max-examples", "15", "--seed", "7", "--no-color", "--generation-database", "none",
        "--continue-on-failure", "--suppress-health-check", "all", "--report", "json",
        "--report-json-path", str(tmp_path / "report.json"),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
    assert json.loads((tmp_path / "report.json").read_text())
