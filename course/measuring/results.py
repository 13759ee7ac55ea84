"""Trials as a table, the table as a file, and the facts of the machine that go with both.

A file of results is a CSV that any program reads, and beside it a JSON of the same name:
the machine, the tier and the date.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from course.errors import ResultsError
from course.system import host, paths, store
from . import trials
from .trials import Arm, Trial

PHASE = "phase "  # the columns of a trial's phases begin with this
TIERS = ("live", "emulated", "recorded")  # from the truest on; of several tables the last counts


def measure(
    arms: Mapping[str, Arm],
    rounds: int = 10,
    *,
    warmup: int = 1,
    budget: float | None = None,
    seed: int = 0,
    into: str | Path | None = None,
) -> pd.DataFrame:
    """Time every arm once a round, in shuffled order; return one row a trial, in seconds.

    ``trials.run`` says what an arm may be and what ``budget`` (seconds) does. ``into``: a CSV
    file that each trial is written to as it ends. The machine, the tier and the date are in
    ``frame.attrs``. An interrupt keeps what ran, and ``attrs["interrupted"]`` says so.
    """
    rows: list[dict[str, object]] = []
    written: pd.DataFrame | None = None
    interrupted = False
    try:
        for trial in trials.run(arms, rounds, warmup=warmup, budget=budget, seed=seed):
            rows.append(_row(trial))
            if into is not None:
                written = _append(Path(into), rows, written)
    except KeyboardInterrupt:
        if not rows:
            raise
        interrupted = True
    frame = table(rows)
    frame.attrs["interrupted"] = interrupted
    if into is not None:
        write(frame, into)
    return frame


def table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows as a table, with this machine, the tier and the date in ``attrs``."""
    frame = pd.DataFrame(rows)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    frame.attrs = {"machine": host.facts(), "tier": host.tier(), "date": now}
    return frame


def write(frame: pd.DataFrame, path: str | Path) -> None:
    """Write the CSV and its JSON, each whole or not at all."""
    path, facts = Path(path), json.dumps(frame.attrs, indent=2) + "\n"
    store.write(path.with_suffix(".json"), facts.encode())
    store.write(path, frame.to_csv(index=False).encode())


def read(path: str | Path) -> pd.DataFrame:
    """What ``write`` wrote. Raises ResultsError when a file is missing or damaged."""
    path = Path(path)
    try:
        found = pd.read_csv(path)
        found.attrs = json.loads(path.with_suffix(".json").read_text())
    except FileNotFoundError as error:
        raise ResultsError(f"the results file {error.filename}", "no such file") from error
    except ValueError as error:  # pandas and json raise kinds of it
        raise ResultsError(f"a table in {path}", str(error), _mend(path)) from error
    _require_whole(found, path)
    return found


def recorded(slug: str, name: str) -> pd.DataFrame:
    """The results that come with a lesson, for a machine that cannot take them itself.

    ``attrs["tier"]`` is "recorded" and ``attrs["machine"]`` says where. Raises ResultsError,
    LessonError.
    """
    found = read(paths.recorded(slug, name))
    found.attrs |= {"tier": TIERS[-1], "emulated": _emulated(found)}
    return found


def pool(frames: list[pd.DataFrame], mixed: bool = False) -> pd.DataFrame:
    """One table of several, their rounds numbered on. Raises ResultsError.

    Tables from different machines are pooled only when ``mixed`` says so; each row then says
    its ``machine``.
    """
    machines = [found.attrs.get("machine", {}) for found in frames]
    different = [machine for machine in machines if machine != machines[0]]
    if different and not mixed:
        raise ResultsError(
            "results of one machine",
            _difference(machines[0], different[0]),
            "mixed=True, if two machines are what you want to compare",
        )
    parts, passed = [], 0
    for found in frames:
        labels = {"machine": _machine(found)} if mixed else {}
        parts.append(found.assign(round=found["round"] + passed, **labels))
        passed += int(found["round"].max())
    pooled = pd.concat(parts, ignore_index=True)
    tiers = [found.attrs.get("tier", TIERS[0]) for found in frames]
    emulated = any(map(_emulated, frames))
    pooled.attrs = frames[0].attrs | {"tier": max(tiers, key=TIERS.index), "emulated": emulated}
    if different:
        pooled.attrs["machine"] = {"cpu": "several machines"}
    return pooled


def provenance(frame: pd.DataFrame) -> str:
    """The line that every figure and table carries: rounds, machine, tier, date."""
    origin = frame.attrs
    day = str(origin.get("date", "on an unknown day"))[:10]
    parts = [f"n = {frame['round'].nunique()} rounds"] if "round" in frame else []
    parts.append(_machine(frame))
    if _emulated(frame):
        parts.append("VMs emulated")
    parts.append(f"recorded on {day}" if origin.get("tier") == "recorded" else day)
    if origin.get("interrupted"):
        parts.append("interrupted")
    return " · ".join(parts)


def _emulated(frame: pd.DataFrame) -> bool:
    """Whether a VM that took part was emulated, here or where the results were recorded."""
    return frame.attrs.get("tier") == "emulated" or frame.attrs.get("emulated", False)


def _difference(one: dict, other: dict) -> str:
    names = [name for name in one | other if one.get(name) != other.get(name)]
    return "; ".join(f"{name}: {one.get(name)} and {other.get(name)}" for name in names)


def _machine(frame: pd.DataFrame) -> str:
    facts = frame.attrs.get("machine", {})
    cores = f"{facts['cores']} cores" if "cores" in facts else ""
    known = [facts.get("cpu"), cores, facts.get("system")]
    return ", ".join(filter(None, known)) or "an unknown machine"


def _row(trial: Trial) -> dict[str, object]:
    row = asdict(trial)
    phases = row.pop("phases")
    return row | {PHASE + name: seconds for name, seconds in phases.items()}


def _append(path: Path, rows: list[dict], written: pd.DataFrame | None) -> pd.DataFrame:
    """Write the last row as one more line, or all again when it brings a phase or a tier."""
    same = written is not None and written.attrs["tier"] == host.tier()
    if not same or not rows[-1].keys() <= set(written):
        written = table(rows)
        write(written, path)
        return written
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, list(written)).writerow(rows[-1])
    return written


def _require_whole(found: pd.DataFrame, path: Path) -> None:
    """Raise ResultsError unless there are rows, a machine, and a sound time in each trial."""
    if not isinstance(found.attrs, dict) or "machine" not in found.attrs:
        raise ResultsError(f"the machine in {path.with_suffix('.json')}", "none", _mend(path))
    if found.empty:
        raise ResultsError(f"rows in {path}", "none", _mend(path))
    if "seconds" not in found:
        return
    columns = [name for name in ("round", "seconds") if name in found]
    numbers = found[columns].apply(pd.to_numeric, errors="coerce")
    arms = found.get("arm", pd.Series([None]))
    if arms.isna().any() or not (np.isfinite(numbers) & (numbers >= 0)).all(axis=None):
        lack = "a row that lacks one of them, or holds something else"
        raise ResultsError(f"an arm, a round and seconds in {path}", lack, _mend(path))


def _mend(path: Path) -> str:
    return f"delete {path} and measure again"
