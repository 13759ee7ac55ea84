"""A small site with a database, a guest book, for either box: its releases, its disk, its visitors.

Both boxes get the same files: ``build`` makes a container image, ``disk`` a disk of that image.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import requests

from course.boxes import Box
from course.engine import engine, label
from course.images import disks, package_image
from course.system import reaper

NAME = "two-boxes-book"
PORT = 80
PROGRAM = "/www/cgi-bin/book"
SERVE = "httpd -h /www"
DUMP = "sqlite3 /data/book.db .dump"
# What turns the bare machine into one in which the disk's files are everything there is.
MOUNT = "mount /dev/vda /mnt && mount -t proc proc /mnt/proc && mount -o bind /dev /mnt/dev"
INSIDE = "chroot /mnt"
RECIPE = "FROM {base}\nRUN mkdir /data\nCOPY book {program}\n"
PATIENCE = 15.0  # seconds for a page: emulated, on a busy machine
HEADING = re.compile(r"guest book, release (\d+), \d+ entries")
ENTRY = re.compile(r"(.*), by release (\d+)")


@dataclass(frozen=True)
class Book:
    """What a visitor sees: the release that answers, and who signed under which release."""

    release: int
    entries: tuple[tuple[str, int], ...]


def script(release: int) -> str:
    """The program of a release. The second one shows the newest entry first."""
    text = Path(__file__).with_name("book.sh").read_text()
    if release == 1:
        return text
    order = "ORDER=DESC # newest first"
    return re.sub(r"ORDER=.*", order, text.replace("RELEASE=1", f"RELEASE={release}"))


def build(release: int) -> str:
    """The container image of a release, with this session's label; its name and tag."""
    tag = f"{NAME}:{release}"
    with reaper.scratch() as folder:
        program, recipe = folder / "book", folder / "Dockerfile"
        program.write_text(script(release))
        program.chmod(0o755)
        recipe.write_text(RECIPE.format(base=package_image("sqlite"), program=PROGRAM))
        engine().images.build(
            path=str(folder), tag=tag, labels=label(), rm=True, network_mode="none"
        )
    return tag


def disk(tag: str, path: Path) -> Path:
    """A disk for a virtual machine, with the files of a container image; ``path`` again.

    Raises BuildFailed, ToolMissing.
    """
    source = engine().containers.create(tag, labels=label())
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        archive = Path(name, "files.tar")
        try:
            with archive.open("wb") as file:
                file.writelines(source.export())
        finally:
            source.remove()
        disks.make(archive, archive.parent)
        return (archive.parent / "disk.qcow2").replace(path)


def url(box: Box) -> str:
    """Where the host finds the guest book of a box, either kind."""
    if box.kind == "container":
        host, port = "127.0.0.1", box.docker.ports[f"{PORT}/tcp"][0]["HostPort"]
    else:
        host, port = box.address(PORT)
    return f"http://{host}:{port}/cgi-bin/book"


def book(url: str) -> Book:
    """Visit a guest book. Raises requests.RequestException, ValueError."""
    return _read(requests.get(url, timeout=PATIENCE))


def sign(url: str, name: str) -> Book:
    """Sign a guest book; what it shows then. Raises requests.RequestException, ValueError."""
    return _read(requests.post(url, data=name, timeout=PATIENCE))


def _read(answer: requests.Response) -> Book:
    answer.raise_for_status()
    heading, *lines = answer.text.splitlines() or [""]
    found = HEADING.fullmatch(heading)
    if not found:
        raise ValueError(f"no guest book: {heading[:60]!r}")
    entries = (ENTRY.fullmatch(line) for line in lines)
    return Book(int(found[1]), tuple((entry[1], int(entry[2])) for entry in entries))
