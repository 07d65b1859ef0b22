"""A rotating refresh token is used once, however many threads and processes find the access token refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.people import ANA
from tests.flow.test_launch_context import faulty
from tests.flow.world import SECONDS, World

PROCESSES, THREADS = 2, 8
FAULTS = {
    "narrower": "refresh-fewer-scopes,token-expires=30",
    "someone_else": "refresh-other-patient,token-expires=30",
    "no_context": "refresh-no-context,token-expires=30",
    "over": "refresh-invalid-grant,token-expires=30",
    "down": "refresh-500,token-expires=30",
}
# One process of the app as far as tokens go: its own engine over the same file, threads that start together.
PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from app.database import open_database
from app.registry import Ehr
from app.smart import Smart, Store, Waiting

home, issuer, client, redirect, sid, browser, threads = sys.argv[1:]
ehr = Ehr("sandbox", issuer, client, "public", redirect, ("launch",))
engine = open_database(Path(home))
key = b"0" * 32
smart = Smart(engine, Store(engine, key), Waiting(engine, key), {"sandbox": ehr}, {issuer: ehr})
launch = smart.store.find(sid, browser)
together = Barrier(int(threads))

def refresh(_):
    bearer = smart.bearer(launch)
    together.wait()
    bearer.refresh(launch.token.access)
    return bearer.launch.token.access

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(int(threads)) as pool:
    print(*set(pool.map(refresh, range(int(threads)))), flush=True)
engine.dispose()
"""


def test_two_processes_of_eight_threads_use_it_once_and_all_get_the_new_token(world: World, browser) -> None:
    sid = browser.get(world.launch_url(ANA), timeout=SECONDS).url.split("/")[-2]
    ehr = world.config.ehrs["sandbox"]
    told = [world.home, ehr.issuer, ehr.client_id, ehr.redirect_uri, sid, browser.cookies["kindred"], THREADS]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, *map(str, told)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    world.requests_seen.clear()
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert answers[0] == answers[1] and len(answers[0]) == 1
    assert world.requests_seen.count("/auth/token") == 1
    assert f'data-patient="{ANA}"' in browser.get(f"{world.app_url}/s/{sid}/", timeout=SECONDS).text


def test_one_page_whose_parallel_reads_are_all_refused_refreshes_once(world: World, browser) -> None:
    page = browser.get(world.launch_url(ANA), timeout=SECONDS)
    world.ehr.app.extensions["sandbox"].vault.access._items.clear()
    world.requests_seen.clear()
    again = browser.get(page.url, timeout=SECONDS)
    assert f'data-patient="{ANA}"' in again.text and "Could not be read" not in again.text
    assert world.requests_seen.count("/auth/token") == 1


class TestARefreshOfATokenThatEnds:
    def test_narrows_what_is_read(self, world, browser) -> None:
        page = browser.get(faulty(world, "narrower"), timeout=SECONDS)
        assert "<strong>Visits and stays</strong>: the EHR did not grant it." in page.text

    def test_keeps_the_launch_context_that_the_reply_leaves_out(self, world, browser) -> None:
        page = browser.get(faulty(world, "no_context"), timeout=SECONDS)
        assert f'data-patient="{ANA}"' in page.text and "Signed in as Dr. Amara Okafor." in page.text

    @pytest.mark.parametrize(("name", "code"), [("someone_else", "patient_mismatch"), ("over", "session_ended")])
    def test_that_names_another_patient_or_is_refused_ends_the_launch(self, world, browser, name, code) -> None:
        page = browser.get(faulty(world, name), timeout=SECONDS)
        assert f"<code>{code}</code>" in page.text and ANA not in page.text
        assert "<code>session_unknown</code>" in browser.get(page.url, timeout=SECONDS).text

    def test_that_fails_for_now_leaves_a_token_that_still_holds(self, world, browser) -> None:
        page = browser.get(faulty(world, "down"), timeout=SECONDS)
        assert f'data-patient="{ANA}"' in page.text
