"""What is on the disk whole or not at all: files, and folders that are made once and kept."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from course.errors import DiskFull, ImageDamaged
from . import paths

EPOCH = 1_735_689_600  # 2025-01-01: the date of what we build, so equal inputs give equal bytes
MANIFEST = "manifest.json"  # size, time of change and checksum of each file at the top
BELOW = "below.json"  # the checksums of the rest: one more file at the top
UNFINISHED = "-unfinished-"


def key(inputs: Mapping[str, str]) -> str:
    """Sixteen hexadecimal digits that change when any input does."""
    text = json.dumps(dict(inputs), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def folder_of(name: str, inputs: Mapping[str, str]) -> Path:
    """Where ``built`` keeps this: there or not."""
    return _shelf(name) / key(inputs)


def built(name: str, inputs: Mapping[str, str], make: Callable[[Path], None]) -> Path:
    """The folder that ``make(folder)`` filled for these inputs, made now if it is not there.

    A process that is killed on the way leaves nothing that could be taken for the real thing;
    another that wants the same waits for it. Folders of the same name with other inputs go.
    Raises ImageDamaged, DiskFull, and what ``make`` raises.
    """
    folder = folder_of(name, inputs)
    if not folder.is_dir():
        with disk_errors(), alone(name):
            if not folder.is_dir():
                _make(folder, make)
    _look_over(folder)
    return folder


def folders(name: str) -> list[Path]:
    """What ``built`` keeps under this name: one folder, or none."""
    return [path for path in _shelf(name).glob("[!.]*") if UNFINISHED not in path.name]


def discard(name: str) -> None:
    """Remove what is kept under this name."""
    with alone(name):
        _clear(_shelf(name))


def verify(folder: Path) -> None:
    """Read every byte again and compare it with the manifest. Raises ImageDamaged."""
    top = {name: digest for name, (_, _, digest) in _read(folder, MANIFEST).items()}
    below = _read(folder, BELOW) if BELOW in top else {}
    for name, digest in (top | below).items():
        if not (folder / name).is_file() or file_digest(folder / name) != digest:
            raise _damaged(folder, name)


def write(file: Path, content: bytes) -> None:
    """Write a file whole or leave it as it was; the folders that lead to it are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold what is inside to one process at a time; the lock goes with the process."""
    shelf = _shelf(name)
    shelf.mkdir(parents=True, exist_ok=True)
    with (shelf / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def disk_errors() -> Iterator[None]:
    """Inside, a disk without room raises DiskFull."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise disk_full(str(error)) from error


def disk_full(found: str) -> DiskFull:
    """The error for a disk without room, with the free bytes there are."""
    free = shutil.disk_usage(paths.cache_dir()).free
    return DiskFull(
        f"room in {paths.cache_dir()}",
        f"{found} ({free // 2**20} MiB free)",
        "free some room, or set COURSE_CACHE_DIR to a folder on another disk",
    )


def _shelf(name: str) -> Path:
    return paths.cache_dir() / "images" / name


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    # We hold the lock, so whatever else is here is old or was left by a process that died.
    _clear(folder.parent)
    # A name of its own: a child of the process that died may still write to the old one.
    unfinished = Path(tempfile.mkdtemp(prefix=folder.name + UNFINISHED, dir=folder.parent))
    try:
        make(unfinished)
        _describe(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _clear(shelf: Path) -> None:
    for folder in shelf.glob("[!.]*"):
        gone = folder
        if UNFINISHED not in folder.name:
            # Renamed first: who looks meanwhile finds the whole folder or none.
            gone = Path(tempfile.mkdtemp(prefix=folder.name + UNFINISHED, dir=shelf))
            folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _describe(folder: Path) -> None:
    """Write the manifests, links left out. The one for every use is short however deep it goes."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    deep = [path for path in files if path.parent != folder]
    if deep:
        digests = {str(path.relative_to(folder)): file_digest(path) for path in deep}
        (folder / BELOW).write_text(json.dumps(digests))
        files.append(folder / BELOW)
    top = [path for path in files if path.parent == folder]
    manifest = {path.name: (*_stamp(path), file_digest(path)) for path in top}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _look_over(folder: Path) -> None:
    """The cheap look, for every use: sizes and times of the files that stand at the top."""
    for name, (size, changed, _) in _read(folder, MANIFEST).items():
        if _stamp(folder / name) != (size, changed):
            raise _damaged(folder, name)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (-1, -1)
    return status.st_size, status.st_mtime_ns


def _read(folder: Path, manifest: str) -> dict[str, Any]:
    try:
        return json.loads((folder / manifest).read_text())
    except (OSError, ValueError) as error:
        raise _damaged(folder, manifest) from error


def _damaged(folder: Path, name: str) -> ImageDamaged:
    mend = shlex.join(["rm", "-r", str(folder)])  # all of it: nothing is made again in parts
    return ImageDamaged(f"{name} as it was built", "other bytes", mend)
