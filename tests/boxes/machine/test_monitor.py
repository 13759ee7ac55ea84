"""QEMU's monitor, on a QEMU that has no guest."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from course.boxes.machine.monitor import Monitor
from course.boxes.machine.qemu import Qemu
from course.errors import BoxError, DiskFull, NotRunning, StartFailed, ToolMissing
from course.system import reaper

pytestmark = pytest.mark.vm

EMPTY = ["qemu-system-x86_64", "-machine", "none", "-display", "none", "-nodefaults"]


def started(*more: str) -> Qemu:
    folder = reaper.state("test")
    socket = f"socket,id=monitor,path={folder}/monitor"
    monitor = ["-chardev", socket, "-mon", "chardev=monitor,mode=control"]
    return Qemu(folder, [*EMPTY, *monitor, *more], ["monitor"])


@pytest.fixture
def qemu(nothing_left: None) -> Iterator[Qemu]:
    qemu = started()
    yield qemu
    qemu.end()


@pytest.fixture
def monitor(qemu: Qemu) -> Iterator[Monitor]:
    monitor = Monitor(qemu.line("monitor", time.monotonic() + 30))
    yield monitor
    monitor.close()


def test_a_command_returns_what_qemu_says(monitor: Monitor) -> None:
    assert monitor.execute("query-status")["running"] is True
    said = monitor.execute("human-monitor-command", command_line="info qom-tree")
    assert said.startswith("/machine")


def test_what_qemu_refuses_is_told_in_its_own_words(monitor: Monitor) -> None:
    with pytest.raises(BoxError, match="nonsense"):
        monitor.execute("nonsense")
    assert monitor.execute("query-status")


def test_it_works_where_a_loop_runs_already_as_in_a_notebook(monitor: Monitor) -> None:
    async def cell() -> object:
        return monitor.execute("query-status")

    with ThreadPoolExecutor(max_workers=1) as pool:  # whatever loop the test runner has
        assert pool.submit(asyncio.run, cell()).result()


def test_all_monitors_share_one_thread(monitor: Monitor) -> None:
    other = started()
    try:
        second = Monitor(other.line("monitor", time.monotonic() + 30))
        second.execute("query-status")
        second.close()
    finally:
        other.end()
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("qemu monitors") == 1


def test_a_job_is_waited_for_and_put_away(monitor: Monitor, tmp_path: Path) -> None:
    disk = {"driver": "file", "filename": str(tmp_path / "disk"), "size": 2**20}
    monitor.work("blockdev-create", options=disk)
    assert (tmp_path / "disk").stat().st_size == 2**20
    assert monitor.execute("query-jobs") == []


def test_a_job_that_fails_says_why(monitor: Monitor, tmp_path: Path) -> None:
    disk = {"driver": "file", "filename": str(tmp_path / "no" / "disk"), "size": 2**20}
    with pytest.raises(BoxError, match="No such file"):
        monitor.work("blockdev-create", options=disk)


@pytest.mark.fault("disk full in a snapshot")
def test_a_disk_without_room_is_told_from_other_failures(monitor: Monitor) -> None:
    full = {"driver": "host_device", "filename": "/dev/full"}
    monitor.execute("blockdev-add", driver="raw", node_name="full", file=full)
    form = {"driver": "qcow2", "file": "full", "size": 2**20}
    with pytest.raises(DiskFull, match="No space left"):
        monitor.work("blockdev-create", options=form)


@pytest.mark.fault("QEMU killed (-9)")
def test_a_qemu_that_is_killed_is_noticed_at_once(qemu: Qemu, monitor: Monitor) -> None:
    threading.Timer(0.2, reaper.kill, [qemu.folder]).start()
    began = time.monotonic()
    with pytest.raises(NotRunning):
        monitor.migrate("query-status")  # an event that never comes
    with pytest.raises(NotRunning):
        monitor.execute("query-status")
    assert time.monotonic() - began < 10


def test_a_qemu_that_ends_as_soon_as_it_has_greeted_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b'{"QMP": {"version": {}, "capabilities": []}}\n{"return": {}}\n')
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(NotRunning, match="it ended"):
            Monitor(ours)


def test_a_qemu_that_cannot_start_says_why(nothing_left: None) -> None:
    qemu = started("-device", "nonsense")
    try:
        with pytest.raises((StartFailed, NotRunning)):  # it may hang up before it is connected
            Monitor(qemu.line("monitor", time.monotonic() + 30))
        assert "'nonsense' is not a valid device" in qemu.failure().found
    finally:
        qemu.end()


def test_a_qemu_that_is_not_installed_comes_with_the_command_that_installs_it(
    nothing_left: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    folder = reaper.state("test")
    with pytest.raises(ToolMissing, match="qemu-system-x86"):
        Qemu(folder, EMPTY)
    reaper.remove(folder)


FORGETS = """
import os
from course import VirtualMachine; from course.system import reaper
box = VirtualMachine().start()
box = VirtualMachine().start()
print([state.name for state in reaper.folder().glob("vm-*")] == [box._vm.folder.name])
if os.fork() == 0:
    del box  # as a program does that the learner's has forked
    os._exit(0)
os.wait()
print(box.exec("echo here").stdout.strip())
box.stop()
"""


def test_a_machine_that_is_forgotten_without_a_stop_ends_and_says_nothing(
    nothing_left: None,
) -> None:
    command = [sys.executable, "-c", FORGETS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nhere\n", "")
