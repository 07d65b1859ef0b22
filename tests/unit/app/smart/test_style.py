"""smart_style_url: which values are believed, and that no text of the page ever gets hard to read by them."""

import json
import random
import re
from typing import Any

import pytest

from app.chart.palette import MARK, TEXT, contrast, palette, stylesheet
from app.smart import style as style_module
from app.smart.style import KEPT, Style, Styles, read_style

CALM = {"color_background": "#f5f7f8", "color_text": "rgb(29, 43, 51)", "color_highlight": "#05a"}
OURS = re.compile(r"--[a-z-]+: (#[0-9a-f]{6}|[0-9.]+rem);|color-scheme: (light|dark);|font-size: [0-9.]+%;")


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#1d2b33", (29, 43, 51)), ("#FFF", (255, 255, 255)), ("rgb(1,2,3)", (1, 2, 3)), ("rgb( 1, 2, 3 )", (1, 2, 3)),
        *[(odd, None) for odd in (
            "red", "#12", "#12345", "#1d2b3380", "rgba(1,2,3,.5)", "rgb(256,0,0)", "rgb(1 2 3)", "#fff;", "#fff\n", "",
            "var(--x)", "url(x)", "#fff url(https://evil.example)", None, 7, ["#fff"], {"a": "#fff"}, "#ｆｆｆ",
            "rgb(١,٢,٣)",
        )],
    ],
)  # fmt: skip
def test_a_colour_is_three_numbers_or_nothing(text: Any, colour: Any) -> None:
    assert read_style({"color_text": text}).colours.get("color_text") == colour


@pytest.mark.parametrize(
    ("name", "text", "pixels"),
    [
        ("dim_font_size", "16px", 16), ("dim_font_size", "1.125rem", 18), ("dim_font_size", "12pt", 16),
        ("dim_border_radius", "0px", 0), ("dim_spacing_size", "1em", 16),
        *[("dim_font_size", odd, None) for odd in (
            "11px", "25px", "16", "16px;", "16 px", "-16px", "1e9px", "calc(1px)", "100%", 16, None, "16px\n", "١٦px",
        )],
        ("dim_border_radius", "25px", None), ("dim_spacing_size", "3px", None),
    ],
)  # fmt: skip
def test_a_length_is_a_number_within_bounds_or_nothing(name: str, text: Any, pixels: Any) -> None:
    assert read_style({name: text}).sizes.get(name) == pixels


def test_other_keys_are_not_looked_at() -> None:
    odd = {"font_family_body": "x", "color_padding": "#fff", "dim_width": "16px", "__proto__": "#fff"}
    assert read_style(odd) == Style()


def test_contrast_is_that_of_wcag() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)  # #777: just below AA
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.005)


class TestTheStylesheet:
    def test_is_made_of_numbers_under_our_own_names(self) -> None:
        sheet = stylesheet(read_style({**CALM, "dim_font_size": "18px", "dim_border_radius": "4px"}))
        assert sheet.startswith("@media screen { :root { ") and sheet.endswith(" } }\n")
        rules = sheet.removeprefix("@media screen { :root { ").removesuffix(" } }\n")
        assert OURS.sub("", rules).strip() == ""
        assert "--accent: #0055aa;" in rules and "font-size: 112.5%;" in rules and "--radius: 0.25rem;" in rules

    @pytest.mark.parametrize(
        "change",
        [{"color_text": "#777"}, {"color_text": None}, {"color_background": None}, {"color_background": "#333333"},
         {"color_text": "red"}],
    )  # fmt: skip
    def test_has_no_colours_where_text_would_be_hard_to_read_or_half_is_missing(self, change: dict[str, Any]) -> None:
        assert stylesheet(read_style({**CALM, **change})) == ""
        assert "--radius: 0.25rem;" in stylesheet(read_style({**CALM, **change, "dim_border_radius": "4px"}))

    def test_has_our_text_colour_for_links_where_the_highlight_is_too_pale(self) -> None:
        assert "--accent: #1d2b33;" in stylesheet(read_style({**CALM, "color_highlight": "#9cf"}))

    @pytest.mark.parametrize(("paper", "ink", "scheme"), [("#fff", "#000", "light"), ("#123", "#eee", "dark")])
    def test_names_the_scheme_for_the_browsers_own_parts(self, paper: str, ink: str, scheme: str) -> None:
        assert f"color-scheme: {scheme};" in stylesheet(read_style({"color_background": paper, "color_text": ink}))

    def test_keeps_every_text_and_mark_readable_whatever_the_ehr_sends(self) -> None:
        draw, used = random.Random(7), 0
        for _ in range(2000):
            colours = {name: tuple(draw.randrange(256) for _ in range(3)) for name in style_module.COLOURS}
            made = palette(Style(colours))  # type: ignore[arg-type]
            used += bool(made)
            for ground in ("paper", "soft", "note") if made else ():
                assert contrast(made["ink"], made[ground]) >= TEXT
            for text in ("quiet", "accent") if made else ():
                assert min(contrast(made[text], made["paper"]), contrast(made[text], made["soft"])) >= TEXT
            assert not made or min(contrast(made["mark"], made[one]) for one in ("usual", "paper")) >= MARK
        assert used > 200


class TestStyles:
    @pytest.fixture
    def answered(self, serve, ehr_at):
        def make(*replies: Any) -> Any:
            left = list(replies)
            here = serve(lambda _: left.pop(0) if len(left) > 1 else left[0])
            return Styles(), ehr_at(here.url), here

        return make

    GOOD = (200, {}, json.dumps(CALM).encode())

    def test_are_fetched_once_for_each_address_and_without_a_token(self, answered) -> None:
        styles, ehr, here = answered(self.GOOD)
        for path in ("1", "1", "2", "1"):
            assert styles.of(ehr, f"{here.url}/{path}").colours["color_text"] == (29, 43, 51)
        assert [request[1] for request in here.requests] == ["/1", "/2"]
        assert not [request for request in here.requests if "Authorization" in request[2]]

    @pytest.mark.parametrize(
        "reply",
        [(404, {}, b"{}"), (500, {}, b"{}"), (302, {"Location": "/2"}, b""), (200, {}, b"[]"), (200, {}, b"<html>"),
         (200, {}, b'{"a": "' + b"x" * 70_000 + b'"}'), (200, {}, b"\xff")],
    )  # fmt: skip
    def test_that_fail_are_none_and_not_asked_for_again_at_once(self, answered, reply) -> None:
        styles, ehr, here = answered(reply)
        asked = f"{here.url}/style"
        assert styles.of(ehr, asked) is None
        before = len(here.requests)
        assert styles.of(ehr, asked) is None and len(here.requests) == before

    def test_that_failed_are_asked_for_again_later(self, answered, monkeypatch) -> None:
        monkeypatch.setattr(style_module, "FAILED_SECONDS", -1.0)
        styles, ehr, here = answered((404, {}, b""), self.GOOD)
        assert styles.of(ehr, f"{here.url}/1") is None
        assert styles.of(ehr, f"{here.url}/1") is not None

    @pytest.mark.parametrize("url", ["https://elsewhere.example/s", "file:///etc/passwd", "x", "http://[", "//h", None])
    def test_from_elsewhere_are_not_asked_for(self, answered, url, caplog) -> None:
        styles, ehr, here = answered(self.GOOD)
        assert styles.of(ehr, url) is None and here.requests == []
        assert "elsewhere" not in caplog.text

    def test_are_forgotten_before_they_fill_the_memory(self, answered) -> None:
        styles, ehr, here = answered(self.GOOD)
        for number in range(KEPT + 5):
            styles.of(ehr, f"{here.url}/{number}")
        assert len(styles._kept) == KEPT
