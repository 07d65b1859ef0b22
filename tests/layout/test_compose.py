"""compose.yaml and the Dockerfile agree on the commands, the ports and the state folder."""

import re
from typing import Any

import pytest
import yaml

from tests.layout.sources import ROOT


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]


def test_the_three_commands_are_services_on_one_image(services: dict[str, Any]) -> None:
    ours = {name: service for name, service in services.items() if service["image"] == "kindred"}
    assert {name: service["command"][0] for name, service in ours.items()} == {
        "sandbox": "sandbox", "app": "app", "analytics": "analytics"
    }  # fmt: skip
    assert all(service["volumes"] == ["state:/state"] for service in ours.values())


def test_issuer_and_app_are_one_address_for_browser_and_server(services: dict[str, Any]) -> None:
    shared = [name for name, service in services.items() if service.get("network_mode") == "service:sandbox"]
    assert sorted(shared) == ["analytics", "app", "database"]
    assert services["sandbox"]["ports"] == ["127.0.0.1:9400:9400", "127.0.0.1:9500:9500"]


def test_the_image_runs_as_nobody_in_particular_and_keeps_its_state_in_a_volume() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    last_user = re.findall(r"^USER (\S+)$", text, re.MULTILINE)[-1]
    assert last_user == "kindred" and "VOLUME /state" in text and "KINDRED_HOME=/state" in text
