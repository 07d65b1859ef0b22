"""What a release cannot support is said wherever its group is told, and nowhere without a group."""

import pytest

from tests.flow.published import model
from tests.unit.app.test_narrowed_grants import RECORDS, reading_under, told_of

LIMIT = "274 people had contact before the index date, and nothing here should guide care."


@pytest.mark.parametrize("limits", [[], [LIMIT], [LIMIT, "Two of nine groups came back only in part."]])
def test_each_surface_that_tells_the_group_tells_the_limits(limits: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = told_of(reading_under("patient/*.rs", *RECORDS, release=model() | {"limits": limits}), monkeypatch)
    (card,) = [one for one in told.cards if one.kind == "group"]
    assert told.offer.finding is not None
    assert told.view.limits == told.twin["limits"] == limits
    for text in (told.note, card.detail, " ".join(told.offer.finding.notes)):
        assert [one in text for one in limits] == [True] * len(limits)
    assert told.sheet.limited is bool(limits)


def test_without_a_group_there_is_nothing_to_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    of_others = model("of other definitions") | {"limits": [LIMIT]}
    told = told_of(reading_under("patient/*.rs", *RECORDS, release=of_others), monkeypatch)
    assert (told.view.group, told.twin["limits"], told.sheet.limited) == (None, [], False)
    assert LIMIT not in told.everything
