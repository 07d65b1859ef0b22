"""Counts for `/metrics` in Prometheus' text format: how often, never who."""

from collections import Counter
from threading import Lock

HELP = {
    "launches_started": "Launches that were sent on to an EHR's sign-in",
    "launches_completed": "Launches that ended with a token",
    "chart_views": "Chart pages shown",
    "chart_writes": "Resources sent to be stored in a chart, by what became of them",
    "problems": "Requests that ended with an error page, by code",
    "hook_calls": "Calls for cards, by what came of them",
    "hook_slow": "Calls for cards that took longer than 500 ms",
    "hook_cards": "Cards given, by kind",
    "hook_feedback": "Feedback on cards, by outcome and reason",
    "unread_types": "Resource types that could not be read for a chart page",
    "patient_lists": "Lists of patients shown, or why there is none",
}
_COUNTS: Counter[tuple[str, str]] = Counter()
_LOCK = Lock()


def count(name: str, code: str = "") -> None:
    """Add one to a counter of HELP, optionally by a code from our own fixed lists."""
    with _LOCK:
        _COUNTS[(name, code)] += 1


def text() -> str:
    """All counters in text exposition format 0.0.4."""
    lines = []
    with _LOCK:
        counts = dict(_COUNTS)
    for name, meaning in HELP.items():
        lines += [f"# HELP kindred_{name}_total {meaning}", f"# TYPE kindred_{name}_total counter"]
        mine = {code: value for (counter, code), value in sorted(counts.items()) if counter == name}
        lines += [f"kindred_{name}_total{_label(code)} {value}" for code, value in (mine or {"": 0}).items()]
    return "\n".join(lines) + "\n"


def _label(code: str) -> str:
    return f'{{code="{code}"}}' if code else ""
