"""A box packed up, and opened elsewhere: is what was in it still there?"""

from __future__ import annotations

from pathlib import Path

from course.boxes import Container, Hardware, VirtualMachine
from course.engine import engine
from . import parts


def container() -> dict[str, int]:
    """Save a container as an archive, remove it and its image, and start it from the archive."""
    with Container() as box:
        box.exec("echo moved >/note")
        image = box.docker.commit("two-boxes/moved")
        archive = b"".join(image.save(named=True))
    engine().images.remove(image.id, force=True)
    [image] = engine().images.load(archive)
    try:
        with Container(image.id) as box:
            found = int(box.exec("cat /note").stdout == "moved\n")
    finally:
        engine().images.remove(image.id, force=True)
    return {"intact": found, "found": found}


def written_disk(path: Path) -> Path:
    """A disk on which a machine has left a note."""
    with VirtualMachine(disk=parts.new_disk(path)) as box:
        box.exec(f"{parts.MOUNT}; echo moved >/volume/note; umount /volume")
    return path


def machine(disk: Path, hardware: Hardware) -> dict[str, int]:
    """Whether a machine of that hardware reads the note, and finds the disk by its old name."""
    with VirtualMachine(disk=disk, hardware=hardware) as box:
        found = box.exec("[ -b /dev/vda ]").exit_code == 0
        name = "/dev/vda" if found else "/dev/nvme0n1"
        note = box.exec(f"mount -t ext4 {name} /mnt && cat /mnt/note").stdout
    return {"intact": int(note == "moved\n"), "found": int(found)}
