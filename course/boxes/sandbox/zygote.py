"""The bare Python that every sandbox of this process is a clone of; shim.py says why."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import course
from course.system import reaper


@dataclass
class Zygote:
    """A running zygote, and the socket that wishes are sent to."""

    process: subprocess.Popen[bytes]
    control: socket.socket


_zygotes: dict[int, Zygote] = {}  # by process: a forked child has its own
_lock = threading.Lock()


def clone(wish: dict[str, Any], files: Sequence[int]) -> None:
    """Have a sandbox made; ``files[0]`` is the socket that it will answer on."""
    with _lock:
        zygote = _zygotes.get(os.getpid())
        if zygote is None or zygote.process.poll() is not None:
            zygote = _zygotes[os.getpid()] = _start()
        socket.send_fds(zygote.control, [json.dumps(wish).encode()], files)


def _start() -> Zygote:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # -S: without the packages of the environment Python is up in half the time, and small.
    argv = [sys.executable, "-S", "-P", "-m", "course.boxes.sandbox.shim"]
    environment = {**os.environ, "PYTHONPATH": str(Path(course.__file__).parent.parent)}
    with theirs:
        process = reaper.spawn(
            reaper.state("zygote"),
            argv,
            cwd="/",
            env=environment,
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return Zygote(process, ours)
