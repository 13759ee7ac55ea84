"""A command in a running container: as ``docker exec``, but with an end that is kept to."""

from __future__ import annotations

import io
import select
import socket
import struct
import time
from contextlib import closing
from typing import Any
from uuid import uuid4

from docker.errors import APIError
from docker.models.containers import Container
from docker.utils.socket import STDERR, STDOUT, read

from course.boxes.box import Output
from course.boxes.wishes import command_timeout
from course.system import interrupts

MARK = "TWO_BOXES_COMMAND"  # in the environment of a command, and of all that it starts
PATIENCE = 10.0  # seconds for killing a command
HEADER = struct.Struct(">BxxxL")  # of a frame: which stream, and how many bytes
LARGEST = 2**16  # bytes in one read

# Beyond a memory cap the kernel kills the largest process, and at once another where that one's
# memory comes back late: rather all of this command than the container's first process.
FIRST_TO_GO = '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; exec sh -c "$0"'

# The API starts commands in a container and cannot end them. This, run inside, kills whatever
# has the mark ($0) in its environment, and looks again until nothing has.
KILL = """
found=1
while [ "$found" ]; do
    found=
    for process in /proc/[0-9]*; do
        if grep -qs "$0" "$process/environ"; then kill -9 "${process#/proc/}"; found=1; fi
    done
done
"""


def run(container: Container, command: str, timeout: float) -> Output:
    """Run a shell command inside; ``timeout`` in seconds. Raises CommandTimeout."""
    began, mark = time.perf_counter(), uuid4().hex
    argv, deadline = ["sh", "-c", FIRST_TO_GO, command], began + timeout
    try:
        exit_code, *streams = _exec(container, argv, deadline, {MARK: mark})
    except TimeoutError:
        _kill(container, mark)
        raise command_timeout(command, timeout) from None
    except KeyboardInterrupt:
        _kill(container, mark)
        raise
    stdout, stderr = (stream.decode(errors="replace") for stream in streams)
    return Output(exit_code, stdout, stderr, time.perf_counter() - began)


def _exec(
    container: Container, argv: list[str], deadline: float, environment: dict[str, str]
) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr. Raises TimeoutError."""
    api = container.client.api
    command = api.exec_create(container.id, argv, environment=environment)["Id"]
    with closing(api.exec_start(command, socket=True)) as connection:
        stdout, stderr = _streams(connection, deadline)
    while (exit_code := api.exec_inspect(command)["ExitCode"]) is None:
        # It closed its output and runs on; or it ended and the engine has not noticed yet.
        if time.perf_counter() > deadline:
            raise TimeoutError
        time.sleep(0.002)
    return exit_code, stdout, stderr


def _streams(connection: Any, deadline: float) -> tuple[bytes, bytes]:
    """Both streams to their end, as the engine sends them: frames with a header each."""
    parts, came = {STDOUT: bytearray(), STDERR: bytearray()}, bytearray(_early(connection))
    ready = select.poll()
    ready.register(connection, select.POLLIN)
    while True:
        while len(came) >= HEADER.size:
            stream, size = HEADER.unpack_from(came)
            if len(came) < HEADER.size + size:
                break
            parts[stream] += came[HEADER.size : HEADER.size + size]
            del came[: HEADER.size + size]
        if not ready.poll(max(0.0, deadline - time.perf_counter()) * 1000):
            raise TimeoutError
        if not (data := read(connection, LARGEST)):
            return bytes(parts[STDOUT]), bytes(parts[STDERR])
        came += data


def _early(connection: Any) -> bytes:
    """What came together with the answer's head: the SDK has read it, and hands it to nobody."""
    if not isinstance(connection, socket.SocketIO):
        return b""
    reader: io.BufferedReader = connection._response.raw._fp.fp
    patience = connection._sock.gettimeout()
    connection._sock.settimeout(0)  # what is there and no more
    try:
        return reader.read1(LARGEST) or b""
    finally:
        connection._sock.settimeout(patience)


def _kill(container: Container, mark: str) -> None:
    """End a command and all that it started; where even that fails, all that runs inside."""
    argv, deadline = ["sh", "-c", KILL, f"{MARK}={mark}"], time.perf_counter() + PATIENCE
    with interrupts.held_back():
        try:
            killed = _exec(container, argv, deadline, {})[0] == 0
        except (APIError, TimeoutError):
            killed = False
        if not killed:
            container.restart(timeout=0)
