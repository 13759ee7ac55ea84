"""Disks without room. Each test has a small one of its own, in a mount namespace of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.world import run_python

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make a small disk")


def on_a_small_disk(code: str, folder: Path, size: str, **environment: str) -> list:
    """What the code prints as JSON, where ``folder`` is a disk of that size."""
    folder.mkdir(exist_ok=True)
    mount = f'mount -t tmpfs -o size={size} small "{folder}" && exec "$0" "$@"'
    said = run_python(code, "unshare", "--mount", "sh", "-c", mount, **environment)
    return json.loads(said.splitlines()[-1])


SNAPSHOT = """
import json, os, course
from course.system import reaper
from course.errors import DiskFull
box = course.{kind}().start()
box.exec("echo kept > /tmp/kept || echo kept > kept; head -c {bytes} /dev/urandom > large")
try:
    box.snapshot("s")
    said = "no error"
except DiskFull as error:
    said = str(error)
answer = box.exec("cat /tmp/kept 2>/dev/null || cat kept").stdout
box.stop()
left = [name for name in os.listdir(reaper.folder()) if "-" in name]
print(json.dumps([said, answer, [n for n in left if not n.startswith(("zygote", "labels"))]]))
"""


@pytest.mark.fault("disk full in a snapshot")
@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("Process", 6_000_000),
        ("Sandbox", 6_000_000),
        pytest.param("VirtualMachine", 6_000_000, marks=pytest.mark.vm),
    ],
)
def test_a_snapshot_without_room_leaves_the_box_as_it_was(kind: str, size: int) -> None:
    code = SNAPSHOT.format(kind=kind, bytes=size)
    with TemporaryDirectory() as name:
        said, answer, left = on_a_small_disk(code, Path(name), "10m", COURSE_RUN_DIR=name)
    assert "free some room" in said
    assert (answer, left) == ("kept\n", [])


IN_AN_ENGINE = """
import json, os
from course.lessons import lesson
spare = lesson("04_docker_engine").part("spare_engine").SpareEngine(False)
from course import Container
from course.engine import client
from course.errors import DiskFull
with spare:
    os.environ["DOCKER_HOST"] = f"unix://{spare._folder}/docker.sock"
    client._clients.clear()
    box = Container().start()
    box.exec("echo kept > /kept; head -c 40000000 /dev/urandom > /large")
    try:
        box.snapshot("s")
        said = "no error"
    except DiskFull as error:
        said = str(error)
    answer = box.exec("rm /large; cat /kept").stdout
    box.stop()
    left = spare.client.containers.list(all=True) + spare.client.images.list("course/snapshot-*")
    print(json.dumps([said, answer, [repr(one) for one in left]]))
"""


@pytest.mark.docker
@pytest.mark.fault("disk full in a snapshot")
def test_an_engine_without_room_for_a_snapshot_says_so() -> None:
    with TemporaryDirectory() as name:  # not tmp_path: a daemon's sockets have long names
        found = on_a_small_disk(IN_AN_ENGINE, Path(name), "64m", COURSE_RUN_DIR=name)
    said, answer, left = found
    assert "no space left" in said.lower()
    assert (answer, left) == ("kept\n", [])


PROGRESS = """
import json, os
from pathlib import Path
from tempfile import TemporaryDirectory
from course.system import paths
from course.study import Progress
kept = Progress()
kept.record("a", "answered", "before")

large = os.open(paths.data_dir() / "large", os.O_WRONLY | os.O_CREAT)
try:
    while True:
        os.write(large, bytes(4096))
except OSError:
    pass
for number in range(100):
    kept.record("a", "answered", str(number), detail={"answer": "x" * 500})
there = len(kept.events())
os.remove(paths.data_dir() / "large")
print(json.dumps([there, kept.notices, [event.item for event in Progress().events()][0]]))
"""


@pytest.mark.fault("disk full in the record of progress")
def test_progress_without_room_goes_on_in_memory_and_keeps_what_was_written(
    tmp_path: Path,
) -> None:
    small = tmp_path / "small"
    there, notices, first = on_a_small_disk(PROGRESS, small, "400k", COURSE_DATA_DIR=str(small))
    assert (there, first) == (101, "before")
    assert len(notices) == 1
    assert "full" in notices[0]
