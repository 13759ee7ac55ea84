"""What the tasks of the lab must reach.

The learner's functions run as they are. A script plays the kernel's part, so that they are
judged alike on a machine with KVM and on one without.
"""

from __future__ import annotations

from ctypes import addressof, c_char
from mmap import mmap
from signal import SIGURG
from struct import unpack

from course.checks import Finding, Names, failed, not_attempted, passed, task
from . import hints, hypervisor, stacks
from .devices import Bus, Serial
from .emulator import emulate
from .guests import code
from .hypervisor import EXIT_HLT, EXIT_SHUTDOWN, IMMEDIATE_EXIT, Guest
from .scripted import DATA_PLACE, Listener, Recorder, ScriptedGuest, Watched, borrowed, tried
from .sums import AX, DX, SUMS, Sum

SERIAL, THREAD, MMIO = 0x3F8, 4711, 6
CHEAPEST, DEAREST = 0.5, 1000.0  # microseconds of one exit, on any machine that runs Python


@task("types", "`kind` tells types apart by what is beneath a hypervisor and beside its guests", 1)
def types(names: Names) -> Finding:
    told = stacks.told(names["kind"])
    if not any(one.said or one.raised for one in told):
        return not_attempted("`kind` says nothing yet")
    for one in told:
        if one.said != one.right:
            return failed(one.observed, *one.hint)
    return passed(f"{len(told)} stacks told apart, whatever their parts are called")


@task("mov", "`mov` can load a word of two bytes", 2)
def mov(names: Names) -> Finding:
    cpu, raised = after(names, "mov", "ba 34 12")
    if raised:
        return failed(raised, *hints.WRONG_REGISTER)
    if cpu.ip == 1:
        return not_attempted("`mov dx, 0x1234` fetches nothing yet")
    start = f"ba 34 12 (mov dx, 0x1234) put {cpu.word[DX]:#06x} into dx"
    if cpu.ip != 3:
        return failed(f"{start}, and fetched only {cpu.ip - 1} byte of its two", *hints.ONE_BYTE)
    if cpu.word[DX] != 0x1234:
        swapped = cpu.word[DX] == 0x3412
        return failed(start, *(hints.BYTE_ORDER if swapped else hints.WRONG_REGISTER))
    return passed(start)


@task("arithmetic", "`add`, `inc` and `dec` keep to their bits and set the zero flag", 2)
def arithmetic(names: Names) -> Finding:
    faults = (found for row in SUMS if not (found := came_out(names, row)))
    return next(faults, passed(f"{len(SUMS)} sums came out right, the zero flag too"))


def came_out(names: Names, row: Sum) -> Finding:
    """One sum on the learner's processor, whose flag was wrong before."""
    cpu, raised = after(names, *row[:2], (row.register, row.before), not row.zero)
    start, now = f"`{row.said}` from {row.before:,}", cpu.word[row.register]
    wraps = abs(row.result - row.before) > 200
    if raised:
        return failed(f"{start}: {raised}", *(hints.WRAP if wraps else hints.SUM))
    if now == row.before and cpu.ip == 1 and cpu.zero is not row.zero:
        return not_attempted(f"`{row.said}` changes nothing yet")
    if now != row.result:
        return failed(f"{start} gave {now:,}", *(hints.WRAP if wraps else hints.SUM))
    if cpu.zero is not row.zero:
        return failed(f"{start} left the zero flag {cpu.zero}", *hints.ZERO_FLAG)
    return passed()


# Where the distance stands, the distance, if the jump is taken, where it leads; and hints.
JUMPS = (
    (0x100, 0x10, True, 0x111, hints.FORWARD),
    (0x100, 0x10, False, 0x101, hints.NOT_TAKEN),
    (0x100, 0xFE, True, 0x0FF, hints.BACKWARD),
    (0x000, 0x80, True, 0xFF81, hints.AROUND),
)


@task("jump", "`jump` goes forward and back, and counts from the next instruction", 2)
def jump(names: Names) -> Finding:
    for place, distance, taken, target, hint in JUMPS:
        cpu = names["Cpu"](bytes(place) + bytes([distance]), Bus())
        cpu.ip = place
        _, raised = tried(names["jump"], cpu, taken)
        start = f"the distance {distance:02x} at {place:04x}, {'' if taken else 'not '}taken,"
        if raised:
            return failed(f"{start} {raised}", *hint)
        if cpu.ip == place and taken:
            return not_attempted("`jump` fetches nothing yet")
        if cpu.ip != target:
            return failed(f"{start} led to {cpu.ip:04x} in place of {target:04x}", *hint)
    return passed("forward, backward, around the end of memory, and not taken")


@task("step", "`step` fetches an opcode, looks it up, and does it", 2)
def step(names: Names) -> Finding:
    cpu = names["Cpu"](bytes.fromhex("b1 07 f4"), Bus())
    _, raised = tried(names["step"], cpu)
    if cpu.ip == 0 and not raised:
        return not_attempted("`step` has fetched nothing yet")
    start = "after b1 07 (mov cl, 7)"
    if cpu.ip and cpu.opcode != 0xB1:
        return failed(f"{start} `cpu.opcode` is {cpu.opcode:02x}", *hints.NO_OPCODE)
    if raised:
        return failed(raised, *hints.NOT_DONE)
    if cpu.byte[2] != 7:
        return failed(f"{start} cl holds {cpu.byte[2]}", *hints.NOT_DONE)
    if not tried(names["step"], names["Cpu"](b"\x0f", Bus()))[1]:
        return failed("an opcode that is not in the table was passed over", *hints.PASSED_OVER)
    return passed("`mov cl, 7` did what it says, and an unknown opcode is not passed over")


def after(
    names: Names, function: str, code: str, word: tuple[int, int] = (AX, 0), zero: bool = False
) -> tuple:
    """Have one instruction done, its opcode already fetched: the processor, what was raised."""
    cpu = names["Cpu"](bytes.fromhex(code), Bus())
    cpu.opcode, cpu.ip, cpu.zero = cpu.memory[0], 1, zero
    cpu.word[word[0]] = word[1]
    return cpu, tried(names[function], cpu)[1]


@task("plug-memory", "`plug_memory` makes our memory the guest's", 5)
def plug_memory(names: Names) -> Finding:
    guest, ioctl = Guest("kvm", "vm", "vcpu", bytearray(64), mmap(-1, 0x10000)), Recorder()
    _, raised = tried(borrowed(names["plug_memory"], ioctl=ioctl), guest)
    if not raised and not ioctl.calls:
        return not_attempted("`plug_memory` calls no ioctl yet")
    if raised or not region_of(ioctl.calls[-1]):
        return failed(raised or "the kernel was given no memory region of 32 bytes", *hints.PLUG)
    whose, (_, _, address, size, ours) = ioctl.calls[-1][0], region_of(ioctl.calls[-1])
    if whose != "vm":
        return failed(f"the memory went to guest.{whose}", *hints.WHOSE_MEMORY)
    if (address, size) != (0, len(guest.memory)):
        return failed(f"the guest has {size:,} bytes from its address {address:#x} on", *hints.SIZE)
    if ours != addressof(c_char.from_buffer(guest.memory)):
        return failed("what the guest was given is not `guest.memory`", *hints.OURS)
    return passed("64 KiB of ours are the guest's memory, from its address 0 on")


def region_of(call: tuple) -> tuple[int, ...]:
    """The numbers of the memory region that a call hands over, or none."""
    match call:
        case _, hypervisor.KVM_SET_USER_MEMORY_REGION, bytes(region) if len(region) == 32:
            return unpack("=IIQQQ", region)
    return ()


@task("answer", "`answer` is the device that the guest asks for", 3)
def answer(names: Names) -> Finding:
    guest, device = ScriptedGuest(), Listener()
    guest.want(SERIAL, ord("A"))
    _, raised = tried(names["answer"], guest, Bus({SERIAL: device}))
    if raised:
        return failed(raised, *hints.FIELDS)
    if guest.state[DATA_PLACE] != ord("A"):
        return failed("an `out` of the guest was treated as an `in`", *hints.DIRECTION)
    if not device.heard:
        return not_attempted("an `out` of the guest does not reach its device yet")
    if device.heard != [ord("A")]:
        return failed(f"the guest sent 65, the device heard {device.heard[0]}", *hints.PLACE)
    return answered_in(names)


def answered_in(names: Names) -> Finding:
    """The other direction: a guest that asks a device, and one that asks an empty port."""
    for port, said, hint in ((0x40, 42, hints.PLACE), (0x41, 255, hints.EMPTY)):
        guest, device = ScriptedGuest(), Listener()
        guest.want(port, 7, is_out=False)
        _, raised = tried(names["answer"], guest, Bus({0x40: device}))
        if device.heard:
            return failed("an `in` of the guest was treated as an `out`", *hints.DIRECTION)
        if raised or guest.state[DATA_PLACE] != said:
            return failed(raised or f"a device said {said}; the guest was not told", *hint)
    return passed("a byte out, a byte in, and an empty port: each got where it belongs")


@task("serve", "`serve` enters the guest as often as it asks for a device", 3)
def serve(names: Names) -> Finding:
    loop = borrowed(names["serve"], enter=ScriptedGuest.enter, answer=hypervisor.answer)
    guest, device = ScriptedGuest((SERIAL, 79), (SERIAL, 75), EXIT_HLT), Listener()
    _, raised = tried(loop, guest, Bus({SERIAL: device}))
    if not guest.entered and not raised:
        return not_attempted("`serve` does not enter the guest yet")
    if raised or device.heard != [79, 75]:
        heard = bytes(device.heard).decode()
        return failed(raised or f"the guest sent “OK”, the device heard “{heard}”", *hints.AGAIN)
    for reason, word in ((EXIT_HLT, "halted"), (EXIT_SHUTDOWN, "shut down"), (MMIO, "exit 6")):
        ending, raised = tried(loop, ScriptedGuest(reason), Bus())
        if raised or ending != word:
            return failed(raised or f"after exit {reason} it returned {ending!r}", *hints.ENDING)
    return passed("two bytes served, and three kinds of end told apart")


@task("deadline", "`kick` gets the thread out of a guest that never ends", 5)
def deadline(names: Names) -> Finding:
    guest, pthread_kill = ScriptedGuest(), Recorder()
    _, raised = tried(borrowed(names["kick"], pthread_kill=pthread_kill), guest, THREAD)
    if not raised and not pthread_kill.calls and not guest.state[IMMEDIATE_EXIT]:
        return not_attempted("`kick` does nothing yet")
    if raised or pthread_kill.calls != [(THREAD, SIGURG)]:
        sent = raised or f"to the thread went {pthread_kill.calls or 'no signal'}"
        return failed(sent, *hints.SIGNAL)
    if not guest.state[IMMEDIATE_EXIT]:
        return failed("the signal is sent, but the guest may go on", *hints.EXIT_FLAG)
    return passed("the guest may not go on, and its thread is called out")


@task("invent", "A guest reaches a device of your own, on a port that you chose", 3)
def invent(names: Names) -> Finding:
    port, device, program = names["my_port"], names["my_device"], names["my_program"]
    if port == SERIAL:
        return failed("0x3f8 is the serial port's", *hints.TAKEN)
    watched, serial = Watched(device), Serial()
    ran, raised = tried(run_program, program, Bus({SERIAL: serial, port: watched}))
    if raised:
        return failed(raised, *hints.BYTES)
    if not watched.used:
        return failed(f"the program {ran}, and never used port {port:#x}", *hints.INVENT)
    if ran != "halted":
        return failed("the program still ran after 100,000 instructions", *hints.HALT)
    times = f"{watched.used} time" + "s" * (watched.used != 1)
    return passed(f"the guest used port {port:#x} {times} and said {serial.text!r}")


def run_program(program: str | bytes, bus: Bus) -> str:
    """Run a program on the finished toy, whether it was written as a listing or as bytes."""
    return emulate(code(program) if isinstance(program, str) else program, bus, limit=100_000)


@task("price", "`price` is what one exit costs, in microseconds", 4)
def price(names: Names) -> Finding:
    found = getattr(names["price"], "value", names["price"])
    if isinstance(found, bool) or not isinstance(found, int | float):
        return failed(f"`price` is {found!r:.60}", *hints.PRICE)
    said = f"`price` is {found:.3g} microseconds"
    if found <= 0:
        return failed(said, *hints.CHANCE)
    if not CHEAPEST <= found <= DEAREST:
        return failed(said, *(hints.PRICE_LOW if found < CHEAPEST else hints.PRICE_HIGH))
    return passed(f"{said}, from the guest to your device and back")
