"""A container whose options stay in here, to be probed; and what a list of its reach may lack."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext

from course.boxes import Container
from course.checks import Finding, failed, passed
from . import probes

# None of it mounts anything. But whoever may trace a process may go in at /proc/PID/root
# (proc_pid_root(5)), and with this list of processes those are the host's.
OPTIONS = {"pid_mode": "host", "cap_add": ["SYS_PTRACE"], "read_only": True}


def hand_over() -> Container:
    """Somebody's container, running."""
    return Container("tiny", **OPTIONS).start()


def judged(reached: object, box: object) -> Finding:
    """Whether these are the probes that reach the host from the box; it is probed anew."""
    if not (isinstance(box, Container) and box.running):
        return failed(
            "`mystery` is no container that runs",
            "It was handed to you by a cell above the task.",
            "Run that cell again, and probe what it starts.",
            "mystery = mysteries.hand_over()",
        )
    named = isinstance(reached, Iterable) and not isinstance(reached, str)
    if not named or not set(map(str, reached)) <= set(probes.PROBES):
        return failed(
            f"`reached` is {reached!r:.60}",
            "The probes have names, and the lesson's notebook prints them.",
            "A set of names is asked for, each a key of `probes.PROBES`.",
            'reached = {"kernel", …}',
        )
    return _compared(set(reached), reach(box))


def reach(box: Container) -> dict[str, str]:
    """The level of each probe: what the box can reach, and whose it is."""
    return probes.who_sees_what({"it": lambda: nullcontext(box)})["it"].to_dict()


def _compared(reached: set[str], levels: dict[str, str]) -> Finding:
    right = {name for name, level in levels.items() if level == "the host's"}
    own = sorted(name for name in reached - right if levels[name] == "its own")
    shut = sorted(name for name in reached - right if levels[name] == "nothing")
    if own:
        return failed(
            f"{', '.join(own)}: within reach, but its own",
            "Every box sees some files and some network. Whose are these?",
            "Put the same question to the host, and compare the answers: `PROBES[name].whose`.",
            "seen[whose] == reference[whose], where whose = probes.PROBES[name].whose",
        )
    if shut:
        return failed(
            f"{', '.join(shut)}: that probe prints nothing in this box",
            "Did you run it inside, or on the host?",
            "`probes.look(mystery, …)` asks the box; `probes.look(host, …)` asks the host.",
            "seen = probes.look(mystery, environment)",
        )
    return _missed(right - reached) if right - reached else passed(f"reached: {_list(right)}")


def _missed(missing: set[str]) -> Finding:
    if "kernel" in missing:
        return failed(
            "something is missing that no option can take away",
            "Which row of the notebook's map was alike for all boxes but one?",
            "A `boot_id` is drawn once by each kernel. Compare the box's with the host's.",
            '"kernel" belongs to the set.',
        )
    return failed(
        f"{len(missing)} of the host's things are missing",
        "Is the canary out while you probe? Without it, nothing of the host's can be told apart.",
        "All of it belongs inside `with probes.canaries() as environment:`.",
        "seen = probes.look(mystery, environment), before the canaries are gone",
    )


def _list(names: set[str]) -> str:
    return ", ".join(name for name in probes.PROBES if name in names)
