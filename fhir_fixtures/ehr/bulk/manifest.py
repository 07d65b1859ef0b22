"""The manifest of an export job, whole or in pages (Bulk Data Access IG 3.0, "output manifest")."""

from typing import Any

from fhir_fixtures.ehr.bulk.files import BulkFile
from fhir_fixtures.ehr.bulk.job import Job

FILES_PER_PAGE = 5  # of a partial manifest


def manifest(job: Job, ready: bool, page: int, files_url: str, status_url: str) -> dict[str, Any] | None:
    """One page, or everything when the job is not paged. None while there is nothing to show yet.

    What was shown once stays as it is: a page of an export that is under way appears when it is full, and gets its
    link when the next one does. All pages repeat `error`, as the specification says of all but output, deleted, link.
    """
    files = list(job.output)
    if not ready and (not job.partial or len(files) < page * FILES_PER_PAGE):
        return None
    first, last = ((page - 1) * FILES_PER_PAGE, page * FILES_PER_PAGE) if job.partial else (0, len(files))
    output = [_item(job, "", number, file, files_url) for number, file in enumerate(files)][first:last]
    found: dict[str, Any] = {
        "transactionTime": job.transaction_time,
        "request": job.request,
        "requiresAccessToken": True,
        "output": output,
        "deleted": [_item(job, "deleted-", n, file, files_url) for n, file in enumerate(job.deleted) if first == 0],
        "error": [_item(job, "error-", number, file, files_url) for number, file in enumerate(job.error)],
    }
    if job.organized_by:
        found["outputOrganizedBy"] = job.organized_by
    if len(files) > last and (ready or len(files) >= last + FILES_PER_PAGE):
        found["link"] = [{"relation": "next", "url": f"{status_url}?page={page + 1}"}]
    return found


def _item(job: Job, prefix: str, number: int, file: BulkFile, url: str) -> dict[str, Any]:
    item: dict[str, Any] = {"type": file.type} if file.type else {}
    item |= {"url": f"{url}/{prefix}{number}", "count": file.count}
    if file.continues:
        item["continuesInFile"] = f"{url}/{prefix}{number + 1}"
    return item


def file_named(job: Job, name: str) -> BulkFile | None:
    """The file that the last part of a link names; None for a wrong one."""
    prefix, _, number = name.rpartition("-")
    files = {"": job.output, "deleted": job.deleted, "error": job.error}.get(prefix, [])
    return files[int(number)] if number.isdecimal() and int(number) < len(files) else None
