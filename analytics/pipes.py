"""Whoever reads our output may have seen enough (`kindred status | head`): that is no error."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CLOSED = 141  # exit code: 128 + SIGPIPE, as a shell tells of any command that ends so


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """Ends the process without a word where nobody reads the output any more.

    Raises ConnectionError where it was something else that broke: click would end in silence on any closed pipe.
    """
    try:
        yield
    except BrokenPipeError as error:
        if not _reader_is_gone():
            raise ConnectionError("a connection was closed") from error
        nowhere = os.open(os.devnull, os.O_WRONLY)  # what is still buffered is written as the interpreter ends
        for stream in _streams():
            os.dup2(nowhere, stream)
        sys.exit(CLOSED)


def _reader_is_gone() -> bool:
    """Is standard output or error a pipe whose other end is closed? Not so where they are files or a terminal."""
    poll = select.poll()
    for stream in _streams():
        poll.register(stream, 0)  # POLLERR and POLLHUP come unasked
    return bool(poll.poll(0))


def _streams() -> list[int]:
    return [one.fileno() for one in (sys.__stdout__, sys.__stderr__) if one is not None and not one.closed]
