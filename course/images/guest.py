"""What a virtual machine needs besides a kernel and a root filesystem: the modules that find its
devices, its first program, and the agent that answers the host.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from course.system import store
from . import apt, cpio, unpacking

HERE = Path(__file__).parent
INIT, AGENT = HERE / "guest_init.sh", HERE / "guest_agent.sh"
UNIT = HERE / "guest_agent.service"
# The modules behind each word that `DRIVERS=` may hold on the kernel's command line; what a
# module needs stands before it.
DRIVERS = {
    "virtio": (
        "virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console"
    ),
    "disk": "virtio_blk",
    "network": "failover net_failover virtio_net",
    "balloon": "virtio_balloon",
    "vmxnet3": "vmxnet3",
}
SIGNED = b"~Module signature appended~\n"
KINDS = {tarfile.DIRTYPE: 0o040000, tarfile.SYMTYPE: 0o120000, tarfile.REGTYPE: 0o100000}


def initramfs(archive: Path, modules: Path, busybox: Path | None = None) -> bytes:
    """The first root filesystem of a VM: a tar archive's files, the modules, the agent.

    ``modules``: the folder with a kernel's modules. ``busybox``: one for another processor, in
    place of the archive's. Equal inputs give equal bytes.
    """
    members = {member.name: member for member in (*_files(archive), *_drivers(modules), *_own())}
    if busybox:
        members["bin/busybox"] = cpio.file("bin/busybox", busybox.read_bytes(), 0o755)
    return cpio.pack(members[name] for name in sorted(members))


def initramfs_inputs() -> str:
    """What decides the bytes of an initramfs besides the archive and the kernel."""
    return INIT.read_text() + AGENT.read_text() + repr(DRIVERS)


def debian_files() -> dict[str, str]:
    """Path and content of the files that make a Debian with systemd answer as ``tiny`` does."""
    return {
        # Debian's sh cannot read up to a NUL; bash can.
        "usr/local/sbin/two-boxes-agent": AGENT.read_text().replace("/bin/sh", "/bin/bash", 1),
        "etc/systemd/system/two-boxes-agent.service": UNIT.read_text(),
        "etc/systemd/system/multi-user.target.d/two-boxes.conf": (
            "[Unit]\nWants=two-boxes-agent.service\n"
        ),
    }


def busybox(architecture: str) -> Path:
    """A static busybox for that processor. Raises ToolMissing."""

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            files, work = Path(name) / "files", Path(name) / "work"
            work.mkdir()
            apt.fetch("busybox-static", files, work, architecture)
            shutil.move(next(files.glob("**/bin/busybox")), folder / "busybox")

    return store.built(f"busybox-{architecture}", {}, make) / "busybox"


def _files(archive: Path) -> Iterator[cpio.Member]:
    with tarfile.open(archive) as tar:
        for file in tar:
            name = file.name.removeprefix("./").strip("/")
            if file.type in KINDS and name:
                content = tar.extractfile(file).read() if file.isreg() else file.linkname.encode()
                yield cpio.Member(name, KINDS[file.type] | file.mode, content)


def _drivers(modules: Path) -> Iterator[cpio.Member]:
    """Each driver is a folder; numbers keep its modules in the order in which they are loaded."""
    for folder in ("lib", "lib/modules", *(f"lib/modules/{driver}" for driver in DRIVERS)):
        yield cpio.folder(folder)
    for driver, names in DRIVERS.items():
        found = {name: unpacking.module(modules, name) for name in names.split()}
        there = [(name, content) for name, content in found.items() if content is not None]
        for number, (name, content) in enumerate(there):
            place = f"lib/modules/{driver}/{number}-{name}.ko"
            yield cpio.file(place, _unsigned(content))


def _unsigned(module: bytes) -> bytes:
    """Without the signature, which an emulated processor takes long to verify.

    Source: Linux, Documentation/admin-guide/module-signing.rst, and struct module_signature:
    the signature, twelve bytes whose last four are its length, the text.
    """
    if not module.endswith(SIGNED):
        return module
    end = len(module) - len(SIGNED) - 12
    return module[: end - int.from_bytes(module[end + 8 : end + 12], "big")]


def _own() -> Iterator[cpio.Member]:
    yield cpio.file("init", INIT.read_bytes(), 0o755)
    yield cpio.file("bin/two-boxes-agent", AGENT.read_bytes(), 0o755)
    # Before it has mounted anything, the first program speaks to this.
    yield cpio.Member("dev/console", 0o020600, device=(5, 1))
