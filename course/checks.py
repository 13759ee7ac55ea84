"""A check looks at a state and says what it found; it never changes anything and never raises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

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
            return self.probe()
        except Exception as error:
            return Finding(Outcome.BROKEN, f"{type(error).__name__}: {error}")

    def _hints(self, hints: tuple[str, ...]) -> tuple[str, ...]:
        return hints or ((self.hint,) if self.hint else ())
