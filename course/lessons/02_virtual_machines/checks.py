"""What each task of lab 02 must reach. The machines of the learner are asked themselves."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path

from course.boxes.machine import VirtualMachine
from course.checks import Finding, Names, failed, passed, task
from course.errors import CourseError

sector = import_module("course.lessons.02_virtual_machines.sector")

LEAST, MOST = 300, 600  # MiB that `free` may report
SHORTEST = 3  # letters of a greeting

Judge = Callable[[VirtualMachine, Names], Finding]


def of_machine(name: str) -> Callable[[Judge], Callable[[Names], Finding]]:
    """Hand the judge the learner's machine of that name, once it is one that runs."""

    def decorate(judge: Judge) -> Callable[[Names], Finding]:
        @wraps(judge)
        def look(names: Names) -> Finding:
            found = names[name]
            if not isinstance(found, VirtualMachine):
                return failed(
                    f"`{name}` is a {type(found).__name__}, not a VirtualMachine",
                    "The name is for the machine itself, not for what it said or where it lies.",
                    "`start()` hands the machine back, so one line can start it and name it.",
                    f'{name} = VirtualMachine("tiny").start()',
                )
            if not found.running:
                return failed(
                    f"`{name}` does not run",
                    "A machine that is only described is a plan. What sets it going?",
                    "A `with` block stops its machine at the end of the block.",
                    f"{name}.start()",
                )
            return judge(found, names)

        return look

    return decorate


@task("boot", "`machine` was booted and runs; `version` is its kernel's")
@of_machine("machine")
def boot(machine: VirtualMachine, names: Names) -> Finding:
    if "kernel started" not in machine.phases:
        return failed(
            f"its phases are {', '.join(machine.phases)}: no kernel started",
            "Without being told otherwise, a machine goes on from a saved state.",
            "Stop it, and start one for which `resume` is off.",
            'machine = VirtualMachine("tiny", resume=False).start()',
        )
    version, right = names["version"], machine.exec("uname -r").stdout.strip()
    if getattr(version, "strip", lambda: version)() != right:
        host = version == platform.release()
        return failed(
            f"`version` is {version!r}" + ", which is the host's" * host,
            "Ask inside: the guest has a kernel of its own.",
            "`exec` gives an answer with several parts; the printed one is `stdout`.",
            'version = machine.exec("uname -r").stdout.strip()',
        )
    return passed(f"it was booted, and its kernel is {right}")


@task("find-it", "`qemu` is the process of the host that runs `machine`")
@of_machine("machine")
def find_it(machine: VirtualMachine, names: Names) -> Finding:
    qemu, thread = names["qemu"], machine.threads[0]
    right = _process_of(thread)
    if qemu == thread:
        return failed(
            f"{qemu} is the thread that plays the processor",
            "Near: a thread has a number of its own, and belongs to a process.",
            f"/proc/{thread}/status names the process: its thread group.",
            "the number in the line that begins with Tgid",
        )
    if qemu != right:
        return failed(
            f"`qemu` is {qemu!r}, {_program(qemu)}",
            "Several QEMUs may run here. Begin at a thread of yours: `machine.threads`.",
            f"/proc/{thread}/status is a text; which line speaks of the group?",
            "int(line.split()[1]) of the line that begins with Tgid",
        )
    return passed(f"process {right} is {_program(right)}, and {thread} is a thread of it")


@task("resize", f"`larger` has two processors, and `free` reports {LEAST} to {MOST} MiB")
@of_machine("larger")
def resize(larger: VirtualMachine, names: Names) -> Finding:
    processors = int(larger.exec("nproc").stdout)
    if processors != 2:
        return failed(
            f"the guest has {processors} processor" + "s" * (processors != 1),
            "How many has a machine if nobody says?",
            "A machine cannot be given one while it runs, not here: start another.",
            'VirtualMachine("tiny", cpus=2, memory=…)',
        )
    total = int(larger.exec("free -m | awk 'NR == 2 {print $2}'").stdout)
    if not LEAST <= total <= MOST:
        less = total < LEAST
        return failed(
            f"the guest reports {total} MiB: too {'little' if less else 'much'}",
            "The kernel keeps some for itself, so ask for more than it shall report."
            if less
            else "The task has an upper bound too. How much did you ask for?",
            "`memory` is a number of bytes, or a text with a unit.",
            'memory="512M"',
        )
    return passed(f"2 processors, and {total} MiB by its own count")


@task("disk", "`read_back`, read by a second machine, is the first line on `disk`")
def disk(names: Names) -> Finding:
    path, read_back = _path(names["disk"]), names["read_back"]
    if path is None:
        return failed(
            f"`disk` is {names['disk']!r:.60}, which names no file",
            "A disk is a file of the host. Yours has to be there before a machine can have it.",
            "Path.write_bytes makes a file, and bytes(n) is n zeros.",
            "disk.write_bytes(bytes(2**20))",
        )
    line = path.read_bytes().split(b"\0", 1)[0].split(b"\n", 1)[0].decode(errors="replace")
    if not line:
        return failed(
            "the file begins with zeros: nobody has written to its beginning",
            "Did you write to the disk, or to a file in the guest's own filesystem?",
            "In the guest the disk is /dev/vda. `sync` waits until it is written.",
            "writer.exec(\"echo 'remember me' > /dev/vda; sync\")",
        )
    if not isinstance(read_back, str) or read_back.strip() != line.strip():
        return failed(
            f"the disk begins with {line!r}, and `read_back` is {read_back!r:.60}",
            "The second machine has to read from the same disk, and its first line only.",
            "`exec` gives an answer with several parts; the printed one is `stdout`.",
            'read_back = reader.exec("head -n 1 /dev/vda").stdout',
        )
    return passed(f"{line!r} outlived the machine that wrote it")


@task("own-os", "A PC that boots from `own_os` says your `greeting` on its serial port, once")
def own_os(names: Names) -> Finding:
    greeting, path = names["greeting"], _path(names["own_os"])
    if not isinstance(greeting, str) or len(greeting) < SHORTEST or not greeting.isascii():
        return failed(
            f"`greeting` is {greeting!r:.60}",
            "A text of three letters or more, to be found on the console.",
            "A serial port carries bytes. Without accents, a letter is one byte.",
            'greeting = "My own system"',
        )
    if path is None:
        return failed(
            f"`own_os` is {names['own_os']!r:.60}, which names no file",
            "The firmware boots from a disk, and a disk is a file.",
            "Write the sector and the zeros behind it to the file.",
            r'own_os.write_bytes(first.ljust(sector.DISK, b"\0"))',
        )
    if path.stat().st_size == len(first := path.read_bytes()[:512]):
        return failed(
            f"the file has {len(first)} bytes: no more than a sector",
            "This firmware takes no disk of a single sector for a disk.",
            "Fill the file up with zeros, behind the sector, to 1 MiB.",
            r'own_os.write_bytes(first.ljust(sector.DISK, b"\0"))',
        )
    return _booted(path, greeting)


@task("other-processor", "`foreign` has another kind of processor; `slower` is a ratio")
@of_machine("foreign")
def other_processor(foreign: VirtualMachine, names: Names) -> Finding:
    kind = foreign.exec("uname -m").stdout.strip()
    if kind == platform.machine():
        return failed(
            f"`uname -m` inside says {kind}, as on the host",
            "A machine has a processor as its host has, if nobody says otherwise.",
            "`architecture` takes the words that `uname -m` prints: x86_64, aarch64.",
            'VirtualMachine("tiny", architecture="aarch64")',
        )
    slower = names["slower"]
    if isinstance(slower, bool) or not isinstance(slower, int | float) or not slower > 0:
        return failed(
            f"`slower` is {slower!r}",
            "A ratio is one number divided by another.",
            "Take the time before and after `exec`, in each of the two machines.",
            "slower = spent(foreign) / spent(machine)",
        )
    return passed(f"a guest for {kind}; here it takes {slower:.1f} times as long")


def _booted(path: Path, greeting: str) -> Finding:
    """Boot a copy, so that the learner's file stays as it is, and listen."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        try:
            with VirtualMachine(None, disk=copy, memory="16M", architecture="x86_64") as box:
                said = sector.until_said(box, greeting, patience=8)
                said = sector.until_said(box, said + greeting, patience=0.3)  # once more?
        except CourseError as error:
            return failed(
                f"the PC does not start from it: {error.found}",
                "The firmware starts a sector only if its last two bytes are the right ones.",
                "They are 55 aa, at offset 510; fill up with zeros before them.",
                r'(program + text).ljust(510, b"\0") + b"\x55\xaa"',
            )
    if not said.strip():
        return failed(
            "the PC starts from it, and the console stays empty",
            "The firmware jumps to the first byte of the sector. What stands there?",
            "First the program, and right behind its 22 bytes the text.",
            r'program + greeting.encode() + b"\r\n\0"',
        )
    if said.strip() != greeting:
        return failed(
            f"the console has {said!r:.80}",
            "It shall have the greeting, once, and nothing else.",
            "The program prints what stands behind its 22 bytes, until it meets a zero.",
            r'program + greeting.encode() + b"\r\n\0"',
        )
    return passed(f"the console says {greeting!r}, and that is all")


def _process_of(thread: int) -> int:
    status = Path(f"/proc/{thread}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Tgid"))


def _path(value: object) -> Path | None:
    """The file that the learner names, if there is one."""
    found = Path(value) if isinstance(value, str | Path) else None
    return found if found and found.is_file() else None


def _program(process: object) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return "which is no process"
