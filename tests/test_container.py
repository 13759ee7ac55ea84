"""What only a container does; what it shares with every box is in test_box.py."""

from __future__ import annotations

import shlex
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from course import Container, engine, processes, rootfs
from course.boxes.docker_run import docker_run, local
from course.errors import (
    BoxError,
    CommandTimeout,
    CourseError,
    EngineUnreachable,
    ImageMissing,
    NameTaken,
    NotEnoughMemory,
    NotRunning,
    ResourceError,
    StartFailed,
)

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def box(nothing_left: None) -> Iterator[Container]:
    with Container() as box:
        yield box


def test_it_shares_the_hosts_kernel_and_nothing_else(box: Container) -> None:
    release = Path("/proc/sys/kernel/osrelease").read_text()
    assert box.exec("cat /proc/sys/kernel/osrelease").stdout == release
    assert box.exec("echo /proc/[0-9]* | wc -w").stdout.strip() < "9"
    assert box.exec(["test", "-e", __file__]).exit_code == 1


def test_without_a_network_there_is_loopback_and_nothing_else(box: Container) -> None:
    assert box.exec("ls /sys/class/net").stdout == "lo\n"
    assert box.exec("ping -c 1 -w 5 localhost").exit_code == 0


def test_with_a_network_there_is_a_way_out() -> None:
    with Container(network=True) as box:
        assert "eth0" in box.exec("ls /sys/class/net").stdout
        assert box.exec("ip route | grep default").exit_code == 0


@pytest.mark.fault("memory short: a command beyond its cap")
def test_a_memory_cap_kills_what_wants_more() -> None:
    grow = "x=$(head -c 40000000 /dev/zero | tr '\\0' x); echo ${#x}"
    with Container(memory="16M") as box:
        assert box.exec(grow).exit_code == 137
        assert box.exec("echo fine").stdout == "fine\n"
    with Container(memory="256M") as box:
        assert box.exec(grow).stdout == "40000000\n"


def test_a_cap_may_be_said_in_the_engines_own_words() -> None:
    with Container(mem_limit="32m") as box:
        assert box.docker.attrs["HostConfig"]["Memory"] == 32 * 2**20


def test_a_processor_cap_slows_what_wants_more() -> None:
    with Container(cpus=0.25) as box:
        before = box.usage().cpu
        box.exec("timeout 2 sh -c 'while :; do :; done'")
        assert box.usage().cpu - before < 0.9  # seconds of processor time in 2 s


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
        box.snapshot("first")
        (tag,) = box._made
        assert engine.engine().images.get(tag).tags == [tag]
        box.rollback("first")
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


def test_a_command_that_closed_its_output_is_waited_for(box: Container) -> None:
    output = box.exec("exec > /dev/null 2>&1; sleep 0.5; exit 7")
    assert output.exit_code == 7
    assert output.seconds > 0.5
    with pytest.raises(CommandTimeout):
        box.exec("exec > /dev/null 2>&1; sleep 60", timeout=0.5)


def test_where_a_command_cannot_be_killed_from_inside_everything_inside_is() -> None:
    with Container(pids_limit=8) as box:
        with pytest.raises(CommandTimeout):
            box.exec("bomb() { bomb | bomb & }; bomb; exec sleep 60", timeout=1)
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
    api.import_image_from_data(rootfs.pack(("etc",), {}, {"etc/empty": b""}), tag)
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


@pytest.mark.parametrize("seconds", [0.002, 0.01, 0.03, 0.06, 0.1, 0.2])
@pytest.mark.fault("interrupt (■) at a moment of the start of a container")
def test_an_interrupt_at_any_moment_of_a_start_leaves_nothing(seconds: float) -> None:
    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    previous = signal.signal(signal.SIGALRM, interrupt)
    box = Container()
    with suppress(KeyboardInterrupt):
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            box.start()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)
    box.stop()


@pytest.mark.fault("interrupt (■) in a command")
def test_an_interrupt_kills_the_command(box: Container) -> None:
    main = threading.main_thread().ident
    threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        box.exec("sleep 654")
    assert "sleep 654" not in box.exec("ps -o args").stdout


class Relay(socketserver.BaseRequestHandler):
    """Stands between the SDK and the engine, so that the engine can be taken away."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as real:
            real.connect("/var/run/docker.sock")
            back = threading.Thread(target=self.pass_on, args=(real, self.request))
            back.start()
            self.pass_on(self.request, real)
            back.join()

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        self.server.open_sockets += [source, target]
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


class Engine(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.open_sockets: list[socket.socket] = []
        super().__init__(str(path), Relay)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def die(self) -> None:
        self.shutdown()
        Path(self.server_address).unlink()
        for one in self.open_sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with monkeypatch.context() as patch, Engine(tmp_path / "docker.sock") as relay:
        patch.setenv("DOCKER_HOST", f"unix://{relay.server_address}")
        patch.setattr(engine, "_clients", {})
        yield relay


@pytest.mark.fault("the engine gone in the middle of a command")
def test_an_engine_that_dies_in_the_middle_is_one_clear_error(mortal: Engine) -> None:
    box = Container().start()
    name = box.docker.name
    threading.Timer(0.5, mortal.die).start()
    started = time.monotonic()
    with pytest.raises(EngineUnreachable):
        box.exec("sleep 30")
    assert time.monotonic() - started < 10
    for use in (box.usage, lambda: box.snapshot("a"), lambda: box.exec("true"), box.stop):
        with pytest.raises(EngineUnreachable):
            use()
    subprocess.run(
        ["docker", "--host", "unix:///var/run/docker.sock", "rm", "-f", name], check=True
    )


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
