"""The bytes of a file's answer, block by block, gunzipped where they came gzipped."""

import zlib
from collections.abc import Iterable, Iterator

import requests
from urllib3.exceptions import HTTPError

from analytics.errors import EhrError

BLOCK = 256 * 1024  # bytes at a time: enough that searches, digests and writes leave the interpreter to other threads
PACKED_BLOCK = 128 * 1024  # of a gzipped stream, which grows about tenfold
BOMB = 256  # how many times its size NDJSON may grow; ten to thirty times is usual, a gzip bomb reaches a thousand
BOMB_BYTES = 256 * 1024 * 1024  # below so many bytes nobody minds


class CutShort(Exception):
    """The stream ended before the file did."""


class Bomb(Exception):
    """The stream grows beyond all measure when it is gunzipped."""


def blocks(answer: requests.Response) -> Iterator[bytes]:
    """The body as the file is. Raises CutShort when it is not whole, EhrError where it cannot be what was asked for."""
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise EhrError("The EHR sent a file in a coding that was not asked for.", "Report it to the EHR.")
    try:
        if coding in ("", "identity"):
            yield from _received(answer, BLOCK)
        else:
            yield from gunzipped(_received(answer, PACKED_BLOCK))
    except (HTTPError, zlib.error) as error:
        raise CutShort(type(error).__name__) from None
    except Bomb:
        raise EhrError("The EHR sent a file that grows without end when it is gunzipped.",
                       "Report it to the EHR.") from None


def says_its_end(answer: requests.Response) -> bool:
    """Does HTTP or gzip tell a whole body from one that was cut (RFC 9112 §6.3)? Without it the text alone can."""
    return bool(answer.headers.get("Content-Length") or answer.headers.get("Transfer-Encoding")
                or answer.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"))


def _received(answer: requests.Response, size: int) -> Iterator[bytes]:
    while block := answer.raw.read(size, decode_content=False):
        yield block


def gunzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Gunzip a stream of one or more members, at most a block at a time, so that no bomb fills the memory.

    Raises CutShort when the stream ends within a member, which its length alone does not tell, and Bomb.
    """
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    started, packed, grown = False, 0, 0
    for data in blocks:
        packed += len(data)
        while data:
            if decoder.eof:
                decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
            started = True
            if piece := decoder.decompress(data, BLOCK):
                grown += len(piece)
                if grown > max(BOMB_BYTES, packed * BOMB):
                    raise Bomb
                yield piece
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    while started and not decoder.eof:
        piece = decoder.decompress(b"", BLOCK)
        if not piece:
            raise CutShort
        yield piece
