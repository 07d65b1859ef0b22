"""faults/README.md is whole, and each fault of SMART and FHIR is in a test beside this one."""

import re
from pathlib import Path

import fhir_fixtures.ehr
from fhir_fixtures.ehr.faults import all_faults
from fhir_fixtures.ehr.faults.bulk import BULK_FAULTS

ELSEWHERE = {"retry-after-date", "retry-after-nonsense", "token-expires"}  # tests/conformance/bulk has them


def test_the_table_names_every_fault_once_and_no_other() -> None:
    text = (Path(fhir_fixtures.ehr.__file__).parent / "faults" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z0-9-]+)", text, re.MULTILINE)) == sorted(all_faults())


def test_every_fault_is_tested() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_faults_*.py"))
    used = set(re.findall(r"[\"',]([a-z0-9-]+)(?==|\"|,)", text))
    assert set(all_faults()) - set(BULK_FAULTS) - ELSEWHERE - used == set()
