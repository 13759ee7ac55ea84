"""Lesson 08: what it reads of a container, the container its notebook builds, and its claims."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from faults.world import becomes_true
from labkit import defined

from course import claims, images
from course.boxes import Container
from course.claims import Verdict
from course.errors import CommandTimeout, LessonError
from course.lessons import lesson
from course.measuring.results import recorded
from course.system import cgroups, processes

LESSON = lesson("08_inside_a_container")
CAPS = {"memory": 2**26, "cpu": 0.5, "pids": 20}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another's process is root's to look into")


part = lesson("08_inside_a_container").part


@pytest.fixture(scope="module")
def hand() -> dict[str, object]:
    """What the cells of the notebook define, those left out that need an engine or show things."""
    return defined(LESSON, LESSON.notebook)


@pytest.fixture(scope="module")
def steps(hand: dict[str, object]) -> list:
    order = "own_name own_network own_processes own_mounts layer own_proc own_root few_powers"
    return [hand["capped"], *(hand[name] for name in order.split())]


# --- taken apart --------------------------------------------------------------------------------

TREES = ("9:name=systemd", "8:pids", "4:memory", "1:cpu,cpuacct", "0:")
SAID_1 = "".join(f"{tree}:/docker/4f\n" for tree in TREES)
SAID_2 = "0::/system.slice/docker-4f.scope\n"
TREE_1 = {
    "memory/docker/4f/memory.limit_in_bytes": "67108864",
    "cpu/docker/4f/cpu.cfs_quota_us": "50000",
    "pids/docker/4f/pids.max": "20",
}
TREE_2 = {
    "system.slice/docker-4f.scope/memory.max": "67108864",
    "system.slice/docker-4f.scope/cpu.max": "50000 100000",
    "system.slice/docker-4f.scope/pids.max": "20",
}
FREE_1 = dict(zip(TREE_1, ("9223372036854771712", "-1", "max"), strict=True))
FREE_2 = dict(zip(TREE_2, ("max", "max 100000", "max"), strict=True))


@pytest.mark.parametrize(
    ("version", "said", "tree", "numbers"),
    [
        (1, SAID_1, TREE_1, CAPS),
        (2, SAID_2, TREE_2, CAPS),
        (1, SAID_1, FREE_1, dict.fromkeys(CAPS)),
        (2, SAID_2, FREE_2, dict.fromkeys(CAPS)),
    ],
)
def test_caps_are_read_in_both_versions(
    tmp_path: Path, version: int, said: str, tree: dict[str, str], numbers: dict
) -> None:
    for name, text in tree.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    anatomy = part("anatomy")
    found = anatomy.read_caps(anatomy.groups(said, version, tmp_path), version)
    assert {name: number for name, (_, number) in found.items()} == numbers
    assert [str(path.relative_to(tmp_path)) for path, _ in found.values()] == list(tree)


@pytest.mark.docker
@as_root
def test_the_kernel_says_what_the_engine_was_told(nothing_left: None) -> None:
    anatomy = part("anatomy")
    with Container(cpus=0.5, memory="64M", pids_limit=20) as box:
        pid = box.docker.attrs["State"]["Pid"]
        assert {name: number for name, (_, number) in anatomy.caps(pid).items()} == CAPS
        whose = anatomy.whose({"container": pid, "test": os.getpid()})
        assert set(whose["test"]) == {"the host's"}
        assert set(whose.loc[["mnt", "net", "pid", "uts", "ipc"], "container"]) == {"its own"}
        assert anatomy.status(pid, "NSpid")["NSpid"].split() == [str(pid), "1"]
        kind, layers = anatomy.root_mount(pid)
        Path(f"/proc/{pid}/root/letter").write_text("from outside")
        assert box.exec("cat /letter").stdout == "from outside"
        if kind == "overlay":
            assert (Path(layers["upperdir"]) / "letter").exists()


def of_the_host() -> tuple:
    """Its name, its mounts but those of an engine, which come and go, and two folders."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    still = [line for line in mounts if "docker" not in line]
    return socket.gethostname(), still, os.listdir("/"), os.listdir("/usr")


# --- made by hand -------------------------------------------------------------------------------


def test_the_container_of_the_notebook_is_at_most_120_lines_and_needs_nothing(
    hand: dict[str, object], steps: list
) -> None:
    program = part("assembly").program([hand["own_users"], *steps])
    assert len(program.splitlines()) <= 120
    assert "course" not in program
    compile(program, "container.py", "exec")


def test_every_wall_stands_and_the_host_notices_nothing(steps: list, nothing_left: None) -> None:
    before = of_the_host()
    grown = part("walls").grow({"none": [], "all": steps})
    if not part("workshop").can_cap():
        grown = grown.drop("20 more processes")
    assert set(grown["none"]) == {"as outside"}
    assert set(grown["all"]) == {"its own"}
    assert of_the_host() == before


@pytest.mark.parametrize(
    "harm",
    [
        "touch /owned",
        "mount -t tmpfs none /usr; ls /usr | grep .",
        "kill -9 -1; true",
        "umount -l /; true",
        "hostname owned; false",
    ],
)
def test_what_is_broken_without_any_wall_is_broken_in_the_room_only(
    harm: str, nothing_left: None
) -> None:
    before = of_the_host()
    part("workshop").run(harm)
    assert of_the_host() == before


def test_what_hangs_is_ended_with_all_that_it_started(
    hand: dict[str, object], nothing_left: None
) -> None:
    with pytest.raises(CommandTimeout):
        part("workshop").run("sleep 31536009 & wait", hand["own_processes"], timeout=1)
    assert not _sleeping("31536009")


RUNS_UNTIL_KILLED = """
from course.lessons import lesson
lesson("08_inside_a_container").part("workshop").run("sleep 31536010")
"""


@pytest.mark.fault
def test_a_killed_python_leaves_no_room_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_RUN_DIR", str(tmp_path / "run"))
    with subprocess.Popen([sys.executable, "-c", RUNS_UNTIL_KILLED]) as python:
        name = f"two-boxes-{python.pid}-*"
        assert becomes_true(lambda: bool(_sleeping("31536010")))
        assert [*cgroups.ROOT.glob(f"*/{name}"), *cgroups.ROOT.glob(name)] or os.geteuid()
        python.kill()
    run = tmp_path / "run"
    assert becomes_true(lambda: not _sleeping("31536010") and not list(run.iterdir()))
    assert not [*cgroups.ROOT.glob(f"*/{name}"), *cgroups.ROOT.glob(name)]


def _sleeping(seconds: str) -> list[int]:
    """The processes that sleep so long, by the host's numbers."""
    wanted, found = b"sleep\0" + seconds.encode() + b"\0", []
    for pid in processes.everyone():
        with suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes() == wanted:
                found.append(pid)
    return found


@pytest.mark.parametrize("version", [1, 2])
def test_caps_by_hand_are_written_in_both_versions(
    hand: dict[str, object], tmp_path: Path, version: int
) -> None:
    folders = {kind: tmp_path / (kind if version == 1 else "one") for kind in CAPS}
    for folder in folders.values():
        folder.mkdir(exist_ok=True)
    box = SimpleNamespace(groups=folders, cgroup=version, memory=2**25, cpus=0.2, pids=10)
    hand["capped"](box)
    written = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    names = {1: ("memory.limit_in_bytes", "cpu.cfs_quota_us"), 2: ("memory.max", "cpu.max")}
    memory, cpu = names[version]
    assert written == {memory: str(2**25), cpu: "20000", "pids.max": "10", "cgroup.procs": "0"}


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_builds_the_same(hand: dict[str, object], steps: list) -> None:
    asked = "id -u; hostname; set -- /proc/[0-9]*; echo $#; mount -t tmpfs none /mnt || echo no"
    python = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3"]
    with TemporaryDirectory() as folder:
        image = shutil.copytree(images.image("tiny").root, f"{folder}/image", symlinks=True)
        (program := Path(folder, "container.py")).write_text(
            part("assembly").program([hand["own_users"], *steps])
        )
        Path(folder, "place").mkdir()
        box = {"image": image, "place": f"{folder}/place", "groups": {}, "cgroup": 1}
        box |= {"command": asked, "memory": 0, "cpus": 0, "pids": 0}
        os.chmod(folder, 0o755)
        shutil.chown(f"{folder}/place", 65534, 65534)
        argv = [*python, "-I", str(program), json.dumps(box)]
        run = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["0", "by-hand", "1", "no"], run.stderr


@as_root
@pytest.mark.skipif(not shutil.which("ip"), reason="the host has no iproute2")
def test_a_wire_reaches_the_host_and_goes_with_the_container(
    steps: list, nothing_left: None
) -> None:
    wire = part("wire")
    with part("workshop").running("nc -l -p 80 -e echo hello", *steps) as pid:
        wire.lay(pid)
        assert wire.hear() == "hello"
    # The kernel takes a namespace apart when it finds time.
    assert becomes_true(lambda: f"tb-{os.getpid()}" not in os.listdir("/sys/class/net"))


def uses_too_much(box: object) -> None:
    math.sqrt(NOT_PLAIN)


NOT_PLAIN = math.nan


def test_a_step_that_needs_what_has_no_text_is_told_so() -> None:
    with pytest.raises(LessonError, match="as NOT_PLAIN"):
        part("assembly").program([uses_too_much])


# --- the claims ---------------------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.vm
def test_the_host_lists_what_runs_in_a_container_and_not_what_runs_in_a_vm() -> None:
    found = part("experiments").listed(rounds=1).set_index("arm")["listed"]
    assert found.to_dict() == {"sandbox": 1, "container": 1, "vm": 0}


@pytest.mark.docker
def test_the_phases_of_a_start_come_one_after_the_other(steps: list, nothing_left: None) -> None:
    frame = part("experiments").parts(*steps, rounds=1)
    docker = frame[frame["arm"] == "docker, a network"].iloc[0]
    ends = [docker[f"phase {name}"] for name in ("created", "shim runs", "walls begun")]
    assert sorted(ends) == ends
    gathered = part("experiments").gathered(frame)
    assert {"phase Python", "phase walls"} <= set(gathered)
    assert "phase few_powers" not in gathered
    walls = part("experiments").each_wall(frame)
    assert walls["arm"].tolist() == [step.__name__ for step in steps]
    assert (walls["seconds"] > 0).all()


def test_the_recorded_results_judge_every_claim() -> None:
    judged = {
        claim.id: claims.judge(claim, recorded(LESSON.slug, claim.experiment)).verdict
        for claim in claims.claims(LESSON.slug)
    }
    assert judged.pop("network_is_most_of_a_start") is not Verdict.SUPPORTED
    assert set(judged.values()) == {Verdict.SUPPORTED}
