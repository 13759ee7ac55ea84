"""What the goals in ``static/goals.yaml`` are judged by: each function measures one table.

Its name is that of the data, its docstring the heading that they stand under.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import NamedTemporaryFile, TemporaryDirectory

import numpy as np
import pandas as pd

from course import experiments, figures, programs, results, stats, trials
from course.boxes.container import Container
from course.boxes.machine import VirtualMachine
from course.experiments import BOXES, first_answer
from course.trials import Arm

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
MEMORY = "import os; from course import processes; print(processes.memory([os.getpid()]))"
# Prints how many seconds the import takes: the start of Python itself is not the course's.
IMPORT = """
import sys, time
began = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - began)
"""


def starts() -> pd.DataFrame:
    """From start to first answer"""
    return experiments.race(ROUNDS)


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
    """What a linked clone adds to the disk"""
    rows = []
    with RESUMED() as box:
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
    return _printed({arm: ["-c", f"{code}\n{MEMORY}"] for arm, code in first.items()}, "memory")


def laps() -> pd.DataFrame:
    """From the command to JupyterLab, when everything is there already"""
    with TemporaryDirectory() as folder:
        plain = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        ours = str(Path(sys.executable).with_name("course"))
        lab = ["sh", "-c", '"$0" setup >&2 && exec "$0" lab "$1"', ours, f"{folder}/workspace"]
        arms = {"course lab": _jupyter(lab, folder), "jupyter lab": _jupyter(plain, folder)}
        return results.measure(arms, rounds=6)


def tools() -> pd.DataFrame:
    """The same commands, timed by this course and by hyperfine"""
    with NamedTemporaryFile() as file:
        file.write(bytes(32 * MEGABYTE))
        file.flush()
        commands = {"sleep": ["sleep", "0.1"], "checksum": ["sha256sum", file.name]}
        arms = {}
        for name, command in commands.items():
            arms[f"course: {name}"] = experiments.program(command)
            arms[f"hyperfine: {name}"] = partial(_hyperfine, command)
        frame = results.measure(arms, rounds=TURNS)
    own = frame.pop(results.PHASE + "own")
    return frame.assign(seconds=own.fillna(frame["seconds"]))


def overheads() -> pd.DataFrame:
    """What a trial costs beside what it times"""

    def empty() -> None:
        list(trials.run({"nothing": int}, rounds=100))

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


def _printed(commands: dict[str, list[str]], column: str) -> pd.DataFrame:
    """The number that each command of a new Python prints, round by round"""
    rows = [
        {"arm": arm, "round": turn, column: float(_output([sys.executable, *command]))}
        for turn in range(ROUNDS)
        for arm, command in commands.items()
    ]
    return results.table(rows)


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _jupyter(command: Sequence[str], folder: str) -> Arm:
    """An arm that starts a server and ends it once it has said its address"""

    def arm() -> Iterator[None]:
        own = os.environ | {"JUPYTER_RUNTIME_DIR": folder, "DISPLAY": ""}
        with subprocess.Popen(command, stdin=DEVNULL, stderr=PIPE, text=True, env=own) as server:
            try:
                next(line for line in server.stderr if "/lab?token=" in line)
                yield
            finally:
                server.terminate()

    return arm


def _hyperfine(command: Sequence[str]) -> dict[str, float]:
    with NamedTemporaryFile(suffix=".json") as file:
        flags = ["--runs=1", "--shell=none", f"--export-json={file.name}"]
        _output([str(programs.require("hyperfine")), *flags, shlex.join(command)])
        return {"own": json.load(file)["results"][0]["times"][0]}


def _many() -> pd.DataFrame:
    seconds = np.random.default_rng(0).lognormal(size=MANY)
    rounds = np.arange(MANY // 4).repeat(4)
    frame = results.table([])
    return frame.assign(arm=["a", "b", "c", "d"] * (MANY // 4), round=rounds, seconds=seconds)


def _draw(path: Path) -> None:
    frame = results.read(path)
    stats.warnings(frame)
    figures.race(frame, baseline="a").save(io.BytesIO())
