"""How the lab's checks look: at a machine that runs, a file, a process, a system that boots."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from course.boxes import VirtualMachine
from course.checks import Finding, failed, passed
from course.errors import CourseError
from course.lessons import checking
from course.system import reaper
from . import sector

of_machine = partial(checking.of_box, kind=VirtualMachine, example='VirtualMachine("tiny")')


def booted(path: Path, greeting: str) -> Finding:
    """Boot a copy, so that the learner's file stays as it is, and listen."""
    with reaper.scratch() as folder:
        copy = Path(shutil.copy(path, folder))
        try:
            with VirtualMachine(None, disk=copy, memory="16M", architecture="x86_64") as box:
                said = sector.until_said(box, greeting, patience=8)
                said = sector.until_said(box, said + greeting, patience=0.3)  # once more?
        except CourseError as error:
            return failed(
                f"the PC does not start from it: {error.found}",
                "The firmware starts a sector only if its last two bytes are the right ones.",
                "They are 55 aa, at offset 510; fill up with zeros before them.",
                r'(program + text).ljust(510, b"\0") + b"\x55\xaa"',
            )
    if not said.strip():
        return failed(
            "the PC starts from it, and the console stays empty",
            "The firmware jumps to the first byte of the sector. What stands there?",
            "First the program, and right behind its 22 bytes the text.",
            r'program + greeting.encode() + b"\r\n\0"',
        )
    if said.strip() != greeting:
        return failed(
            f"the console has {said!r:.80}",
            "It shall have the greeting, once, and nothing else.",
            "The program prints what stands behind its 22 bytes, until it meets a zero.",
            r'program + greeting.encode() + b"\r\n\0"',
        )
    return passed(f"the console says {greeting!r}, and that is all")


def process_of(thread: int) -> int:
    status = Path(f"/proc/{thread}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Tgid"))


def path_of(value: object) -> Path | None:
    """The file that the learner names, if there is one."""
    found = Path(value) if isinstance(value, str | Path) else None
    return found if found and found.is_file() else None


def program_of(process: object) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return "which is no process"


def is_number(value: object) -> bool:
    """Whether the learner's value is a number: True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
