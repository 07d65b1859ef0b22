"""An opening as every page begins with it, over a release written by hand; no EHR and no database is asked."""

from collections.abc import Callable
from typing import Any

import pytest

from app.cohorts.opening import Opening
from app.serving import Membership, Release
from app.smart.context import Context
from app.smart.tokens import Launch, Token
from tests.unit.analytics import papers
from tests.unit.app.cohorts.cohorts_paper import cohorts


def every_paper() -> dict[str, Any]:
    return papers.of() | {"cohorts": cohorts()}


@pytest.fixture
def opened(ehr_at: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Opening]:
    """Makes an opening: `without` names papers that the release lacks, `changed` replaces some, `rank` is the open
    patient's group."""

    class Stand:
        def __init__(self, found: dict[str, Any], rank: int | None) -> None:
            self.found, self.rank = found, rank

        def document(self, _release: Release, name: str) -> Any:
            return self.found.get(name)

        def membership(self, _release: Release, _patient: str) -> Membership | None:
            return Membership(self.rank, None, 0.4) if self.rank else None

    def make(
        *without: str, changed: dict[str, Any] | None = None, rank: int | None = None, patient: str | None = None,
        model: dict[str, Any] | None = None, has_release: bool = True,
    ) -> Opening:  # fmt: skip
        found = {name: one for name, one in every_paper().items() if name not in without} | (changed or {})
        monkeypatch.setattr("app.cohorts.opening.serving", lambda: Stand(found, rank))
        made = model or papers.release()
        release = Release(made["release_id"], made["as_of"], made) if has_release else None
        launch = Launch("s" * 43, "here", Context(patient=patient, scopes=("patient/*.rs",)), Token("t"))
        return Opening(None, ehr_at("https://ehr.example"), launch, release, "patient_scoped")  # type: ignore[arg-type]

    return make
