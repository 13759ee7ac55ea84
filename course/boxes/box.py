"""The one interface of every box, so that one experiment can run in all of them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from course.checks import Check, Outcome
from course.errors import BoxError, NotEnoughMemory, NotRunning, SnapshotMissing, StartFailed
from course.system import host
from .wishes import parse_size, shell_command, snapshot_name

RESTART = "box.stop(), then box.start()"  # mends a box that ended by itself


@dataclass(frozen=True)
class Output:
    """What a command left behind: exit code, both streams, and how long it took in seconds."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float


@dataclass(frozen=True)
class Usage:
    """What a running box costs its host.

    ``memory``: bytes, the proportional set size (PSS) of every process the box needs, the
    shim's and QEMU's included. ``cpu``: seconds of processor time. ``disk``: bytes that
    belong to this box alone. ``processes``: how many processes were added up. ``source``:
    "PSS", or "cgroup" where this user may not read the PSS of those processes.
    """

    memory: int
    cpu: float
    disk: int
    processes: int
    source: str = "PSS"


class Phases(dict[str, float]):
    """When each phase of a start ended, in seconds after ``began``; none before the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.began = time.perf_counter()

    def mark(self, phase: str, ago: float = 0.0) -> None:
        """Note that a phase ended, now or some seconds ago."""
        ended = time.perf_counter() - self.began - ago
        self[phase] = max(ended, *self.values(), 0.0)


class Box(ABC):
    """Something a program runs in.

        with Container("tiny") as box:
            print(box.exec("uname -r").stdout)

    ``cpus``: how many processors, may be a fraction where the box can do that. ``memory``: a
    size such as "128M", or None for no cap (a VM always has one). ``network``: False means
    none but loopback, on every kind of box.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        image: str = "tiny",
        *,
        cpus: float | None = None,
        memory: str | int | None = None,
        network: bool = False,
    ) -> None:
        self.image, self.cpus, self.network = image, cpus, network
        self.memory = None if memory is None else parse_size(memory)
        if self.memory == 0 or (cpus is not None and cpus <= 0):  # to Linux, that is no cap
            found = f"cpus={cpus!r}, memory={memory!r}"
            raise BoxError("caps above zero, or None", found, 'cpus=0.5, memory="64M"')
        self.phases = Phases()
        self.running = False
        self._snapshots: dict[str, Any] = {}  # by name, what is needed to return to it

    @classmethod
    @abstractmethod
    def requirements(cls) -> list[Check]:
        """What the machine must have for this kind of box; the doctor lists the same."""

    @property
    @abstractmethod
    def command(self) -> str:
        """The real command line or API call behind this box."""

    def exec(self, command: str | Sequence[str], timeout: float = 60.0) -> Output:
        """Run a command inside (a string goes to ``sh``). ``timeout`` in seconds.

        Raises NotRunning, CommandTimeout (the command is then killed).
        """
        self._require_running()
        return self._exec(shell_command(command), timeout)

    def usage(self) -> Usage:
        """What this box costs the host now. Raises NotRunning."""
        self._require_running()
        return self._usage()

    def snapshot(self, name: str) -> None:
        """Keep the box's present state under a name. Raises NotRunning."""
        self._require_running()
        self._snapshots[name] = self._snapshot(snapshot_name(name))

    def rollback(self, name: str) -> None:
        """Return to a kept state. Raises SnapshotMissing, NotRunning."""
        self._require_running()
        if name not in self._snapshots:
            found = "none of that name"
            raise SnapshotMissing(f"a snapshot {name!r}", found, "box.snapshot(name)")
        self._rollback(self._snapshots[name])

    def clone(self) -> Self:
        """A second, running box that begins from this one's present state. Raises NotRunning."""
        self._require_running()
        return self._clone()

    @abstractmethod
    def _exec(self, command: str, timeout: float) -> Output:
        """Run a command of the shell, as ``exec`` says."""

    @abstractmethod
    def _usage(self) -> Usage:
        """What it costs now."""

    @abstractmethod
    def _snapshot(self, name: str) -> Any:
        """Keep the present state; returns what ``_rollback`` needs."""

    @abstractmethod
    def _rollback(self, kept: Any) -> None:
        """Return to a state. A kind that has to begin anew for it stops where that fails."""

    @abstractmethod
    def _clone(self) -> Self:
        """Make the second box, and start it."""

    @abstractmethod
    def _start(self) -> None:
        """Start and return once the box can answer; ``phases.mark`` each phase as it ends."""

    @abstractmethod
    def _stop(self) -> None:
        """Remove everything the box made. Must bear being called after half a start or stop."""

    def start(self) -> Self:
        """Start the box. Whatever goes wrong on the way, nothing of it is left."""
        if self.running:
            raise BoxError(f"a {self.kind} that is not running yet", "one that is", "box.stop()")
        self._require_memory()
        self.phases = Phases()
        try:
            self._start()
            self.running = True  # in here: an interrupt that comes now finds nothing left either
        except OSError as error:
            self.stop()
            raise self._explained(error) from error
        except BaseException:  # not a context manager: at its end is a moment that it misses
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the box and remove what it made; stopping twice is fine."""
        try:
            self.running = False
            self._snapshots.clear()
            self._stop()
        except KeyboardInterrupt:
            self._stop()  # once more, and to its end
            raise

    def __enter__(self) -> Self:
        return self if self.running else self.start()  # a clone runs already

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self.running else "not running"
        return f"<{type(self).__name__} {self.image!r}, {state}>"

    def _require_running(self) -> None:
        if not self.running:
            raise NotRunning(f"a running {self.kind}", "one that is not", "box.start()")

    def _require_memory(self) -> None:
        there = int(host.facts()["memory"])
        if self.memory is not None and self.memory > there:
            wanted, has = (f"{size / 2**30:.1f} GiB of memory" for size in (self.memory, there))
            raise NotEnoughMemory(wanted, f"{has} in this machine", "a smaller memory=")

    def _explained(self, error: OSError) -> BoxError:
        """The requirement that fails, with the doctor's hint; or just what the system said."""
        for check in self.requirements():
            finding = check.run()
            if finding.outcome is not Outcome.PASSED:
                return StartFailed(check.description, finding.observed, " ".join(finding.hints))
        return StartFailed(f"the {self.kind} to start", str(error), "course doctor")
