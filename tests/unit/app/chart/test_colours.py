"""Our own colours in both schemes: text 4.5:1, marks and focus 3:1 (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from pathlib import Path

import pytest

import app
from app.chart.palette import MARK, TEXT, contrast

CSS = Path(app.__file__).with_name("static") / "style.css"


def schemes() -> dict[str, dict[str, tuple[int, int, int]]]:
    """Each scheme's colours by name, as its :root block has them."""
    light, dark = re.findall(r":root \{([^}]*)\}", CSS.read_text("utf-8"))[:2]
    return {name: {key: _rgb(value) for key, value in re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)}
            for name, block in (("light", light), ("dark", dark))}  # fmt: skip


def _rgb(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        ("ink", "paper", TEXT), ("ink", "soft", TEXT), ("quiet", "paper", TEXT), ("quiet", "soft", TEXT),
        ("accent", "paper", TEXT), ("accent", "soft", TEXT), ("ink", "note", TEXT), ("accent", "note", TEXT),
        ("mark", "paper", MARK), ("mark", "usual", MARK), ("ink", "usual", MARK), ("note-line", "note", MARK),
        ("quiet", "paper", MARK), ("accent", "paper", MARK),
    ],
)  # fmt: skip
def test_it_can_be_read(scheme: str, front: str, back: str, least: float) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[front], colours[back]) >= least
