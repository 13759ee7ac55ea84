"""What a virtual machine is to be."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOME = platform.machine()  # the architecture of the host, as `uname -m` says it
GUEST_ADDRESS = "10.0.2.15/24"  # what QEMU's user-mode network has for its only guest
CONSOLES = {"x86_64": "ttyS0", "aarch64": "ttyAMA0"}
# A PC without the parts that a server has no use for: each costs time in every boot.
MACHINES = {"x86_64": "q35,sata=off,smbus=off,i8042=off,vmport=off", "aarch64": "virt"}
ANY_PC = "pc"  # with the devices that any system for PCs knows
# Under emulation the plainest processor is the fastest: every feature is work for the emulator.
# Except one: without a source of random numbers a guest has to gather its own, for seconds.
EMULATED = {"x86_64": "qemu64,+rdrand", "aarch64": "cortex-a57"}

# What every guest's kernel is told. Source: Linux, Documentation/admin-guide/kernel-parameters.txt.
KERNEL_OPTIONS = (
    "quiet",
    "panic=-1",  # restart at once, which ends this QEMU: a panic is seen and not waited for
    "mitigations=off",  # one user, no secrets: no time for walls between programs
    "random.trust_cpu=on",
)
# What nobody asks of these guests: the files of tracing and of the slab allocator, and a test that
# the kernel makes of itself. Without them an emulated boot is an eighth shorter, and 8 MB smaller.
LEFT_OUT = (
    "initcall_blacklist=tracer_init_tracefs,trace_eval_init,slab_sysfs_init,crypto_kdf108_init"
)
# Under emulation each of these takes work out of a boot, or makes it reliable.
EMULATED_OPTIONS = {
    "x86_64": (
        "nokaslr",
        # On a busy host the guest measures the speed of its processor's clock wrong, and its time
        # runs several times too fast. The chipset's clock, which QEMU keeps, needs no measuring.
        "tsc=unstable nolapic_timer no_timer_check",
        "tsc_early_khz=2400000",  # so why measure it at all: any speed will do for short waits
        "cryptomgr.notests",
        "8250.nr_uarts=1",
        "noreplace-smp",
        LEFT_OUT,
    ),
    "aarch64": (LEFT_OUT,),
}


@dataclass(frozen=True)
class Hardware:
    """What a virtual machine is made of; the defaults are what boots soonest.

    ``machine`` and ``cpu``: names that ``qemu-system-x86_64 -machine help`` and ``-cpu help``
    list. ``disk``: what the disk looks like to the guest, "virtio-blk-pci", "nvme" or "ide-hd".
    ``nic``: likewise, "virtio-net-pci", "vmxnet3" or "e1000". The course's guests have drivers
    for the first two of each; a guest of the learner's gets the last. ``cache``: whether the
    host may keep for itself what the guest writes: "writeback", "none" (straight to the disk) or
    "unsafe" (even where the guest insists). ``kernel_options``: the whole command line of the
    kernel, in place of the course's.
    """

    machine: str | None = None
    cpu: str | None = None
    disk: str | None = None
    nic: str | None = None
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
    architecture: str = HOME
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
    def machine(self) -> str:
        """The kind of machine, with its own options."""
        return self.hardware.machine or (MACHINES[self.architecture] if self.has_agent else ANY_PC)

    @property
    def firmware(self) -> str:
        """A firmware that does nothing but start a kernel; or none, for the machine's own."""
        # A PC's own first looks around for what could be booted: an emulated processor takes long.
        ours = self.has_agent and self.kernel and not self.hardware.machine
        quick = ours and self.accelerator == "tcg" and self.architecture == "x86_64"
        return "qboot.rom" if quick else ""

    @property
    def processor(self) -> str:
        """The kind of processor."""
        usual = "host" if self.accelerator == "kvm" else EMULATED[self.architecture]
        return self.hardware.cpu or usual

    @property
    def disk_device(self) -> str:
        """What the disk looks like to the guest."""
        return self.hardware.disk or ("virtio-blk-pci" if self.has_agent else "ide-hd")

    @property
    def network_device(self) -> str:
        """What the network looks like to the guest."""
        return self.hardware.nic or ("virtio-net-pci" if self.has_agent else "e1000")

    @property
    def kernel_options(self) -> str:
        """The kernel's command line: its own words, then those that our init reads."""
        words = [f"console={CONSOLES[self.architecture]}", *KERNEL_OPTIONS]
        words += EMULATED_OPTIONS[self.architecture] if self.accelerator == "tcg" else ()
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
            "network": self.network and self.network_device == "virtio-net-pci",
            "vmxnet3": self.network and self.network_device == "vmxnet3",
            "balloon": self.balloon,
        }
