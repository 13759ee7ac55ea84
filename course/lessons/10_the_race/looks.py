"""How the lab's checks look at a table of trials; None where all is well."""

from __future__ import annotations

import pandas as pd

from course.checks import Finding, Names, failed, not_attempted
from course.lessons import checking
from course.measuring import stats

FEWEST_ROUNDS = stats.FEWEST  # with fewer there is no 95 % interval of a median
COLUMNS = {"arm", "round", "order", "seconds"}


@checking.handed
def of_race(names: Names) -> pd.DataFrame | Finding:
    """Hand the judge ``frame``, once it is the race that the first task asks for."""
    wrong = no_race(frame := names["frame"])
    if wrong is None:
        return frame
    return not_attempted(f"`frame` is not the race of task 1 yet: {wrong.observed}")


def no_race(frame: object) -> Finding | None:
    """Whether it is a fair race of a container and a machine that boots, with their phases."""
    wrong = unfair("frame", frame, ("container", "vm booted"))
    return _no_phases(frame) if wrong is None else wrong


def unfair(name: str, found: object, arms: tuple[str, str]) -> Finding | None:
    """Whether these arms were measured in turns, and often enough."""
    if not isinstance(found, pd.DataFrame) or not set(found) >= COLUMNS:
        return failed(
            f"`{name}` is not a table of trials",
            "Which function of this lesson returns such a table?",
            "`measure` takes a dict: the arm's name, and what to run.",
            f'{name} = measure({{"{arms[0]}": ..., "{arms[1]}": ...}}, rounds={FEWEST_ROUNDS})',
        )
    if missing := set(arms) - set(found["arm"]):
        return failed(
            f"`{name}` has no arm {' and no arm '.join(sorted(missing))}",
            "A race needs somebody to race against. Which two names does the task give?",
            "Give one call of `measure` a dict with both names.",
            f'{name} = measure({{"{arms[0]}": ..., "{arms[1]}": ...}}, rounds={FEWEST_ROUNDS})',
        )
    return _few_rounds(found)


def _few_rounds(frame: pd.DataFrame) -> Finding | None:
    """Whether there are enough rounds in which every arm had its turn."""
    if (most := int(frame["arm"].value_counts().min())) < FEWEST_ROUNDS:
        return failed(
            f"{most} rounds",
            "Look at the interval: how wide would you like it to be?",
            f"Measure at least {FEWEST_ROUNDS} rounds.",
            f"measure(arms, rounds={FEWEST_ROUNDS})",
        )
    if rounds(frame) < FEWEST_ROUNDS:
        return failed(
            "the arms ran one after the other",
            "What happens to your ratio when the machine gets busy half-way?",
            "Give all arms to one call of `measure`: it takes them in turns.",
            f"measure(arms, rounds={FEWEST_ROUNDS}), and `arms` holds all of them",
        )
    return None


def rounds(frame: pd.DataFrame) -> int:
    """In how many rounds every arm had a turn of its own."""
    turns = frame.groupby("round")["order"].nunique()
    return int((turns == frame["arm"].nunique()).sum())


def _no_phases(frame: pd.DataFrame) -> Finding | None:
    """Whether its machine booted, and told its phases."""
    booted = frame[frame["arm"] == "vm booted"].filter(like="phase ").dropna(axis=1, how="all")
    if booted.empty:
        return failed(
            "no phases of `vm booted`",
            "Is it the start that you timed, or the removal of the box as well?",
            "A function that yields stops the clock there. What it yields are the phases.",
            'with make_box() as box: box.exec("true"); yield box.phases',
        )
    if "phase kernel started" not in booted:
        return failed(
            "`vm booted` was woken from a saved state: no kernel started in it",
            "Which machine of the race loads its kernel from nothing?",
            "A machine resumes if it can, unless the option `resume` says otherwise.",
            '"vm booted": start(lambda: VirtualMachine(resume=False))',
        )
    return None


def phase_lengths(trials: pd.DataFrame) -> pd.Series:
    """Median length of each phase in seconds; the columns hold when each one ended."""
    ends = trials.filter(like="phase ").dropna(axis=1, how="all")
    ends.columns = ends.columns.str.removeprefix("phase ")
    ordered = ends[ends.median().sort_values().index]
    return ordered.diff(axis=1).fillna({ordered.columns[0]: ordered.iloc[:, 0]}).median()
