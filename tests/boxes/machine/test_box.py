"""Virtual machines, real ones."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.world import becomes_true

from course.boxes import Hardware, VirtualMachine
from course.boxes.machine import box as machine_module
from course.boxes.machine import saved
from course.errors import (
    BoxError,
    CommandTimeout,
    ImageDamaged,
    ImageMissing,
    NeverAnswered,
    NotEnoughMemory,
    NotRunning,
    SnapshotMissing,
    StartFailed,
    ToolMissing,
)
from course.images import image
from course.system import host, store

pytestmark = [pytest.mark.vm, pytest.mark.usefixtures("nothing_left")]

UUID = "cat /proc/sys/kernel/random/uuid"


@pytest.fixture
def box() -> Iterator[VirtualMachine]:
    with VirtualMachine() as box:
        yield box


def boot_sector(path: Path, text: bytes = b"hello\r\n", end: bytes = b"\x55\xaa") -> Path:
    code = bytes.fromhex("be 12 7c ba f8 03 ac 84 c0 74 04 ee eb f8 90 f4 eb fd")
    path.write_bytes((code + text + b"\0").ljust(510, b"\0") + end)
    return path


def wait_for(text: str, box: VirtualMachine) -> None:
    deadline = time.monotonic() + 60
    while text not in box.console:
        assert time.monotonic() < deadline, box.console
        time.sleep(0.02)


def test_a_vm_has_a_kernel_of_its_own_and_the_files_of_its_image(box: VirtualMachine) -> None:
    release = box.exec("uname -r").stdout.strip()
    assert release.endswith("cloud-amd64")
    assert release != host.facts()["kernel"]
    assert "Two Boxes tiny" in box.exec("cat /etc/os-release").stdout


def test_a_boot_says_when_kernel_and_first_program_started() -> None:
    with VirtualMachine(resume=False) as box:
        assert list(box.phases) == ["qemu started", "kernel started", "init started", "answered"]
        assert box.exec("dmesg | grep -c WARNING").stdout == "0\n"
        assert "-kernel" in box.command


def test_a_resumed_vm_does_not_boot(box: VirtualMachine) -> None:
    assert list(box.phases) == ["qemu started", "state loaded", "answered"]
    assert "-incoming defer" in box.command
    boot = box.first_boot
    assert list(boot) == ["qemu started", "kernel started", "init started", "answered"]
    assert sorted(boot.values()) == list(boot.values())
    assert boot["qemu started"] > 0


def test_many_resume_from_one_state_and_leave_it_as_it_is() -> None:
    with VirtualMachine() as one, VirtualMachine() as two:
        one.exec("echo one > /state; head -c 5000000 /dev/urandom > /large")
        assert two.exec("cat /state").exit_code == 1
        [memory] = re.findall(r"mem-path=([^,]+)", one.command)
        assert memory in two.command
    store.verify(Path(memory).parent)


def test_resumed_vms_know_the_time_and_draw_different_random_numbers() -> None:
    with VirtualMachine() as one, VirtualMachine() as two:
        assert abs(float(one.exec("date +%s").stdout) - time.time()) < 10
        assert one.exec(UUID).stdout != two.exec(UUID).stdout


def test_clones_draw_the_same_random_numbers_unless_they_are_given_fresh_ones(
    box: VirtualMachine,
) -> None:
    def alike(reseed: bool) -> bool:
        with box.clone(reseed=reseed) as twin:
            return box.exec(UUID).stdout == twin.exec(UUID).stdout

    assert alike(reseed=False)
    assert not alike(reseed=True)


def test_a_guest_has_randomness_from_the_start(box: VirtualMachine) -> None:
    assert "crng init done" in box.exec("dmesg | grep random").stdout


def test_a_guest_keeps_time_however_busy_the_host_is(box: VirtualMachine) -> None:
    def look() -> tuple[float, float, float]:
        """The guest's clock, and the host's before and after: it was read between these."""
        before = time.monotonic()
        guest = float(box.exec("read up _ </proc/uptime; echo $up").stdout)
        return before, guest, time.monotonic()

    first_sent, first, first_came = look()
    box.exec("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1")
    last_sent, last, last_came = look()
    shortest, longest = last_sent - first_came, last_came - first_sent
    assert 0.95 * shortest - 0.02 < last - first < 1.05 * longest + 0.02


def test_output_is_kept_apart_even_when_it_looks_like_the_agents_words(
    box: VirtualMachine,
) -> None:
    output = box.exec("printf '0 5 0\\n'; printf '0 0 0\\n' >&2; exit 9")
    assert (output.exit_code, output.stdout, output.stderr) == (9, "0 5 0\n", "0 0 0\n")


def test_a_command_cannot_write_on_the_agents_lines(box: VirtualMachine) -> None:
    output = box.exec("echo intruder >&3; echo intruder >/dev/vport0p1; echo done")
    assert output.stdout == "done\n"
    assert "busy" in output.stderr
    assert box.exec("echo fine").stdout == "fine\n"


def test_a_command_that_becomes_another_program_or_dies_is_answered_for(
    box: VirtualMachine,
) -> None:
    assert box.exec("exec echo other").stdout == "other\n"
    assert box.exec("kill -9 $$").exit_code == 137
    assert box.exec("if").exit_code == 2
    assert box.exec("echo fine").stdout == "fine\n"


def test_a_long_command_arrives_whole(box: VirtualMachine) -> None:
    words = "x" * 20_000
    assert box.exec(f"echo {words}").stdout == f"{words}\n"


def test_a_timeout_spares_what_earlier_commands_left_running(box: VirtualMachine) -> None:
    box.exec("sleep 654 > /dev/null 2>&1 &")
    with pytest.raises(CommandTimeout):
        box.exec("sleep 543", timeout=0.5)
    assert "sleep 654" in box.exec("ps | grep -v grep").stdout


@pytest.mark.fault("memory short: a command beyond its cap")
def test_a_guest_out_of_memory_ends_the_command_and_not_the_vm(box: VirtualMachine) -> None:
    eat = "x=x; while :; do x=$x$x; done"
    assert box.exec(eat, timeout=120).exit_code != 0
    assert box.exec("echo fine").stdout == "fine\n"


def test_processors_are_threads_of_one_process() -> None:
    with VirtualMachine(cpus=2) as box:
        assert box.exec("nproc").stdout == "2\n"
        [pid] = {int(re.search(r"Tgid:\s+(\d+)", Path(f"/proc/{thread}/status").read_text())[1])
                 for thread in box.threads}  # fmt: skip
        assert len(box.threads) == 2
        assert Path(f"/proc/{pid}/comm").read_text().startswith("qemu-system")


def test_memory_is_what_was_asked_for() -> None:
    with VirtualMachine(memory="192M", resume=False) as box:
        kilobytes = int(box.exec("free | awk '/Mem/ {print $2}'").stdout)
        assert 120_000 < kilobytes < 192_000


def test_a_balloon_takes_memory_and_gives_it_back() -> None:
    def total() -> int:
        return int(box.exec("free | awk '/Mem/ {print $2}'").stdout)

    with VirtualMachine(balloon=True) as box:
        before = total()
        assert box.set_memory("96M") == 96 * 2**20
        assert total() <= before - 30_000
        assert box.set_memory("128M") == 128 * 2**20
        assert total() == before


def test_the_network_is_loopback_unless_asked_for(box: VirtualMachine) -> None:
    names = box.exec("ls /sys/class/net").stdout
    assert names == "lo\n"
    assert box.exec("ping -c 1 -W 5 127.0.0.1").exit_code == 0


def test_a_forwarded_port_is_on_this_machine_only_and_the_rest_is_shut() -> None:
    with VirtualMachine(network=True, ports={80: 0}) as box:
        box.exec("echo hello > /index.html; httpd -h / -p 80")
        address, port = box.address(80)
        assert address == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/index.html", timeout=30) as page:
            assert page.read() == b"hello\n"
        assert f"0100007F:{port:04X}" in Path("/proc/net/tcp").read_text()
        assert box.exec("wget -O - http://10.0.2.2:22/", timeout=30).exit_code != 0
        with pytest.raises(BoxError, match="443"):
            box.address(443)


def test_qemu_can_be_spoken_to(box: VirtualMachine) -> None:
    assert box.monitor("query-status")["status"] == "running"
    with pytest.raises(BoxError, match="nonsense"):
        box.monitor("nonsense")


def test_the_command_line_is_the_one_that_runs(box: VirtualMachine) -> None:
    pid = box.monitor("query-cpus-fast")[0]["thread-id"]
    words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    assert shlex.split(box.command) == words


def test_qemu_connects_to_the_course_and_not_the_other_way_round(box: VirtualMachine) -> None:
    # A QEMU that is connected to while it starts may wait for a second connection for ever.
    assert "server=" not in box.command
    assert box.command.count("-chardev socket") == 4


def test_the_command_can_be_pasted_into_a_terminal() -> None:
    with VirtualMachine(resume=False) as box:
        console = Path(re.search(r"path=(\S+/console)", box.command)[1])
        console.write_text("")  # the pasted one writes there, too
        with subprocess.Popen(shlex.split(box.command)) as pasted:
            try:
                assert becomes_true(lambda: console.read_text() == "ready\n", seconds=60)
            finally:
                pasted.kill()


def test_a_disk_of_the_learners_is_written_to(tmp_path: Path) -> None:
    disk = tmp_path / "a disk, of mine.img"
    disk.write_bytes(bytes(2**20))
    with VirtualMachine(disk=disk) as box:
        assert box.exec("echo hello > /dev/vda; sync").exit_code == 0
    assert disk.read_bytes().startswith(b"hello\n")


def test_a_disk_can_be_of_another_kind(tmp_path: Path) -> None:
    disk = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "8M"], check=True)
    with VirtualMachine(disk=disk, hardware=Hardware(disk="nvme")) as box:
        assert box.exec("cat /sys/block/nvme0n1/size").stdout == "16384\n"


def test_an_operating_system_of_512_bytes_runs(tmp_path: Path) -> None:
    with VirtualMachine(None, disk=boot_sector(tmp_path / "own.img")) as box:
        wait_for("hello", box)
        with pytest.raises(BoxError, match="agent"):
            box.exec("true")


def test_a_guest_with_another_processor_answers() -> None:
    with VirtualMachine(architecture="aarch64") as box:
        assert box.exec("uname -m").stdout == "aarch64\n"
        with pytest.raises(BoxError, match="can be woken"):
            box.snapshot("a")


def test_a_snapshot_and_its_return_are_quicker_than_a_boot(box: VirtualMachine) -> None:
    box.exec("sleep 1000 > /dev/null 2>&1 & echo $! > /pid")
    box.snapshot("good")
    box.exec("kill $(cat /pid); rm /pid")
    box.rollback("good")
    assert box.exec("kill -0 $(cat /pid)").exit_code == 0  # programs come back too
    assert abs(float(box.exec("date +%s").stdout) - time.time()) < 10


def test_a_guest_without_an_agent_has_snapshots_and_clones() -> None:
    files = {"kernel": image("tiny").kernel, "initrd": image("tiny").initrd}
    with VirtualMachine(None, **files) as box:
        wait_for("ready", box)
        box.snapshot("good")
        box.rollback("good")
        with box.clone() as twin:
            assert twin.monitor("query-status")["status"] == "running"
        assert box.monitor("query-status")["status"] == "running"


def test_a_snapshot_that_cannot_be_taken_again_is_not_there_any_more(
    box: VirtualMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.snapshot("good")
    work = box._vm.monitor.work

    def full(command: str, **arguments: object) -> None:
        if command == "snapshot-save":
            raise BoxError("a snapshot", "no room for one")
        work(command, **arguments)

    monkeypatch.setattr(box._vm.monitor, "work", full)
    with pytest.raises(BoxError, match="no room"):
        box.snapshot("good")
    with pytest.raises(SnapshotMissing):
        box.rollback("good")
    assert box.exec("echo fine").stdout == "fine\n"


def test_a_clone_has_no_disk_of_its_own_yet(box: VirtualMachine) -> None:
    with box.clone() as twin:
        assert twin.usage().disk < 10**6


# What goes wrong, and what is said then.


@pytest.mark.fault("guest kernel panic")
def test_a_kernel_that_panics_is_seen_at_once() -> None:
    options = "console=ttyS0 panic=-1 rdinit=/missing init=/missing root=/dev/missing"
    began = time.monotonic()
    with pytest.raises(StartFailed, match="Kernel panic"):
        VirtualMachine(resume=False, hardware=Hardware(kernel_options=options)).start()
    assert time.monotonic() - began < 100


@pytest.mark.fault("guest kernel panic")
def test_a_panic_in_a_running_guest_ends_the_command(box: VirtualMachine) -> None:
    with pytest.raises(NotRunning, match="Kernel panic"):
        box.exec("echo c > /proc/sysrq-trigger")
    assert not box.running


@pytest.mark.fault("memory short: less than a guest needs")
def test_a_guest_with_too_little_memory_says_so() -> None:
    with pytest.raises(StartFailed, match="reset itself without a word, as with too little memory"):
        VirtualMachine(memory="24M", resume=False, deadline=30).start()


@pytest.mark.fault("a VM that never answers")
def test_a_guest_that_never_answers_is_given_up_with_its_last_words() -> None:
    silent = Hardware(kernel_options="console=ttyS0 panic=-1 rdinit=/bin/cat")
    with pytest.raises(NeverAnswered, match=r"last lines:\n\[ +\d"):
        VirtualMachine(resume=False, hardware=silent, deadline=8).start()


@pytest.mark.fault("memory short: less free than asked for")
def test_more_memory_than_is_free_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "available_memory", lambda: 64 * 2**20)
    with pytest.raises(NotEnoughMemory, match="64 MiB free"):
        VirtualMachine().start()


def test_a_processor_cannot_be_halved() -> None:
    with pytest.raises(BoxError, match="whole number"):
        VirtualMachine(cpus=0.5)


@pytest.mark.parametrize("content", [b"", b"this is a letter", b"QFI\xfb damaged" + bytes(1000)])
@pytest.mark.fault("a disk image that is missing or damaged")
def test_a_file_that_is_no_disk_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "disk").write_bytes(content)
    with pytest.raises(ImageDamaged, match="disk image"):
        VirtualMachine(disk=tmp_path / "disk").start()
    with pytest.raises(ImageMissing, match="no file"):
        VirtualMachine(disk=tmp_path / "none").start()


def test_a_disk_that_nothing_can_boot_from_is_refused(tmp_path: Path) -> None:
    disk = boot_sector(tmp_path / "own.img", end=b"\0\0")
    with pytest.raises(ImageDamaged, match="55 aa"):
        VirtualMachine(None, disk=disk).start()


def test_a_qemu_that_is_missing_comes_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = machine_module.programs.find
    hidden = "qemu-system-aarch64"
    there = lambda name: None if name == hidden else find(name)  # noqa: E731
    monkeypatch.setattr("course.system.programs.find", there)
    with pytest.raises(ToolMissing, match="qemu-system-arm"):
        VirtualMachine(architecture="aarch64").start()


@pytest.mark.fault("/dev/kvm absent, closed, or broken")
def test_kvm_that_does_not_work_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("course.boxes.machine.accelerator.DEVICE", Path("/nowhere/kvm"))
    with pytest.raises(StartFailed, match="/nowhere/kvm is not there"):
        VirtualMachine(accelerator="kvm").start()


@pytest.mark.fault("QEMU killed (-9)")
def test_a_qemu_that_is_killed_is_noticed_and_cleared_away(box: VirtualMachine) -> None:
    os.kill(box._vm.qemu.pid, signal.SIGKILL)
    with pytest.raises(NotRunning):
        box.exec("true")
    assert not box.running
    with box.start():
        assert box.exec("echo again").stdout == "again\n"


@pytest.mark.fault("interrupt (■) at a moment of the start of a VM")
def test_an_interrupted_start_leaves_nothing() -> None:
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        VirtualMachine(resume=False).start()


def test_a_state_that_was_made_for_something_else_is_not_used_and_the_one_used_last_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Path] = []
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    for name in ("one", "another", "third"):
        (tmp_path / name).write_text("a kernel")

    def state(kernel: str) -> Path:
        plan = machine_module.Plan("tiny", 2**20, kernel=tmp_path / kernel)
        return saved.state_of(plan, made.append)

    one, another = state("one"), state("another")
    assert one != another
    for folder in (one, another):
        os.utime(folder, (0, 0))  # made long ago
    assert state("one") == one
    assert len(made) == 2
    state("third")
    assert (one.exists(), another.exists()) == (True, False)


def test_a_machine_that_was_ended_has_no_finalizer_in_which_an_interrupt_would_be_lost() -> None:
    with VirtualMachine() as box:
        forgotten = box._vm.qemu._forgotten
        assert forgotten.alive
    assert not forgotten.alive
