"""All steps as one process, what came of them, and the sandbox whose people they are about."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fhir_fixtures.population import generate, shared_resources
from tests.cluster.commands import Home
from tests.conformance.bulk.live import Live, live_sandbox

PEOPLE, SEED = 200, 11
LINES_PER_FILE = 2_000  # several files of a type, so that each executor loads some
# One date before the index date, for what is built and read there. Nothing is fitted at it: too few had the outcome.
EARLIER = {"KINDRED_EARLIER_DATES": "1"}
ALL_STEPS = """
import json, os
from analytics.config import Settings
from analytics.pipeline import Pipeline
pipeline = Pipeline(Settings.from_environment(os.environ), "sandbox", bootstraps=2)
pipeline.run()
print(json.dumps(pipeline.counts))
"""


@dataclass
class Done:
    """A home in which everything ran, and what it counted."""

    home: Home
    counts: dict[str, Any]

    def __post_init__(self) -> None:
        self.release_id = self.home.lake.finished_folders("sandbox/releases")[0]
        self.model = self.home.lake.read_json(f"sandbox/releases/{self.release_id}/release.json")

    @property
    def told(self) -> dict[str, Any]:
        """The release but for what names this run."""
        return {key: value for key, value in self.model.items() if key not in ("created_at", "release_id", "export_id")}


def python(here: Home, text: str, *arguments: str, master: str = "local[2]") -> str:
    command = [sys.executable, "-c", text, *arguments]
    environment = here.environment(KINDRED_SPARK_MASTER=master, **EARLIER)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=480)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def all_steps(here: Home, master: str) -> Done:
    return Done(here, json.loads(python(here, ALL_STEPS, master=master).splitlines()[-1]))


@contextmanager
def live_clinic(folder: Path) -> Iterator[Live]:
    """A sandbox of PEOPLE."""
    people = [line for person in generate(PEOPLE, SEED) for line in person.lines] + list(shared_resources())
    with live_sandbox(folder, lines_per_file=LINES_PER_FILE, data=people) as live:
        yield live
