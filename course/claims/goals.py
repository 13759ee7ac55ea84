"""What the goals for boxes in ``goals.yaml`` are judged by: each function measures a table.

Its name is that of the data, its docstring the heading that they stand under.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import product

import pandas as pd

from course.boxes import Container, VirtualMachine, accelerator
from course.errors import NotEnoughMemory
from course.images import forms, kernel
from course.measuring import commands, results
from . import experiments
from .experiments import BOXES, can_run, first_answer

ROUNDS = 12
CROWDS = {"container": 100, "vm resumed": 20}
STEP = 5  # boxes between two looks at what they cost
RESUMED = BOXES["vm resumed"]
READY = "^ready$"  # what the guest prints once it can be used
# A container with more and more of what a container usually has.
PARTS = {
    "network left out": {},
    "loopback only": {"network_mode": "none", "network_disabled": False},
    "a bridge": {"network": True},
    "a bridge and a port": {"network": True, "ports": {"80/tcp": None}},
    "a bridge, a port and a mount": {
        "network": True,
        "ports": {"80/tcp": None},
        "tmpfs": {"/mnt": ""},
    },
}


def starts() -> pd.DataFrame:
    """From start to first answer"""
    plain = {"plain QEMU": commands.until(_plain_qemu(), READY)} if can_run(VirtualMachine) else {}
    frame = results.measure(experiments.start_arms() | plain, ROUNDS)
    loaded = results.PHASE + "state loaded"
    if loaded not in frame:
        return frame
    resumed = frame[frame["arm"] == "vm resumed"]
    states = resumed.assign(arm="vm resumed, state loaded", seconds=resumed[loaded])
    both = pd.concat([frame, states], ignore_index=True)
    both.attrs = frame.attrs
    return both


def parts() -> pd.DataFrame:
    """Where a container's start goes: each adds something to the one before"""
    boxes = {name: partial(Container, **options) for name, options in PARTS.items()}
    return results.measure({arm: first_answer(make) for arm, make in boxes.items()}, ROUNDS)


def states() -> pd.DataFrame:
    """To a state and back"""
    with ExitStack() as stack:
        box = stack.enter_context(RESUMED())
        box.snapshot("clean")
        arms = {
            "boot": first_answer(BOXES["vm booted"]),
            "resume": first_answer(RESUMED),
            "snapshot": lambda: box.snapshot("again"),
            "rollback": lambda: box.rollback("clean"),
            "clone": partial(_clone, box),
        }
        return results.measure(arms, ROUNDS)


def disks() -> pd.DataFrame:
    """What a linked clone of a Debian adds to the disk"""
    rows = []
    with VirtualMachine("debian") as box:
        for turn in range(3):
            with box.clone() as clone:
                rows.append({"arm": "clone", "round": turn, "disk": clone.usage().disk})
    return results.table(rows)


def calls() -> pd.DataFrame:
    """One command in a box that runs"""
    with VirtualMachine() as machine, Container() as container:
        arms = {
            "vm": lambda: machine.exec("true"),
            "container": lambda: container.exec("true"),
            "docker exec, SDK": lambda: container.docker.exec_run("true"),
        }
        return results.measure(arms, rounds=50, warmup=3)


def costs() -> pd.DataFrame:
    """What one box costs its host"""
    return experiments.costs()


def eight() -> pd.DataFrame:
    """What each of eight resumed VMs costs"""
    rows = []
    for turn in range(3):
        counted = list(experiments.crowd(RESUMED, most=8, every=8))
        if not counted:
            raise NotEnoughMemory("memory for eight resumed VMs", "less", "close other programs")
        rows.append({"arm": "vm resumed", "round": turn, "memory": counted[0]["memory"] / 8})
    return results.table(rows)


def crowds() -> pd.DataFrame:
    """What each of the first ten boxes of a crowd costs, and each of the last ten"""
    rows = []
    # More than one of each: the first and the last of a crowd are started a minute apart.
    for (arm, most), crowd in product(CROWDS.items(), range(3)):
        memory = 0.0
        between = range(10 + STEP, most - 10)
        for row in experiments.crowd(BOXES[arm], most, every=STEP, skip=between):
            grown, memory = row["memory"] - memory, row["memory"]
            cost = {"memory": grown / STEP, "seconds": row["seconds"]}
            for ten, before in {"first ten": 0, "last ten": most - 10}.items():
                turn = (row["boxes"] - before) // STEP
                if 0 < turn <= 10 // STEP:
                    turn += crowd * 10 // STEP
                    rows.append({"arm": f"{arm}, {ten}", "round": turn, **cost})
    return results.table(rows)


def _clone(box: VirtualMachine) -> Iterator[None]:
    with box.clone():
        yield


def _plain_qemu() -> list[str]:
    """What anybody would type to boot the same kernel and initramfs, as distributed.

    Its boot ends when the guest says that it is ready, at which point ours begins to answer.
    """
    initrd = forms.image("tiny").initrd
    files = ["-kernel", str(kernel().packed), "-initrd", str(initrd), "-append", "console=ttyS0"]
    accelerated = ["qemu-system-x86_64", "-accel", accelerator.best(), "-m", "128"]
    return [*accelerated, *files, "-nographic", "-no-reboot"]
