"""What the capstone's checks see in a box: each says what is wrong, with its hints, or None."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from course.boxes import Box, Container, VirtualMachine
from course.checks import Finding, failed
from course.engine import labels
from . import site

Judged = Finding | None


def on_volume(box: Container) -> Judged:
    """The database is on a volume of the course."""
    mounts = {one["Destination"]: one for one in box.docker.attrs["Mounts"]}
    place = mounts.get("/data", {})
    if place.get("Type") != "volume" or not place.get("Name"):
        return failed(
            "/data is not on a volume",
            "Where does the database stay when its container is replaced?",
            "Make a volume, with your label, and mount it at /data.",
            'volumes={volume.name: {"bind": "/data", "mode": "rw"}}',
        )
    volume = box.docker.client.volumes.get(place["Name"])
    if labels.NAME not in (volume.attrs["Labels"] or {}):
        return failed(
            f"the volume {volume.name[:20]} has no label of the course",
            "Is it one of yours that was there before?",
            "The course removes only what carries its label.",
            "volume = engine().volumes.create(labels=label())",
        )
    return None


def on_disk(box: VirtualMachine) -> Judged:
    """The machine's files are on a disk of its own, and mounted."""
    if box.disk is None:
        return failed(
            "it has no disk",
            "Where are the program and the database to be?",
            "`site.disk(tag, folder)` makes a disk of the image's files.",
            'VirtualMachine("tiny", disk=site.disk(site.build(1), folder), …)',
        )
    if not box.exec(f"mount | grep /mnt && test -x /mnt{site.PROGRAM}").stdout:
        return failed(
            "inside, the disk is not mounted on /mnt",
            "A kernel finds a disk. Who says where its files shall appear?",
            "`site.MOUNT` is the command for it.",
            "machine.exec(site.MOUNT)",
        )
    return None


def serves(name: str, box: Box, release: int) -> Judged:
    """Whoever visits the box finds the guest book, of that release."""
    inside = f"{site.INSIDE} {site.SERVE}" if name == "machine" else site.SERVE
    try:
        found = site.book(site.url(box)).release
    except Exception as error:  # whatever is wrong with the way to the page is the finding
        no_door = isinstance(error, KeyError | TypeError)  # the engine lists no port, or no address
        why = "no port leads to it" if no_door else type(error).__name__
        return failed(
            f"no guest book answers from `{name}`: {why}",
            "Two things are needed: a server that runs inside, and a way in from outside.",
            "Give it network=True and a port: {'80/tcp': None} or {80: 0}. Then start the server.",
            f'{name}.exec(f"{inside}")',
        )
    if found != release:
        return failed(
            f"`{name}` serves release {found}, not {release}",
            "Which program does its web server run?",
            f"It is the file {site.PROGRAM}: in the container's image, on the machine's disk.",
            f"container: another image · machine: its snapshot, or cat >/mnt{site.PROGRAM}"
            f" <<'END' … END, with site.script({release}) between the two lines",
        )
    return None


def release(box: Box) -> int | None:
    """The release that answers, None where none does."""
    try:
        return site.book(site.url(box)).release
    except Exception:  # it does not answer: that is for `serves` to say
        return None


def remembers(name: str, box: Box) -> Judged:
    """Somebody signed under release 1."""
    if any(release == 1 for _, release in site.book(site.url(box)).entries):
        return None
    return failed(
        f"nobody in the book of `{name}` signed under release 1",
        "Were there signatures before the update? An update must not lose them.",
        "The new container needs the old one's volume; the machine keeps its disk.",
        "volumes=keep, with the volume that the first container had",
    )


def counted(name: str, box: Box, signed: list[str], lost: Mapping[str, int]) -> Judged:
    """`lost` says how many of the names in `signed` are not in the book any more."""
    there = {entry for entry, _ in site.book(site.url(box)).entries}
    said = lost.get(name) if isinstance(lost, Mapping) else None
    if said == len(set(signed) - there):
        return None
    return failed(
        f"`lost[{name!r}]` is {said}",
        "Look who is still in the book.",
        "Count the names of `signed` that are not in it any more.",
        f"len(set(signed) - {{name for name, _ in site.book(site.url({name})).entries}})",
    )


def entries_of(dump: str) -> list[tuple[str, int]]:
    """What a dump holds, oldest first. Raises sqlite3.Error."""
    with sqlite3.connect(":memory:") as database:
        database.executescript(dump)
        return database.execute("SELECT name, release FROM entry ORDER BY number").fetchall()


def holds(name: str, backups: Mapping[str, str]) -> Judged:
    """There is a backup, and it can be restored."""
    try:
        entries = entries_of(backups[name])
    except (KeyError, TypeError, sqlite3.Error) as error:
        entries, reason = [], f"{type(error).__name__}: {error}"
    else:
        reason = "nobody has signed in it"
    if entries:
        return None
    return failed(
        f"`backups[{name!r}]` is no backup: {reason}",
        "A backup is not a file that is there. It is a file that can be restored.",
        "`site.DUMP` prints the database as SQL. Inside the machine it needs `site.INSIDE` before.",
        'backups = {"container": container.exec(site.DUMP).stdout, …}',
    )


def gone(name: str, old: Box) -> Judged:
    """The old box is not there any more."""
    if not old.running:
        return None
    return failed(
        f"`{name}` still runs, so there was no disaster",
        "A backup is proved by losing what it was made of.",
        "Stop the box; remove the volume, delete the disk.",
        f"{name}.stop()",
    )


def is_new(name: str, old: Box, new: object) -> Judged:
    """There is a new box of the same kind."""
    if isinstance(new, type(old)) and new is not old and new.running:
        return None
    return failed(
        f"`restored[{name!r}]` is no new {old.kind} that runs",
        "Which box shall the visitors go to now?",
        "Start one as you did the first, and feed it the backup before anybody visits.",
        'restored = {"container": Container(…).start(), "machine": VirtualMachine(…).start()}',
    )


def same(name: str, new: Box, backups: Mapping[str, str]) -> Judged:
    """The new box shows what the backup holds."""
    there, kept = list(site.book(site.url(new)).entries), entries_of(backups[name])
    if there[: len(kept)] == kept:
        return None
    return failed(
        f"`restored[{name!r}]` shows {len(there)} signatures, the backup has {len(kept)}",
        "Did the database take the backup? What did it print?",
        "A table that is there already cannot be made again: restore before the first visit.",
        "sqlite3 /data/book.db <<'END' … END, with the backup between the two lines",
    )
