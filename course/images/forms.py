"""The container image and the VM image, both made from one root filesystem."""

from __future__ import annotations

import os
import platform
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from course.engine import answers, engine_errors
from course.errors import ImageMissing
from course.system import Bar, programs, store
from . import disks, guest, imports, rootfs
from .linux import RECIPE, kernel
from .unpacking import unpacked

NAMES = ("tiny", "debian")
DEBIAN_FILES = rootfs.DEBIAN_FILES | guest.debian_files()
# What decides the bytes of each part, besides the root filesystem it is made from.
RECIPES = {"root": "", "boot": RECIPE + guest.initramfs_inputs(), "disk": disks.RECIPE}


@dataclass(frozen=True)
class Image:
    """One root filesystem in the forms that boxes need; each is made when first asked for.

    ``tag`` is its name in the engine, ``digest`` changes when anything it is made from does,
    ``archive`` is the root filesystem as a tar file. Every form can raise ImageDamaged,
    BuildFailed, ToolMissing and DiskFull.
    """

    name: str
    tag: str
    digest: str
    archive: Path

    @cached_property
    def root(self) -> Path:
        """The unpacked folder; never write to it: others use the same."""
        return self._part("root", lambda new: rootfs.unpack(self.archive, new / "root")) / "root"

    @cached_property
    def disk(self) -> Path:
        """A qcow2 disk with one ext4 filesystem and no partitions; use it as a backing file."""
        return self._part("disk", lambda new: disks.make(self.archive, new)) / "disk.qcow2"

    @cached_property
    def kernel(self) -> Path:
        """The Linux kernel that boots it."""
        return self._part("boot", self._make_boot) / "kernel"

    @cached_property
    def initrd(self) -> Path:
        """The first root filesystem of that kernel."""
        return self._part("boot", self._make_boot) / "initrd"

    def boot_files(self, architecture: str) -> tuple[Path, Path]:
        """Kernel and initramfs for a guest with that processor; only ``tiny`` has another's."""
        if architecture == platform.machine():
            return self.kernel, self.initrd

        def make(folder: Path) -> None:
            busybox = guest.busybox(architecture)
            initramfs = guest.initramfs(self.archive, kernel(architecture).modules, busybox)
            (folder / "initrd").write_bytes(initramfs)

        initrd = store.built(f"{self.name}-{architecture}", self._inputs("boot"), make) / "initrd"
        return kernel(architecture).image, initrd

    @property
    def is_bootable(self) -> bool:
        """Whether ``kernel`` and ``initrd`` would return at once."""
        return store.folder_of(f"{self.name}-boot", self._inputs("boot")).is_dir()

    def _make_boot(self, folder: Path) -> None:
        if self.name == "tiny":
            os.link(kernel().image, folder / "kernel")
            initramfs = guest.initramfs(self.archive, kernel().modules)
        else:
            (folder / "kernel").write_bytes(unpacked(self._file("boot/vmlinuz-*")))
            initramfs = self._file("boot/initrd.img-*")
        (folder / "initrd").write_bytes(initramfs)

    def _part(self, part: str, make: Callable[[Path], None]) -> Path:
        return store.built(f"{self.name}-{part}", self._inputs(part), make)

    def _inputs(self, part: str) -> dict[str, str]:
        return {"archive": self.digest, "recipe": RECIPES[part]}

    def _file(self, pattern: str) -> bytes:
        """The content of the one file in the archive that matches."""
        with tarfile.open(self.archive) as tar:
            found = next(file for file in tar if fnmatch(file.name, f"*{pattern}"))
            return tar.extractfile(found).read()


def image(name: str) -> Image:
    """The image of that name, built if it is not there; a bar shows how far the work is.

    Raises ImageMissing (no such name), ImageDamaged, BuildFailed, ToolMissing, DiskFull.
    """
    inputs = _inputs(name)
    make = rootfs.make_tiny if name == "tiny" else _make_debian
    folder = store.built(name, inputs, lambda new: make(new / "root.tar"))
    return Image(name, f"course/{name}:latest", store.key(inputs), folder / "root.tar")


def is_ready(name: str) -> bool:
    """Whether every form of the image that this machine can use is there."""
    if not store.folder_of(name, _inputs(name)).is_dir():
        return False
    found = image(name)
    in_engine = not answers() or imports.digest(found.tag) == found.digest
    return in_engine and (found.is_bootable or not _has_qemu())


def prepare(name: str) -> None:
    """Make every form of the image that this machine can use. Raises what ``image`` raises."""
    found = image(name)
    if answers():
        container_image(name)
    if _has_qemu():
        _ = found.kernel, found.initrd


def verify(name: str) -> bool:
    """Read every part that was built, byte by byte; False where nothing was.

    Raises ImageDamaged.
    """
    parts = [folder for shelf in _shelves(name) for folder in store.folders(shelf)]
    for folder in parts:
        store.verify(folder)
    return bool(parts)


def discard(name: str) -> None:
    """Forget what was built of the image, whole or damaged; the engine keeps what it has."""
    for shelf in _shelves(name):
        store.discard(shelf)


def _shelves(name: str) -> list[str]:
    return [name, *(f"{name}-{part}" for part in RECIPES)]


def _has_qemu() -> bool:
    return bool(programs.find("qemu-system-x86_64"))


def _inputs(name: str) -> dict[str, str]:
    if name not in NAMES:
        raise ImageMissing(f"one of the images {', '.join(NAMES)}", repr(name), 'image="tiny"')
    return rootfs.tiny_inputs() if name == "tiny" else rootfs.debian_inputs(DEBIAN_FILES)


def container_image(name: str) -> str:
    """The tag of the image in the engine, which has it afterwards with just this digest.

    Raises what ``image`` raises, EngineUnreachable, EngineTooOld, EngineError.
    """
    wanted = image(name)
    with engine_errors():
        if imports.digest(wanted.tag) != wanted.digest:
            with store.alone(name):
                if imports.digest(wanted.tag) != wanted.digest:
                    imports.take(wanted.archive, wanted.tag, name, wanted.digest)
    return wanted.tag


def _make_debian(archive: Path) -> None:
    with Bar(total=100, desc="making debian", unit="%") as bar:

        def show(part: float, doing: str) -> None:
            bar.set_postfix_str(doing, refresh=False)
            bar.update(round(part * 100) - bar.n)

        rootfs.make_debian(archive, DEBIAN_FILES, show)
