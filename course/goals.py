"""What the goals in ``static/goals.yaml`` are judged by: each function measures one table.

Its name is that of the data, its docstring the heading that they stand under.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import numpy as np
import pandas as pd

from course import commands, experiments, figures, images, results, stats
from course.boxes import accelerator
from course.boxes.container import Container
from course.boxes.machine import VirtualMachine
from course.experiments import BOXES, can_run, first_answer
from course.kernel import kernel

ROUNDS = 12
TURNS = 40  # of the two stop-watches: their difference is small
MEGABYTE = 10**6
MANY = 100_000  # trials
CROWDS = {"container": 100, "vm resumed": 20}
STEP = 5  # boxes between two looks at what they cost
RESUMED = BOXES["vm resumed"]

# A lesson's first cell, and what it is compared with; each prints the bytes of memory (PSS).
LESSON = "from course import Container, VirtualMachine, figures, measure, open_lesson, stats"
PLAIN = "import matplotlib.pyplot, pandas"
MEMORY = """
import os, ipykernel.kernelapp
from course import processes
print(processes.memory([os.getpid()]))
"""
# Prints how many seconds the import takes: the start of Python itself is not the course's.
IMPORT = """
import sys, time
began = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - began)
"""


def starts() -> pd.DataFrame:
    """From start to first answer"""
    plain = (
        {"plain QEMU": commands.until(_plain_qemu(), "Run /init")}
        if can_run(VirtualMachine)
        else {}
    )
    frame = results.measure(experiments.start_arms() | plain, ROUNDS)
    loaded = results.PHASE + "state loaded"
    if loaded not in frame:
        return frame
    resumed = frame[frame["arm"] == "vm resumed"]
    states = resumed.assign(arm="vm resumed, state loaded", seconds=resumed[loaded])
    both = pd.concat([frame, states], ignore_index=True)
    both.attrs = frame.attrs
    return both


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
        [last] = experiments.crowd(RESUMED, most=8, every=8)
        rows.append({"arm": "vm resumed", "round": turn, "memory": last["memory"] / 8})
    return results.table(rows)


def crowds() -> pd.DataFrame:
    """What each of the first ten boxes of a crowd costs, and each of the last ten"""
    rows = []
    for arm, most in CROWDS.items():
        memory = 0.0
        for row in experiments.crowd(BOXES[arm], most, every=STEP):
            grown, memory = row["memory"] - memory, row["memory"]
            cost = {"memory": grown / STEP, "seconds": row["seconds"]}
            for ten, before in {"first ten": 0, "last ten": most - 10}.items():
                turn = (row["boxes"] - before) // STEP
                if 0 < turn <= 10 // STEP:
                    rows.append({"arm": f"{arm}, {ten}", "round": turn, **cost})
    return results.table(rows)


def imports() -> pd.DataFrame:
    """Importing, in a new Python"""
    return _printed({name: ["-c", IMPORT, name] for name in ("course", "pandas")}, "seconds")


def kernels() -> pd.DataFrame:
    """Memory of a Python after a lesson's imports"""
    first = {"lesson": LESSON, "pandas and matplotlib": PLAIN}
    return _printed({arm: ["-c", code + MEMORY] for arm, code in first.items()}, "memory")


def laps() -> pd.DataFrame:
    """From the command to JupyterLab, when everything is there already"""
    with TemporaryDirectory() as folder:
        ours, target = str(Path(sys.executable).with_name("course")), f"{folder}/workspace"
        servers = {
            "course lab": ["sh", "-c", '"$0" setup && exec "$0" lab "$1"', ours, target],
            "jupyter lab": [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"],
        }
        own = os.environ | {"JUPYTER_RUNTIME_DIR": folder, "DISPLAY": ""}
        arms = {arm: commands.until(argv, "?token=", env=own) for arm, argv in servers.items()}
        return results.measure(arms, rounds=6)


def tools() -> pd.DataFrame:
    """The same commands, timed by this course and by hyperfine"""
    with NamedTemporaryFile() as file:
        file.write(bytes(32 * MEGABYTE))
        file.flush()
        arms, timed = {}, {"sleep": ["sleep", "0.1"], "checksum": ["sha256sum", file.name]}
        for name, command in timed.items():
            arms[f"course: {name}"] = commands.program(command)
            arms[f"hyperfine: {name}"] = partial(commands.hyperfine, command)
        frame = results.measure(arms, rounds=TURNS)
    own = frame.pop(results.PHASE + "own")
    return frame.assign(seconds=own.fillna(frame["seconds"]))


def overheads() -> pd.DataFrame:
    """What a trial costs beside what it times, its line in the file included"""
    with TemporaryDirectory() as folder:

        def empty() -> None:
            results.measure({"nothing": int}, rounds=100, into=f"{folder}/nothing.csv")

        frame = results.measure({"trial": empty}, ROUNDS)
    return frame.assign(seconds=frame["seconds"] / 100)


def scale() -> pd.DataFrame:
    """A hundred thousand trials"""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "many.csv"
        results.write(_many(), path)
        return results.measure({"all of it": partial(_draw, path)}, ROUNDS)


def _clone(box: VirtualMachine) -> Iterator[None]:
    with box.clone():
        yield


def _printed(programs: dict[str, list[str]], column: str) -> pd.DataFrame:
    """The number that each program for a new Python prints, round by round."""
    rows = [
        {"arm": arm, "round": turn, column: float(commands.output([sys.executable, *words]))}
        for turn in range(ROUNDS)
        for arm, words in programs.items()
    ]
    return results.table(rows)


def _plain_qemu() -> list[str]:
    """What anybody would type to boot the same kernel and initramfs, as distributed.

    The end of its boot is taken to be the kernel's word that the first program runs, which is
    some moments before a first answer could come.
    """
    initrd = images.image("tiny").initrd
    files = ["-kernel", str(kernel().packed), "-initrd", str(initrd), "-append", "console=ttyS0"]
    accelerated = ["qemu-system-x86_64", "-accel", accelerator.best(), "-m", "128"]
    return [*accelerated, *files, "-nographic", "-no-reboot"]


def _many() -> pd.DataFrame:
    seconds = np.random.default_rng(0).lognormal(size=MANY)
    rounds = np.arange(MANY // 4).repeat(4)
    frame = results.table([])
    return frame.assign(arm=["a", "b", "c", "d"] * (MANY // 4), round=rounds, seconds=seconds)


def _draw(path: Path) -> None:
    frame = results.read(path)
    stats.warnings(frame)
    figures.race(frame, baseline="a").save(io.BytesIO())
