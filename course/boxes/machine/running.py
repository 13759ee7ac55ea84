"""A virtual machine that runs: its QEMU, and the ways to it."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import Any

from course.boxes import files
from course.boxes.box import Phases
from course.errors import BoxError, NotRunning
from course.system import reaper
from . import overlays, saved, wake
from .agent import Agent
from .command_line import MONITOR, NODE, PORTS, command_line, memory_file, own_memory
from .monitor import Monitor
from .plan import Plan
from .qemu import Qemu

FULL = 2**20  # bytes: a disk with less room than this is full
STATES = "states.qcow2"  # where a machine without a disk of its own keeps its snapshots


class Running:
    """From the start of its QEMU to its end, which may come at any time.

    ``phases`` is told each phase of the start as it ends. ``deadline``: seconds for the start,
    which raises StartFailed and NeverAnswered.
    """

    def __init__(self, plan: Plan, phases: Phases, deadline: float) -> None:
        self.plan, self.phases = plan, phases
        self._deadline = time.monotonic() + deadline
        self.folder = reaper.place("vm")  # known before it is made: an interrupt can come
        self.qemu: Qemu | None = None
        self.monitor: Monitor | None = None
        self.agent: Agent | None = None
        self._wakes: socket | None = None
        self._can_wake = False
        self._tops = [NODE]  # the layers of the disk, as QEMU's block layer calls them

    def open(self) -> Running:
        """Make its folder; before everything else."""
        self.folder.mkdir(mode=0o700)
        return self

    def boot(self, memory: str | None = None) -> None:
        """Start the machine from nothing, until its agent answers; without one, only start it."""
        self._stand_on(self.plan.disk)
        self._launch(memory or own_memory(self.plan))
        if not self.agent:
            return
        try:
            now, *init = self.agent.wait_until_ready(self._deadline)
        except TimeoutError:
            raise self.qemu.silence("the guest to answer") from None
        except EOFError:
            raise self.qemu.failure() from None
        # The guest's own clock began with its kernel.
        self.phases.mark("kernel started", ago=now)
        for uptime in init:
            self.phases.mark("init started", ago=now - uptime)
        self.phases.mark("answered")

    def resume(self, folder: Path, reseed: bool) -> None:
        """Go on from a saved state, whose files stay as they are."""
        self._go_on(folder, memory_file(self.plan, folder, share=False), reseed)

    def follow(self, origin: Running, reseed: bool) -> None:
        """Go on from where another machine is now; that one goes on as well."""
        try:
            origin.hand_on(self.folder)
        finally:
            origin.monitor.execute("cont")
        self._go_on(self.folder, own_memory(self.plan), reseed)
        (self.folder / saved.STATE).unlink()

    def save_first(self, folder: Path) -> None:
        """Fill a folder with a state to resume from: boot, come to rest, stop, and end.

        When each phase of that boot ended, in seconds, is noted beside it.
        """
        try:
            self.open().boot(memory_file(self.plan, folder, share=True))
            saved.note_boot(folder, self.phases)
            self._prepare_for_sleep()
            saved.settle(self.qemu.pid, self.plan.cpus)
            self.hand_on(self.folder)
            for name in (saved.STATE, saved.BASE):
                if (self.folder / name).exists():
                    shutil.copyfile(self.folder / name, folder / name)
        finally:
            self.end()

    def hand_on(self, folder: Path) -> None:
        """Stop, and write the state that another machine can go on from into ``folder``.

        A disk is frozen as it is: both go on with overlays on it.
        """
        self._prepare_for_sleep()
        self.monitor.execute("stop")
        if self.plan.root:
            # A second name of the same file: it stays when this machine goes.
            (folder / saved.BASE).hardlink_to(self.plan.disk)
            self._freeze_disk()
        saved.save(self.monitor, folder / saved.STATE)

    def wake(self) -> None:
        """Tell a guest that slept the time, and give it fresh randomness, if it can be told."""
        if not self.agent:
            return
        try:
            wake.wake(self._wakes)
        except EOFError:
            raise self.qemu.failure() from None

    def keep(self, name: str) -> None:
        """Save the machine's state and its disk under a name, in place of what had that name."""
        self._prepare_for_sleep()
        nodes = self._nodes()
        self.monitor.work("snapshot-delete", tag=name, devices=nodes)
        try:
            self.monitor.work("snapshot-save", tag=name, vmstate=nodes[0], devices=nodes)
        except BoxError as error:
            # QEMU calls a disk without room an input/output error here.
            if shutil.disk_usage(self.folder).free < FULL:
                raise files.disk_full("room for a snapshot", error.found) from error
            raise

    def return_to(self, name: str) -> None:
        """Put the machine's state and its disk back to those of a name."""
        nodes = self._nodes()
        try:
            self.monitor.work("snapshot-load", tag=name, vmstate=nodes[0], devices=nodes)
        finally:
            if self.agent:
                self.agent.forget()
        self.wake()

    def address(self, port: int) -> tuple[str, int]:
        """Where the host finds a port of the guest. Raises BoxError."""
        table = self.monitor.execute("human-monitor-command", command_line="info usernet")
        found = re.search(rf"HOST_FORWARD\]\s+\S+\s+(\S+)\s+(\d+)\s+\S+\s+{port}\s", table)
        if not found:
            mend = f"network=True, ports={{{port}: 0}}"
            raise BoxError(f"the guest's port {port} to be forwarded", "it is not", mend)
        return found[1], int(found[2])

    def balloon(self, size: int) -> int:
        """Ask the guest for all memory beyond ``size`` bytes; how many it has after that."""
        self.monitor.execute("balloon", value=size)
        deadline = time.monotonic() + saved.PATIENCE
        while (actual := self.monitor.execute("query-balloon")["actual"]) != size:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return actual

    def disk(self) -> int:
        """Bytes on the host's disk that are this machine's alone: what clones share is nobody's."""
        found = [path.stat() for path in self.folder.iterdir() if path.is_file()]
        return sum(512 * file.st_blocks for file in found if file.st_nlink == 1)

    def end(self) -> None:
        """End QEMU and remove everything of it."""
        try:
            for connection in (self.monitor, self.agent, self._wakes):
                if connection:
                    connection.close()
        finally:
            self.qemu.end() if self.qemu else reaper.remove(self.folder)

    def _launch(self, memory: str, boot: bool = True) -> None:
        argv = command_line(self.plan, self.folder, memory, boot)
        lines = (MONITOR, *PORTS) if self.plan.has_agent else (MONITOR,)
        self.qemu = Qemu(self.folder, argv, lines)
        try:
            self.monitor = Monitor(self.qemu.line(MONITOR, self._deadline))
        except NotRunning:  # the guest panics before we have met
            raise self.qemu.failure() from None
        if self.plan.has_agent:
            commands, kills, self._wakes = (self.qemu.line(name, self._deadline) for name in PORTS)
            self.agent = Agent(commands, kills)
        self.phases.mark("qemu started")

    def _go_on(self, folder: Path, memory: str, reseed: bool) -> None:
        self._stand_on(folder / saved.BASE)
        self._launch(memory, boot=False)
        saved.load(self.monitor, folder / saved.STATE)
        self._can_wake = True
        self.phases.mark("state loaded")
        if reseed and self.agent:
            self.wake()
            self.phases.mark("answered")

    def _stand_on(self, base: Path | None) -> None:
        """Where the image has a disk: one of this machine's own, that begins as ``base`` is."""
        if self.plan.root:
            disk = self.folder / "disk.qcow2"
            overlays.create(base, disk)
            self.plan = replace(self.plan, disk=disk)

    def _prepare_for_sleep(self) -> None:
        if not self.agent:
            return
        if self.plan.architecture != wake.ARCHITECTURE:
            found = self.plan.architecture
            raise BoxError(
                f"a guest that can be woken: its processor an {wake.ARCHITECTURE}", found
            )
        if not self._can_wake:
            wake.plant(self.agent)
            self._can_wake = True
        self.wake()  # once now, to be sure that it will wake then

    def _freeze_disk(self) -> None:
        top = f"{NODE}-{len(self._tops)}"
        disk = self.folder / f"{top}.qcow2"
        names = {"snapshot_file": str(disk), "snapshot_node_name": top}
        self.monitor.execute("blockdev-snapshot-sync", node_name=self._tops[-1], **names)
        self._tops.append(top)
        self.plan = replace(self.plan, disk=disk)

    def _nodes(self) -> list[str]:
        """The block devices that hold snapshots; the first has the memory's too."""
        if self.plan.disk:
            return [self._tops[-1]]
        path = self.folder / STATES
        if not path.exists():
            overlays.create_empty(path)
            try:
                self._add_states(path, aio="io_uring")  # half the time
            except BoxError:
                self._add_states(path, aio="threads")  # a host that does not allow it
        return ["states"]

    def _add_states(self, path: Path, aio: str) -> None:
        file: dict[str, Any] = {"driver": "file", "filename": str(path), "aio": aio}
        cache = {"no-flush": True}  # it need not outlive this machine
        node = {"driver": "qcow2", "node_name": "states", "file": file, "cache": cache}
        self.monitor.execute("blockdev-add", **node)
