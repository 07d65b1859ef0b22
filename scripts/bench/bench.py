#!/usr/bin/env python
"""Everything that is timed, one table. Each row is a ratio, or a figure of our own, measured in this run.

    python scripts/bench/bench.py [--only load features live hooks pipeline export publish screens]
                                  [--full] [--rounds 3]

Each part is a process of its own and can be run alone, with more to choose from: `python scripts/bench/PART.py --help`.
"""

import argparse
import os
import subprocess  # runs our own scripts
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from rows import HEAD, received

HERE = Path(__file__).parent
PARTS = ("load", "features", "live", "hooks", "pipeline", "export", "publish", "screens")
ROUNDS = ("load", "features", "export", "publish", "screens")  # take --rounds


def main() -> None:
    parser = argparse.ArgumentParser(description="Time what has a goal, each against something in the same run.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="100,000 people too: an hour, and 13 GB of disk")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start; CPU s: ours/theirs, all processes; "
          f"peak: PSS of all processes\n{HEAD}", flush=True)
    for part in given.only:
        command = [sys.executable, str(HERE / f"{part}.py"), "--rows"]
        command += ["--rounds", str(given.rounds)] if part in ROUNDS else []
        command += ["--full"] if part == "pipeline" and given.full else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                print(received(line).words(), flush=True)
        if process.returncode:
            raise SystemExit(f"{part} ended with {process.returncode}; the rows above stand.")


if __name__ == "__main__":
    main()
