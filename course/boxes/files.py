"""The files of a box: copied whole, and weighed."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from course.errors import BoxError, DiskFull
from course.system import interrupts, reaper


def copy(source: Path, target: Path) -> Path:
    """Put a copy of a folder in the place of another, which may be there or not; return that.

    Links, devices, owners and attributes stay as they are; a copy that breaks off leaves the
    target as it was. Raises DiskFull, BoxError.
    """
    unfinished = target.with_name(f"{target.name}.unfinished")
    # Not shutil.copytree: it stops at a named pipe and leaves owners and attributes behind.
    argv = ["cp", "--archive", str(source), str(unfinished)]
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        run = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
        if "No space left" in run.stderr:
            raise disk_full(f"room for {disk(source)} bytes", run.stderr.splitlines()[0])
        if run.returncode:
            raise BoxError(f"a copy of {source}", run.stderr.strip())
        with interrupts.held_back():  # or for a moment there would be neither
            reaper.delete(target)
            return unfinished.rename(target)
    finally:
        reaper.delete(unfinished)


def disk_full(expected: str, found: str) -> DiskFull:
    """The error for a box that has no room for its files."""
    mend = "free some room, or set COURSE_RUN_DIR to a folder on another disk"
    return DiskFull(expected, found, mend)


def disk(folder: Path) -> int:
    """Bytes that a folder and what is in it take on the disk (blocks, not lengths)."""
    total = folder.lstat().st_blocks
    for where, folders, names in os.walk(folder):
        for name in folders + names:
            with suppress(FileNotFoundError):  # what runs in there may remove it meanwhile
                total += os.lstat(os.path.join(where, name)).st_blocks
    return 512 * total
