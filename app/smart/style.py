"""smart_style_url (2.2, "Styling"): the EHR's colours and sizes. Only known keys with plain values are believed."""

import logging
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import requests

from app.outgoing import session
from app.registry import Ehr

LOG = logging.getLogger(__name__)
MAX_BYTES = 64 * 1024
SECONDS = 3.0
KEPT = 64  # styles; the address is the version key, so a style never changes under its address
FAILED_SECONDS = 60.0
COLOURS = {"color_background", "color_text", "color_highlight", "color_error", "color_success", "color_modal_backdrop"}
SIZES = {"dim_border_radius": (0.0, 24.0), "dim_font_size": (12.0, 24.0), "dim_spacing_size": (4.0, 32.0)}  # CSS px
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_RGB = re.compile(r"rgb\( *(\d{1,3}) *, *(\d{1,3}) *, *(\d{1,3}) *\)", re.ASCII)
_LENGTH = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)(px|rem|em|pt)", re.ASCII)
_PIXELS = {"px": 1.0, "rem": 16.0, "em": 16.0, "pt": 4 / 3}

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Style:
    """What of a style document may be used, as numbers: red, green, blue from 0 to 255; lengths in CSS pixels."""

    colours: dict[str, Colour] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)


class Styles:
    """Styles by their address. A failure is kept for a minute, so that a slow server is not asked for every page."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[float, Style | None]] = OrderedDict()
        self._lock = Lock()

    def of(self, ehr: Ehr, url: str | None) -> Style | None:
        """The style at an address on this EHR's registered origins; None where there is none to use."""
        if url is None:
            return None
        key = (ehr.name, url)
        until, style = self._kept.get(key, (0.0, None))
        if until < time.monotonic():
            style = _fetched(ehr, url)
            self._keep(key, float("inf") if style else time.monotonic() + FAILED_SECONDS, style)
        return style

    def _keep(self, key: tuple[str, str], until: float, style: Style | None) -> None:
        with self._lock:
            self._kept[key] = (until, style)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


def _fetched(ehr: Ehr, url: str) -> Style | None:
    """Ask for it without any token, on registered origins alone. Every failure is None: looks never hinder the page."""
    try:
        with session(ehr.allowed_origins, MAX_BYTES, total_seconds=SECONDS) as http:
            reply = http.get(url, headers={"Accept": "application/json"}, timeout=(SECONDS, SECONDS))
            document = reply.json() if reply.status_code == 200 else None
    except (requests.RequestException, ValueError) as error:
        LOG.warning("style not used cause=%s", type(error).__name__)
        return None
    return read_style(document) if isinstance(document, dict) else None


def read_style(document: dict[str, Any]) -> Style:
    """The allow-listed keys whose values are a colour (#rgb, #rrggbb, rgb()) or a length within bounds."""
    colours = {name: colour for name in COLOURS if (colour := _colour(document.get(name))) is not None}
    sizes = {name: size for name in SIZES if (size := _size(name, document.get(name))) is not None}
    return Style(colours, sizes)


def _colour(value: object) -> Colour | None:
    if not isinstance(value, str):
        return None
    if found := _HEX.fullmatch(value):
        digits = found[1] if len(found[1]) == 6 else "".join(one * 2 for one in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.fullmatch(value):
        red, green, blue = (int(part) for part in found.groups())
        return (red, green, blue) if max(red, green, blue) <= 255 else None
    return None


def _size(name: str, value: object) -> float | None:
    found = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    pixels, (low, high) = float(found[1]) * _PIXELS[found[2]], SIZES[name]
    return pixels if low <= pixels <= high else None
