"""The tasks of the race's lab: a fair frame, its ratio, phase and cost, a lie, two hypotheses."""

from __future__ import annotations

from numbers import Real

import pandas as pd

from course.checks import Finding, Names, failed, passed, task
from course.measuring import stats
from .looks import no_race, of_race, phase_lengths, rounds, unfair

CLOSE = 1e-6  # what the learner computes must be the same number, not a similar one


@task("fair-race", "`frame` holds six rounds or more of a container and a boot, taken in turns", 1)
def fair_race(names: Names) -> Finding:
    frame = names["frame"]
    if (wrong := no_race(frame)) is not None:
        return wrong
    return passed(f"{frame['arm'].nunique()} arms, {rounds(frame)} rounds, in turns")


@task("ratio", "`factor` is the ratio of `vm booted` to `container`, with its interval", 2)
@of_race
def ratio(frame: pd.DataFrame, names: Names) -> Finding:
    factor = names["factor"]
    right = stats.ratio(frame, "vm booted", "container")
    value = getattr(factor, "value", factor)
    if not isinstance(value, Real):
        return failed(
            "`factor` is not a number",
            "Which function of this lesson divides two arms?",
            "`stats.ratio` takes the table, the arm and the baseline.",
            'factor = stats.ratio(frame, "vm booted", "container")',
        )
    if abs(value / stats.ratio(frame, "container", "vm booted").value - 1) < CLOSE:
        return failed(
            f"{value:.3g}: that is the container against the machine",
            "Which of the two is the baseline?",
            "The baseline comes last.",
            'stats.ratio(frame, "vm booted", "container")',
        )
    if abs(value / right.value - 1) > CLOSE:
        return failed(
            f"{value:.3g}, and the rounds give {right.value:.3g}",
            "Dividing two averages is not the same as averaging the quotients of each round.",
            "`stats.ratio` divides in each round, then takes the median.",
            'stats.ratio(frame, "vm booted", "container")',
        )
    if not hasattr(factor, "low"):
        return failed(
            "a value without its interval",
            "How sure is that number?",
            "Keep the whole estimate, not its value.",
            'factor = stats.ratio(frame, "vm booted", "container")',
        )
    return passed(f"{right.value:.3g} ({right.low:.3g} to {right.high:.3g})")


@task("slowest-phase", "`slowest` names the phase in which a booting machine spends most time", 3)
@of_race
def slowest_phase(frame: pd.DataFrame, names: Names) -> Finding:
    slowest = str(names["slowest"]).removeprefix("phase ")
    lengths = phase_lengths(frame[frame["arm"] == "vm booted"])
    longest = lengths.idxmax()
    if slowest not in lengths.index:
        return failed(
            f"{slowest!r} is none of the phases",
            "The figure's legend has their names.",
            f"The phases are {', '.join(lengths.index)}.",
            f"slowest = {longest!r}",
        )
    if slowest != longest:
        return failed(
            f"{slowest!r} takes {lengths[slowest]:.2g} s at the median",
            "The widest part of the bar is what you look for, not the last one.",
            "A phase lasts from the end of the one before it to its own end.",
            "Take the differences between one phase's end and the next; name the largest.",
        )
    return passed(f"{longest}: {lengths[longest]:.2g} s at the median")


@task("cost", "`cost` says how many bytes of memory one container and one machine cost the host", 4)
def cost(names: Names) -> Finding:
    found = names["cost"]
    if not isinstance(found, dict) or set(found) != {"container", "vm"}:
        return failed(
            "`cost` is not a dict of `container` and `vm`",
            "Ask each running box what it costs.",
            "`box.usage()` says it; its `memory` is in bytes.",
            'cost = {"container": container.usage().memory, "vm": vm.usage().memory}',
        )
    if not all(isinstance(value, Real) and value > 2**20 for value in found.values()):
        return failed(
            f"{found}",
            "A box that costs less than a mebibyte would be news.",
            "`memory` is in bytes: do not divide it.",
            'cost = {"container": container.usage().memory, "vm": vm.usage().memory}',
        )
    return passed(", ".join(f"{name} {value / 2**20:.0f} MiB" for name, value in found.items()))


@task("take-apart", "`again` holds `ours` and `theirs`, measured in turns, six rounds of each", 1)
def take_apart(names: Names) -> Finding:
    again = names["again"]
    if (wrong := unfair("again", again, ("ours", "theirs"))) is not None:
        return wrong
    found = stats.ratio(again, "ours", "theirs")
    return passed(f"ours / theirs: {found.value:.2f} ({found.low:.2f} to {found.high:.2f})")


@task("quicker-tools", "`without` is the ratio again, as if QEMU's own start took no time", 5)
@of_race
def quicker_tools(frame: pd.DataFrame, names: Names) -> Finding:
    without = names["without"]
    tools = frame["phase qemu started"].fillna(0)
    right = stats.ratio(frame.assign(seconds=frame["seconds"] - tools), "vm booted", "container")
    if not hasattr(without, "low"):
        return failed(
            f"`without` is {without!r}, and has no interval",
            "You had such an estimate in task 2. What is different now is the table.",
            "`stats.ratio` on a table whose `seconds` are smaller.",
            'without = stats.ratio(quicker, "vm booted", "container")',
        )
    if abs(without.value / stats.ratio(frame, "vm booted", "container").value - 1) < CLOSE:
        return failed(
            f"{without.value:.3g}: nothing is taken away yet",
            "Which column says when QEMU's process ran?",
            'Subtract `frame["phase qemu started"]` from `frame["seconds"]`.',
            'frame.assign(seconds=frame["seconds"] - frame["phase qemu started"].fillna(0))',
        )
    if abs(without.value / right.value - 1) > CLOSE:
        return failed(
            f"{without.value:.3g}, and without QEMU's start it is {right.value:.3g}",
            "Which rows have that phase, and what must happen to those that have not?",
            "A container has no such phase: there, nothing may be taken away (`.fillna(0)`).",
            'frame.assign(seconds=frame["seconds"] - frame["phase qemu started"].fillna(0))',
        )
    return passed(f"{right.value:.3g} ({right.low:.3g} to {right.high:.3g})")


@task("larger-image", "`share` says which part of its start each image took: `small`, `large`", 5)
def larger_image(names: Names) -> Finding:
    arrivals, share = names["arrivals"], names["share"]
    table = arrivals if isinstance(arrivals, pd.DataFrame) else pd.DataFrame()
    if "phase delivered" not in table or set(table["arm"]) != {"small", "large"}:
        return failed(
            "`arrivals` does not hold the arms `small` and `large`",
            "`delivery` takes a dict: the arm's name, and how many MiB to add.",
            "Nothing is added to the small one.",
            'arrivals = delivery({"small": 0, "large": 64})',
        )
    if not isinstance(share, dict) or set(share) != {"small", "large"}:
        return failed(
            "`share` is not a dict of `small` and `large`",
            "One number for each arm: what would you divide by what?",
            "Group the quotients by arm, take the median, make a dict of it.",
            'shares.groupby(arrivals["arm"]).median().to_dict()',
        )
    return _shares(arrivals, share)


def _shares(arrivals: pd.DataFrame, share: dict[str, float]) -> Finding:
    part = arrivals["phase delivered"] / arrivals["seconds"]
    right = part.groupby(arrivals["arm"]).median()
    if not all(isinstance(value, Real) and 0 < value < 1 for value in share.values()):
        return failed(
            f"{share}",
            "Can a part be larger than the whole?",
            "The part is the time until the image was delivered, the whole is the trial's time.",
            'shares = arrivals["phase delivered"] / arrivals["seconds"]',
        )
    if any(abs(share[arm] / right[arm] - 1) > CLOSE for arm in right.index):
        return failed(
            f"{share}, and the rounds give {right.round(3).to_dict()}",
            "Divide within each trial first; only then take the median.",
            "The phase is called `phase delivered`.",
            'shares = arrivals["phase delivered"] / arrivals["seconds"]',
        )
    return passed(", ".join(f"{arm}: {value:.0%}" for arm, value in right[::-1].items()))
