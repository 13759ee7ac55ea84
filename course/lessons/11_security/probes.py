"""One set of small questions, asked inside every box: what of its host is within reach?

They only look. The strongest opens a file for writing and writes nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from docker.errors import APIError

from course.boxes import Box, Container, Process, Sandbox, VirtualMachine
from course.claims import can_run
from course.engine import engine, label
from course.images import container_image
from course.measuring import results
from course.system import reaper
from . import powers

LEVELS = ["nothing", "its own", "the host's"]  # from least to most
CANARY = "sleep 31536001"  # a process of the host that no box has by chance
BETWEEN = "---- next probe ----"


@dataclass(frozen=True)
class Probe:
    """A shell command that prints something where the box can reach what is asked for.

    ``whose``: the probe whose answer says to whom it belongs. A clock is the host's when the
    kernel is; a packet is the host's when the network is.
    """

    command: str
    whose: str


def may(capability: int) -> str:
    """A shell command that prints yes where root's right of that number is in effect."""
    mask = "0x$(sed -n 's/CapEff:.//p' /proc/self/status)"
    return f"[ $(({mask} >> {capability} & 1)) = 1 ] && echo yes"


PROBES = {
    "kernel": Probe("cat /proc/sys/kernel/random/boot_id", "kernel"),
    "kernel's log": Probe("dmesg | grep -q . && echo yes", "kernel"),
    "kernel's settings": Probe("( : >> /proc/sys/vm/swappiness ) && echo yes", "kernel"),
    "kernel's modules": Probe(may(16), "kernel"),  # capabilities(7): CAP_SYS_MODULE
    "clock": Probe(may(25), "kernel"),  # CAP_SYS_TIME
    "block devices": Probe(
        "for node in /dev/*; do [ -b $node ] && ( : < $node ) && echo yes && break; done", "kernel"
    ),
    "processes": Probe(f"ps -o args | grep -m 1 '^{CANARY}$' || ps -o comm", "processes"),
    "files": Probe('cat "$FILE" || ( cd /proc/$CANARY && cat "root$FILE" ) || ls /', "files"),
    "network": Probe(
        "echo $(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/net)", "network"
    ),
    "raw packets": Probe(may(13), "network"),  # CAP_NET_RAW
}

HARDENED = {
    "user": "1000:1000",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "memory": "64M",
    "pids_limit": 32,
}


def boxes() -> dict[str, Callable[[], Box]]:
    """The boxes that are compared, those that this machine can run."""
    every = {
        "process": Process,
        "sandbox": Sandbox,
        "container": Container,
        "pid=host": partial(Container, pid_mode="host"),
        "privileged": partial(Container, **privileged()),
        "hardened": partial(Container, **HARDENED),
        "vm": VirtualMachine,
    }
    return {name: make for name, make in every.items() if can_run(make)}


def privileged() -> dict[str, object]:
    """``privileged=True`` where this machine allows it, else the nearest thing to it.

    A host that is itself in a box cannot give what it has not got: then every capability that
    there is, no filter of system calls, and the disks, to read.
    """
    trial = engine().containers.create(
        container_image("tiny"), "true", privileged=True, labels=label()
    )
    try:
        trial.start()
    except APIError:
        pass
    else:
        return {"privileged": True}
    finally:
        trial.remove(force=True)
    disks = [path for path in Path("/dev").iterdir() if path.is_block_device()]
    return {
        "cap_add": ["ALL"],
        "cap_drop": powers.lacking(),
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "devices": [f"{disk}:{disk}:r" for disk in disks],
    }


def look(box: Box, environment: Mapping[str, str]) -> dict[str, str]:
    """What each probe prints in the box, by its name."""
    names = "; ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    asked = f"\necho; echo '{BETWEEN}'\n".join(probe.command for probe in PROBES.values())
    said = box.exec(f"{names}\n{asked}").stdout.split(BETWEEN)
    return dict(zip(PROBES, (text.strip() for text in said), strict=True))


def who_sees_what(makers: Mapping[str, Callable[[], Box]]) -> pd.DataFrame:
    """The table of levels: a row a probe, a column a box; about 12 seconds."""
    with canaries() as environment:
        with Process() as host:
            reference = look(host, environment)
        seen = {}
        for name, make in makers.items():
            with make() as box:
                seen[name] = look(box, environment)
    rows = [{box: level(probe, seen[box], reference) for box in seen} for probe in PROBES]
    return results.table(rows).set_axis(list(PROBES))


def level(name: str, seen: Mapping[str, str], reference: Mapping[str, str]) -> str:
    """One of ``LEVELS``: what a box that saw this can reach, beside what the host itself saw."""
    if not seen[name]:
        return "nothing"
    whose = PROBES[name].whose
    return "the host's" if seen[whose] == reference[whose] else "its own"


@contextmanager
def canaries() -> Iterator[dict[str, str]]:
    """A process and a file of the host's, put there to be found; both gone after the block."""
    with reaper.scratch() as folder:
        (file := folder / "found").write_text("found")
        process = reaper.spawn(folder, CANARY.split())
        try:
            yield {"CANARY": str(process.pid), "FILE": str(file)}
        finally:
            process.kill()
            process.wait()
