"""The report: one page that needs nothing else, tells what may be told, and says in words what is missing."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from analytics.config import Settings
from analytics.errors import ReleaseError
from analytics.pipeline import Pipeline
from analytics.report import figures, words
from analytics.report.page import page
from tests.unit.analytics import papers
from tests.unit.analytics.releases import finish, write_release

HASHES = {"release": "ab" * 32, "files": {"release.json": "cd" * 32}}


class Read(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def made(found: dict[str, Any] | None = None, **changes: Any) -> Read:
    return Read(page(papers.release(**changes), found or papers.of(), HASHES))


def test_it_needs_nothing_from_elsewhere() -> None:
    found = made()
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert all(value.startswith("#") for _, attributes in found.tags if (value := attributes.get("href")))
    assert not [attributes for _, attributes in found.tags if {"style", "src", "onclick", "onload"} & set(attributes)]
    policy = next(a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_every_figure_has_title_description_definition_n_and_date() -> None:
    html = page(papers.release(), papers.of(), HASHES)
    drawn = re.findall(r"<figure>(.*?)</figure>", html, re.DOTALL)
    assert len(drawn) == 10
    for number, figure in enumerate(drawn, start=1):
        assert f"Figure {number}. " in figure
        assert len(re.search(r"<p>(.*?)</p>", figure, re.DOTALL)[1]) > 30  # type: ignore[index]
        assert re.search(r'<p class="quiet">[^<]*\d{4}', figure), number
        for svg in re.findall(r"<svg.*?</svg>", figure, re.DOTALL):
            named = re.search(r'aria-labelledby="(\S+) (\S+)"', svg)
            assert named and f'<title id="{named[1]}">' in svg and f'<desc id="{named[2]}">' in svg
        assert "<table>" in figure or number == 4  # whose numbers are the last column of the table before


def test_ids_are_there_once_and_every_link_leads_somewhere() -> None:
    found = made()
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["href"] for tag, a in found.tags if tag == "a"} <= {f"#{one}" for one in ids}


SAID = [
    "31.1 % of group 2 (Diabetes with high HbA1c) had an unplanned hospital admission or died, against 5.0 % of",
    "c-statistic of 0.72 (0.69 to 0.75): 0.06 more than the best simple baseline (Charlson index, 0.66)",
    "Observed events are between 0.97 (sex: Female) and 1.04 (sex: Male) times those expected, over 3 subgroups",
    "Since the release of 31 March 2026, 1 of 3 inputs moved greatly",
    "1 of 3 groups has too few events for a rate.", "These rules name the group of 93 of 100 people.",
    "below 10.0 %", "1 smaller bin is hidden", "no Patient resource: hidden", "ab" * 32,
    "Gaussian mixture, 3",
    "One year earlier still: not possible. The history does not reach back so far.", "k-means, 2 groups (chosen)",
]  # fmt: skip


@pytest.mark.parametrize("sentence", SAID)
def test_what_it_says(sentence: str) -> None:
    assert sentence in made().text


def test_a_first_release_of_few_people_says_so_in_words() -> None:
    few = papers.of()
    evidence = few["evidence"]
    nothing = {"n": None, "followed": None, "events": None, "rate": None, "low": None, "high": None,
               "rate_below": None, "rate_above": None, "standardised": None}  # fmt: skip
    empty: dict[str, Any] = {key: [] for key in ("calibration", "screening", "subgroups", "temporal")}
    evidence |= empty | {"groups": [one | nothing for one in evidence["groups"]],
                         "discrimination": dict.fromkeys(evidence["discrimination"])}  # fmt: skip
    few["drift"] = papers.no_drift()
    few["map"] |= {"bins": [], "hidden_bins": 9}
    text = made(few, surrogate=None).text
    for sentence in (
        "Too few people or events to compare what happened in the groups afterwards.",
        "cannot be said: too few people or events", "This is the first release of sandbox in the lake.",
        "There are too few people for a map", "Not possible from these data", "Not told: no subgroup is large enough",
        "This release holds no rules that stand for its groups", "Not told: too few people or events.",
    ):  # fmt: skip
        assert sentence in text, sentence
    assert "None" not in text and "nan" not in text.split()


def test_a_release_before_with_other_inputs_is_said_not_to_be_comparable() -> None:
    found = papers.of()
    found["drift"] |= {"reason": "2 of its inputs are no longer measured", "groups": [], "features": []}
    assert "Not comparable: 2 of its inputs are no longer measured." in made(found).text


def test_what_a_name_holds_is_text_not_markup() -> None:
    groups = papers.release()["groups"]
    groups[0]["name"] = "<script>alert(1)</script>"
    assert not [tag for tag, _ in made(groups=groups).tags if tag == "script"]


def test_the_command_writes_the_newest_release_and_refuses_a_changed_one(tmp_path: Path) -> None:
    pipeline = Pipeline(Settings.from_environment({"KINDRED_HOME": str(tmp_path)}), "a")
    write_release(pipeline.lake, "a", "r1", [("p1", 1, None, None)])
    folder = pipeline.lake.release("a", "r1")
    pipeline.lake.write_json(f"{folder}/release.json", papers.release(release_id="r1", ehr="a"))
    with pytest.raises(ReleaseError, match=r"release\.json was changed"):
        pipeline.report("r1")
    finish(pipeline.lake, folder)
    assert pipeline.report() == tmp_path / "reports" / "r1.html"
    assert "Risk groups of a: report for clinical governance" in pipeline.report("r1", tmp_path / "x.html").read_text()
    with pytest.raises(ReleaseError, match="no finished release r9 of a"):
        pipeline.report("r9")
    with pytest.raises(ReleaseError, match=r"cannot be written to .*\(FileExistsError\)"):
        pipeline.report("r1", tmp_path / "x.html" / "y.html")


def test_an_axis_ends_on_round_numbers() -> None:
    assert figures.Axis(0.0, 0.357).ticks == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert figures.Axis(0.5, 1.0).ticks == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert figures.Axis(0.8, 5.6, log=True).ticks == [0.5, 1.0, 2.0, 4.0, 8.0]
    axis = figures.Axis(0.0, 1.0)
    assert (axis.x(0.0), axis.x(0.5), axis.x(1.0), axis.x(7.0)) == (3.0, 50.0, 97.0, 97.0)


def test_a_figure_that_is_not_told_has_no_mark() -> None:
    axis = figures.Axis(0.0, 1.0)
    row = {"label": "x", "said": "hidden", "value": None, "low": None, "high": None}
    assert not {"at", "from", "bound_to"} & set(figures.intervals([row], axis)["rows"][0])
    bound = figures.intervals([row | {"below": 0.5}], axis)["rows"][0]
    assert (bound["bound_from"], bound["bound_to"]) == (3.0, 50.0) and "at" not in bound


@pytest.mark.parametrize(
    ("value", "level"), [(0.0, 0), (0.24, 0), (0.25, 1), (-0.8, -2), (1.5, 3), (-9.0, -3), (None, 0)]
)
def test_the_colour_of_a_profile(value: float | None, level: int) -> None:
    assert figures.heat(value) == level


def test_the_map_has_its_first_row_at_the_bottom() -> None:
    square = figures.squares({"size": 6, "bins": [{"x": 0, "y": 0, "n": 20, "rank": 1, "rate": 0.07}]})[0]
    assert square["middle"] == (0.5, 5.5) and square["level"] == 1
    assert (square["x"], square["y"], square["side"]) == (0.02, 5.02, 0.96)


def test_words() -> None:
    assert words.day("2026-06-30T10:00:00Z") == "30 June 2026"
    assert words.short("Heart failure, many admissions, older people", 30) == "Heart failure, many…"
    assert words.rate_lines({"rate": 0.05, "low": 0.04, "high": 0.06}) == ["5.0 %", "4.0 % to 6.0 %"]
    assert words.rate_lines({"rate": None, "rate_below": 0.1}) == ["below 10.0 %"]


def test_treatments_and_care_gaps_of_each_group() -> None:
    html = page(papers.release(), papers.of(), HASHES)
    rows = dict(re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', html))

    def cells(name: str) -> list[str]:
        return [re.sub(r"<[^>]+>", " ", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", rows[name])]

    assert cells("statin") == ["31 %", "9 %", "78 %", "hidden"]
    assert [" ".join(cell.split()) for cell in cells("Blood pressure controlled")] == [
        "70 % of 500", "74 % of 101", "71 % of 340", "hidden"]  # fmt: skip
    assert cells("Statin where it is due")[1] == "nobody"
    assert "As of 30 June 2026, in whole percents" in made().text


def test_without_rules_of_care_gaps_it_says_so() -> None:
    found = papers.of()
    found["cohorts"] |= {"gaps": [], "treatments": []}
    assert "the definitions of this release hold no rules of care gaps" in made(found).text
