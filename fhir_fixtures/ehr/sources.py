"""Where the resources come from: the population generator, or a folder of NDJSON files."""

import gzip
import os
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from fhir_fixtures.population import generate, shared_resources

UNTIL = date(2026, 6, 30)  # the last day of the generated histories
SUFFIXES = (".ndjson", ".ndjson.gz")
PARALLEL_FROM = 200  # patients; below it starting processes costs more than they save


class Generated:
    """A seeded population. After the last line `stories` is complete."""

    def __init__(self, patients: int, seed: int) -> None:
        self.patients, self.seed = patients, seed
        self.parameters = f"generated {patients} {seed} {UNTIL.isoformat()}"
        self.stories: dict[str, str] = {}

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Shared resources, then person by person."""
        yield from shared_resources()
        workers = min(os.cpu_count() or 1, 4) if self.patients >= PARALLEL_FROM else 1
        for person in generate(self.patients, self.seed, UNTIL, workers=workers):
            if person.story:
                self.stories[person.id] = person.story
            yield from person.lines

    def place(self) -> str:
        """Generated lines have no file."""
        return ""

    def today(self, notes: dict[str, str]) -> date:
        """The day on which the histories end."""
        return UNTIL


class Folder:
    """`TYPE*.ndjson` and `TYPE*.ndjson.gz` files of a folder. Raises ValueError when there are none."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(file for file in folder.glob("*") if file.name.endswith(SUFFIXES))
        if not self.files:
            raise ValueError(f"{folder} holds no *.ndjson or *.ndjson.gz files")
        stamps = [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in self.files]
        self.parameters = f"folder {folder.resolve()} {stamps}"
        self.stories: dict[str, str] = {}
        self._file, self._line = self.files[0], 0

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Every line that is not blank, with the type that its file's name begins with. ValueError for a cut-off
        file.
        """
        for file in self.files:
            self._file = file
            kind = file.name.split(".")[0]
            try:
                for self._line, line in enumerate(_raw_lines(file), start=1):
                    if line.strip():
                        yield kind, line.rstrip(b"\r\n")
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{file} is not a whole gzip file") from error

    def place(self) -> str:
        """File and line number of the line given last."""
        return f"{self._file.name}:{self._line}"

    def today(self, notes: dict[str, str]) -> date:
        """The day of the newest Encounter; today where the data have none."""
        newest = notes.get("newest_encounter")
        return date.fromisoformat(newest) if newest else date.today()


def _raw_lines(file: Path) -> Iterator[bytes]:
    with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
        yield from lines


Source = Generated | Folder
