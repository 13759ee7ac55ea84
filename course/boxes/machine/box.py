"""A virtual machine: a QEMU, driven over its monitor, and an agent that answers inside."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from course.boxes.box import Box, Output, Phases, Usage
from course.boxes.process import busybox_check
from course.boxes.wishes import parse_size
from course.checks import Check, Finding, explained, passed
from course.errors import BoxError, NotEnoughMemory, NotRunning
from course.images import UUID, forms
from course.system import host, processes, programs
from . import accelerator, overlays, saved, wake
from .command_line import command_line, own_memory
from .plan import HOME, Hardware, Plan
from .running import Running

DEADLINE = 120.0  # seconds for a start: emulated, on a busy machine, a boot takes its time
MEMORY = {"tiny": "128M", "debian": "512M"}
STOCK = Hardware()


class VirtualMachine(Box):
    """A machine of its own inside this one, with a kernel of its own.

        with VirtualMachine("tiny") as box:
            print(box.exec("uname -r").stdout)

    ``image``: "tiny", "debian", or None for what ``disk`` or ``kernel`` hold; such a guest has
    no agent, and its ``console`` is all that it says. ``resume``: go on from the saved state of
    such a machine (saved at the first start), else boot. ``reseed``: tell a resumed guest the
    time and give it fresh randomness. ``accelerator``: "kvm", "tcg", or None for the best that
    works. ``disk``: an image of the learner's, qcow2 or raw; it is written to. ``kernel``,
    ``initrd``: in place of the image's. ``ports``: port of the guest → port on 127.0.0.1, 0 for
    a free one. ``balloon``: give it one, for ``set_memory``. ``architecture``: as ``uname -m``
    says it. ``deadline``: seconds for a start. ``first_boot``: of a resumed one, the phases of
    the boot before its state was saved. One that no name refers to any more is ended.
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
        initrd: Path | None = None,
        balloon: bool = False,
        hardware: Hardware = STOCK,
        architecture: str = HOME,
        deadline: float = DEADLINE,
    ) -> None:
        usual = MEMORY.get(image or "", "128M")
        super().__init__(image, cpus=cpus, memory=memory or usual, network=network)
        if cpus < 1 or cpus != int(cpus):
            raise BoxError("a whole number of processors", repr(cpus), "cpus=1")
        self.ports, self.accelerator = dict(ports or {}), accelerator
        self.resume, self.reseed = resume, reseed
        self.disk, self.balloon = disk, balloon
        self.kernel, self.initrd = kernel, initrd
        self.hardware, self.architecture, self.deadline = hardware, architecture, deadline
        self.first_boot: dict[str, float] = {}
        self._vm: Running | None = None
        self._origin: Running | None = None  # the machine that a clone goes on from

    @classmethod
    def requirements(cls) -> list[Check]:
        @explained
        def probe() -> Finding:
            return passed(str(programs.require(f"qemu-system-{HOME}")))

        return [Check("QEMU is installed", probe), busybox_check()]

    @property
    def command(self) -> str:
        """The command line of its QEMU, as one would type it."""
        if self._vm:
            return shlex.join(self._vm.qemu.argv)
        plan = self._plan()
        return shlex.join(command_line(plan, Path("FOLDER"), own_memory(plan)))

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
        """Have the balloon take memory from the guest, or give it back; the bytes left to it.

        Needs ``balloon=True``, and cannot go beyond ``memory``. Raises BoxError.
        """
        self._require_running()
        return self._vm.balloon(parse_size(size))

    def _exec(self, command: str, timeout: float) -> Output:
        if not self._vm.agent:
            raise BoxError("a guest with the course's agent", "one without", "box.console")
        try:
            return self._vm.agent.exec(command, timeout)
        except EOFError:
            found = self._vm.qemu.failure().found
            self.stop()
            raise NotRunning("the guest to run", found, "box.start()") from None

    def _usage(self) -> Usage:
        pids = [self._vm.qemu.pid]
        return Usage(processes.memory(pids), processes.cpu(pids), self._vm.disk(), len(pids))

    def _snapshot(self, name: str) -> str:
        self._snapshots.pop(name, None)  # it goes first, and a disk may be full
        self._vm.keep(name)
        return name

    def _rollback(self, kept: str) -> None:
        self._vm.return_to(kept)

    def clone(self, *, reseed: bool = True) -> VirtualMachine:
        """A second VM that goes on from this one's state; a disk is shared until it is written.

        Without ``reseed`` both have the same random numbers ahead. Where there is a disk, this
        one's snapshots are left behind in the part that is shared.
        """
        self._require_running()
        return self._clone(reseed)

    def _clone(self, reseed: bool) -> VirtualMachine:
        twin = copy(self)
        twin.reseed, twin.running, twin._snapshots = reseed, False, {}
        twin._vm, twin._origin = None, self._vm
        if self._vm.plan.root:
            self._snapshots.clear()
        try:
            return twin.start()
        finally:
            twin._origin = None

    def _start(self) -> None:
        plan = self._plan()
        if plan.memory > host.available_memory():
            found = f"{host.available_memory() // 2**20} MiB free"
            raise NotEnoughMemory(f"{plan.memory // 2**20} MiB of memory", found, "memory=...")
        try:
            self._begin(plan)
        except NotRunning:
            if self._vm and self._vm.qemu:
                raise self._vm.qemu.failure() from None
            raise

    def _begin(self, plan: Plan) -> None:
        # A balloon would punch holes into the memory that all resumed machines share.
        stock = not (self.disk or self.kernel or self.initrd or self.balloon)
        can_wake = stock and self.architecture == HOME == wake.ARCHITECTURE
        if self._origin:
            self._new(plan).follow(self._origin, self.reseed)
        elif self.resume and self.image and can_wake:
            folder = saved.state_of(plan, self._save_first)
            self.first_boot = saved.boot_of(folder)
            self._new(plan).resume(folder, self.reseed)
        else:
            self._new(plan).boot()

    def _stop(self) -> None:
        if self._vm:
            self._vm.end()
        self._vm = None

    def _new(self, plan: Plan) -> Running:
        self._vm = Running(plan, self.phases, self.deadline)
        return self._vm.open()

    def _save_first(self, folder: Path) -> None:
        Running(self._plan(), Phases(), self.deadline).save_first(folder)

    def _plan(self) -> Plan:
        image = forms.image(self.image) if self.image else None
        kernel, initrd = image.boot_files(self.architecture) if image else (None, None)
        own = image.disk if image and image.name != "tiny" else None
        if self.disk:
            overlays.check(self.disk, boots=not (image or self.kernel))
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
            initrd=self.initrd or initrd,
            disk=self.disk or own,
            disk_format=overlays.form(self.disk) if self.disk else "qcow2",
            root=f"UUID={UUID}" if own else "",
            has_agent=bool(image),
            hardware=self.hardware,
        )

    def _accelerator(self) -> str:
        if self.architecture != HOME:
            return "tcg"  # a processor runs its own kind of guest only
        if self.accelerator == "kvm":
            accelerator.require_kvm()
        return self.accelerator or accelerator.best()
