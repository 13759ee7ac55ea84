"""The two streams of a command, read until the command has ended."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager

from course.boxes.wishes import command_timeout

CHUNK = 2**20  # bytes; more than a pipe holds, so one read empties it


@contextmanager
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """Two pipes: the ends to read from, then the ends to write to. All are closed at the end."""
    (stdout, stdout_in), (stderr, stderr_in) = os.pipe(), os.pipe()
    try:
        yield stdout, stderr, stdout_in, stderr_in
    finally:
        for end in (stdout, stderr, stdout_in, stderr_in):
            os.close(end)


def read(command: str, stdout: int, stderr: int, ended: int, timeout: float) -> tuple[str, str]:
    """What the two pipes bring until ``ended`` can be read. Raises CommandTimeout.

    The end is the command's own: what it left in the background may hold the pipes open.
    """
    parts: dict[int, list[bytes]] = {stdout: [], stderr: []}
    events, deadline = select.poll(), time.perf_counter() + timeout
    for file in (ended, stdout, stderr):
        events.register(file, select.POLLIN)
    ready: set[int] = set()
    while ended not in ready:
        ready = {file for file, _ in events.poll(max(0, deadline - time.perf_counter()) * 1000)}
        if not ready:
            raise command_timeout(command, timeout)
        for file in ready & parts.keys():
            parts[file].append(os.read(file, CHUNK))
    ready = {file for file, _ in events.poll(0)}  # what came between the look and the end
    for file in ready & parts.keys():
        parts[file].append(os.read(file, CHUNK))
    text = (b"".join(part).decode(errors="replace") for part in parts.values())
    return next(text), next(text)
