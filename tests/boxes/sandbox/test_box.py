"""What only a sandbox does; what it shares with every box is in ../test_box.py."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.world import a_users_python, interrupted_after, start_interrupted

from course import Sandbox, images
from course.boxes.sandbox import namespaces, zygote
from course.errors import NotRunning, ResourceError, StartFailed
from course.system import cgroups, processes

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def box(nothing_left: None) -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


def fails(box: Sandbox, command: str) -> bool:
    return box.exec(command).exit_code != 0


def test_it_sees_its_own_processes_files_and_name(box: Sandbox) -> None:
    assert box.exec("set -- /proc/[0-9]*; echo $#").stdout == "2\n"  # the shim and this shell
    assert fails(box, f"ls {Path(__file__).parent}")
    assert box.exec("hostname").stdout == "sandbox\n"
    assert "sandbox" not in os.uname().nodename


def test_it_has_loopback_and_no_other_network(box: Sandbox) -> None:
    assert box.exec("tail -n +3 /proc/net/dev | cut -d: -f1").stdout.split() == ["lo"]
    answer = "nc -l -p 80 -e echo hello & sleep 0.2; nc 127.0.0.1 80"
    assert "hello" in box.exec(answer, timeout=10).stdout
    with Sandbox(network=True) as other:
        there = other.exec("tail -n +3 /proc/net/dev | cut -d: -f1").stdout.split()
    assert sorted(there) == sorted(os.listdir("/sys/class/net"))


@pytest.mark.parametrize(
    "attempt",
    [
        "mount -t tmpfs none /mnt",
        "umount /proc",
        "mount -o remount,rw /proc/sys",
        "mknod /disk b 254 0 && head -c 1 /disk",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo h > /proc/sysrq-trigger",
        "head -c 1 /proc/kcore | grep .",
        "hostname other",
        "date -s 2000-01-01; date | grep ' 2000'",
        "chroot / true",
        "ls /proc/1/root/",
        "ls -l /proc/1/cwd | grep '>'",
        "cat /proc/1/environ",
        "ip link add name two type dummy",
        "unshare -m true",
        "renice -20 $$",
    ],
)
def test_every_wall_holds(box: Sandbox, attempt: str) -> None:
    assert fails(box, attempt)
    assert box.exec("echo alive").stdout == "alive\n"


@pytest.mark.parametrize("name", ["KILL", "TERM", "INT", "STOP"])
def test_process_1_hears_no_signal_from_inside(box: Sandbox, name: str) -> None:
    box.exec(f"kill -{name} 1")
    assert box.exec("echo alive", timeout=10).stdout == "alive\n"


def test_it_has_eight_powers_and_can_gain_none(box: Sandbox) -> None:
    status = box.exec("cat /proc/self/status").stdout
    fields = dict(line.split(":", 1) for line in status.splitlines())
    kept = sum(1 << number for number in namespaces.KEPT_CAPABILITIES)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert int(fields[name], 16) == kept, name
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Groups"].split() == []


def test_root_inside_is_root_over_its_own_files(box: Sandbox) -> None:
    own = (
        "touch f; chown 0:0 f; chmod 700 f; rm /etc/passwd; echo new > /etc/passwd; cat /etc/passwd"
    )
    assert box.exec(own).stdout == "new\n"
    assert (images.image("tiny").root / "etc/passwd").read_text().startswith("root")


def test_a_broken_pipe_ends_a_command_quietly(box: Sandbox) -> None:
    output = box.exec("yes | head -n 1; echo x > /dev/stderr; echo y")
    assert (output.stdout, output.stderr) == ("y\ny\n", "x\n")


def test_it_collects_the_orphans_of_its_commands(box: Sandbox) -> None:
    box.exec("(sleep 0.123 &) ; (sleep 0.124 &)")
    wait = (
        "until ! ps -o args | grep -q '[s]leep 0.12'; do sleep 0.05; done; ps -o stat | grep -c Z"
    )
    assert box.exec(wait, timeout=10).stdout == "0\n"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="caps on this machine are root's to set")


@as_root
def test_a_fork_bomb_ends_at_the_cap() -> None:
    with Sandbox(pids_limit=10) as box:
        output = box.exec("for i in $(seq 20); do sleep 5 & done")
        assert "can't fork" in output.stderr
        assert box.usage().processes <= 11  # the shim is outside the cap


@as_root
def test_a_group_that_cannot_be_made_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cgroups, "ROOT", tmp_path / "nothing")
    with pytest.raises(ResourceError, match="no caps"):
        Sandbox(memory="16M").start()
    with Sandbox() as box:
        assert box.exec("echo no cap, no group").exit_code == 0


def test_a_wall_that_cannot_be_built_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course.images.forms.Image.root", Path("/nowhere"))
    with pytest.raises(StartFailed, match="No such file"):
        Sandbox().start()


def test_a_kernel_that_refuses_is_one_clear_error() -> None:
    code = "from course import Sandbox; Sandbox().start()"
    # In a user namespace whose own limit of network namespaces is none.
    limit = 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$0" -c "$1"'
    unshare = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, sys.executable, code]
    run = subprocess.run(unshare, capture_output=True, text=True, check=False)
    assert "Expected namespaces can be made" in run.stderr
    assert "No space left" in run.stderr  # what the kernel says when a limit is reached


@pytest.mark.fault("a sandbox's first process killed (-9)")
def test_a_box_whose_first_process_was_killed_does_not_run() -> None:
    with Sandbox() as box:
        box.exec("sleep 600 > /dev/null 2>&1 &")
        inside = processes.family(box._pid)
        os.kill(box._pid, signal.SIGKILL)
        select.select([box._ended], [], [], 10)
        for use in (lambda: box.exec("true"), box.usage):
            with pytest.raises(NotRunning):
                use()
    assert not set(inside) & set(processes.everyone())


@pytest.mark.fault("a sandbox's first process killed (-9)")
def test_boxes_die_with_their_zygote_and_the_next_has_a_new_one() -> None:
    with Sandbox() as box:
        first = zygote._zygotes[os.getpid()].process
        first.kill()
        first.wait()
        with pytest.raises(NotRunning):
            for _ in range(100):
                box.exec("sleep 0.1")
    with Sandbox() as box:
        assert box.exec("echo new").stdout == "new\n"
        assert zygote._zygotes[os.getpid()].process.pid != first.pid


def test_many_threads_start_many_boxes() -> None:
    def work(number: int) -> str:
        with Sandbox() as box:
            return box.exec(f"echo {number}").stdout

    with ThreadPoolExecutor(max_workers=4) as pool:
        assert list(pool.map(work, range(12))) == [f"{number}\n" for number in range(12)]


def test_commands_from_many_threads_take_turns(box: Sandbox) -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:
        outputs = pool.map(lambda number: box.exec(f"echo {number}").stdout, range(20))
        assert list(outputs) == [f"{number}\n" for number in range(20)]


@pytest.mark.parametrize("seconds", [0.001, 0.002, 0.004, 0.006, 0.01, 0.02])
@pytest.mark.fault("interrupt (■) at a moment of the start of a sandbox")
def test_an_interrupt_at_any_moment_leaves_nothing(seconds: float) -> None:
    start_interrupted(Sandbox(), seconds)


@pytest.mark.fault("interrupt (■) in a command")
def test_a_second_interrupt_waits_until_the_command_is_killed(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = box._kill

    def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        kill()

    monkeypatch.setattr(box, "_kill", interrupted)
    with pytest.raises(KeyboardInterrupt), interrupted_after(0.3):
        box.exec("sleep 655")
    assert "sleep 655" not in box.exec("ps -o args").stdout
    assert box.exec("echo next").stdout == "next\n"


RUNS_UNTIL_KILLED = """
from course import Sandbox
box = Sandbox({caps}).start()
print(box._pid, box._group, flush=True)
box.exec("sleep 600")
"""


@as_root
@pytest.mark.fault("session killed (-9) with a sandbox that works")
def test_a_killed_python_leaves_no_process_no_group_and_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_RUN_DIR", str(tmp_path / "run"))
    code = RUNS_UNTIL_KILLED.format(caps="memory='64M', pids_limit=20, cpus=1")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as python:
        pid, group = python.stdout.readline().decode().split()
        inside = processes.family(int(pid))
        assert [*cgroups.ROOT.glob(f"*/{group}"), *cgroups.ROOT.glob(group)]
        python.kill()
    deadline = time.monotonic() + 20
    while list((tmp_path / "run").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list((tmp_path / "run").iterdir()) == []
    assert not set(inside) & set(processes.everyone())
    assert not [*cgroups.ROOT.glob(f"*/{group}"), *cgroups.ROOT.glob(group)]


AS_A_USER = """
from course import Sandbox
with Sandbox() as box:
    box.exec("echo kept > kept; rm -r etc mnt; mkdir mnt; echo new > mnt/new")
    box.snapshot("s")
    box.exec("rm -r kept mnt")
    box.rollback("s")
    with box.clone() as twin:
        print(twin.exec("id -u; cat kept; ls mnt; test -e etc || echo gone").stdout.split())
    usage = box.usage()
    print(usage.memory > 0, usage.processes, usage.source)
    print(box.exec("mount -t tmpfs none /mnt; echo x > /proc/sys/kernel/domainname").stderr)
"""


def test_an_ordinary_user_can_have_one_too() -> None:
    with TemporaryDirectory() as home:  # not tmp_path, whose parents are closed to others
        packages = os.pathsep.join(path for path in sys.path if path)
        folders = {f"COURSE_{name}_DIR": f"{home}/{name}" for name in ("CACHE", "RUN")}
        environment = {**os.environ, **folders, "HOME": home, "PYTHONPATH": packages}
        argv = [*a_users_python(home), "-c", AS_A_USER]
        options = {"env": environment, "cwd": "/", "capture_output": True, "text": True}
        run = subprocess.run(argv, check=False, **options)
        assert os.listdir(f"{home}/RUN") == []
    inside, usage, attempts = run.stdout.split("\n", 2)
    assert (inside, usage) == ("['0', 'kept', 'new', 'gone']", "True 1 PSS"), run.stderr
    assert "permission denied" in attempts
    assert "Read-only file system" in attempts
