"""Faults of a bulk export's files. README.md says what each does."""

import gzip
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from werkzeug.wrappers import Response

from fhir_fixtures.ehr.faults.bulk_manifest import Manifest, change_manifest, is_file
from fhir_fixtures.ehr.faults.fault import Answer, Call, Fault, outcome

LONG = 10_000_000  # bytes in one line
BORDERS = 2 << 20  # multi-byte letters reach so far


def broken_lines(patient: str = "Patient/no-such-patient") -> list[bytes]:
    """Lines as real servers have sent them, each wrong in one way; all count in the manifest."""

    def observation(number: int, **elements: Any) -> bytes:
        return orjson.dumps(_observation(f"broken-{number}", subject={"reference": patient}, **elements))

    without_id = orjson.loads(observation(2))
    del without_id["id"]
    without_subject = orjson.loads(observation(3))
    del without_subject["subject"]
    return [
        b'{"resourceType":"Observation","id":"broken-1","status":"fin',  # broken JSON
        orjson.dumps(without_id),
        orjson.dumps(without_subject),
        b'{"resourceType":"Observatoin","id":"broken-4"}',  # unknown type
        observation(5, effectiveDateTime="0001-01-01T00:00:00Z"),
        observation(6, effectiveDateTime="3000-01-01T00:00:00Z"),
        observation(7).replace(b"6.1", b"1e308"),
        observation(8).replace(b"6.1", b'"NaN"'),
        observation(9, note=[{"text": "x" * LONG}]),
    ]


def _observation(resource_id: str, **elements: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]}
    return {"resourceType": "Observation", "id": resource_id, "status": "final", "code": code,
            "effectiveDateTime": "2024-05-01T08:00:00Z", "valueQuantity": {"value": 6.1, "code": "%"}, **elements}


def multibyte_line() -> bytes:
    """An Observation in which every power of two from 4 KiB to 1 MiB lies within a letter, counted from the line's
    first byte.

    The letters are of three bytes and begin at a multiple of three, which no power of two is.
    """
    start = b'{"resourceType":"Observation","id":"borders","status":"final","note":[{"text":"'
    padding = b"x" * (-len(start) % 3)
    return start + padding + "李".encode() * (BORDERS // 3) + ' Núñez"}]}'.encode()


def _file_503(call: Call, answer: Answer) -> Response:
    busy = is_file(call) and call.count(call.path) <= call.number
    return outcome(503, "transient", **{"Retry-After": "1"}) if busy else answer()


def _file_401_once(call: Call, answer: Answer) -> Response:
    return outcome(401, "login") if is_file(call) and call.count(call.path) == 1 else answer()


def _file_slow(call: Call, answer: Answer) -> Response:
    """Each piece of a file is followed by a rest of so many seconds."""
    response = answer()
    if is_file(call) and response.status_code == 200:
        response.response = _slowly(response.iter_encoded(), call.number)
    return response


def _slowly(pieces: Iterable[bytes], seconds: float) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        time.sleep(seconds)


def _file_drip(call: Call, answer: Answer) -> Response:
    """So many bytes a second of each file, in five pieces a second."""
    response = answer()
    if is_file(call) and response.status_code == 200:
        size = max(int(call.number / 5), 1)
        small = (piece[at : at + size] for piece in response.iter_encoded() for at in range(0, len(piece), size))
        response.response = _slowly(small, 0.2)
    return response


def _file_cut(call: Call, answer: Answer) -> Response:
    """The connection breaks within the first so many answers of each file, in the middle of a line."""
    response = answer()
    if is_file(call) and response.status_code == 200 and call.count(call.path) <= call.number:
        response.response = _cut(response.iter_encoded(), chunked="Content-Length" not in response.headers)
    return response


def _cut(pieces: Iterable[bytes], chunked: bool) -> Iterator[bytes]:
    first = next(iter(pieces), b"")
    yield first[: max(len(first) * 2 // 3, 1)]
    if chunked:  # with a length the early end says it; without one only an error breaks the connection off
        raise ConnectionAbortedError("fault file-cut")


def _whole(call: Call, answer: Answer, change: Callable[[Response, bytes], Response], *, times: bool) -> Response:
    """The file's answer, its plain body held in memory and changed; with `times` only for the first N answers."""
    if not is_file(call) or (times and call.count(call.path) > call.number):
        return answer()
    call.request.environ["HTTP_ACCEPT_ENCODING"] = "identity"
    response = answer()
    return change(response, response.get_data()) if response.status_code == 200 else response


def _gzip_cut(call: Call, answer: Answer) -> Response:
    """A gzip stream that ends too early, within an HTTP answer that is whole."""
    def cut(response: Response, body: bytes) -> Response:
        packed = gzip.compress(body, 1)
        response.set_data(packed[: len(packed) * 2 // 3])
        response.headers["Content-Encoding"] = "gzip"
        return response

    return _whole(call, answer, cut, times=True)


def _gzip_unasked(call: Call, answer: Answer) -> Response:
    def pack(response: Response, body: bytes) -> Response:
        response.set_data(gzip.compress(body, 1))
        response.headers["Content-Encoding"] = "gzip"
        return response

    return _whole(call, answer, pack, times=False)


def _length_short(call: Call, answer: Answer) -> Response:
    """Content-Length says two thirds, and no more is sent: whole by HTTP's measure."""
    def shorten(response: Response, body: bytes) -> Response:
        response.set_data(body[: len(body) * 2 // 3])
        return response

    return _whole(call, answer, shorten, times=True)


def _length_long(call: Call, answer: Answer) -> Response:
    """Content-Length says more than is sent."""
    def lengthen(response: Response, body: bytes) -> Response:
        response.headers["Content-Length"] = str(len(body) + 100)
        return response

    return _whole(call, answer, lengthen, times=True)


def _file_redirect(call: Call, answer: Answer) -> Response:
    """Each file redirects to another host, as Oracle's do; that one refuses a token, as S3 does."""
    if not is_file(call):
        return answer()
    parts = urlsplit(call.request.url)
    if "signed" in call.request.args:
        return _signed(call, answer)
    other = {"127.0.0.1": "localhost"}.get(parts.hostname or "", "127.0.0.1")
    target = urlunsplit((parts.scheme, f"{other}:{parts.port}", parts.path, "signed=1", ""))
    return Response(status=307, headers={"Location": target})


def _signed(call: Call, answer: Answer) -> Response:
    """A pre-signed link works without a token, and with none only."""
    if "Authorization" in call.request.headers:
        return Response("Only one auth mechanism allowed", 400, content_type="text/plain")
    call.request.environ["kindred.signed_link"] = True
    return answer()


def _file_no_token(call: Call, answer: Answer) -> Response:
    if is_file(call):
        return _signed(call, answer)
    return change_manifest(call, answer, lambda manifest: manifest.update(requiresAccessToken=False))


def _more_lines(name: str, lines: Callable[[], list[bytes]], *, first: bool = False) -> Fault:
    """The first Observation file has further lines, before or behind its own, which the manifest counts."""
    def fault(call: Call, answer: Answer) -> Response:
        if is_file(call) and call.request.args.get(name):
            return _whole(call, answer, add, times=False)
        return change_manifest(call, answer, announce)

    def add(response: Response, body: bytes) -> Response:
        extra = b"\n".join(lines()) + b"\n"
        response.set_data(extra + body if first else body + extra)
        return response

    def announce(manifest: Manifest) -> None:
        for item in (item for item in manifest["output"] if item["type"] == "Observation"):
            item["url"] += f"?{name}=1"
            item["count"] += len(lines())
            return

    return fault


FILE_FAULTS: dict[str, Fault] = {
    "file-503": _file_503,
    "file-401-once": _file_401_once,
    "file-slow": _file_slow,
    "file-drip": _file_drip,
    "file-cut": _file_cut,
    "file-gzip-cut": _gzip_cut,
    "file-gzip-unasked": _gzip_unasked,
    "file-length-short": _length_short,
    "file-length-long": _length_long,
    "file-redirect": _file_redirect,
    "file-no-token-needed": _file_no_token,
    "broken-lines": _more_lines("broken", broken_lines),
    "multibyte-borders": _more_lines("borders", lambda: [multibyte_line()], first=True),
}
