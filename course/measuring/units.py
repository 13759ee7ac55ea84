"""Measured values as text: with no more digits than they deserve, and the unit that suits them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Show = Callable[[float], str]


def number(value: float) -> str:
    """Two significant digits, three from a hundred on: 0.0038, 1.5, 12, 148, 1,390."""
    if abs(value) < 99.5:  # which two digits would make 1.0e+02
        return f"{value:#.2g}".rstrip(".")
    return f"{float(f'{value:.3g}'):,.0f}"


def seconds(value: float) -> str:
    """A time with the unit that suits it."""
    for unit, length in {"s": 1, "ms": 1e-3}.items():
        if abs(value) >= 0.9995 * length:  # which three digits make a whole one
            return f"{number(value / length)} {unit}"
    return f"{number(value * 1e6)} µs"


def size(value: float) -> str:
    """An amount of bytes with the unit that suits it."""
    for unit, length in {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10}.items():
        if abs(value) >= length:
            return f"{number(value / length)} {unit}"
    return f"{value:.0f} B"


def with_interval(ends: Iterable[float], show: Show = number, mark: str = "") -> str:
    """A value and its interval, as in "1.5 × [1.2, 1.8]"; ``mark`` follows the value."""
    value, low, high = map(show, ends)
    return f"{value}{mark} [{low}, {high}]"


OF_COLUMN = {"seconds": seconds, "cpu": seconds, "memory": size, "disk": size}
IN_WORDS = {"cpu": "processor time"}  # where a column's name is not a word
