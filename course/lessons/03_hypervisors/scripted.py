"""Stand-ins for the kernel's part, so that a learner's half can be checked on any machine."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack_into
from types import FunctionType

from .devices import Device
from .hypervisor import EXIT_DATA, EXIT_IO

DATA_PLACE = 0x900  # not KVM's usual place: only who looks where the exit says finds the byte here


def tried(function: Callable, *arguments: object) -> tuple[object, str]:
    """Call it: what came back, and what was raised, as a sentence."""
    try:
        return function(*arguments), ""
    except Exception as error:
        return None, f"`{function.__name__}` raised {type(error).__name__}: {error}"


def borrowed(function: Callable, **replaced: object) -> Callable:
    """The function with some of its global names replaced; the learner's own stays as it is."""
    names = function.__globals__ | replaced
    copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


class Recorder:
    """In the place of a function: keeps what it was called with, and returns 0."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def __call__(self, *arguments: object) -> int:
        self.calls.append(arguments)
        return 0


class Listener(Device):
    """A device that keeps what it hears, and says 42 when asked."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def read(self) -> int:
        return 42

    def write(self, byte: int) -> None:
        self.heard.append(byte)


class Watched(Device):
    """Another device, and how often it was used."""

    def __init__(self, device: Device) -> None:
        self.device, self.used = device, 0

    def read(self) -> int:
        self.used += 1
        return self.device.read()

    def write(self, byte: int) -> None:
        self.used += 1
        self.device.write(byte)


class ScriptedGuest:
    """A guest whose exits were written down: reasons, or ports with the byte sent there.

    ``entered`` counts how often it was asked to run.
    """

    def __init__(self, *exits: int | tuple[int, int]) -> None:
        self.state, self.entered = bytearray(0x1000), 0
        self._exits = exits

    def enter(self) -> int:
        """The next exit's reason. Raises RuntimeError when the guest had ended before."""
        if self.entered == len(self._exits):
            raise RuntimeError("the guest was entered again after it had ended")
        exit_ = self._exits[self.entered]
        self.entered += 1
        if isinstance(exit_, int):
            return exit_
        self.want(*exit_)
        return EXIT_IO

    def want(self, port: int, byte: int, is_out: bool = True) -> None:
        """Fill in the shared page, as the kernel does when a guest wants a device."""
        pack_into("=BBHIQ", self.state, EXIT_DATA, is_out, 1, port, 1, DATA_PLACE)
        self.state[DATA_PLACE] = byte
