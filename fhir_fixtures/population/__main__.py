"""``python -m fhir_fixtures.population``: write a population as NDJSON files, one per resource type, and its truth."""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import BinaryIO

import click

from .people import generate
from .shared import shared_resources


class Files:
    """Open NDJSON files of a folder, one per resource type."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.open = folder, dict[str, BinaryIO]()
        self.resources = self.bytes = 0

    def write(self, lines: list[tuple[str, bytes]]) -> None:
        """Append lines to the files of their types."""
        for kind, line in lines:
            if kind not in self.open:
                self.open[kind] = (self.folder / f"{kind}.ndjson").open("wb", buffering=1 << 20)
            self.open[kind].write(line + b"\n")
            self.bytes += len(line) + 1
        self.resources += len(lines)

    def close(self) -> None:
        """Flush and close all of them."""
        for file in self.open.values():
            file.close()


@click.command(epilog="Example: python -m fhir_fixtures.population --patients 1000 --seed 7 --out people --workers 2")
@click.option("--patients", type=click.IntRange(min=0), required=True, help="How many people.")
@click.option("--seed", type=int, required=True, help="The same seed gives the same people on every machine.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the files.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), default="2026-06-30", show_default=True,
              help="Last day of history.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
def main(patients: int, seed: int, out: Path, until: date, workers: int) -> None:
    """Write TYPE.ndjson files and truth.csv (patient id, archetype, risk; for tests alone) to a folder."""
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    files = Files(out)
    files.write(shared_resources())
    day = date(until.year, until.month, until.day)
    with (out / "truth.csv").open("w", encoding="utf-8", newline="") as truth:
        truth.write("patient,archetype,risk\n")
        for number, person in enumerate(generate(patients, seed, day, workers), start=1):
            files.write(person.lines)
            truth.write(f"{person.id},{person.truth.archetype},{person.truth.risk:.4f}\n")
            if number % 1000 == 0:
                print(f"{number} of {patients} patients, {time.monotonic() - began:.0f} s", file=sys.stderr)
    files.close()
    print(f"{patients} patients, {files.resources} resources, {files.bytes / 1e6:.1f} MB in "
          f"{time.monotonic() - began:.1f} s: {out}", file=sys.stderr)


if __name__ == "__main__":
    main()
