"""A check looks at a state and says what it found; it never changes anything and never raises.

A lab's tasks are checks of the learner's own notebook. They stand in
``course/lessons/<slug>/checks.py``, each a function that is given the learner's names. The number
at the end says which of the lesson's objectives it practises::

    @task("reach-it", "The container answers on the port you chose", 2)
    def reach_it(names: Names) -> Finding:
        port = names["port"]            # not there yet: the outcome is "not attempted"
        if not answers(port):
            return failed(f"nothing answers on port {port}", "nudge", "step", "near-solution")
        return passed(f"port {port} answers")
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from course.errors import CourseError

DEADLINE = 20.0  # seconds; a probe that takes longer is reported as broken


class Outcome(StrEnum):
    """The four things a check can say."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ATTEMPTED = "not attempted"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """What a check found: the outcome, what was observed, and hints from nudge to near-solution."""

    outcome: Outcome
    observed: str = ""
    hints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.outcome is Outcome.PASSED


def passed(observed: str = "") -> Finding:
    """The state is as it should be."""
    return Finding(Outcome.PASSED, observed)


def failed(observed: str, *hints: str) -> Finding:
    """The state is something else: say what was seen, then hints, gentlest first."""
    return Finding(Outcome.FAILED, observed, hints)


def not_attempted(observed: str = "nothing here yet", *hints: str) -> Finding:
    """There is no sign that anybody tried."""
    return Finding(Outcome.NOT_ATTEMPTED, observed, hints)


def explained(probe: Callable[[], Finding]) -> Callable[[], Finding]:
    """A probe of the machine whose CourseError is its finding: the error's mend is the hint."""

    def look() -> Finding:
        try:
            return probe()
        except CourseError as error:
            return failed(error.found or error.expected, error.mend)

    return look


@dataclass(frozen=True)
class Check:
    """One sentence that is true or not, a probe that finds out, and the hint for when it is not.

    ``probe`` returns a Finding. Whatever it raises makes the outcome *broken*: a fault of the
    check or of the machine, never of the learner.
    """

    description: str
    probe: Callable[[], Finding]
    hint: str = ""

    def run(self, deadline: float = DEADLINE) -> Finding:
        """Probe, for at most ``deadline`` seconds."""
        found: list[Finding] = []
        # A daemon thread: a probe that hangs in a system call must not hold up the learner.
        worker = threading.Thread(target=lambda: found.append(self._probe()), daemon=True)
        worker.start()
        worker.join(deadline)
        if not found:
            return Finding(Outcome.BROKEN, f"no answer within {deadline:g} s", self._hints(()))
        return replace(found[0], hints=self._hints(found[0].hints))

    def _probe(self) -> Finding:
        try:
            found = self.probe()
        except Undefined as error:
            return not_attempted(str(error))
        # Everything: a probe that calls sys.exit() must not end its thread without a word.
        except BaseException as error:
            return Finding(Outcome.BROKEN, f"{type(error).__name__}: {error}")
        if isinstance(found, Finding):
            return found
        return Finding(Outcome.BROKEN, f"the probe returned {found!r}, not a Finding")

    def _hints(self, hints: tuple[str, ...]) -> tuple[str, ...]:
        return hints or ((self.hint,) if self.hint else ())


class Undefined(LookupError):
    """The learner has not given this name a value yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"`{name}` is not defined yet")


class Names(Mapping[str, object]):
    """What the learner has defined in the notebook, as it was when the check began.

    ``names["port"]`` is the value; where there is none yet, or it is still the ``...`` that the
    lab came with, the task's outcome is "not attempted". ``names.get("port")`` gives None instead.
    """

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._values = {
            name: value
            for name, value in list(namespace.items())
            if not name.startswith("_") and value is not ...
        }

    def __getitem__(self, name: str) -> object:
        if name not in self._values:
            raise Undefined(name)
        return self._values[name]

    def get(self, name: str, default: object = None) -> object:
        """The value, or ``default`` where the learner has not given one."""
        return self._values.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values


@dataclass(frozen=True)
class Task:
    """One thing to do in a lab: its name, the state to reach in one sentence, and who looks.

    ``practises``: which of the lesson's objectives are practised by it, counted from 1.
    """

    name: str
    description: str
    look: Callable[[Names], Finding]
    practises: tuple[int, ...]

    def check(self, namespace: Mapping[str, object]) -> Check:
        """The check of this task for one learner's names."""
        return Check(self.description, lambda: self.look(Names(namespace)))


def task(
    name: str, description: str, *practises: int
) -> Callable[[Callable[[Names], Finding]], Task]:
    """Make a task of the function below it; the numbers are the objectives that it practises."""
    return lambda look: Task(name, description, look, practises)
