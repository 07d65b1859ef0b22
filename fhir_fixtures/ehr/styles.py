"""SMART styles as an EHR serves them (SMART App Launch 2.2, "Styling"), and some that no app may believe."""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Blueprint, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from fhir_fixtures.ehr.sandbox import foreign_base

blueprint = Blueprint("styles", __name__)

HUGE_BYTES = 20_000_000
DEFAULT = {
    "color_background": "#f5f7f8",
    "color_error": "#9b1c1c",
    "color_highlight": "#0b5a6b",
    "color_modal_backdrop": "#1d2b33",
    "color_success": "#1d6b3a",
    "color_text": "#1d2b33",
    "dim_border_radius": "4px",
    "dim_font_size": "16px",
    "dim_spacing_size": "16px",
    "font_family_body": "system-ui, sans-serif",
    "font_family_heading": "system-ui, sans-serif",
}
DARK = DEFAULT | {"color_background": "#12181c", "color_text": "#eef2f4", "color_highlight": "#7fd1e0"}
HOSTILE: dict[str, Any] = {
    "color_background": "red; background-image: url(https://evil.example/beacon)",
    "color_error": "expression(alert(1))",
    "color_highlight": "</style><script>alert(1)</script>",
    "color_modal_backdrop": {"nested": "#000"},
    "color_success": "#zzzzzz",
    "color_text": "var(--anything)",
    "dim_border_radius": "1e9px",
    "dim_font_size": "16px; position: fixed",
    "dim_spacing_size": -16,
    "font_family_body": "x'; } body { display: none } /*",
    "font_family_heading": "url(https://evil.example/font.woff)",
    "unknown_property": "@import 'https://evil.example/x.css'",
}


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), content_type="application/json")


def _elsewhere() -> AnyResponse:
    return redirect(f"{foreign_base(request)}/styles/default.json")


STYLES: dict[str, Callable[[], AnyResponse]] = {
    "default": lambda: _json(DEFAULT),
    "dark": lambda: _json(DARK),
    "hostile": lambda: _json(HOSTILE),
    "huge": lambda: _json({**DEFAULT, "color_padding": "#" * HUGE_BYTES}),
    "list": lambda: _json([DEFAULT]),
    "html": lambda: Response("<!doctype html><title>Sign in</title>", content_type="text/html"),
    "redirect": _elsewhere,
}


@blueprint.get("/styles/<name>.json")
def style(name: str) -> AnyResponse:
    """One style; its address never changes its content, as SMART asks."""
    return STYLES[name]() if name in STYLES else abort(404)


def address(base: str, name: object, foreign: str) -> object:
    """The address of a style by name, `foreign` for one on another host; anything else is handed out as it is."""
    if name == "foreign":
        return f"{foreign}/styles/default.json"
    return f"{base}/styles/{name}.json" if isinstance(name, str) and name in STYLES else name
