"""The kernel that the course's virtual machines run: the distribution's own, for cloud machines."""

from __future__ import annotations

import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from course.system import store
from . import apt
from .unpacking import unpacked

RECIPE = "1"  # change it when an equal package must give other bytes


@dataclass(frozen=True)
class Kernel:
    """A Linux kernel and its modules, as one distribution package has them.

    ``packed``: as the package has it. ``image``: the same without compression, so that no time
    of a boot goes into unpacking. ``version``: what ``uname -r`` will say.
    """

    packed: Path
    image: Path
    modules: Path
    version: str


def kernel(architecture: str = platform.machine()) -> Kernel:
    """The distribution's kernel for virtual machines, fetched when it is not there.

    ``architecture`` as ``uname -m`` says it: x86_64 or aarch64. It is kept until the cache is
    cleared, whatever newer one the distribution has meanwhile. Raises ToolMissing, BuildFailed.
    """
    inputs = {"architecture": architecture, "recipe": RECIPE}
    folder = store.built(f"kernel-{architecture}", inputs, lambda new: _make(architecture, new))
    version = (folder / "version").read_text()
    return Kernel(folder / "vmlinuz", folder / "vmlinux", folder / "modules", version)


def _make(architecture: str, folder: Path) -> None:
    """Fill a folder with vmlinuz, vmlinux, the modules for VMs and the version."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        files, work = Path(name) / "files", Path(name) / "work"
        work.mkdir()
        apt.fetch(apt.kernel_package(architecture), files, work, architecture)
        packed = next(files.glob("boot/vmlinuz-*"))
        (folder / "version").write_text(packed.name.removeprefix("vmlinuz-"))
        (folder / "vmlinux").write_bytes(unpacked(packed.read_bytes()))
        shutil.move(packed, folder / "vmlinuz")
        modules = next(files.glob("**/lib/modules/*/kernel"))
        shutil.move(modules, folder / "modules")
