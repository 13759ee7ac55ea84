"""A virtual machine: a QEMU, driven over its monitor, and an agent that answers inside."""

from __future__ import annotations

import platform
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

from course import disks, host, images, processes, programs
from course.boxes import accelerator, files, overlays, saved
from course.boxes.box import (
    Box,
    Output,
    Usage,
    parse_size,
    shell_command,
    snapshot_missing,
    snapshot_name,
)
from course.boxes.plan import Hardware, Plan, command_line
from course.boxes.process import busybox_check
from course.boxes.running import BASE, Running
from course.checks import Check, Finding, failed, passed
from course.errors import BoxError, NotEnoughMemory, NotRunning, ToolMissing

DEADLINE = 120.0  # seconds for a start: emulated, on a busy machine, a boot takes its time
MEMORY = {"tiny": "128M", "debian": "512M"}
HOME = platform.machine()


class VirtualMachine(Box):
    """A machine of its own inside this one, with a kernel of its own.

        with VirtualMachine("tiny") as box:
            print(box.exec("uname -r").stdout)

    ``image``: "tiny", "debian", or None for whatever ``disk`` or ``kernel`` hold; such a guest
    has no agent, and its ``console`` is all that it says. ``resume``: begin from the saved state
    of a machine like this (saved at the first start), else boot. ``reseed``: give a resumed
    guest the time and fresh randomness. ``accelerator``: "kvm", "tcg" or None for the best that
    works. ``disk``: an image of the learner's (qcow2 or raw), written to. ``ports``: guest port →
    port on 127.0.0.1, 0 for a free one. ``architecture``: as ``uname -m`` says it.
    ``deadline``: seconds for a start.
    """

    kind = "virtual machine"

    def __init__(
        self,
        image: str | None = "tiny",
        *,
        cpus: int = 1,
        memory: str | int | None = None,
        network: bool = False,
        ports: Mapping[int, int] | None = None,
        accelerator: str | None = None,
        resume: bool = True,
        reseed: bool = True,
        disk: Path | None = None,
        kernel: Path | None = None,
        balloon: bool = False,
        hardware: Hardware = Hardware(),
        architecture: str = HOME,
        deadline: float = DEADLINE,
    ) -> None:
        memory = MEMORY.get(image or "", "128M") if memory is None else memory
        super().__init__(image, cpus=cpus, memory=memory, network=network)
        if cpus != int(cpus) or cpus < 1:
            raise BoxError("a whole number of processors", repr(cpus), "cpus=1")
        self.accelerator, self.resume, self.reseed = accelerator, resume, reseed
        self.ports, self.balloon, self.hardware = dict(ports or {}), balloon, hardware
        self.disk, self.kernel = disk, kernel
        self.architecture, self.deadline = architecture, deadline
        self._vm: Running | None = None
        self._origin: Running | None = None  # the machine that a clone goes on from
        self._snapshots: set[str] = set()

    @classmethod
    def requirements(cls) -> list[Check]:
        def probe() -> Finding:
            try:
                return passed(str(programs.require(f"qemu-system-{HOME}")))
            except ToolMissing as error:
                return failed(error.found, error.mend)

        return [Check("QEMU is installed", probe), busybox_check()]

    @property
    def command(self) -> str:
        """The command line of its QEMU, to be pasted into a shell."""
        if self._vm:
            return shlex.join(self._vm.qemu.argv)
        plan = self._planned()
        return shlex.join(command_line(plan, Path("FOLDER"), saved.own_memory(plan)))

    @property
    def console(self) -> str:
        """What the guest has printed on its serial port so far. Raises NotRunning."""
        self._require_running()
        return self._vm.qemu.console

    @property
    def threads(self) -> list[int]:
        """The host's threads that are the guest's processors. Raises NotRunning."""
        return [processor["thread-id"] for processor in self.monitor("query-cpus-fast")]

    def monitor(self, command: str, **arguments: Any) -> Any:
        """Give QEMU a command (QMP); write a dash in an argument's name as ``_``.

        Raises NotRunning, BoxError with QEMU's words.
        """
        self._require_running()
        return self._vm.monitor.execute(command, **arguments)

    def address(self, port: int) -> tuple[str, int]:
        """Where the host finds a port of the guest, one of ``ports``. Raises BoxError."""
        self._require_running()
        return self._vm.address(port)

    def set_memory(self, size: str | int) -> int:
        """Have the guest's balloon take memory from it, or give it back; the bytes it has then.

        Needs ``balloon=True``. Raises BoxError.
        """
        self._require_running()
        return self._vm.balloon(parse_size(size))

    def exec(self, command: str | Sequence[str], timeout: float = 60.0) -> Output:
        self._require_running()
        if not self._vm.agent:
            raise BoxError("a guest with the course's agent", "one without", "box.console")
        try:
            return self._vm.agent.exec(shell_command(command), timeout)
        except EOFError:
            found = self._vm.qemu.failure().found
            self.stop()
            raise NotRunning("the guest to run", found, "box.start()") from None

    def usage(self) -> Usage:
        self._require_running()
        qemu = self._vm.qemu
        memory, cpu = processes.memory([qemu.pid]), processes.cpu([qemu.pid])
        return Usage(memory, cpu, files.disk(qemu.folder), processes=1)

    def snapshot(self, name: str) -> None:
        self._require_running()
        self._vm.keep(snapshot_name(name), again=name in self._snapshots)
        self._snapshots.add(name)

    def rollback(self, name: str) -> None:
        self._require_running()
        if name not in self._snapshots:
            raise snapshot_missing(name)
        self._vm.return_to(name)
        self._vm.wake()

    def clone(self, *, reseed: bool = True) -> VirtualMachine:
        """A second VM that goes on from this one's state, its disk an overlay on this one's.

        Without ``reseed`` both have the same time and the same random numbers ahead.
        """
        self._require_running()
        twin = copy(self)
        twin.reseed, twin.running, twin._vm, twin._snapshots = reseed, False, None, set()
        twin._origin = self._vm
        try:
            return twin.start()
        finally:
            twin._origin = None

    def _start(self) -> None:
        plan = self._planned()
        if plan.accelerator == "tcg":
            host.note_emulation()  # so that results say so
        if plan.memory > host.available_memory():
            found = f"{host.available_memory() // 2**20} MiB free"
            raise NotEnoughMemory(f"{plan.memory // 2**20} MiB of memory", found, "memory=...")
        if self._origin or (self.resume and self._can_resume()):
            self._go_on(plan)
        else:
            self._boot(plan)

    def _stop(self) -> None:
        self._snapshots.clear()
        if self._vm:
            self._vm.end()
        self._vm = None

    def _can_resume(self) -> bool:
        return bool(self.image) and not (self.disk or self.kernel) and self.architecture == HOME

    def _planned(self) -> Plan:
        wanted = images.image(self.image) if self.image else None
        kernel, initrd = wanted.boot_files(self.architecture) if wanted else (None, None)
        own = wanted.disk if wanted and self.image != "tiny" else None
        if self.disk:
            overlays.check(self.disk, boots=not (wanted or self.kernel))
        return Plan(
            name=self.image or "guest",
            memory=self.memory,
            cpus=int(self.cpus),
            accelerator=self._accelerator(),
            architecture=self.architecture,
            network=self.network,
            ports=self.ports,
            balloon=self.balloon,
            kernel=self.kernel or kernel,
            initrd=initrd,
            disk=self.disk or own,
            disk_format=overlays.form(self.disk) if self.disk else "qcow2",
            root=f"UUID={disks.UUID}" if own else "",
            has_agent=bool(wanted),
            hardware=self.hardware,
        )

    def _accelerator(self) -> str:
        if self.architecture != HOME:
            return "tcg"  # a processor runs its own kind of guest only
        if self.accelerator == "kvm":
            accelerator.require_kvm()
        return self.accelerator or accelerator.best()

    def _boot(self, plan: Plan) -> None:
        deadline = time.monotonic() + self.deadline
        self._vm = vm = Running(plan)
        if plan.root:
            vm.add_overlay(plan.disk)
        vm.start(saved.own_memory(plan), deadline)
        self._mark("qemu started")
        if not vm.agent:
            return
        now, *init = vm.ready(deadline)
        answered = time.perf_counter() - self._began
        # The guest's own clock began with its kernel.
        began = max(answered - now, self.phases["qemu started"])
        self.phases["kernel started"] = began
        for uptime in init:
            self.phases["init started"] = began + uptime
        self.phases["answered"] = answered

    def _go_on(self, plan: Plan) -> None:
        """Go on from another machine's state, or from one saved before."""
        deadline = time.monotonic() + self.deadline
        if self._origin:
            self._vm = vm = Running(plan)
            try:
                self._origin.hand_on(vm.folder)
            finally:
                self._origin.go_on()
            folder, memory = vm.folder, saved.own_memory(plan)
        else:
            folder = saved.state_of(plan, partial(self._save_new, plan))
            self._vm = vm = Running(plan)
            memory = saved.memory_file(plan, folder, share=False)
        if plan.root:
            vm.add_overlay(folder / BASE)
        vm.start(memory, deadline, boot=False)
        self._mark("qemu started")
        saved.load(vm.monitor, folder / saved.STATE)
        self._mark("state loaded")
        if self.reseed:
            vm.wake()
            self._mark("answered")

    def _save_new(self, plan: Plan, folder: Path) -> None:
        """Boot such a machine with its memory in a file, let it come to rest, and save it."""
        vm = Running(plan)
        try:
            if plan.root:
                vm.add_overlay(plan.disk)
            deadline = time.monotonic() + self.deadline
            vm.start(saved.memory_file(plan, folder, share=True), deadline)
            vm.ready(deadline)
            saved.settle(vm.qemu.pid)
            vm.hand_on(vm.folder)
            for name in (saved.STATE, BASE):
                if (vm.folder / name).exists():
                    shutil.copyfile(vm.folder / name, folder / name)
        finally:
            vm.end()
