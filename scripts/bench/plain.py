#!/usr/bin/env python
"""Downloads files with requests, several at once, and does nothing else: what a Python user calls a plain download.

    python scripts/bench/plain.py FOLDER PARALLEL identity|gzip < urls.json

Takes {"token", "urls"} and prints {"seconds", "cpu"}. One session and as many connections as the export has; nothing is
checked, hashed, counted, logged, tried again or synced.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

BLOCK = 256 * 1024


def main(folder: str, parallel: str, coding: str) -> None:
    given = json.load(sys.stdin)
    session = requests.Session()
    session.trust_env = False
    headers = {"Authorization": f"Bearer {given['token']}", "Accept-Encoding": coding}

    def fetch(number: int, url: str) -> None:
        with session.get(url, headers=headers, stream=True, timeout=120) as answer, \
                (Path(folder) / str(number)).open("wb", buffering=0) as out:
            answer.raise_for_status()
            while block := answer.raw.read(BLOCK, decode_content=True):
                out.write(block)

    began, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(int(parallel)) as pool:
        list(pool.map(fetch, range(len(given["urls"])), given["urls"]))
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
