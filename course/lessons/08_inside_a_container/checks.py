"""The tasks of the lab: each wall is tried by a probe that would find its way through a gap."""

from __future__ import annotations

import os
import re

from course.checks import Finding, Names, failed, not_attempted, passed, task
from course.images import forms
from . import attempts, trespass, walls, workshop

KEPT = 0b100_1111_1011  # capabilities 0, 1, 3, 4, 5, 6, 7 and 10, as bits


@task("own-name", "`own_name` gives a host name of its own, and leaves the one outside alone", 3)
@attempts.guarded
def own_name(names: Names) -> Finding:
    steps = attempts.steps(names, "own_name")
    ran = attempts.tried("hostname; hostname changed", *steps, after="hostname")
    inside, outside = ran.stdout.strip(), ran.outside.strip()
    if outside != workshop.NAME:
        return failed(
            f"the host is called {outside!r} now, outside too",
            "Who else has the same name as this process?",
            "The name belongs to a uts namespace. First get a new one, then change the name.",
            'call("unshare", NEWUTS), and then socket.sethostname("by-hand")',
        )
    if inside == workshop.NAME:
        return failed(
            f"inside it is still called {inside!r}",
            "A new namespace begins as a copy of the old one.",
            "The copy can be changed now, and nobody else will see it.",
            'socket.sethostname("by-hand")',
        )
    return passed(f"inside it is {inside!r}; its own root changed that, and nobody outside noticed")


@task("own-processes", "`own_processes` makes the command process 1, and hands on how it ended", 3)
@attempts.guarded
def own_processes(names: Names) -> Finding:
    ran = attempts.tried("echo $$; sleep 0.5; exit 7", *attempts.steps(names, "own_processes"))
    numbers = ran.stdout.split()
    if len(numbers) != 1:
        return failed(
            f"the command ran {len(numbers)} times, as {' and '.join(numbers) or 'nobody'}",
            "After `fork` two processes come out of it, and each goes on with the next step.",
            "The parent must not go on. It waits, and ends there.",
            "if child := os.fork(): ... os._exit(code)",
        )
    if numbers != ["1"]:
        return failed(
            f"the command is process {numbers[0]}",
            "Whose number does `unshare` change? unshare(2) says it about CLONE_NEWPID.",
            "Not the caller's: its *children* are in the new list. So it needs one.",
            'call("unshare", NEWPID), and then os.fork(); the child just returns',
        )
    if ran.exit_code != 7:
        return failed(
            f"the command ended with 7, but the container with {ran.exit_code}",
            "Who is waited for from outside: the child, or the parent?",
            "The parent has to end as its child did. os.waitpid tells how that was.",
            "os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))",
        )
    return passed("it is process 1, and its exit code comes out")


@task("own-mounts", "what is mounted after `own_mounts` is not seen outside", 3)
@attempts.guarded
def own_mounts(names: Names) -> Finding:
    steps = attempts.steps(names, "own_mounts")
    ran = attempts.tried(
        f"mount -t tmpfs none /mnt; {trespass.MOUNTED}", *steps, after=trespass.MOUNTED
    )
    (inside, here), (outside, there) = ran.stdout.split(), ran.outside.split()
    if here == there:
        return failed(
            "it is in the same mount namespace as the room outside",
            "Which kind of namespace holds the mounts? It was the first there was: namespaces(7).",
            "Its flag is NEWNS, for there was only one kind then.",
            'call("unshare", NEWNS)',
        )
    if outside != "0":
        return failed(
            f"what was mounted inside is mounted outside as well ({inside} and {outside})",
            "A copy of a mount can stay tied to the original: mount_namespaces(7).",
            "Make all of them private, before anything is mounted.",
            'mount("none", "/", flags=PRIVATE | RECURSIVE)',
        )
    return passed("one mount inside, none outside")


@task("own-root", "`own_root` makes the image `/`, and no way leads back", 3)
@attempts.guarded
def own_root(names: Names) -> Finding:
    first, layer, last = attempts.steps(names, "own_mounts", "layer", "own_root")
    command = "ls /; echo; cut -d ' ' -f 5 /proc/self/mountinfo"
    seen, _, mounts = attempts.tried(
        command, first, layer, trespass.new_proc, last
    ).stdout.partition("\n\n")
    if sorted(seen.split()) != sorted(os.listdir(forms.image("tiny").root)):
        return failed(
            f"`/` has {len(seen.split())} entries, and they are not those of the image",
            "The image is mounted at box.place + '/root'. What makes a mounted folder `/`?",
            "pivot_root(new, old) does, and '.' will do for both once you are in that folder.",
            'os.chdir(f"{box.place}/root"); call("pivot_root", b".", b".")',
        )
    if (rest := len(mounts.split()) - 2) > 0:
        return failed(
            f"{rest} mounts of the old root are still there, below the new one",
            "What became of the old root? pivot_root(2) has a section about '.' and '.'.",
            "It lies over the new one, and can be unmounted: DETACH lets go of what is in use.",
            'call("umount2", b".", DETACH)',
        )
    found = attempts.tried("ls /", first, layer, last, trespass.walk_out).stdout.split()
    if set(found) - set(seen.split()) - {"way-out"}:
        return failed(
            "root inside walked out, by `..`, and stood in the host's root",
            "chroot(2) says itself how one gets out of it.",
            "pivot_root moves the root of the whole namespace, so there is nothing above it.",
            'call("pivot_root", b".", b"."), and then call("umount2", b".", DETACH)',
        )
    return passed("the image's files, no mount of the host's, and no way out by `..`")


@task("own-proc", "`own_proc` mounts a `/proc` that lists its own processes only", 3, 4)
@attempts.guarded
def own_proc(names: Names) -> Finding:
    order = ("own_processes", "own_mounts", "layer", "own_proc", "own_root")
    ran = attempts.tried("cd /proc; ls -d [0-9]* | sort -n", *attempts.steps(names, *order))
    numbers = ran.stdout.split()
    if not numbers:
        return failed(
            "inside, /proc is empty",
            "Where is the container's `/proc`, at the time when `own_proc` is called?",
            "The root is not changed yet: it is in the folder that will be the root.",
            'mount("proc", f"{box.place}/root/proc", "proc")',
        )
    if len(numbers) > 5:
        return failed(
            f"inside, /proc lists {len(numbers)} processes",
            "Is that a new /proc, or the host's, to be seen at one more place?",
            "A new one is a file system of the kind `proc`: it shows its mounter's list.",
            'mount("proc", f"{box.place}/root/proc", "proc")',
        )
    return passed(f"{len(numbers)} processes, the first of them number {numbers[0]}")


@task("own-network", "`own_network` gives a network of its own, its loopback switched on", 3)
@attempts.guarded
def own_network(names: Names) -> Finding:
    steps = attempts.steps(names, "own_network")
    ran = attempts.tried(f"{trespass.NETWORK}; ip -o link", *steps, after=trespass.NETWORK)
    here, _, cards = ran.stdout.partition("\n")
    if here == ran.outside.strip():
        return failed(
            "it is in the network of the host",
            "Which flag stands for the network?",
            "A process that calls `unshare` with it has a new one at once; no fork is needed.",
            'call("unshare", NEWNET)',
        )
    if "UP" not in re.sub(r".*<(.*)>.*", r"\1", cards.splitlines()[0]).split(","):
        return failed(
            "its loopback is switched off",
            "A new card is down. netdevice(7) tells how one is switched on.",
            "SIOCSIFFLAGS (0x8914) on any socket, with the card's name and IFF_UP (1).",
            'fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))',
        )
    return passed("a network with nothing but a loopback, which is on")


@task("capped", "`capped` holds it to box.memory, box.cpus and box.pids", 3)
@attempts.guarded
def capped(names: Names) -> Finding:
    steps = attempts.steps(names, "capped")
    if not workshop.can_cap():
        return not_attempted("you may make no control groups here: run the course as root")
    memory, crowd, spin = (attempts.tried(command, *steps) for command in trespass.GREED)
    if "-container" not in crowd.stdout:
        return failed(
            "it is in none of the groups of `box.groups`",
            "A cap holds for the members of its group. How does one become a member?",
            "Every group has a file `cgroup.procs`. Who writes a number there, moves that process.",
            'write "0", which means oneself, to f"{folder}/cgroup.procs", for each folder',
        )
    if memory.exit_code != 137 or str(2**21) not in memory.stdout:
        said = f"asked for 2 and then 64 MiB, it said {memory.stdout.split()}"
        return trespass.uncapped("memory", said)
    if "can't fork" not in crowd.stderr:
        return trespass.uncapped("pids", "it started twenty processes, and `box.pids` is fewer")
    if not spin.counted("nr_throttled"):
        return trespass.uncapped("cpu", "it span for a second, and was never made to wait")
    waited = f"{spin.counted('nr_throttled')} times made to wait in a second"
    return passed(f"killed with 137, refused at the {workshop.CAPS['pids']}th process, {waited}")


@task("few-powers", "`few_powers` leaves the eight capabilities in KEPT; none can be regained", 3)
@attempts.guarded
def few_powers(names: Names) -> Finding:
    ran = attempts.tried("cat /proc/self/status", *attempts.steps(names, "few_powers"))
    status = dict(re.findall(r"^(\w+):\s+(\S+)", ran.stdout, re.MULTILINE))
    bounds, effective = int(status["CapBnd"], 16), int(status["CapEff"], 16)
    if bounds & ~KEPT:
        return failed(
            f"it can still regain {(bounds & ~KEPT).bit_count()} others (CapBnd)",
            "When root runs a program, it gets all that its bounding set allows: capabilities(7).",
            "So each must be dropped from that set: prctl(2), PR_CAPBSET_DROP, which is 24.",
            'for number in the rest: call("prctl", 24, number, 0, 0, 0)',
        )
    if effective != KEPT:
        return failed(
            f"of the eight in KEPT it has {effective.bit_count()}",
            "What can a root without any power do with its own files?",
            "Drop all that the kernel knows, less those in KEPT.",
            "set(range(last + 1)) - KEPT",
        )
    if status["NoNewPrivs"] != "1":
        return failed(
            "NoNewPrivs is 0: a set-user-ID program could still give it something",
            "One more prctl forbids new rights, for ever.",
            "It is called PR_SET_NO_NEW_PRIVS, its number is 38, and its argument 1.",
            'call("prctl", 38, 1, 0, 0, 0)',
        )
    return passed("eight powers, and root may not even change the host's name")


@task("whole", "`container` builds every wall, and none is in another's way", 3, 4)
@attempts.guarded
def whole(names: Names) -> Finding:
    steps = names["container"]
    if not isinstance(steps, list | tuple) or not steps or ... in steps:
        return not_attempted("`container` is no list of steps yet")
    attempts.steps(names, *trespass.WHOLE)
    attempts.tried("true", *steps)
    outside, inside = walls.look(), walls.look(*steps)
    if not workshop.can_cap():
        outside.pop("20 more processes")
    if open_ := [probe for probe in outside if inside[probe] in ("", outside[probe])]:
        missing = [name for name in trespass.WHOLE if names[name] not in steps]
        return failed(
            f"no wall before: {', '.join(open_)}",
            "Which of your functions builds that one?",
            f"Of the steps, {', '.join(missing) or 'none'} is missing in the list.",
            f"container = [{', '.join(trespass.WHOLE)}]",
        )
    return passed(f"{len(steps)} steps, {len(inside)} probes, and each finds only what is its own")
