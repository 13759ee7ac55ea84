"""What each task of lab 02 must reach. The machines of the learner are asked themselves."""

from __future__ import annotations

import platform

import pandas as pd

from course.boxes import VirtualMachine
from course.checks import Finding, Names, failed, passed, task
from course.measuring import stats
from . import experiments, looks

LEAST, MOST = 300, 600  # MiB that `free` may report
LEFT, FREED = 256, 50  # MiB: at most left to the guest, at least back on the host
ROUNDS, MATTERS = 3, 1.1  # how often, and from which ratio on a knob matters
SHORTEST = 3  # letters of a greeting
MIB = 2**20


@task("boot", "`machine` was booted and runs; `version` is that of its kernel", 1)
@looks.of_machine("machine")
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
            f"`version` is {version!r:.60}" + ", which is the host's" * host,
            "Ask inside, and keep what is printed: the guest has a kernel of its own.",
            "`exec` gives an answer with several parts; the printed one is `stdout`.",
            'version = machine.exec("uname -r").stdout.strip()',
        )
    return passed(f"it was booted, and its kernel is {right}")


@task("find-it", "`qemu` is the process of the host that runs `machine`", 1)
@looks.of_machine("machine")
def find_it(machine: VirtualMachine, names: Names) -> Finding:
    qemu, thread = names["qemu"], machine.threads[0]
    right = looks.process_of(thread)
    if qemu == thread:
        return failed(
            f"{qemu} is the thread that plays the processor",
            "Near: a thread has a number of its own, and belongs to a process.",
            f"/proc/{thread}/status names the process: its thread group.",
            "the number in the line that begins with Tgid",
        )
    if qemu != right:
        return failed(
            f"`qemu` is {qemu!r}, {looks.program_of(qemu)}",
            "Several QEMUs may run here. Begin at a thread of yours: `machine.threads`.",
            f"/proc/{thread}/status is a text; which line speaks of the group?",
            "int(line.split()[1]) of the line that begins with Tgid",
        )
    return passed(f"process {right} is {looks.program_of(right)}, and {thread} is a thread of it")


@task("resize", f"`larger` has two processors, and `free` reports {LEAST} to {MOST} MiB", 2)
@looks.of_machine("larger")
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


@task("hand-back", f"`lender` has at most {LEFT} MiB left, and the host at least {FREED} back", 2)
@looks.of_machine("lender")
def hand_back(lender: VirtualMachine, names: Names) -> Finding:
    if not lender.balloon:
        return failed(
            "`lender` has no balloon",
            "A machine's devices are chosen when it starts. Which one does this take?",
            "Stop it, and start one with a balloon.",
            'VirtualMachine("tiny", memory="512M", balloon=True, resume=False)',
        )
    left = lender.monitor("query-balloon")["actual"] // MIB
    if left > LEFT:
        return failed(
            f"the balloon leaves {left} MiB to the guest",
            "Removing a file hands nothing back to the host. What does?",
            "`set_memory` says how much is left to the guest, not how much is taken.",
            'lender.set_memory("192M")',
        )
    freed = names["freed"]
    if not looks.is_number(freed) or not FREED * MIB <= freed <= lender.memory:
        return failed(
            f"`freed` is {freed!r:.60}",
            "How much less does the host pay, in bytes?",
            "Only pages that the guest had written to were paid for: write first, then remove. "
            "And ask the host before the balloon and after it.",
            "freed = before - lender.usage().memory",
        )
    return passed(f"{left} MiB are left to the guest, and the host has {freed / MIB:.0f} back")


@task("disk", "`read_back`, read by a second machine, is the first line on `disk`", 2)
def disk(names: Names) -> Finding:
    path, read_back = looks.path_of(names["disk"]), names["read_back"]
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


@task("own-os", "A PC that boots from `own_os` says your `greeting` on its serial port, once", 3)
def own_os(names: Names) -> Finding:
    greeting, path = names["greeting"], looks.path_of(names["own_os"])
    if not isinstance(greeting, str) or len(greeting.strip()) < SHORTEST or not greeting.isascii():
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
    return looks.booted(path, greeting.strip())


@task("knob", f"`measured` shows in {ROUNDS} rounds a knob that matters, `slower` how much", 5)
def knob(names: Names) -> Finding:
    measured, slower = names["measured"], names["slower"]
    arms = set(measured["arm"]) if isinstance(measured, pd.DataFrame) and "cpu" in measured else ()
    turned = sorted(set(arms) - {experiments.BASELINE})
    if not turned or experiments.BASELINE not in arms:
        return failed(
            f"`measured` is a {type(measured).__name__} without a knob to compare",
            "What did the measurement return? Keep that, whole.",
            "`knobs` takes a list of names, and measures the baseline as well.",
            "measured = experiments.knobs([knob], rounds=3, work=[])",
        )
    if (rounds := measured["round"].nunique()) < ROUNDS:
        return failed(
            f"`measured` has {rounds} round" + "s" * (rounds != 1),
            "Would you bet on so few trials?",
            f"One trial may be chance. Take {ROUNDS} rounds or more.",
            "experiments.knobs([knob], rounds=3, work=[])",
        )
    return _matters(measured, turned, getattr(slower, "value", slower))


def _matters(measured: pd.DataFrame, turned: list[str], slower: object) -> Finding:
    found = {arm: stats.ratio(measured, arm, experiments.BASELINE, "cpu") for arm in turned}
    near = [arm for arm in turned if looks.is_number(slower) and _agree(found[arm], slower)]
    if not near:
        said = ", ".join(f"{arm} {ratio.value:.2f}" for arm, ratio in found.items())
        return failed(
            f"`slower` is {slower!r:.60}; what was measured: {said}",
            "Divided by what? And in which column?",
            "Compare the processor time, `cpu`, of the turned knob with the baseline's.",
            'slower = stats.ratio(measured, knob, experiments.BASELINE, "cpu").value',
        )
    if (ratio := found[near[0]]).value < MATTERS or ratio.low <= 1:
        return failed(
            f"“{near[0]}”: {ratio.value:.2f} times as much, in the rounds "
            f"{ratio.low:.2f} to {ratio.high:.2f}",
            "Well measured. So nothing shows that this knob matters: try another.",
            "What gives the guest's kernel more to do while it boots?",
            'knob = "plain kernel options"',
        )
    return passed(f"“{near[0]}”: {ratio.value:.2f} times the processor time, in {ratio.n} rounds")


def _agree(ratio: stats.Estimate, slower: float) -> bool:
    """A ratio of medians is as right as a median of ratios: whatever the trials span."""
    return 0.98 * ratio.low <= slower <= 1.02 * ratio.high


@task("other-processor", "`foreign` has another kind of processor; `times` is a ratio", 4)
@looks.of_machine("foreign")
def other_processor(foreign: VirtualMachine, names: Names) -> Finding:
    kind = foreign.exec("uname -m").stdout.strip()
    if kind == platform.machine():
        return failed(
            f"`uname -m` inside says {kind}, as on the host",
            "A machine has a processor as its host has, if nobody says otherwise.",
            "`architecture` takes the words that `uname -m` prints: x86_64, aarch64.",
            'VirtualMachine("tiny", architecture="aarch64")',
        )
    times = names["times"]
    if not looks.is_number(times) or not times > 0:
        return failed(
            f"`times` is {times!r}",
            "A ratio is one number divided by another.",
            "Take the time before and after `exec`, in each of the two machines.",
            "times = spent(foreign) / spent(machine)",
        )
    return passed(f"a guest for {kind}; here it takes {times:.1f} times as long")
