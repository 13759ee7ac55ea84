"""A box without anything behind it: for teaching what a box is, and for tests of what uses one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from course.checks import Check
from .box import Box, Output, Usage
from .wishes import command_timeout

Answer = str | Output | Callable[["FakeBox"], "str | Output"]


class FakeBox(Box):
    """A box that gives the answers it was given, in no time at all.

        with FakeBox({"uname -r": "6.1\\n"}) as box:
            print(box.exec("uname -r").stdout)

    An answer is what the command prints, a whole Output, or a function of the box that returns
    either and may change ``box.state``, the dict that snapshots keep. Any other command is not
    found (127). ``start_seconds`` is how long a start takes; ``sleep`` lets time pass, and
    without one none does.
    """

    kind = "fake"

    def __init__(
        self,
        answers: Mapping[str, Answer] | None = None,
        *,
        start_seconds: float = 0.0,
        sleep: Callable[[float], None] = lambda seconds: None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.answers, self.start_seconds = dict(answers or {}), start_seconds
        self.state: dict[str, Any] = {}
        self._sleep, self._options = sleep, options

    @classmethod
    def requirements(cls) -> list[Check]:
        return []

    @property
    def command(self) -> str:
        return repr(self)

    def _exec(self, command: str, timeout: float) -> Output:
        output = self._answer(command)
        self._sleep(min(output.seconds, timeout))
        if output.seconds > timeout:
            raise command_timeout(command, timeout)
        return output

    def _usage(self) -> Usage:
        return Usage(memory=0, cpu=0.0, disk=0, processes=0)

    def _snapshot(self, name: str) -> dict[str, Any]:
        return deepcopy(self.state)

    def _rollback(self, kept: dict[str, Any]) -> None:
        self.state = deepcopy(kept)

    def _clone(self) -> FakeBox:
        twin = FakeBox(
            self.answers, start_seconds=self.start_seconds, sleep=self._sleep, **self._options
        ).start()
        twin.state = deepcopy(self.state)
        return twin

    def _start(self) -> None:
        self._sleep(self.start_seconds)
        self.phases["answered"] = self.start_seconds

    def _stop(self) -> None:
        self.state = {}

    def _answer(self, command: str) -> Output:
        if command not in self.answers:
            return Output(127, "", f"sh: {command}: not found\n", 0.0)
        answer = self.answers[command]
        if callable(answer):
            answer = answer(self)
        return Output(0, answer, "", 0.0) if isinstance(answer, str) else answer
