"""The experiments behind this lesson's claims. Without KVM each raises OSError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd

from course.measuring import results
from . import guests, native
from .devices import Bus
from .emulator import emulate
from .hypervisor import Guest, machine, real_mode, serve, virtualize
from .user_mode import user_mode

COUNT = guests.code(guests.COUNT)
LONGER = COUNT.replace(b"\xb0\x0f", b"\xb0\xff")  # mov al, 255: more rounds
BARE = LONGER.replace(b"\xf4", b"\xc3")  # ret in the place of hlt: a function


def twelve_bytes(rounds: int = 20) -> pd.DataFrame:
    """A virtual machine from its making to its end, with a guest of twelve bytes."""
    alphabet = guests.code(guests.ALPHABET)
    return results.measure({"KVM": lambda: virtualize(alphabet, Bus())}, rounds)


def counting(rounds: int = 10) -> pd.DataFrame:
    """The same bytes on the toy and on KVM, there in both modes."""
    with again(COUNT, real_mode) as real, again(COUNT, user_mode) as user:
        arms = {
            "toy emulator": lambda: emulate(COUNT, Bus()),
            "KVM, real mode": real,
            "KVM, user mode": user,
        }
        return results.measure(arms, rounds)


def near_native(rounds: int = 20) -> pd.DataFrame:
    """The same bytes in a guest's user mode and on the bare processor."""
    with again(LONGER, user_mode) as user:
        arms = {"bare processor": lambda: native.run(BARE), "KVM, user mode": user}
        return results.measure(arms, rounds)


@contextmanager
def again(code: bytes, begin: Callable[[Guest], None]) -> Iterator[Callable[[], str]]:
    """An arm that runs a guest from its beginning, on a machine that is made once."""

    def arm() -> str:
        begin(guest)
        return serve(guest, Bus())

    with machine(code, begin) as guest:
        yield arm
