"""What a box is asked for, checked before it is tried: sizes, commands and names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from course.errors import BoxError, CommandTimeout

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
LONGEST = 2**17 - 1  # bytes in one word of a command: execve(2), MAX_ARG_STRLEN


def parse_size(text: str | int) -> int:
    """Bytes in ``"128M"``, ``"1G"``, ``"64K"`` or a plain number. Raises BoxError."""
    found = re.fullmatch(r"(\d+)([KMG]?)i?B?", str(text).strip(), re.IGNORECASE)
    if not found:
        raise BoxError('a size such as "128M" or "1G"', repr(text))
    return int(found[1]) * UNITS[found[2].upper()]


def shell_command(command: str | Sequence[str]) -> str:
    """A string stays the shell command that it is; a list becomes one, safely quoted.

    Raises BoxError where Linux could give it to no program.
    """
    text = command if isinstance(command, str) else shlex.join(command)
    if "\0" in text:
        raise BoxError("a command", "one with a NUL in it, which no program can be given")
    if (length := len(text.encode())) > LONGEST:
        raise BoxError(f"a command of at most {LONGEST} bytes", f"one of {length}", "a file")
    return text


def snapshot_name(name: str) -> str:
    """The name again, if it can be a tag and a file's name as well. Raises BoxError."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name):
        raise BoxError("a name of letters, digits, '.', '_' and '-'", repr(name))
    return name


def command_timeout(command: str, timeout: float) -> CommandTimeout:
    """The error of every box for a command that did not end in time."""
    found = "it did not, and was killed with all that it started"
    return CommandTimeout(f"{command!r} to end within {timeout:g} s", found, "timeout=...")
