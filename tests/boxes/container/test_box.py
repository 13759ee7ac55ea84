"""What only a container does; what it shares with every box is in ../test_box.py."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.world import start_interrupted

from course import Container, engine
from course.boxes.container.docker_run import docker_run, local
from course.engine import labels
from course.errors import (
    BoxError,
    CommandTimeout,
    CourseError,
    ImageMissing,
    NameTaken,
    NotEnoughMemory,
    NotRunning,
    ResourceError,
    StartFailed,
)
from course.images import rootfs
from course.system import processes, reaper

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def box(nothing_left: None) -> Iterator[Container]:
    with Container() as box:
        yield box


def test_it_shares_the_hosts_kernel_and_nothing_else(box: Container) -> None:
    release = Path("/proc/sys/kernel/osrelease").read_text()
    assert box.exec("cat /proc/sys/kernel/osrelease").stdout == release
    assert int(box.exec("echo /proc/[0-9]* | wc -w").stdout) < 9
    assert box.exec(["test", "-e", __file__]).exit_code == 1


def test_without_a_network_there_is_loopback_and_nothing_else(box: Container) -> None:
    assert box.exec("ls /sys/class/net").stdout == "lo\n"
    assert box.exec("ping -c 1 -w 5 localhost").exit_code == 0


def test_with_a_network_there_is_a_way_out() -> None:
    with Container(network=True) as box:
        assert "eth0" in box.exec("ls /sys/class/net").stdout
        assert box.exec("ip route | grep default").exit_code == 0


def test_a_cap_may_be_said_in_the_engines_own_words() -> None:
    with Container(mem_limit="32m") as box:
        assert box.docker.attrs["HostConfig"]["Memory"] == 32 * 2**20


def test_the_engines_own_object_is_at_hand(box: Container) -> None:
    assert box.docker.status == "running"
    assert box.docker.attrs["Config"]["Image"] == "course/tiny:latest"


def test_the_command_it_shows_can_be_typed() -> None:
    box = Container(cpus=0.5, memory="32M", environment={"A": "b c"}, cap_drop=["ALL"])
    name = ["--name", "two-boxes-test-typed"]
    docker, run, *rest = shlex.split(box.command)
    subprocess.run([docker, run, *name, *rest], check=True, stdout=subprocess.DEVNULL)
    typed = engine.engine().containers.get(name[1])
    try:
        with box:
            ours = box.docker
            for part in ("Memory", "MemorySwap", "NanoCpus", "CapDrop", "NetworkMode"):
                assert typed.attrs["HostConfig"][part] == ours.attrs["HostConfig"][part], part
            assert typed.attrs["Config"]["Env"] == ours.attrs["Config"]["Env"]
    finally:
        typed.remove(force=True)


def test_a_port_is_open_to_this_machine_alone() -> None:
    with Container(network=True, ports={"80/tcp": None}) as box:
        (found,) = box.docker.attrs["NetworkSettings"]["Ports"]["80/tcp"]
        assert found["HostIp"] == "127.0.0.1"
        box.exec("echo hello > index.html; httpd -p 80 -h /")
        with socket.create_connection(("127.0.0.1", int(found["HostPort"])), timeout=10) as web:
            web.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
            assert b"hello" in web.makefile("rb").read()


def test_a_snapshot_is_an_image_that_goes_with_its_box() -> None:
    with Container() as box:
        began = box.phases.began
        box.snapshot("first")
        (tag,) = box._made
        assert engine.engine().images.get(tag).tags == [tag]
        box.rollback("first")
        assert box.phases.began > began  # the phases are of the new start
        box.snapshot("second")  # stands on the first
    assert not [image for image in engine.engine().images.list() if tag in image.tags]


def test_a_clone_outlives_the_box_it_was_made_from() -> None:
    with Container() as box:
        box.exec("echo kept > state")
        box.snapshot("kept")
        box.rollback("kept")
        twin = box.clone()
    with twin:
        assert twin.exec("cat state").stdout == "kept\n"


def test_a_clone_that_is_interrupted_leaves_no_image(
    box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Container._commit

    def interrupted(*words: object) -> str:
        commit(*words)
        raise KeyboardInterrupt

    monkeypatch.setattr(Container, "_commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        box.clone()
    ours = {"label": f"two-boxes={reaper.session()}"}
    assert engine.engine().images.list(filters=ours) == []


def test_labels_of_the_learners_stand_beside_the_courses() -> None:
    with Container(labels={"mine": "yes"}) as box:
        assert box.docker.labels["mine"] == "yes"
        assert box.docker.labels["two-boxes"] == reaper.session()


def test_usage_says_where_it_had_to_ask_the_engine(
    box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert box.usage().source == "PSS"

    def forbidden(pids: list[int]) -> int:
        raise PermissionError

    monkeypatch.setattr(processes, "memory", forbidden)
    usage = box.usage()
    assert usage.source == "cgroup"
    assert 0 < usage.memory < 2**26
    assert usage.processes == 1


def test_out_of_memory_a_command_goes_before_the_container(box: Container) -> None:
    asked = "cat /proc/1/oom_score_adj /proc/self/oom_score_adj"
    assert box.exec(asked).stdout == "0\n1000\n"


def test_a_command_that_closed_its_output_is_waited_for(box: Container) -> None:
    output = box.exec("exec > /dev/null 2>&1; sleep 0.5; exit 7")
    assert output.exit_code == 7
    assert output.seconds > 0.5
    with pytest.raises(CommandTimeout):
        box.exec("exec > /dev/null 2>&1; sleep 60", timeout=0.5)


def test_where_a_command_cannot_be_killed_from_inside_everything_inside_is() -> None:
    with Container(pids_limit=8) as box:
        with pytest.raises(CommandTimeout):
            # No room is left for another process, and so none for the one that would kill.
            box.exec("(while :; do sleep 60 & done) & exec sleep 60", timeout=1)
        assert box.exec("echo fine").stdout == "fine\n"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"image": "course/nowhere"}, ImageMissing, "course/nowhere"),
        ({"memory": "4M"}, BoxError, "Minimum memory"),
        ({"memory": "9999G"}, NotEnoughMemory, "in this machine"),
        ({"cpus": 9999}, ResourceError, "only"),
        ({"volumes": {"/": {"bind": "/proc"}}}, CourseError, "proc"),
    ],
)
@pytest.mark.fault("what the engine refuses: image, memory, processors, mount")
def test_what_the_engine_refuses_is_one_clear_error(
    options: dict[str, object], error: type[CourseError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught, Container(**options):
        pass
    assert caught.value.mend


def test_an_image_without_a_shell_is_one_clear_error() -> None:
    api, tag = engine.engine().api, "two-boxes-test-empty"
    archive = rootfs.pack(("etc",), {}, {"etc/empty": b""})
    [ours] = labels.label().items()
    api.import_image_from_data(archive, tag, changes=["LABEL {}={}".format(*ours)])
    try:
        with pytest.raises(StartFailed, match="an image with sh"):
            Container(tag).start()
    finally:
        api.remove_image(tag)


@pytest.mark.fault("a name or a port that is taken")
def test_a_name_and_a_port_that_are_taken_stay_with_their_owner() -> None:
    with Container(name="two-boxes-test-taken") as owner:
        with pytest.raises(NameTaken, match="two-boxes-test-taken"):
            Container(name="two-boxes-test-taken").start()
        assert owner.exec("echo mine").stdout == "mine\n"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NameTaken, match=str(port)):
            Container(network=True, ports={"80/tcp": port}).start()


@pytest.mark.fault("a container removed by somebody else")
def test_a_container_that_somebody_removed_does_not_run() -> None:
    with Container() as box:
        box.docker.remove(force=True)
        with pytest.raises(NotRunning):
            box.exec("true")


def test_a_container_that_ended_says_so_clearly() -> None:
    with Container() as box:
        box.docker.kill()
        box.docker.wait()
        for use in (box.usage, lambda: box.exec("true")):
            with pytest.raises(NotRunning, match=r"box\.stop\(\), then"):
                use()


@pytest.mark.parametrize("seconds", [0.002, 0.01, 0.03, 0.06, 0.1, 0.2])
@pytest.mark.fault("interrupt (■) at a moment of the start of a container")
def test_an_interrupt_at_any_moment_of_a_start_leaves_nothing(seconds: float) -> None:
    start_interrupted(Container(), seconds)


def test_one_docker_run_line_for_one_set_of_options() -> None:
    options = {
        "labels": {"two-boxes": "1-2"},
        "nano_cpus": 500_000_000,
        "mem_limit": 2**20,
        "ports": local({"80/tcp": 8080, "81/tcp": None, "82/tcp": ("0.0.0.0", 82)}),
        "volumes": {"/a b": {"bind": "/c", "mode": "ro"}},
        "cap_drop": ["ALL", "KILL"],
        "pid_mode": "host",
        "read_only": True,
    }
    assert docker_run("course/tiny", ["sh", "-c", "a b"], options) == (
        "docker run --detach --label two-boxes=1-2 --cpus 0.5 --memory 1048576"
        " --publish 127.0.0.1:8080:80/tcp --publish 127.0.0.1::81/tcp --publish 0.0.0.0:82:82/tcp"
        " --volume '/a b:/c:ro' --cap-drop ALL --cap-drop KILL --pid host --read-only"
        " course/tiny sh -c 'a b'"
    )
