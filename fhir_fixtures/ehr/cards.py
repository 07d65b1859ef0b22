"""Cards of CDS services in a chart: shown, followed to the app they link to, or turned down with a reason."""

from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for

from fhir_fixtures.ehr import hooks, markdown
from fhir_fixtures.ehr.orders import Medicine
from fhir_fixtures.ehr.sandbox import sandbox

blueprint = Blueprint("cards", __name__, url_prefix="/cards")

CARD_SECONDS = 3600
WORDS = {"info": "For information", "warning": "Please look", "critical": "Urgent"}


def shown(patient: str, user: str, medicine: Medicine | None = None) -> Callable[[], list[dict[str, Any]]]:
    """The cards of a chart, or of a medicine chosen in it, asked for when the page comes to where they stand."""
    return lambda: list(_cards(patient, user, medicine))


def _cards(patient: str, user: str, medicine: Medicine | None) -> Iterator[dict[str, Any]]:
    asked = hooks.order_select(patient, user, medicine) if medicine else hooks.patient_view(patient, user)
    for answer in asked:
        for card in answer.cards:
            handle = sandbox().vault.cards.put({"card": card, "service": answer.service, "patient": patient},
                                               CARD_SECONDS)  # fmt: skip
            yield {
                "handle": handle,
                "summary": card["summary"],
                "indicator": card.get("indicator") if card.get("indicator") in WORDS else "info",
                "urgency": WORDS.get(str(card.get("indicator")), WORDS["info"]),
                "source": _label(card.get("source")),
                "detail": markdown.html(str(card.get("detail") or "")),
                "links": [one["label"] for one in _links(card)],
                "reasons": _dicts(card.get("overrideReasons")),
            }


def app_context(handle: str | None, number: int, patient: str) -> str | None:
    """What the link of a card hands to the app it opens; 404 for a card of another chart, or of none."""
    kept = sandbox().vault.cards.get(handle) or abort(404)
    links = _links(kept["card"])
    if kept["patient"] != patient or not 0 <= number < len(links):
        abort(404)
    context = links[number].get("appContext")
    return context if isinstance(context, str) else None


@blueprint.post("/<handle>/dismiss")
def dismiss(handle: str) -> Response:
    """Turn a card down, tell its service why, and go back to the chart."""
    kept = sandbox().vault.cards.take(handle) or abort(404)
    chosen = request.form.get("reason")
    known = [one for one in _dicts(kept["card"].get("overrideReasons")) if one.get("code") == chosen]
    if kept["card"].get("uuid"):
        hooks.send_feedback(kept["service"], kept["card"]["uuid"], known[0] if known else None)
    clinician, order = request.form.get("clinician"), request.form.get("order")
    back = url_for("launcher.chart", patient=kept["patient"], clinician=clinician, order=order)
    return redirect(back, 303)  # type: ignore[return-value]


def _links(card: dict[str, Any]) -> list[dict[str, Any]]:
    """Links that open a registered app; an EHR follows no other."""
    registered = {client.launch_uri for client in sandbox().clients.values() if client.launch_uri}
    return [one for one in _dicts(card.get("links")) if one.get("type") == "smart" and one.get("url") in registered
            and isinstance(one.get("label"), str)]  # fmt: skip


def _label(source: object) -> str:
    label = source.get("label") if isinstance(source, dict) else None
    return label if isinstance(label, str) else ""


def _dicts(values: object) -> list[dict[str, Any]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
