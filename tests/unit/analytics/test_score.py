"""score: one patient's files in whatever form an EHR hands them out."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analytics.config import Settings
from analytics.errors import ConfigError, DataError
from analytics.lake import Lake
from analytics.publish import publish
from analytics.score import score_files
from tests.unit.analytics.releases import write_release

DAY = date(2026, 6, 30)


def patient(number: int) -> list[dict[str, Any]]:
    subject = {"reference": f"Patient/ZZCANARY{number}"}
    code = {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]}
    value = {"value": 7.1, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    return [
        {"resourceType": "Patient", "id": f"ZZCANARY{number}", "birthDate": "1961-05-01", "gender": "female"},
        {"resourceType": "Observation", "id": f"o{number}", "status": "final", "subject": subject, "code": code,
         "effectiveDateTime": "2026-05-01", "valueQuantity": value},
    ]  # fmt: skip


def ndjson(*resources: dict[str, Any]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in resources).encode()


def bundle(*resources: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}, indent=2).encode()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"KINDRED_HOME": str(tmp_path / "home")})


def scored(settings: Settings, folder: Path, **files: bytes) -> dict[str, Any]:
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return score_files(settings, tuple(folder / name.replace("__", ".") for name in files), DAY, None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p__ndjson", ndjson(*patient(1))),
        ("p__ndjson__gz", gzip.compress(ndjson(*patient(1)))),
        ("p__json", bundle(*patient(1))),
        ("p__json__gz", gzip.compress(bundle(*patient(1)))),
    ],
)
def test_every_form_gives_the_same_score(settings: Settings, tmp_path: Path, name: str, content: bytes) -> None:
    found = scored(settings, tmp_path, **{name: content})
    assert (found["patient"], found["features"]["hba1c"], found["features"]["age"]) == ("ZZCANARY1", 7.1, 65.0)
    assert (found["release"], found["group"], found["group_hidden"]) == (None, None, "no_release")


def test_several_files_are_one_chart(settings: Settings, tmp_path: Path) -> None:
    one, other = patient(1)
    found = scored(settings, tmp_path, Patient__ndjson=ndjson(one), rest__json=bundle(other))
    assert found["features"]["hba1c"] == 7.1


def test_what_cannot_be_used_is_counted(settings: Settings, tmp_path: Path) -> None:
    found = scored(settings, tmp_path, p__ndjson=ndjson(*patient(1)) + b'{"ZZCANARY\n{"resourceType": "Task"}\n')
    assert found["dropped"] == {"broken_json": 1, "unused_type": 1}


def test_the_current_release_places_the_patient(settings: Settings, tmp_path: Path) -> None:
    lake = Lake(settings.lake)
    write_release(lake, "sandbox", "r1", [("p", 1, None, None)])
    publish(settings.database, lake, "sandbox", "r1")
    settings.ehrs.write_text('[sandbox]\nissuer = "http://127.0.0.1:1/fhir"\n')
    (tmp_path / "p.ndjson").write_bytes(ndjson(*patient(1)))
    found = score_files(settings, (tmp_path / "p.ndjson",), None, None)
    assert (found["as_of"], found["release"]) == ("2026-06-30", "r1")
    assert found["group"]["name"] in {"Few conditions, younger", "Diabetes with high HbA1c"}
    with pytest.raises(ConfigError, match="'other' is not a registered EHR"):
        score_files(settings, (tmp_path / "p.ndjson",), None, "other")


@pytest.mark.parametrize(
    "content",
    [
        ndjson(*patient(1), *patient(2)),
        bundle(*patient(1), *patient(2)),
        ndjson(patient(1)[1]),
        b"",
        b'{"resourceType": "Bundle"}',
        b'{"resourceType": "Bundle", "entry": null}',
        b'{"resourceType": "Bundle", "entry": [null, {"resource": 1}]}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_no_patient_or_several_is_one_sentence(settings: Settings, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError) as refused:
        scored(settings, tmp_path, p__json=content)
    assert refused.value.exit_code == 13
    assert "ZZCANARY" not in str(refused.value) and "exactly one patient" in str(refused.value)


WHOLE = gzip.compress(ndjson(*patient(1)), mtime=0)


@pytest.mark.parametrize("content", [b"not gzip", WHOLE[:-9], WHOLE[:10] + b"\xff" * 20])
def test_a_damaged_gzip_file_is_one_sentence(settings: Settings, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        scored(settings, tmp_path, p__ndjson__gz=content)


EHR = "https://sandbox.example/fhir"


def pointing(number: int, to: str) -> list[dict[str, Any]]:
    one, other = patient(number)
    return [one, other | {"subject": {"reference": to}}]


def entries(*pairs: tuple[str, dict[str, Any]]) -> bytes:
    """A Bundle of (fullUrl, resource)."""
    listed = [{"fullUrl": url, "resource": one} for url, one in pairs]
    return json.dumps({"resourceType": "Bundle", "entry": listed}).encode()


@pytest.mark.parametrize(
    ("to", "base", "used"),
    [("Patient/ZZCANARY1", None, True), (f"{EHR}/Patient/ZZCANARY1", None, False),
     (f"{EHR}/Patient/ZZCANARY1", EHR, True), (f"{EHR}/Patient/ZZCANARY1", f"{EHR}/", True),
     ("https://other.example/fhir/Patient/ZZCANARY1", EHR, False)],
)  # fmt: skip
def test_an_absolute_reference_is_the_patients_below_the_base_alone(
    settings: Settings, tmp_path: Path, to: str, base: str | None, used: bool
) -> None:
    (tmp_path / "p.ndjson").write_bytes(ndjson(*pointing(1, to)))
    found = score_files(settings, (tmp_path / "p.ndjson",), DAY, None, base)
    assert found["features"]["hba1c"] == (7.1 if used else None)
    assert found["dropped"] == ({} if used else {"subject_elsewhere": 1})


def test_the_base_is_that_of_the_ehr_whose_release_it_is(settings: Settings, tmp_path: Path) -> None:
    settings.ehrs.parent.mkdir(parents=True, exist_ok=True)
    settings.ehrs.write_text(f'[sandbox]\nissuer = "{EHR}"\n')
    assert scored(settings, tmp_path, p__ndjson=ndjson(*pointing(1, f"{EHR}/Patient/ZZCANARY1")))["dropped"] == {}


@pytest.mark.parametrize(
    ("patients_url", "others_url", "to", "used"),
    [
        ("urn:uuid:1", "urn:uuid:2", "urn:uuid:1", True),  # as Synthea writes it
        ("urn:uuid:1", "urn:uuid:2", "urn:uuid:3", False),
        ("https://x.example/r4/Patient/ZZCANARY1", "https://x.example/r4/Observation/o1", "Patient/ZZCANARY1", True),
        ("https://x.example/r4/Patient/ZZCANARY1", "https://x.example/r4/Observation/o1",
         "https://x.example/r4/Patient/ZZCANARY1", True),
        ("https://x.example/r4/Patient/ZZCANARY1", "https://y.example/r4/Observation/o1", "Patient/ZZCANARY1", False),
        ("urn:uuid:1", "https://y.example/r4/Observation/o1", "Patient/ZZCANARY1", False),
        ("urn:uuid:1", "urn:uuid:2", "Patient/ZZCANARY1", True),
    ],
)  # fmt: skip
def test_a_bundle_resolves_what_it_holds(
    settings: Settings, tmp_path: Path, patients_url: str, others_url: str, to: str, used: bool
) -> None:
    one, other = pointing(1, to)
    found = scored(settings, tmp_path, p__json=entries((patients_url, one), (others_url, other)))
    assert found["features"]["hba1c"] == (7.1 if used else None) and bool(found["dropped"]) != used


def test_a_bundle_of_two_servers_with_one_id_is_refused(settings: Settings, tmp_path: Path) -> None:
    one, other = patient(1)
    urls = (f"{EHR}/Patient/ZZCANARY1", "https://b.example/Patient/ZZCANARY1", "urn:uuid:1")
    twice = entries(*zip(urls, (one, one, other), strict=True))
    with pytest.raises(DataError, match="two resources of the same type and id") as raised:
        scored(settings, tmp_path, p__json=twice)
    assert "CANARY" not in str(raised.value)
