"""The same guest under Debian's kernel for every PC, which has drivers for old devices too.

The kernel for cloud machines, which boots everywhere else in the course, has left them out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from course.boxes import Hardware, VirtualMachine
from course.images import apt, cpio, forms, guest, module, unpacked
from course.system import store

PACKAGE = "linux-image-amd64"
# In the order in which they are loaded: what a module needs stands before it.
CHECKSUMS = ("crct10dif_common", "crc-t10dif", "crc64", "crc64-rocksoft", "t10-pi")
OLD = (*CHECKSUMS, "scsi_common", "scsi_mod", "libata", "ata_piix", "sd_mod", "e1000")
OPTIONS = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on tsc=unstable"
VIRTIO = Hardware(machine="pc", kernel_options=OPTIONS)
EMULATED = Hardware(machine="pc", kernel_options=OPTIONS, disk="ide-hd", nic="e1000")


def machine(hardware: Hardware, disk: Path) -> VirtualMachine:
    """A PC with that hardware, a disk and a network. Raises ToolMissing where there is no apt."""
    folder = store.built("everyday-kernel", {"package": PACKAGE, "drivers": repr(OLD)}, _make)
    kernel, initrd = folder / "kernel", folder / "initrd"
    wish = {"disk": disk, "network": True, "ports": {80: 0}, "resume": False}
    return VirtualMachine(kernel=kernel, initrd=initrd, hardware=hardware, **wish)


def _make(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        files, work = Path(name) / "files", Path(name) / "work"
        work.mkdir()
        apt.fetch(PACKAGE, files, work)
        (folder / "kernel").write_bytes(unpacked(next(files.glob("boot/vmlinuz-*")).read_bytes()))
        modules = next(files.glob("**/lib/modules/*/kernel"))
        first = guest.initramfs(forms.image("tiny").archive, modules)
        # The kernel unpacks one archive after another. Source: the same as for course.images.cpio.
        (folder / "initrd").write_bytes(first + cpio.pack(_drivers(modules)))


def _drivers(modules: Path) -> Iterator[cpio.Member]:
    """The old drivers, beside the disk's: init loads what is there for every guest with a disk."""
    for number, name in enumerate(OLD, start=10):
        if (content := module(modules, name)) is not None:  # else it is built into the kernel
            yield cpio.file(f"lib/modules/disk/{number}-{name}.ko", content)
