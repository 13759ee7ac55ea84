"""What the goals for the course itself in ``goals.yaml`` are judged by: whether it measures
right, and whether it is quick. Each function measures a table, as in ``goals.py``.
"""

from __future__ import annotations

import io
import json
import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from course.errors import ResultsError
from course.measuring import commands, figures, results, stats
from course.setup import provision
from course.system import paths, reaper

ROUNDS = 12
TURNS = 40  # of the two stop-watches: their difference is small
MEGABYTE = 10**6
MANY = 100_000  # trials
CLICKS = Path(__file__).parents[2] / "tests" / "browser" / "marking.py"

# A lesson's first cell, and what it is compared with; each prints the bytes of memory (PSS).
LESSON = "from course import Container, VirtualMachine, figures, measure, open_lesson, stats"
PLAIN = "import matplotlib.pyplot, pandas"
MEMORY = """
import os, ipykernel.kernelapp
from course.system import processes
print(processes.memory([os.getpid()]))
"""
# Prints how many seconds the import takes: the start of Python itself is not the course's.
IMPORT = """
import sys, time
began = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - began)
"""


def imports() -> pd.DataFrame:
    """Importing, in a new Python"""
    return _printed({name: ["-c", IMPORT, name] for name in ("course", "pandas")}, "seconds")


def kernels() -> pd.DataFrame:
    """Memory of a Python after a lesson's imports"""
    first = {"lesson": LESSON, "pandas and matplotlib": PLAIN}
    return _printed({arm: ["-c", code + MEMORY] for arm, code in first.items()}, "memory")


def laps() -> pd.DataFrame:
    """From the command to JupyterLab, when everything is there already"""
    with reaper.scratch() as folder:
        ours, target = str(Path(sys.executable).with_name("course")), f"{folder}/workspace"
        servers = {
            "course lab": [ours, "lab", "--setup", target],
            "jupyter lab": [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"],
        }
        own = os.environ | {"JUPYTER_RUNTIME_DIR": str(folder), "DISPLAY": ""}
        arms = {arm: commands.until(argv, "[?]token=", env=own) for arm, argv in servers.items()}
        return results.measure(arms, rounds=6)


def tools() -> pd.DataFrame:
    """The same commands, timed by this course and by hyperfine"""
    with reaper.scratch() as folder:
        (file := folder / "zeros").write_bytes(bytes(32 * MEGABYTE))
        arms, timed = {}, {"sleep": ["sleep", "0.1"], "checksum": ["sha256sum", str(file)]}
        # Each as a program: a processor that was idle until its stop-watch woke it is slower.
        for name, command in timed.items():
            arms[f"course: {name}"] = partial(commands.course_measure, command)
            arms[f"hyperfine: {name}"] = partial(commands.hyperfine, command)
        frame = results.measure(arms, rounds=TURNS, warmup=0)
    return frame.assign(seconds=frame.pop(results.PHASE + "own"))


def overheads() -> pd.DataFrame:
    """What a trial costs beside what it times, its line in the file included"""
    with reaper.scratch() as folder:

        def empty() -> None:
            results.measure({"nothing": int}, rounds=100, into=f"{folder}/nothing.csv")

        frame = results.measure({"trial": empty}, ROUNDS)
    return frame.assign(seconds=frame["seconds"] / 100)


def scale() -> pd.DataFrame:
    """A hundred thousand trials"""
    with reaper.scratch() as folder:
        path = folder / "many.csv"
        results.write(_many(), path)
        return results.measure({"all of it": partial(_draw, path)}, ROUNDS)


def marking() -> pd.DataFrame:
    """From a click on "Check my answer" to its feedback, in a real JupyterLab"""
    if not CLICKS.exists():
        mend = "run `course bench` in a clone of the repository"
        raise ResultsError(f"the clicks in {CLICKS}", "a course without its tests", mend)
    return results.table(json.loads(commands.output([sys.executable, str(CLICKS)])))


def suite() -> pd.DataFrame:
    """The whole suite of tests, as it noted itself"""
    return results.read(noted("suite"))


def setup() -> pd.DataFrame:
    """From a fresh machine to JupyterLab, as the set-up of its environment noted it"""
    took = provision.took()
    try:
        bare = took["pip"] + took["system packages"]
    except KeyError as error:
        lack = f"nothing of {error}: this machine was not fresh"
        raise ResultsError("the times of a set-up", lack, "make lab, on a fresh machine") from None
    lab = stats.summary(results.read(noted("laps"))).set_index("arm")["median"]["course lab"]
    arms = {"to JupyterLab": sum(took.values()) + lab, "apt and pip alone": bare}
    return results.table([{"arm": arm, "round": 1, "seconds": t} for arm, t in arms.items()])


def noted(name: str) -> Path:
    """Where something that takes long notes what it took, for this to read."""
    return paths.data_dir() / "bench" / f"{name}.csv"


def _printed(programs: dict[str, list[str]], column: str) -> pd.DataFrame:
    """The number that each program for a new Python prints, round by round."""
    rows = [
        {"arm": arm, "round": turn, column: float(commands.output([sys.executable, *words]))}
        for turn in range(ROUNDS)
        for arm, words in programs.items()
    ]
    return results.table(rows)


def _many() -> pd.DataFrame:
    seconds = np.random.default_rng(0).lognormal(size=MANY)
    rounds = np.arange(MANY // 4).repeat(4)
    frame = results.table([])
    return frame.assign(arm=["a", "b", "c", "d"] * (MANY // 4), round=rounds, seconds=seconds)


def _draw(path: Path) -> None:
    frame = results.read(path)
    stats.warnings(frame)
    figures.race(frame, baseline="a").save(io.BytesIO())
