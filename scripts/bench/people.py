"""Generated people for the bench: made once, as lake files of the size that the export rolls them to."""

import argparse
import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from analytics.config import MIB
from analytics.lake import Lake

SEED = 7
TARGET = 128 * MIB  # KINDRED_FILE_TARGET_BYTES
EHR, EXPORT = "bench", "20260701T000000Z-0000"
AS_OF = date(2026, 6, 30)


def made(folder: Path, patients: int, workers: int = 2) -> Path:
    """Folder of TYPE-00000.ndjson, each of at most about TARGET bytes; made where it is not there yet."""
    people = folder / f"files-{patients}"
    if not people.exists():
        making = people.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        subprocess.run([sys.executable, __file__, str(making), str(patients), str(workers)], cwd=ROOT, check=True)
        making.rename(people)
    return people


def options(description: str, rounds: int, people: int) -> argparse.Namespace:
    """What a row over generated people is asked for on its command line, with its usual rounds and people."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--people", type=int, default=people)
    parser.add_argument("--folder", type=Path, default=ROOT / ".kindred/bench")
    parser.add_argument("--rows", action="store_true", help="rows as JSON, for bench.py")
    return parser.parse_args()


def as_export(people: Path, lake: Lake) -> None:
    """A finished full export in the lake, its files being links to those of `people`."""
    folder = lake.export(EHR, EXPORT)
    files, counts = [], dict[str, int]()
    lines = json.loads((people / "counts.json").read_text())
    for path in sorted(people.glob("*.ndjson")):
        kind, number = path.stem.split("-")
        target = Path(lake.local(f"{folder}/{kind}/{number}.ndjson") or "")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(path)
        files.append({"path": f"{kind}/{number}.ndjson", "type": kind, "count": lines[path.name],
                      "bytes": path.stat().st_size})
        counts[kind] = counts.get(kind, 0) + lines[path.name]
    lake.write_json(f"{folder}/manifest.json", {
        "export_id": EXPORT, "ehr": EHR, "status": "complete", "transactionTime": "2026-07-01T00:00:00Z",
        "request": "bench", "files": files, "counts": counts, "deleted": [], "errors": [], "since": None,
        "until": "2026-07-01T00:00:00Z", "base": None, "series": "bench", "members": None})
    lake.finish(folder)


class Rolled:
    """NDJSON files of a folder, TYPE-00000.ndjson, a new one begun where one is full."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines = folder, dict[str, int]()
        self._open: dict[str, tuple[IO[bytes], int, int]] = {}  # file, its number, its bytes
        folder.mkdir(parents=True)

    def write(self, kind: str, line: bytes) -> None:
        file, number, size = self._open.get(kind) or (self._new(kind, 0), 0, 0)
        if size >= TARGET:
            file.close()
            file, number, size = self._new(kind, number + 1), number + 1, 0
        file.write(line + b"\n")
        self._open[kind] = (file, number, size + len(line) + 1)
        self.lines[Path(file.name).name] += 1

    def close(self) -> None:
        for file, _, _ in self._open.values():
            file.close()
        (self.folder / "counts.json").write_text(json.dumps(self.lines))

    def _new(self, kind: str, number: int) -> IO[bytes]:
        path = self.folder / f"{kind}-{number:05d}.ndjson"
        self.lines[path.name] = 0
        return path.open("wb", buffering=1 << 20)


def generate(folder: Path, patients: int, workers: int) -> None:
    """The generator's people, in its order."""
    from fhir_fixtures.population import people
    from fhir_fixtures.population.shared import shared_resources

    rolled = Rolled(folder)
    for kind, line in shared_resources():
        rolled.write(kind, line)
    for number, person in enumerate(people.generate(patients, SEED, AS_OF, workers), start=1):
        for kind, line in person.lines:
            rolled.write(kind, line)
        if number % 5000 == 0:
            print(f"{number} of {patients} people made", file=sys.stderr)
    rolled.close()


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
