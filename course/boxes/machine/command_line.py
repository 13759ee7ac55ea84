"""The QEMU command line that makes a plan come true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from course.system import programs
from .plan import Plan

NODE = "own-disk"  # what QEMU's block layer calls the disk
MEMORY = "memory"  # the file with a guest's memory, in the folder of a saved state
MONITOR = "monitor"
PORTS = ("commands", "kills", "wakes")  # the lines to the agent, numbered from 1


def command_line(plan: Plan, folder: Path, memory: str, boot: bool = True) -> list[str]:
    """The arguments of QEMU. ``folder`` gets its sockets and its console; ``memory`` is one of
    the two below; without ``boot`` QEMU waits for the state of a saved machine.
    """
    words = [plan.program, "-name", plan.name, "-nodefaults", "-no-user-config", "-no-reboot"]
    words += ["-display", "none", "-accel", plan.accelerator, "-cpu", plan.processor]
    words += ["-machine", f"{plan.machine},memory-backend=memory", "-object", memory]
    words += ["-smp", str(plan.cpus), "-m", f"{plan.memory // 2**20}M"]
    words += ["-bios", plan.firmware] if _has(plan.program, plan.firmware) else []
    words += _boot(plan) if boot else ["-incoming", "defer"]
    words += ["-chardev", option("file", id="console", path=folder / "console")]
    words += ["-serial", "chardev:console", *_socket(MONITOR, folder)]
    words += ["-mon", f"chardev={MONITOR},mode=control"]
    return [*words, *_devices(plan, folder)]


def own_memory(plan: Plan) -> str:
    """Memory that QEMU takes from the host, for ``command_line``."""
    return option("memory-backend-ram", id="memory", size=plan.memory)


def memory_file(plan: Plan, folder: Path, share: bool) -> str:
    """Memory that is a file: shared, or private from the first write on."""
    path, sharing = folder / MEMORY, "on" if share else "off"
    values = {"id": "memory", "size": plan.memory, "mem_path": path, "share": sharing}
    return option("memory-backend-file", **values)


def option(kind: str, **values: object) -> str:
    """A value such as ``file,path=/tmp/a,,b``: within a word QEMU wants commas doubled."""
    texts = {name.replace("_", "-"): str(value) for name, value in values.items()}
    return ",".join([kind, *(f"{name}={text.replace(',', ',,')}" for name, text in texts.items())])


def _has(program: str, file: str) -> bool:
    """Whether that file came with QEMU: not every distribution has all of them."""
    found = programs.find(program)
    return bool(found and file and (found.resolve().parent.parent / "share/qemu" / file).exists())


def _boot(plan: Plan) -> Iterator[str]:
    if plan.kernel:
        yield from ("-kernel", str(plan.kernel), "-append", plan.kernel_options)
    if plan.initrd:
        yield from ("-initrd", str(plan.initrd))


def _socket(name: str, folder: Path) -> list[str]:
    path = folder / name
    return ["-chardev", option("socket", id=name, path=path)]


def _devices(plan: Plan, folder: Path) -> Iterator[str]:
    if plan.has_agent:
        # No "vectors": they make interrupts cheaper, and the boot longer.
        yield from ("-device", "virtio-serial-pci,vectors=0")
        for number, name in enumerate(PORTS, start=1):
            yield from _socket(name, folder)
            yield from ("-device", option("virtserialport", chardev=name, name=name, nr=number))
    if plan.disk:
        values = {"file": plan.disk, "format": plan.disk_format, "cache": plan.hardware.cache}
        yield from ("-drive", option("if=none", id="disk", node_name=NODE, **values))
        yield from ("-device", option(plan.disk_device, drive="disk", serial="disk"))
    if plan.network:
        forwards = [f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in plan.ports.items()]
        yield from ("-netdev", ",".join(["user", "id=network", "restrict=on", *forwards]))
        yield from ("-device", option(plan.network_device, netdev="network", romfile=""))
    if plan.balloon:
        yield from ("-device", "virtio-balloon-pci")
