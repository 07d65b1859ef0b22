"""`kindred export EHR --cancel`: end what is unfinished at the EHR, and forget it here."""

from analytics.config import BulkClient, Settings
from analytics.errors import EhrError
from analytics.export.auth import Authorization
from analytics.export.http import Http
from analytics.export.job import Job
from analytics.export.log import ExportLog
from analytics.export.staging import STARTED, Staging
from analytics.lake import Lake

ENDED = {200, 202, 204, 404, 405, 410, 501}  # 404, 410: it is gone already; 405, 501: the EHR cannot end jobs


def cancel_unfinished(settings: Settings, lake: Lake, ehr: str) -> str:
    """Send DELETE for every unfinished export of an EHR and forget those that it ended; what was done, in words.

    Raises EhrError where the EHR could not be told: that export stays, and can be cancelled or resumed again.
    """
    bulk = BulkClient.from_registry(settings.ehrs, ehr)
    http = Http(bulk.issuer, bulk.hosts)
    http.token = Authorization(bulk, http).token
    cancelled = 0
    with lake.alone(lake.exports(ehr), f"An export of {ehr} is running."):
        for export_id in lake.unfinished_exports(ehr):
            forget(http, Staging(lake, ehr, export_id))
            cancelled += 1
    if not cancelled:
        return f"There is no unfinished export of {ehr}."
    return f"{cancelled} unfinished export{'s' if cancelled > 1 else ''} of {ehr} cancelled and forgotten."


def forget(http: Http, staging: Staging) -> None:
    """End an export's jobs at the EHR, and forget it. Raises EhrError where the EHR does not take that."""
    log = ExportLog(staging.lake, f"{staging.folder}/log.ndjson", staging.export_id)
    state = staging.state()
    staging.say_lost()
    urls = [state[key] for key in STARTED if key in state]
    try:
        answers = [Job(http, log).delete(url) for url in urls]
    finally:
        log.flush()
    wrong = [answer for answer in answers if answer not in ENDED]
    if wrong:
        said = f"HTTP {wrong[0]}" if wrong[0] else "it cannot be reached"
        raise EhrError(f"The EHR did not take the cancellation of {staging.export_id}: {said}.",
                       "Run the same command again; nothing was forgotten.")
    staging.discard()
