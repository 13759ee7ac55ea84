"""Disk images, by ``qemu-img``: what they are, and new ones that hold only the difference."""

from __future__ import annotations

import subprocess
from pathlib import Path

from course.errors import BoxError, ImageDamaged, ImageMissing
from course.system import programs

BOOTS = b"\x55\xaa"  # what the firmware of a PC looks for


def form(path: Path) -> str:
    """The format of a disk image, "qcow2" or "raw". Raises ImageMissing, ImageDamaged."""
    if not path.is_file():
        raise ImageMissing("a disk image", f"no file {path}")
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"QFI\xfb":  # docs/interop/qcow2.txt in QEMU
        _require_whole(path)
        return "qcow2"
    size = path.stat().st_size
    if size == 0 or size % 512:
        found = f"{path.name} of {size} bytes"
        raise ImageDamaged("a disk image: qcow2, or raw in whole sectors of 512 bytes", found)
    return "raw"


def check(path: Path, boots: bool) -> None:
    """Raise ImageDamaged where this is no disk, or, if it is to boot, has nothing that does."""
    if form(path) == "raw" and boots:
        with path.open("rb") as file:
            end = file.read(512)[510:]
        if end != BOOTS:
            expected = "a first sector that ends in 55 aa, for a computer to start it"
            raise ImageDamaged(expected, end.hex(" "), "write the two bytes at offset 510")


def create(base: Path, target: Path) -> None:
    """A new qcow2 disk that begins as ``base`` is and leaves it as it is. Raises BoxError."""
    backing = ["-b", str(base), "-F", "qcow2"]
    _run("create", "-q", "-f", "qcow2", *backing, str(target))


def create_empty(target: Path) -> None:
    """A new qcow2 disk with nothing on it, for the states of machines. Raises BoxError."""
    _run("create", "-q", "-f", "qcow2", str(target), "1M")


def _require_whole(path: Path) -> None:
    try:
        _run("info", "--force-share", str(path))
    except BoxError as error:
        raise ImageDamaged(f"a whole disk image {path.name}", error.found) from error


def _run(*words: str) -> None:
    argv = [str(programs.require("qemu-img")), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BoxError(f"qemu-img to {words[0]} a disk", done.stderr.strip())
