"""Two neighbours in each kind of box: what do they share, and does one disturb the other?"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import pandas as pd

from course.boxes import Box, Container, Process, Sandbox, VirtualMachine
from course.claims import can_run, clocked
from course.measuring import Arm, results

Make = Callable[[], Box]

BARE = {"network": True, "network_mode": "host", "pid_mode": "host"}  # two walls left out
LADDER: dict[str, Make] = {
    "process": Process,
    "own files": partial(Container, **BARE),
    "sandbox": Sandbox,
    "container": Container,
    "vm": VirtualMachine,
}
GREEDY: dict[str, Make] = {
    "beside a greedy container": Container,
    "beside a capped container": partial(Container, cpus=0.2),
    "beside a greedy vm": VirtualMachine,
}
LEVELS = ["its own", "shared"]
# About a tenth of a second on every core of a bare machine.
WORK = "dd if=/dev/zero bs=1M count=32 2>/dev/null | sha256sum >/dev/null"
ALL_CORES = f"for i in $(seq $(nproc)); do ({WORK}) </dev/null & done; wait"
FORKS = 300  # more processes than a box starts by itself while it is asked twice
SILENT = "</dev/null >/dev/null 2>&1 &"
GREED = f"for i in $(seq $(( 2 * $(nproc) ))); do yes {SILENT} done"

# What the first neighbour does, and what the second one asks: it prints something if they share.
# NAME and PORT are chosen anew for each pair, so that no old trace can answer.
PROBES = {
    "files": ("cd /tmp; touch NAME", "ls /tmp | grep NAME"),
    "processes": (f"sh -c 'sleep 600; : NAME' {SILENT}", "ps -o args | grep '[:] NAME'"),
    "ports": (
        f"httpd -f -p 127.0.0.1:PORT {SILENT} until netstat -tln | grep -q :PORT; do :; done",
        "netstat -tln | grep :PORT",
    ),
    "kernel": (
        f"for i in $(seq {FORKS}); do busybox true; done",
        "sed -n 's/^processes //p' /proc/stat",
    ),
}
TIDY = "rm -f /tmp/NAME"
WALLS = ["files", "processes", "ports"]


def neighbours(boxes: Mapping[str, Make] = LADDER) -> pd.DataFrame:
    """A row a kind of box: columns arm, files, processes, ports, kernel (1: shared), shared.

    ``shared`` counts the first three. About 10 seconds.
    """
    rows = []
    for arm, make in boxes.items():
        if can_run(make):
            found = pair(make)
            rows.append({"arm": arm, **found, "shared": sum(found[wall] for wall in WALLS)})
    return results.table(rows)


def pair(make: Make) -> dict[str, int]:
    """Two boxes of a kind: by probe, 1 where the second finds what the first one does."""
    words = {"NAME": f"two-boxes-{uuid4().hex}", "PORT": str(_free_port())}
    with make() as one, make() as other:
        found = {what: _shares(one, other, what, words) for what in PROBES}
        one.exec(_filled(TIDY, words))
    return found


def as_map(frame: pd.DataFrame) -> pd.DataFrame:
    """The same as a map for ``figures.heat_map``: a row a probe, a column a box."""
    levels = frame.set_index("arm")[list(PROBES)].T
    table = levels.map(lambda shared: LEVELS[shared]).rename_axis(None, axis=1)
    table.attrs = frame.attrs
    return table


def greedy(
    rounds: int = 5, budget: float | None = 15.0, boxes: Mapping[str, Make] = GREEDY
) -> pd.DataFrame:
    """The same work in a container, alone and beside each kind of greedy neighbour, in seconds."""
    with ExitStack() as stack:
        worker = stack.enter_context(Container())
        arms = {"alone": _beside(worker, None)}
        for name, make in boxes.items():
            if can_run(make):
                arms[name] = _beside(worker, stack.enter_context(make()))
        frame = results.measure(arms, rounds, budget=budget)
    return frame.assign(seconds=frame.pop(results.PHASE + "inside"))


def _beside(worker: Box, neighbour: Box | None) -> Arm:
    """An arm that has the work timed by the worker's clock while the neighbour is greedy."""

    def arm() -> dict[str, float]:
        if neighbour:
            neighbour.exec(GREED)
        try:
            began, ended = map(float, worker.exec(clocked(ALL_CORES)).stdout.split())
            return {"inside": ended - began}
        finally:
            if neighbour:
                neighbour.exec("killall yes")

    return arm


def _shares(one: Box, other: Box, what: str, words: Mapping[str, str]) -> int:
    act, look = (_filled(text, words) for text in PROBES[what])
    if what == "kernel":  # a number that rises for everybody who has the same kernel
        before = int(other.exec(look).stdout)
        one.exec(act)
        return int(int(other.exec(look).stdout) - before >= FORKS)
    one.exec(act)
    return int(bool(other.exec(look).stdout.strip()))


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
