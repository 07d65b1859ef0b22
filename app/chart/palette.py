"""The EHR's style as our stylesheet: a palette of our own names, used only if all of its text can be read (WCAG AA)."""

from collections.abc import Callable

from app.smart.style import Colour, Style

TEXT, MARK = 4.5, 3.0  # contrast of text, and of marks and lines that carry meaning (WCAG 2.2, 1.4.3 and 1.4.11)


def stylesheet(style: Style) -> str:
    """CSS that sets our variables from numbers alone; empty where nothing of the style can be used.

    For the screen only: print keeps its black on white. Both colour schemes get the EHR's colours, since it chose them.
    """
    colours, sizes = palette(style), style.sizes
    rules = [f"--{name}: {_hex(colour)};" for name, colour in colours.items()]
    rules += ["color-scheme: light;" if _is_light(colours["paper"]) else "color-scheme: dark;"] if colours else []
    if "dim_border_radius" in sizes:
        rules.append(f"--radius: {sizes['dim_border_radius'] / 16:.4g}rem;")
    if "dim_spacing_size" in sizes:
        rules.append(f"--space: {sizes['dim_spacing_size'] / 16:.4g}rem;")
    if "dim_font_size" in sizes:  # in percent, so that the size which the reader set in the browser still counts
        rules.append(f"font-size: {sizes['dim_font_size'] / 16 * 100:.4g}%;")
    return f"@media screen {{ :root {{ {' '.join(rules)} }} }}\n" if rules else ""


def palette(style: Style) -> dict[str, Colour]:
    """All colours of the page from the EHR's background, text and highlight; {} where text could not be read well.

    Half a style is none: with only one of background and text, ours would have to be guessed to fit.
    """
    paper, ink = style.colours.get("color_background"), style.colours.get("color_text")
    if paper is None or ink is None or contrast(paper, ink) < TEXT:
        return {}
    soft = _first([_mix(paper, ink, 0.05)], lambda one: contrast(one, ink) >= TEXT, paper)
    both = (paper, soft)
    highlight = [style.colours["color_highlight"]] if "color_highlight" in style.colours else []
    return {
        "paper": paper,
        "soft": soft,
        "ink": ink,
        "line": _mix(paper, ink, 0.25),
        "quiet": _first([_mix(ink, paper, 0.25)], lambda one: _reads(one, both), ink),
        "accent": _first(highlight, lambda one: _reads(one, both), ink),
        "usual": _first([_mix(paper, ink, 0.3)], lambda one: contrast(one, ink) >= MARK, soft),
        "mark": ink,
        "note": soft,
        "note-line": ink,
    }


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio" and "relative luminance")."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _reads(colour: Colour, grounds: tuple[Colour, ...]) -> bool:
    return all(contrast(colour, ground) >= TEXT for ground in grounds)


def _first(wanted: list[Colour], fits: Callable[[Colour], bool], otherwise: Colour) -> Colour:
    return next((one for one in wanted if fits(one)), otherwise)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _is_light(colour: Colour) -> bool:
    return _luminance(colour) > 0.18


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
