"""Stacks to tell apart: on what does a hypervisor stand, and what runs beside its guests?"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

from . import hints
from .scripted import tried

Stack = list[list[str]]  # from the hardware up; a layer lists what stands side by side

KINDS = ("type 1", "type 2", "both")
# Each has something that misleads whoever looks at names, at heights, or at the whole stack.
CASES: tuple[tuple[Stack, str], ...] = (
    ([["hardware"], ["hypervisor"], ["guest", "guest"]], "type 1"),
    ([["hardware"], ["hypervisor"], ["guest"], ["Windows"], ["browser", "editor"]], "type 1"),
    ([["hardware"], ["macOS"], ["hypervisor", "player"], ["guest", "guest"]], "type 2"),
    ([["hardware"], ["Windows"], ["hypervisor"], ["guest"]], "type 2"),
    ([["hardware"], ["Linux"], ["desktop"], ["browser", "hypervisor"], ["guest"]], "type 2"),
    ([["hardware"], ["Linux", "hypervisor"], ["guest", "editor"]], "both"),
    ([["hardware"], ["hypervisor", "FreeBSD"], ["backup", "guest", "guest"], ["shop"]], "both"),
    ([["hardware"], ["hypervisor"], ["guest", "clock", "guest"]], "both"),
)
# By what is right and what was said. In all other cases the layer beneath was misread.
MISTAKES = {
    ("type 1", "both"): hints.INSIDE,
    ("both", "type 1"): hints.BESIDE,
    ("both", "type 2"): hints.SAME_LAYER,
}


class Told(NamedTuple):
    """A stack, what is right, and what the learner's function said or raised."""

    layers: Stack
    right: str
    said: object
    raised: str

    @property
    def observed(self) -> str:
        return self.raised or f"`kind({self.layers})` is {self.said!r:.60}"

    @property
    def hint(self) -> tuple[str, ...]:
        if self.raised:
            return hints.LAYERS
        if self.said not in KINDS:
            return hints.KINDS
        return MISTAKES.get((self.right, self.said), hints.BENEATH)


def told(kind: Callable[[Stack], str]) -> list[Told]:
    """Every stack, each handed over as a copy that may be taken apart."""
    return [Told(layers, right, *tried(kind, deepcopy(layers))) for layers, right in CASES]
