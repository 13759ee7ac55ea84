"""The sums that a learner's processor has to get right."""

from __future__ import annotations

from typing import NamedTuple

AX, CX, DX = 0, 1, 2


class Sum(NamedTuple):
    """Whose work, an instruction and what it says; a register before, after, and the zero flag."""

    function: str
    instruction: str
    said: str
    register: int
    before: int
    result: int
    zero: bool


SUMS = (
    Sum("add", "04 05", "add al, 5", AX, 2, 7, False),
    Sum("inc_dec", "41", "inc cx", CX, 7, 8, False),
    Sum("inc_dec", "4a", "dec dx", DX, 7, 6, False),
    Sum("add", "04 0a", "add al, 10", AX, 250, 4, False),
    Sum("add", "04 ff", "add al, 255", AX, 1, 0, True),
    Sum("inc_dec", "41", "inc cx", CX, 65535, 0, True),
    Sum("inc_dec", "49", "dec cx", CX, 0, 65535, False),
    Sum("inc_dec", "49", "dec cx", CX, 1, 0, True),
)
