"""Scopes in the server's version, and how long a token is used."""

from typing import Any

import pytest

from analytics.export import auth
from analytics.export.auth import Authorization, Server, scopes_for

V1, V2 = ["permission-v1"], ["permission-v2"]


@pytest.mark.parametrize(("asked", "capabilities", "sent"), [
    ("system/*.rs", V1, "system/*.read"), ("system/*.rs", V2, "system/*.rs"), ("system/*.rs", [], "system/*.rs"),
    ("system/*.rs", V1 + V2, "system/*.rs"), ("system/*.read", V2, "system/*.rs"),
    ("system/Patient.rs system/Observation.rs?category=laboratory", V1, "system/Patient.read system/Observation.read"),
    ("system/Group.read system/Patient.read", V1, "system/Group.read system/Patient.read")])
def test_scopes_are_asked_in_the_version_that_the_server_knows(asked: str, capabilities: list[str], sent: str) -> None:
    assert scopes_for(asked, capabilities) == sent


class Answer:
    status_code = 200

    def __init__(self, **body: Any) -> None:
        self.body = body

    def json(self) -> dict[str, Any]:
        return self.body


@pytest.mark.parametrize(("expires_in", "used_for"), [
    (3600, 3570), (300, 270), (60, 48), (None, 270), ("300", 270), ("soon", 270), (-1, 270), (10**9, 3570),
    (float("nan"), 270)])
def test_a_token_is_renewed_before_it_ends_whatever_expires_in_says(
    expires_in: Any, used_for: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, tokens = [1000.0], iter(["one", "two", "three"])

    class Http:
        def send_patiently(self, *_: Any, **__: Any) -> Answer:
            return Answer(access_token=next(tokens), token_type="bearer", expires_in=expires_in)

    monkeypatch.setattr(auth, "discover", lambda http, client: Server("https://a/token", "system/*.rs"))
    authorization = Authorization(None, Http(), lambda: now[0])  # type: ignore[arg-type]
    assert authorization.token() == "one"
    now[0] += used_for - 1
    assert authorization.token() == "one"
    now[0] += 1
    assert authorization.token() == "two"
    assert (authorization.token(refused="one"), authorization.token(refused="two")) == ("two", "three")
