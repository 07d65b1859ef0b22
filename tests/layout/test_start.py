"""`kindred --help` answers at once because it starts nothing heavy."""

import subprocess
import sys
import time

from tests.layout.sources import ROOT

HEAVY = ("pyspark", "duckdb", "flask", "pyarrow", "numpy", "fhirclient", "sqlalchemy", "app", "fhir_fixtures")


def test_importing_the_command_imports_nothing_heavy() -> None:
    code = f"import sys, analytics.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_help_is_shown_with_its_time_printed() -> None:
    begin = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-m", "analytics.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    print(f"kindred --help: {time.perf_counter() - begin:.2f} s (aim: below 0.5 s)")
    assert "demo" in result.stdout
