"""Disks made from a root filesystem: no mount, no loop device, no root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from course.errors import BuildFailed
from course.system import programs, store

SIZE = 2 * 2**30  # bytes that the guest sees; the file holds what was written only
UUID = "7b0c4dbe-2b0e-4d0a-9a52-0123456789ab"  # a random one would change the bytes
# `tar` and `mkfs.ext4` ($0) run in one shell so that fakeroot's idea of the owners lasts for both.
FILL = f"""
tar -x -f "$1" -C "$2" &&
"$0" -q -d "$2" -U {UUID} -E hash_seed={UUID},lazy_itable_init=0 "$3"
"""
RECIPE = f"{FILL} {SIZE}"


def make(archive: Path, folder: Path) -> None:
    """Fill the folder with ``disk.qcow2``: one ext4 filesystem, no partitions.

    Equal archives give equal bytes. Raises ToolMissing, DiskFull, BuildFailed.
    """
    raw, files, commands = folder / "disk.raw", folder / "files", folder / "commands"
    files.mkdir()
    with raw.open("wb") as disk:
        disk.truncate(SIZE)
    mkfs, image_tool = programs.require("mkfs.ext4"), programs.require("qemu-img")
    as_root = [programs.require("fakeroot")] if os.geteuid() else []
    _run(*as_root, "sh", "-c", FILL, mkfs, archive, files, raw)
    commands.write_text("\n".join(_dated(archive)))
    _run(mkfs.with_name("debugfs"), "-w", "-f", commands, raw)
    _run(image_tool, "convert", "-O", "qcow2", raw, folder / "disk.qcow2")
    shutil.rmtree(files)
    raw.unlink()
    commands.unlink()


def _dated(archive: Path) -> Iterator[str]:
    """Commands for debugfs: mkfs copies when *we* unpacked each file, which is never the same."""
    with tarfile.open(archive) as tar:
        names = [name.removeprefix("./") for name in tar.getnames()]
    for name in (*names, "lost+found"):
        for field in ("atime", "ctime"):
            yield f'set_inode_field "/{name}" {field} @{store.EPOCH}'


def _run(*command: str | Path) -> None:
    """Run a tool that makes a filesystem. Raises DiskFull, BuildFailed."""
    environment = os.environ | {"E2FSPROGS_FAKE_TIME": str(store.EPOCH), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        if "No space left" in done.stderr:
            raise store.disk_full(done.stderr)
        raise BuildFailed(f"{command[0]} to make a disk", done.stderr)
