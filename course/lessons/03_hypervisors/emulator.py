"""A toy x86 processor in real mode (Intel Software Developer's Manual, volume 2)."""

from __future__ import annotations

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


def hlt(cpu: Cpu) -> None:
    """Stop. Only an interrupt could wake the processor, and the toy has none."""
    cpu.halted = True


def mov(cpu: Cpu) -> None:
    """Fill a register: b0 to b7 one of a byte, b8 to bf one of a word."""
    if cpu.opcode & 8:
        cpu.word[cpu.opcode & 7] = fetch(cpu) | fetch(cpu) << 8
    else:
        cpu.byte[BYTES[cpu.opcode & 7]] = fetch(cpu)


def add(cpu: Cpu) -> None:
    """Add the next byte to al."""
    cpu.byte[AL] = (cpu.byte[AL] + fetch(cpu)) & 0xFF
    cpu.zero = cpu.byte[AL] == 0


def cmp(cpu: Cpu) -> None:
    """Compare al with the next byte."""
    cpu.zero = cpu.byte[AL] == fetch(cpu)


def inc_dec(cpu: Cpu) -> None:
    """Count a word register up (40 to 47) or down (48 to 4f)."""
    register, change = cpu.opcode & 7, -1 if cpu.opcode & 8 else 1
    cpu.word[register] = (cpu.word[register] + change) & 0xFFFF
    cpu.zero = cpu.word[register] == 0


def jump(cpu: Cpu, taken: bool) -> None:
    """Fetch a distance: it is signed, and counts from the instruction that follows."""
    distance = fetch(cpu)
    if taken:
        signed = distance - 256 if distance > 127 else distance
        cpu.ip = (cpu.ip + signed) & 0xFFFF


def jmp_jz_jnz(cpu: Cpu) -> None:
    """Jump: always, if the last result was zero, if it was not."""
    taken = {0xEB: True, 0x74: cpu.zero, 0x75: not cpu.zero}
    jump(cpu, taken[cpu.opcode])


def loop(cpu: Cpu) -> None:
    """Count cx down, and jump unless it is zero. The zero flag stays as it is."""
    cpu.word[CX] = (cpu.word[CX] - 1) & 0xFFFF
    jump(cpu, cpu.word[CX] != 0)


def in_out(cpu: Cpu) -> None:
    """Talk with a device. Its port is the next byte, or dx; the byte goes through al."""
    device = cpu.bus[cpu.word[DX] if cpu.opcode & 8 else fetch(cpu)]
    if cpu.opcode & 2:
        device.write(cpu.byte[AL])
    else:
        cpu.byte[AL] = device.read()


EXECUTE = {0xF4: hlt, 0x04: add, 0x3C: cmp, 0xE2: loop}
EXECUTE |= dict.fromkeys((0xEB, 0x74, 0x75), jmp_jz_jnz)
EXECUTE |= dict.fromkeys((0xE4, 0xE6, 0xEC, 0xEE), in_out)
EXECUTE |= dict.fromkeys(range(0x40, 0x50), inc_dec)
EXECUTE |= dict.fromkeys(range(0xB0, 0xC0), mov)


def unknown(cpu: Cpu) -> None:
    """Say which instruction is missing."""
    raise NotImplementedError(f"opcode {cpu.opcode:02x}, before {cpu.ip:04x}")


def step(cpu: Cpu) -> None:
    """Fetch an opcode, look up what it means, do it."""
    cpu.opcode = fetch(cpu)
    EXECUTE.get(cpu.opcode, unknown)(cpu)


def emulate(code: bytes, bus: Bus, limit: int = 1_000_000) -> str:
    """Run a guest's bytes on a fresh toy processor, so many instructions at most; how it ended."""
    cpu = Cpu(code, bus)
    while limit and not cpu.halted:
        step(cpu)
        limit -= 1
    return "halted" if cpu.halted else "interrupted"
