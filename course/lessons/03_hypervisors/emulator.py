"""A toy x86 processor in real mode (Intel Software Developer's Manual, volume 2)."""

from __future__ import annotations

from collections.abc import Callable

from .devices import Bus

BYTES = (0, 2, 4, 6, 1, 3, 5, 7)  # where al, cl, dl, bl, ah, ch, dh and bh are
AL, CX, DX = 0, 1, 2


class Cpu:
    """A processor and its memory: eight registers, the next instruction's place, one flag."""

    def __init__(self, code: bytes, bus: Bus) -> None:
        self.byte = bytearray(16)
        self.word = memoryview(self.byte).cast("H")  # the same sixteen bytes, two by two
        self.memory = bytearray(code.ljust(0x10000, b"\0"))
        self.bus = bus
        self.ip, self.opcode, self.zero, self.halted = 0, 0, False, False


def fetch(cpu: Cpu) -> int:
    """The byte at the instruction pointer, which moves on."""
    byte = cpu.memory[cpu.ip]
    cpu.ip = (cpu.ip + 1) & 0xFFFF
    return byte


EXECUTE: dict[int, Callable[[Cpu], None]] = {}


def opcode(*codes: int) -> Callable:
    """Enter the function below into the table, under these opcodes."""
    return lambda function: EXECUTE.update(dict.fromkeys(codes, function)) or function


def unknown(cpu: Cpu) -> None:
    """Say which instruction is missing."""
    raise NotImplementedError(f"opcode {cpu.opcode:02x}, before {cpu.ip:04x}")


def step(cpu: Cpu) -> None:
    """Fetch an opcode, look up what it means, do it."""
    cpu.opcode = fetch(cpu)
    EXECUTE.get(cpu.opcode, unknown)(cpu)


def run(cpu: Cpu, limit: int = 1_000_000) -> str:
    """Step by step, until the guest halts or has had its limit of instructions."""
    while limit and not cpu.halted:
        step(cpu)
        limit -= 1
    return "halted" if cpu.halted else "interrupted"


@opcode(0xF4)
def hlt(cpu: Cpu) -> None:
    cpu.halted = True


@opcode(*range(0xB0, 0xC0))
def mov(cpu: Cpu) -> None:
    if cpu.opcode & 8:
        cpu.word[cpu.opcode & 7] = fetch(cpu) | fetch(cpu) << 8
    else:
        cpu.byte[BYTES[cpu.opcode & 7]] = fetch(cpu)


@opcode(0x04)
def add(cpu: Cpu) -> None:
    cpu.byte[AL] = (cpu.byte[AL] + fetch(cpu)) & 0xFF
    cpu.zero = cpu.byte[AL] == 0


@opcode(0x3C)
def cmp(cpu: Cpu) -> None:
    cpu.zero = cpu.byte[AL] == fetch(cpu)


@opcode(*range(0x40, 0x50))
def inc_dec(cpu: Cpu) -> None:
    register, change = cpu.opcode & 7, -1 if cpu.opcode & 8 else 1
    cpu.word[register] = (cpu.word[register] + change) & 0xFFFF
    cpu.zero = cpu.word[register] == 0


def jump(cpu: Cpu, taken: bool) -> None:
    """Fetch a distance: it is signed, and counts from the instruction that follows."""
    distance = fetch(cpu)
    if taken:
        signed = distance - 256 if distance > 127 else distance
        cpu.ip = (cpu.ip + signed) & 0xFFFF


@opcode(0xEB, 0x74, 0x75)
def jmp_jz_jnz(cpu: Cpu) -> None:
    taken = {0xEB: True, 0x74: cpu.zero, 0x75: not cpu.zero}
    jump(cpu, taken[cpu.opcode])


@opcode(0xE2)
def loop(cpu: Cpu) -> None:
    cpu.word[CX] = (cpu.word[CX] - 1) & 0xFFFF
    jump(cpu, cpu.word[CX] != 0)


@opcode(0xE4, 0xE6, 0xEC, 0xEE)
def in_out(cpu: Cpu) -> None:
    device = cpu.bus[cpu.word[DX] if cpu.opcode & 8 else fetch(cpu)]
    if cpu.opcode & 2:
        device.write(cpu.byte[AL])
    else:
        cpu.byte[AL] = device.read()


def emulate(code: bytes, bus: Bus, limit: int = 1_000_000) -> str:
    """Run a guest's bytes on a fresh toy processor; how it ended."""
    return run(Cpu(code, bus), limit)
