"""Manifests as servers send them: again with new links, with a file named twice, organized by patient."""

from typing import Any

import pytest

from analytics.export.manifest import Manifest, counted

FILES = [("Patient", "https://a/1", 40), ("Patient", "https://a/2", 40), ("Observation", "https://a/3", 7)]


def manifest(files: list[tuple[str, str, int | None]], **page: Any) -> Manifest:
    output = [{"type": kind, "url": url, "count": count} for kind, url, count in files]
    return Manifest.from_pages([{"transactionTime": "t", "output": output, **page}])


def signed(files: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    return [(kind, f"{url}?signature=new", count) for kind, url, count in files]


@pytest.mark.parametrize("order", [FILES, FILES[::-1], [FILES[1], FILES[0], FILES[2]]])
def test_new_links_reach_the_files_that_they_are_for_in_whatever_order(order: list[tuple[str, str, int]]) -> None:
    new = manifest(FILES).relinked(manifest(signed(order)))
    assert new is not None
    assert [(file.index, file.url) for file in new.files] == [
        (0, "https://a/1?signature=new"), (1, "https://a/2?signature=new"), (2, "https://a/3?signature=new")]


def test_addresses_that_changed_as_a_whole_are_taken_by_their_place() -> None:
    moved = [(kind, f"https://b/{number}", count) for number, (kind, _, count) in enumerate(FILES)]
    new = manifest(FILES).relinked(manifest(moved))
    assert new is not None and [file.url for file in new.files] == ["https://b/0", "https://b/1", "https://b/2"]


@pytest.mark.parametrize("other", [
    FILES[:2], [FILES[0], FILES[1], ("Observation", "https://a/3", 8)],
    [FILES[2], FILES[1], ("Patient", "https://b/1", 40)]])
def test_other_files_are_no_new_links(other: list[tuple[str, str, int | None]]) -> None:
    assert manifest(list(FILES)).relinked(manifest(other)) is None
    assert manifest(list(FILES)).relinked(manifest(list(FILES), transactionTime="later")) is None


def test_a_file_that_is_named_twice_is_one() -> None:
    twice = manifest([*FILES, FILES[0]])
    assert [file.url for file in twice.files] == [url for _, url, _ in FILES]
    page = {"transactionTime": "t", "error": [{"url": "https://a/error"}]}
    assert len(Manifest.from_pages([page, page]).files) == 1, "pages repeat `error`"


def test_files_organized_by_patient_hold_several_types() -> None:
    page = {"transactionTime": "t", "outputOrganizedBy": "Patient", "output": [{"url": "https://a/1"}]}
    assert [file.type for file in Manifest.from_pages([page]).files] == ["Mixed"]


def test_the_files_of_two_jobs_are_one_list() -> None:
    both = manifest(FILES[:1]).and_also(manifest(FILES[1:]))
    assert [(file.index, file.url) for file in both.files] == [(n, url) for n, (_, url, _) in enumerate(FILES)]


def test_resources_are_counted_ahead_only_where_every_file_says_how_many() -> None:
    assert counted(manifest(FILES).files) == 87
    assert counted(manifest([*FILES, ("Patient", "https://a/4", None)]).files) is None
