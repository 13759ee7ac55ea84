"""A virtual machine that runs: its QEMU, and the three ways to it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import Any

from course import reaper
from course.boxes import overlays, saved, wake
from course.boxes.agent import Agent
from course.boxes.monitor import Monitor
from course.boxes.plan import NODE, Plan, command_line
from course.boxes.qemu import Qemu
from course.errors import BoxError

PATIENCE = 20.0  # seconds for a guest to give memory back
BASE = "base.qcow2"  # the disk that a clone shares with what it was cloned from
STATES = "states.qcow2"  # where a machine without a disk of its own keeps its snapshots


class Running:
    """From the start of its QEMU to its end. ``start`` raises StartFailed, NeverAnswered.

    ``plan.disk`` is written to; who wants to keep it as it is hands in an overlay.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.folder = reaper.state("vm")
        self.qemu: Qemu | None = None
        self.monitor: Monitor | None = None
        self.agent: Agent | None = None
        self._wakes: socket | None = None
        self._tops = [NODE]  # the layers of the disk, as QEMU's block layer calls them

    def start(self, memory: str, deadline: float, boot: bool = True) -> None:
        """Start QEMU, with the guest booting or waiting for its state, and connect to it."""
        self.qemu = Qemu(self.folder, command_line(self.plan, self.folder, memory, boot))
        self.monitor = Monitor(self.qemu.connect("monitor", deadline))
        if self.plan.has_agent:
            commands, kills, self._wakes = (
                self.qemu.connect(name, deadline) for name in ("commands", "kills", "wakes")
            )
            self.agent = Agent(commands, kills)

    def add_overlay(self, base: Path) -> None:
        """Give the machine a disk of its own that begins as ``base`` is."""
        disk = self.folder / "disk.qcow2"
        overlays.overlay(base, disk)
        self.plan = replace(self.plan, disk=disk)

    def ready(self, deadline: float) -> list[float]:
        """Wait for the agent; see ``Agent.wait_until_ready``. Raises StartFailed, NeverAnswered."""
        try:
            return self.agent.wait_until_ready(deadline)
        except TimeoutError:
            raise self.qemu.silence("the guest to answer") from None
        except EOFError:
            raise self.qemu.failure() from None

    def wake(self) -> None:
        """Tell a guest that slept the time, and give it fresh randomness."""
        try:
            wake.wake(self._wakes)
        except EOFError:
            raise self.qemu.failure() from None

    def keep(self, name: str, again: bool) -> None:
        """Save the machine's state and its disk under a name."""
        wake.plant(self.agent)
        nodes = self._nodes()
        if again:
            self.monitor.work("snapshot-delete", tag=name, devices=nodes)
        self.monitor.work("snapshot-save", tag=name, vmstate=nodes[0], devices=nodes)

    def return_to(self, name: str) -> None:
        """Put the machine's state and its disk back to those of a name."""
        nodes = self._nodes()
        self.monitor.work("snapshot-load", tag=name, vmstate=nodes[0], devices=nodes)
        self.agent.forget()

    def address(self, port: int) -> tuple[str, int]:
        """Where the host finds a port of the guest. Raises BoxError."""
        table = self.monitor.execute("human-monitor-command", command_line="info usernet")
        found = re.search(rf"HOST_FORWARD\]\s+\S+\s+(\S+)\s+(\d+)\s+\S+\s+{port}\s", table)
        if not found:
            raise BoxError(f"the guest's port {port} to be forwarded", "not", f"ports={{{port}: 0}}")
        return found[1], int(found[2])

    def balloon(self, size: int) -> int:
        """Ask the guest for all memory beyond ``size`` bytes; how many it has after that."""
        self.monitor.execute("balloon", value=size)
        deadline = time.monotonic() + PATIENCE
        while (actual := self.monitor.execute("query-balloon")["actual"]) != size:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return actual

    def hand_on(self, folder: Path) -> None:
        """Stop, and write the state that another machine can go on from into ``folder``.

        A disk is frozen as it is: both would go on with overlays on it.
        """
        wake.plant(self.agent)
        self.monitor.execute("stop")
        if self.plan.disk:
            # A second name of the same file: it stays when this machine goes.
            (folder / BASE).hardlink_to(self.plan.disk)
            self._freeze_disk()
        saved.save(self.monitor, folder / saved.STATE)

    def go_on(self) -> None:
        """Let a machine that was stopped run again."""
        self.monitor.execute("cont")

    def end(self) -> None:
        """End QEMU and remove everything of it."""
        for connection in (self.monitor, self.agent, self._wakes):
            if connection:
                connection.close()
        if self.qemu:
            self.qemu.end()
        else:
            reaper.remove(self.folder)

    def _freeze_disk(self) -> None:
        top, number = self.folder / f"disk-{len(self._tops)}.qcow2", len(self._tops)
        names = {"snapshot_file": str(top), "snapshot_node_name": f"{NODE}-{number}"}
        self.monitor.execute("blockdev-snapshot-sync", node_name=self._tops[-1], **names)
        self._tops.append(f"{NODE}-{number}")
        self.plan = replace(self.plan, disk=top)

    def _nodes(self) -> list[str]:
        """The block devices that hold snapshots; the first has the memory's too."""
        if self.plan.disk:
            return [self._tops[-1]]
        path = self.folder / STATES
        if not path.exists():
            overlays.empty(path)
            file: dict[str, Any] = {"driver": "file", "filename": str(path)}
            cache = {"no-flush": True}  # it need not outlive this machine
            node = {"driver": "qcow2", "node_name": "states", "file": file, "cache": cache}
            self.monitor.execute("blockdev-add", **node)
        return ["states"]
