"""The programs that the course calls, and the command that installs each on this system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course.errors import ToolMissing

INSTALL = {
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "brew": "brew install",
}


@dataclass(frozen=True)
class Program:
    """What a program is for, and the package that has it, by package manager (none: left out)."""

    purpose: str
    packages: dict[str, str]


def _packages(apt: str, dnf: str = "", pacman: str = "", brew: str = "") -> dict[str, str]:
    return dict(zip(INSTALL, (apt, dnf, pacman, brew), strict=True))


PROGRAMS = {
    "qemu-system-x86_64": Program(
        "virtual machines",
        _packages("qemu-system-x86", "qemu-system-x86", "qemu-system-x86", "qemu"),
    ),
    "qemu-system-aarch64": Program(
        "a guest with another processor",
        _packages("qemu-system-arm", "qemu-system-aarch64", "qemu-system-aarch64", "qemu"),
    ),
    "qemu-img": Program("disks", _packages("qemu-utils", "qemu-img", "qemu-img", "qemu")),
    "busybox": Program("the image tiny", _packages("busybox-static", "busybox", "busybox")),
    "mmdebstrap": Program("the image debian", _packages("mmdebstrap", "mmdebstrap")),
    "gpg": Program("the image debian", _packages("gpg", "gnupg2", "gnupg")),
    "mkfs.ext4": Program("disks", _packages("e2fsprogs", "e2fsprogs", "e2fsprogs")),
    "ip": Program("a container made by hand", _packages("iproute2", "iproute", "iproute2")),
    "docker": Program("containers", _packages("docker.io", "moby-engine", "docker", "docker")),
}
# Only somebody who is not root needs these, to make files that belong to root.
UNPRIVILEGED = {
    "fakeroot": Program("disks", _packages("fakeroot", "fakeroot", "fakeroot")),
    "newuidmap": Program("the image debian", _packages("uidmap", "shadow-utils", "shadow")),
}
TESTS = {
    "chromium": Program("browser tests", _packages("chromium", "chromium", "chromium")),
    "hyperfine": Program("measuring the measuring", _packages("hyperfine", *["hyperfine"] * 3)),
    "podman": Program("testing with another engine", _packages("podman", *["podman"] * 3)),
}
ALL = PROGRAMS | UNPRIVILEGED | TESTS


def find(name: str) -> Path | None:
    """Where the program is, the system's own folders included, or None."""
    # An ordinary user's PATH lacks the folders where mkfs and dockerd are.
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    return Path(found) if found and (name != "busybox" or is_static(Path(found))) else None


def require(name: str) -> Path:
    """Where the program is. Raises ToolMissing with the command that installs it."""
    found = find(name)
    if not found:
        raise ToolMissing(f"{name} (for {ALL[name].purpose})", "none", install_command([name]))
    return found


def needed() -> list[str]:
    """The names of the programs that a whole course needs from this user."""
    return [*PROGRAMS, *(UNPRIVILEGED if os.geteuid() else ())]


def install_command(names: Iterable[str]) -> str:
    """The command that installs these programs on this system."""
    manager = next((name for name in INSTALL if shutil.which(name)), "")
    packages = dict.fromkeys(ALL[name].packages.get(manager, "") for name in names)
    if not manager or "" in packages:
        return f"install {', '.join(names)} as your system does"
    return f"{INSTALL[manager]} {' '.join(packages)}"


def is_static(program: Path) -> bool:
    """Whether the program runs without libraries, and so in any root filesystem."""
    # A program that is not static names its dynamic loader within its first block.
    with program.open("rb") as file:
        return b"/ld-" not in file.read(4096)
