"""A Python that starts a box and is hit in the middle of it.

``python victim.py`` reads orders from its input, one JSON object a line. Each is carried out by a
forked child, a session of its own; what came of it is one JSON object on the output. A real
kernel of Jupyter imports this file too.

An order: ``box`` and ``options`` say what is started; ``fault`` is "kill", "interrupt" or "none".
``at`` is the name of a phase, or a number: that line of the course's code, counted from the start;
a line in a loop counts twice at most. With ``during`` "stop" it is the stop that is hit.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import course
from course.boxes.box import Phases
from course.boxes.sandbox import zygote
from course.system import reaper

OURS = str(Path(course.__file__).parent)
WALLS = "the walls are being built"  # a sandbox: its process 1 works, and we wait for it


def fire(fault: str) -> None:
    """What the order said: no farewell, or what the button ■ does."""
    signal.raise_signal(signal.SIGKILL if fault == "kill" else signal.SIGINT)


def fire_soon(fault: str) -> None:
    """The same, for a trace function. An interrupt comes a moment later: one that was raised in a
    trace function would hit where Python lets no signal through, as between a ``with`` and its end.
    """
    if fault == "kill":
        fire(fault)
    signal.setitimer(signal.ITIMER_REAL, 2e-5)


def at_phase(name: str, hit: Callable[[], None]) -> None:
    """Be hit when that phase of a start ends."""
    mark, clone = Phases.mark, zygote.clone

    def marked(self: Phases, phase: str, ago: float = 0.0) -> None:
        mark(self, phase, ago)
        if phase == name:
            hit()

    def cloned(*arguments: Any) -> None:
        clone(*arguments)
        hit()

    Phases.mark = marked
    if name == WALLS:
        zygote.clone = cloned


class AtLine:
    """Count the lines of the course's code that this thread runs; be hit at one of them."""

    MOST = 2  # times that one line counts: loops would be all there is

    def __init__(self, number: int, hit: Callable[[], None]) -> None:
        self.number, self.hit, self.count = number, hit, 0
        self.where, self.seen = "", Counter()

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            place = f"{frame.f_code.co_filename[len(OURS) + 1 :]}:{frame.f_lineno}"
            self.seen[place] += 1
            self.count += self.seen[place] <= self.MOST
            if self.count == self.number and not self.where:
                self.where = place
                sys.settrace(None)
                self.hit()
        return self


def carry_out(order: dict[str, Any], say: Callable[..., None]) -> None:
    """Start the box, be hit, and say what came of it."""
    say(session=reaper.session())
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    line = AtLine(0, lambda: None)
    if isinstance(order.get("at"), int):
        line = AtLine(order["at"], lambda: fire_soon(order["fault"]))
    elif order.get("at"):
        at_phase(order["at"], lambda: fire(order["fault"]))
    box = getattr(course, order["box"])(**order["options"])
    error, act = None, box.start
    if order.get("during") == "stop":
        act = box.start().stop
    try:
        sys.settrace(line if isinstance(order.get("at"), int) else None)
        act()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException as raised:
        error = raised
    finally:
        sys.settrace(None)
    say(error=type(error).__name__, lines=line.count, where=line.where, words=_words(error))
    if error is None:
        box.stop()
    del error  # its traceback holds what the start had in hand
    gc.collect()
    say(left=[state.name for state in reaper.folder().iterdir()])


def _words(error: BaseException | None) -> str:
    return "".join(traceback.format_exception(error)[-6:]) if error else ""


def _child(order: dict[str, Any]) -> None:
    def say(**words: Any) -> None:
        os.write(1, (json.dumps(words) + "\n").encode())

    try:
        carry_out(order, say)
        reaper._end()  # what an ordinary exit does
    finally:
        os._exit(0)


def main() -> None:
    """A fork for each order; the parent reports how it ended."""
    for order in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(json.loads(order))
        _, status = os.waitpid(child, 0)
        os.write(1, (json.dumps({"ended": os.waitstatus_to_exitcode(status)}) + "\n").encode())


if __name__ == "__main__":
    main()
