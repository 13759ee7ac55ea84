"""A cable between a container and its host: a veth pair, one end on each side. Source: veth(4).

Needs root. When the container's network namespace goes, the kernel takes both ends away.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time

from course.errors import BoxError
from course.system import programs

OUTER, INNER, PREFIX = "10.213.77.1", "10.213.77.2", 30  # a network of two
PATIENCE = 5.0  # seconds


def commands(pid: int | str) -> list[str]:
    """What has to be said, on the host, so that the process has a wire to it."""
    outer = f"tb-{os.getpid()}"
    inside = f"nsenter --target {pid} --net"
    return [
        f"ip link add {outer} type veth peer name eth0 netns {pid}",
        f"ip address add {OUTER}/{PREFIX} dev {outer}",
        f"ip link set {outer} up",
        f"{inside} ip address add {INNER}/{PREFIX} dev eth0",
        f"{inside} ip link set eth0 up",
    ]


def lay(pid: int) -> None:
    """Say all that. Raises BoxError with the words of the command that failed."""
    programs.require("ip")
    for command in commands(pid):
        run = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        if run.returncode:
            raise BoxError(command, run.stderr.strip(), "run the course as root")


def hear(port: int = 80) -> str:
    """What a server in the container says to somebody on the host."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection((INNER, port), timeout=PATIENCE) as connection:
                return connection.makefile().read().strip()
        except OSError as error:  # it does not listen yet
            if time.monotonic() > deadline:
                raise BoxError(f"an answer from {INNER}", str(error)) from error
            time.sleep(0.01)
