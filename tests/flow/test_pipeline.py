"""export -> load -> build -> fit -> publish with real servers and a real Spark: counts that chain, work done once,
the same release again, and the same group live as in the batch."""

import math
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics.definitions import groups, live
from analytics.errors import ReleaseError
from analytics.publish import current, rollback
from analytics.release import hashes, papers
from app.serving import Serving
from fhir_fixtures.population import generate, shared_resources
from tests.flow.way import Lines, Way, way

PEOPLE, SEED = 150, 11
STEPS = ["export", "load", "build", "fit", "publish"]


@pytest.fixture(scope="module")
def people() -> dict[str, Lines]:
    """Each person's resources by id; those that many share are under an id of their own."""
    return {person.id: list(person.lines) for person in generate(PEOPLE, SEED)} | {"": list(shared_resources())}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, spark: Any, people: dict[str, Lines]) -> Iterator[tuple[Way, Any]]:
    """A home in which everything ran once, and the pipeline that did it."""
    everything = [line for lines in people.values() for line in lines]
    with way(tmp_path_factory.mktemp("way"), spark, everything) as home:
        pipeline = home.pipeline()
        pipeline.run()
        yield home, pipeline


@pytest.fixture(scope="module")
def model(done: tuple[Way, Any]) -> dict[str, Any]:
    found = current(done[0].settings.database, "sandbox")
    assert found is not None
    return found


def test_every_step_accounts_for_what_the_step_before_kept(done: tuple[Way, Any], people: dict[str, Lines]) -> None:
    counts = done[1].counts
    assert list(counts) == STEPS == list(done[1].seconds)
    for count in counts.values():
        assert count["read"] == count["kept"] + sum(count["dropped"].values()) > 0
    types = Counter(kind for lines in people.values() for kind, _ in lines)
    assert counts["export"]["kept"] == counts["load"]["read"] <= sum(types.values())
    assert counts["build"]["read"] == types["Patient"] == PEOPLE
    assert counts["build"]["kept"] == counts["fit"]["read"]
    assert counts["fit"]["kept"] == counts["publish"]["read"] == counts["publish"]["kept"]


def test_nothing_in_the_lake_is_for_every_user_of_the_machine(done: tuple[Way, Any]) -> None:
    """Of what we write and what Spark does, which sets modes of its own."""
    root = Path(done[1].lake.local() or "")
    modes = {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}
    assert [path for path in modes if path.endswith(".parquet")]
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o027} == {}


def test_the_groups_hold_everyone_who_was_there_a_year_before(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    pipeline = done[1]
    then = pipeline.lake.read_counts(pipeline.lake.features("sandbox", model["export_id"], model["index_date"]))
    shown = [group["n"] for group in model["groups"] if group["n"] is not None]
    assert then["kept"] - 10 * (len(model["groups"]) - len(shown)) <= sum(shown) <= then["kept"]
    rates = [group["rate"] for group in model["groups"] if group["rate"] is not None]
    assert rates == sorted(rates)
    assert [group["rank"] for group in model["groups"]] == list(range(1, len(model["groups"]) + 1))


def test_everyone_has_live_the_group_that_the_batch_gave(
    done: tuple[Way, Any], model: dict[str, Any], people: dict[str, Lines]
) -> None:
    batch = done[0].memberships(model["release_id"])
    day = date.fromisoformat(model["as_of"])
    shared = [line for _, line in people[""]]
    names = {group["rank"]: group["name"] for group in model["groups"]}
    alive = 0
    for patient, lines in people.items():
        found = live.score([*(line for _, line in lines), *shared], day, model) if patient else {"group_hidden": "-"}
        if found["group_hidden"] in ("-", "deceased", "no_patient_data"):
            continue
        rank, second, firmness = batch[patient]
        group = found["group"]
        assert (group["rank"], group["second"], group["firmness"]) == (rank, names.get(second or 0), firmness), patient
        alive += 1
    assert alive == len(batch)


def test_the_second_time_there_is_nothing_to_do(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    home, first = done
    before = home.files()
    again = home.pipeline()
    assert again.run(fresh=False) == model["release_id"]
    assert home.files() == before
    assert "export" not in again.counts
    assert again.counts == {step: first.counts[step] for step in STEPS[1:]}


def test_a_release_has_its_papers_whole_and_published(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    home, pipeline = done
    lake, folder = pipeline.lake, pipeline.lake.release("sandbox", model["release_id"])
    assert hashes.fault(lake, folder) is None
    found = papers.read(lake, folder)
    assert not any(map(papers.shows_small_cell, found.values()))
    steps = {one["step"]: one for one in found["funnel"]["steps"]}
    assert (steps["export"]["kept"], steps["load"]["kept"], steps["fit"]["kept"]) == tuple(
        pipeline.counts[step]["kept"] for step in ("export", "load", "fit")
    )
    assert len(found["map"]["bins"]) + found["map"]["hidden_bins"] > 4
    assert len(found["map"]["centres"]) == sum(group["rule"] is None for group in model["groups"])
    assert set(found["drift"]["bins"]) <= set(model["features"]) and len(found["drift"]["bins"]) > 10
    assert len(found["model-card"]["source_attributes"]) == 31
    with closing(Serving(home.settings.database)) as serving:
        release = serving.current("sandbox")
        assert release and {name: serving.document(release, name) for name in found} == found
    assert f"release {model['release_id']}" in pipeline.report(model["release_id"]).read_text()


def test_a_fit_from_scratch_gives_the_same_release(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    home, pipeline = done
    before = home.memberships(model["release_id"])
    pipeline.lake.delete(pipeline.lake.release("sandbox", model["release_id"]))
    assert home.pipeline().fit() == model["release_id"]
    again = home.release(model["release_id"])
    assert again | {"created_at": ""} == model | {"created_at": ""}
    assert home.memberships(model["release_id"]) == before


def test_what_a_crash_left_is_done_again_whole(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    """A load that ended before `_SUCCESS`: half a file of a task, another task's file, a whole one."""
    home, pipeline = done
    folder = Path(pipeline.lake.local(pipeline.lake.events("sandbox", model["export_id"])) or "")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "_SUCCESS").unlink()
    (folder / "part-99999.parquet").write_bytes(before["part-00000.parquet"])
    for attempt in ("0", "7"):
        (folder / "_temporary" / attempt).mkdir(parents=True)
        (folder / "_temporary" / attempt / "00000.parquet").write_bytes(b"half a file")
        (folder / "_temporary" / attempt / ".00001.parquet.abcd.tmp").write_bytes(b"half")
    again = home.pipeline()
    again.load()
    assert again.counts["load"] == pipeline.counts["load"]
    assert {file.name for file in folder.iterdir()} == set(before)
    assert (folder / "quarantine.ndjson").read_bytes() == before["quarantine.ndjson"]


def test_features_that_were_not_finished_are_built_again(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    home, pipeline = done
    day, earlier = date.fromisoformat(model["as_of"]), date.fromisoformat(model["index_date"])
    folders = [pipeline.lake.features("sandbox", model["export_id"], one) for one in (day, earlier)]
    pipeline.lake.delete(f"{folders[1]}/_SUCCESS")
    leftover = Path(pipeline.lake.local(folders[1]) or "") / "part-99999.parquet"
    shutil.copy(next(leftover.parent.glob("part-*.parquet")), leftover)
    again = home.pipeline()
    assert again.build() == day
    assert again.counts["build"] == pipeline.counts["build"]
    assert all(pipeline.lake.finished(folder) for folder in folders) and not leftover.exists()


def test_groups_of_an_earlier_date_leave_the_later_outcomes_alone(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    """The index date of one release may be the as-of date of another, which knows no outcomes."""
    home, pipeline = done
    earlier = date.fromisoformat(model["index_date"])
    then = pipeline.lake.features("sandbox", model["export_id"], earlier)

    def outcomes() -> int:
        return int(home.spark.read.parquet(f"{pipeline.lake.url(then)}/part-*").where("outcome = 1").count())

    before = outcomes()
    assert before > 0
    home.pipeline().build(earlier)
    home.pipeline().build(earlier + timedelta(days=365))
    assert outcomes() == before


def test_spark_places_people_as_the_definitions_do(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    """Spark ML's own prediction for centres of its own is the nearest centre of `groups`."""
    from pyspark.ml.clustering import KMeans
    from pyspark.ml.linalg import Vectors

    home, pipeline = done
    url = pipeline.lake.url(pipeline.lake.features("sandbox", model["export_id"], model["as_of"]))
    rows = [row.asDict() for row in home.spark.read.parquet(f"{url}/part-*").collect()]
    prepared = groups.prepare(groups.as_matrix(rows, model["features"]), model)
    assert prepared.shape == (len(rows), len(model["features"])) and not np.isnan(prepared).any()
    vectors = home.spark.createDataFrame([(Vectors.dense(row),) for row in prepared.tolist()], ["features"])
    fitted = KMeans(k=5, seed=1, maxIter=3).fit(vectors)
    theirs = [row.prediction for row in fitted.transform(vectors).collect()]
    centres = [centre.tolist() for centre in fitted.clusterCenters()]
    assert theirs == groups.squared_distances(prepared, centres).argmin(axis=1).tolist()


def test_each_centre_is_about_the_mean_of_its_people(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    """Spark's k-means has come to rest, in the arithmetic of the live score; then centres move away from what only a
    few people have (analytics/centres.py), and with them one person or another on the border."""
    home, pipeline = done
    url = pipeline.lake.url(pipeline.lake.features("sandbox", model["export_id"], model["index_date"]))
    rows = [row.asDict() for row in home.spark.read.parquet(f"{url}/part-*").collect()]
    values = groups.as_matrix(rows, model["features"])
    placed = groups.assign(values, groups.as_matrix(rows, ["days_since_contact"])[:, 0], model)
    prepared = groups.prepare(values, model)
    for group in model["groups"]:
        mine = [row for row, found in zip(prepared, placed, strict=True) if found.rank == group["rank"]]
        if group["rule"] is None:
            off = np.abs(np.mean(mine, axis=0) - group["centre"])
            told = [place for place, name in enumerate(model["features"]) if group["share"][name] is not None]
            assert len(told) > 10 and off[told].mean() < 0.1


def test_one_release_back(done: tuple[Way, Any], model: dict[str, Any]) -> None:
    home, _ = done
    with pytest.raises(ReleaseError, match="no earlier release"):
        rollback(home.settings.database, "sandbox")
    other = Way(home.settings, home.spark, bootstraps=2).pipeline()
    newer = other.publish(other.fit(date.fromisoformat(model["as_of"])))
    assert newer != model["release_id"]
    drift = home.pipeline().lake.read_json(f"sandbox/releases/{newer}/drift.json")
    assert drift["previous"]["release_id"] == model["release_id"] and drift["previous"]["same_definitions"]
    assert [(one["rank"], one["before"]) for one in drift["groups"]] == [(g["rank"], b) for g, b in zip(
        model["groups"], [one["now"] for one in drift["groups"]], strict=True)]  # the same people, the same centres
    assert {one["psi"] for one in drift["features"]} <= {0.0, None} and drift["features"]
    assert rollback(home.settings.database, "sandbox") == model["release_id"]
    found = current(home.settings.database, "sandbox")
    assert found is not None and found["release_id"] == model["release_id"]


def test_a_release_holds_numbers_only(model: dict[str, Any], people: dict[str, Lines]) -> None:
    import json

    text = json.dumps(model)
    assert not [patient for patient in people if patient and patient in text]
    assert all(math.isfinite(number) for group in model["groups"] for number in group["centre"] or [])
