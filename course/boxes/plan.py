"""What a virtual machine is to be, and the QEMU command line that makes it so."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MACHINES = {"x86_64": "pc", "aarch64": "virt"}
# Under emulation the plainest processor is the fastest: every feature is work for the emulator.
EMULATED = {"x86_64": "qemu64", "aarch64": "cortex-a57"}
CONSOLES = {"x86_64": "ttyS0", "aarch64": "ttyAMA0"}
NODE = "own-disk"  # what QEMU's block layer calls the disk
GUEST_ADDRESS = "10.0.2.15/24"  # what QEMU's user-mode network has for its only guest

# What every guest's kernel is told. Source: Linux, Documentation/admin-guide/kernel-parameters.txt.
KERNEL_OPTIONS = (
    "quiet",
    "panic=-1",  # restart at once, which ends this QEMU: a panic is seen and not waited for
    "mitigations=off",  # one user, no secrets: no time for walls between programs
    "random.trust_cpu=on",
)
# Each of these takes work out of an emulated boot; BENCHMARKS.md says what all of it gains.
X86_OPTIONS = (
    "nokaslr",
    "tsc=reliable no_timer_check nolapic_timer",  # no calibration of clocks
    "cryptomgr.notests",
    "8250.nr_uarts=1",
    "noreplace-smp",
    "pci=noacpi",  # no search for wires of interrupts: virtio sends messages
)


@dataclass(frozen=True)
class Hardware:
    """What a virtual machine is made of; the defaults are what boots soonest.

    ``machine`` and ``cpu``: names that ``qemu-system-x86_64 -machine help`` and ``-cpu help``
    list. ``disk``: the device that the disk is, "virtio-blk-pci" or "nvme". ``nic``: likewise,
    "virtio-net-pci" or "vmxnet3". ``cache``: whether the host may keep what the guest has
    written: "writeback", "none" (straight to the disk) or "unsafe" (even where the guest says
    that it must be safe). ``kernel_options``: the whole command line of the kernel, in place of
    the course's.
    """

    machine: str | None = None
    cpu: str | None = None
    disk: str = "virtio-blk-pci"
    nic: str = "virtio-net-pci"
    cache: str = "writeback"
    kernel_options: str | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that decides what a VM is.

    ``memory`` in bytes; ``ports`` from the guest's to the host's; ``root`` is the filesystem
    that its kernel is to use once it has its drivers.
    """

    name: str
    memory: int
    cpus: int = 1
    accelerator: str = "tcg"
    architecture: str = platform.machine()
    network: bool = False
    ports: Mapping[int, int] = field(default_factory=dict)
    balloon: bool = False
    kernel: Path | None = None
    initrd: Path | None = None
    disk: Path | None = None
    disk_format: str = "qcow2"
    root: str = ""
    has_agent: bool = True
    hardware: Hardware = Hardware()

    @property
    def program(self) -> str:
        """The QEMU that emulates this processor."""
        return f"qemu-system-{self.architecture}"

    @property
    def kernel_options(self) -> str:
        """The kernel's command line: its own words, then those that our init reads."""
        words = [f"console={CONSOLES[self.architecture]}", *KERNEL_OPTIONS]
        words += X86_OPTIONS if self.architecture == "x86_64" else ()
        if self.hardware.kernel_options is not None:
            words = [self.hardware.kernel_options]
        drivers = [name for name, wanted in self._drivers().items() if wanted]
        words += [f"DRIVERS={','.join(drivers)}"] if drivers else []
        words += [f"ADDRESS={GUEST_ADDRESS}"] if self.network else []
        words += [f"root={self.root} rw"] if self.root else []
        return " ".join(words)

    def _drivers(self) -> dict[str, bool]:
        return {
            "disk": bool(self.disk),
            "network": self.network and self.hardware.nic == "virtio-net-pci",
            "vmxnet3": self.network and self.hardware.nic == "vmxnet3",
            "balloon": self.balloon,
        }


def option(kind: str, **values: object) -> str:
    """A value such as ``file,path=/tmp/a,,b``: within a word QEMU wants commas doubled."""
    pairs = {name.replace("_", "-"): str(value) for name, value in values.items()}
    return ",".join(
        [kind, *(f"{name}={value.replace(',', ',,')}" for name, value in pairs.items())]
    )


def command_line(plan: Plan, folder: Path, backend: str, boot: bool = True) -> list[str]:
    """The arguments of QEMU. ``folder`` gets its sockets and its console; ``backend`` says where
    the guest's memory is; without ``boot`` QEMU waits for the state of a saved machine.
    """
    hardware = plan.hardware
    machine = hardware.machine or MACHINES[plan.architecture]
    words = [plan.program, "-name", plan.name, "-nodefaults", "-no-user-config", "-no-reboot"]
    words += ["-display", "none", "-accel", plan.accelerator]
    words += ["-machine", f"{machine},memory-backend=memory", "-object", backend]
    words += ["-cpu", hardware.cpu or _processor(plan), "-smp", str(plan.cpus)]
    words += ["-m", f"{plan.memory // 2**20}M", *(_boot(plan) if boot else ["-incoming", "defer"])]
    words += ["-chardev", option("file", id="console", path=folder / "console")]
    words += ["-serial", "chardev:console", *_socket("monitor", folder)]
    words += ["-mon", "chardev=monitor,mode=control"]
    return [*words, *_devices(plan, folder)]


def _processor(plan: Plan) -> str:
    return "host" if plan.accelerator == "kvm" else EMULATED[plan.architecture]


def _boot(plan: Plan) -> Iterator[str]:
    if plan.kernel:
        yield from ("-kernel", str(plan.kernel), "-append", plan.kernel_options)
    if plan.initrd:
        yield from ("-initrd", str(plan.initrd))


def _socket(name: str, folder: Path) -> list[str]:
    path = folder / name
    return ["-chardev", option("socket", id=name, path=path, server="on", wait="off")]


def _devices(plan: Plan, folder: Path) -> Iterator[str]:
    hardware = plan.hardware
    if plan.has_agent:
        yield from ("-device", "virtio-serial-pci")
        for number, name in enumerate(("commands", "kills", "wakes"), start=1):
            yield from _socket(name, folder)
            yield from ("-device", option("virtserialport", chardev=name, name=name, nr=number))
    if plan.disk:
        yield from ("-drive", _drive(plan, plan.disk))
        yield from ("-device", option(hardware.disk, drive="disk", serial="disk"))
    if plan.network:
        forwards = [f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in plan.ports.items()]
        yield from ("-netdev", ",".join(["user", "id=network", "restrict=on", *forwards]))
        yield from ("-device", option(hardware.nic, netdev="network", romfile=""))
    if plan.balloon:
        yield from ("-device", "virtio-balloon-pci")


def _drive(plan: Plan, path: Path) -> str:
    cache, form = plan.hardware.cache, plan.disk_format
    return option("if=none", id="disk", node_name=NODE, file=path, format=form, cache=cache)
