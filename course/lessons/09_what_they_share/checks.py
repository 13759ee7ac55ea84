"""What each task of lab 09 must reach. The learner's own boxes are asked, and left as they are."""

from __future__ import annotations

import tarfile
from functools import partial
from pathlib import Path

from course.boxes import Container, VirtualMachine
from course.checks import Finding, Names, failed, passed, task
from course.lessons import checking
from . import looks, parts
from .looks import hints

MEMORY, CPUS, SCRATCH = 48 * 2**20, 0.5, 8 * 1024  # bytes, processors, KiB: the most allowed
REPLICAS = 3
SCRATCH_SIZE = "df -k /scratch 2>/dev/null | awk '$6 == \"/scratch\" {print $2}'"


@task("return", "`service` was wrecked, and is back: its sign, and its program where it was", 1)
@checking.of_box("service", VirtualMachine)
def back(service: VirtualMachine, names: Names) -> Finding:
    return checking.first(
        lambda: looks.not_wrecked("wreckage", names["wreckage"]),
        lambda: looks.not_back("service", service),
        lambda: _goes_on(service, names["first_tokens"]),
    )


@task("start-again", "`site` was wrecked, and is back: its sign, and a program that counts", 1)
@checking.of_box("site", Container)
def start_again(site: Container, names: Names) -> Finding:
    return checking.first(
        lambda: looks.not_wrecked("debris", names["debris"]),
        lambda: looks.not_back("site", site),
        lambda: _counts(site),
    )


@task("replicas", f"`replicas` are {REPLICAS} clones of `service`; no two write the same tokens", 2)
@checking.of_box("service", VirtualMachine)
def replicas(service: VirtualMachine, names: Names) -> Finding:
    found = names["replicas"]
    if not isinstance(found, list | tuple) or len({id(one) for one in found}) != REPLICAS:
        return failed(f"`replicas` is {found!r:.80}", *hints("no list", count=REPLICAS))
    boxes = {f"replicas[{place}]": one for place, one in enumerate(found)}
    written = {"`service`": service} | {f"`{name}`": one for name, one in boxes.items()}
    said = f"{REPLICAS} replicas and `service`, each with tokens of its own"
    return checking.first(
        *(partial(checking.no_box, name, one, VirtualMachine) for name, one in boxes.items()),
        *(partial(looks.no_replica, f"`{name}`", one) for name, one in boxes.items()),
        lambda: looks.alike(written),
        lambda: passed(said),
    )


@task("capped", "`capped` gets half a processor and 48 MiB, and its /scratch holds 8 MiB", 3)
@checking.of_box("capped", Container)
def capped(capped: Container, names: Names) -> Finding:
    given = capped.docker.attrs["HostConfig"]
    cpus = given["NanoCpus"] / 1e9 or given["CpuQuota"] / (given["CpuPeriod"] or 100_000)
    if not 0 < cpus <= CPUS:
        return failed(f"it may use {cpus:g} processors (0: all there are)", *hints("processors"))
    if not 0 < given["Memory"] <= MEMORY:
        return failed(f"it may use {given['Memory']} bytes of memory (0: no cap)", *hints("memory"))
    size = int(capped.exec(SCRATCH_SIZE).stdout or 0)
    if not 0 < size <= SCRATCH:
        return failed(f"at /scratch is a filesystem of {size} KiB (0: none)", *hints("scratch"))
    return passed(f"{cpus:g} processors, {given['Memory'] / 2**20:g} MiB, {size} KiB of scratch")


@task("proof", "`share`, `inside` and `killed` prove the caps of `capped`", 3)
@checking.of_box("capped", Container)
def proof(capped: Container, names: Names) -> Finding:
    share, inside, killed = names["share"], names["inside"], names["killed"]
    cap = capped.docker.attrs["HostConfig"]["Memory"]
    kills = int(capped.exec(parts.KILLS).stdout or 0)
    if not isinstance(share, int | float) or not 0.02 < share <= 1.2 * CPUS:
        return failed(f"`share` is {share!r:.60}", *hints("share"))
    if inside != cap:
        return failed(f"`inside` is {inside!r:.60}, and the cap is {cap}", *hints("inside"))
    if getattr(killed, "exit_code", killed) != 137 or not kills:
        return failed(
            f"`killed` is {killed!r:.80}; the kernel counted {kills} kills", *hints("killed")
        )
    return passed(f"{share:.2f} processors; {cap} bytes; kills that the kernel counted: {kills}")


@task("moved", "`archive` is a file for `docker load`, with `site` and its sign in it", 4)
def moved(names: Names) -> Finding:
    path = names["archive"]
    if not isinstance(path, str | Path) or not Path(path).is_file() or not tarfile.is_tarfile(path):
        return failed(f"`archive` is {path!r:.60}, and no archive is there", *hints("no archive"))
    with tarfile.open(path) as archive:
        if "manifest.json" not in archive.getnames():
            return failed(
                "it has no manifest.json: `docker load` would refuse it", *hints("exported")
            )
        if looks.SIGN not in looks.signs(archive):
            return failed(f"no layer of it has a /sign that says {looks.SIGN!r}", *hints("no sign"))
    return passed("whoever loads it finds the sign")


@task("clean", "`clean(test, box)` runs a test in a box, and leaves the box as it was", 5)
def clean(names: Names) -> Finding:
    chosen = names["clean"]
    said = "twice the same answer, and nothing left behind, even by a test that raised"
    return checking.first(
        lambda: looks.tried(chosen), lambda: looks.tried_with_an_error(chosen), lambda: passed(said)
    )


def _goes_on(service: VirtualMachine, first: list[str]) -> Finding:
    """Whether its program writes, and is the one that wrote the first tokens."""
    if not parts.grows(service, "/tokens"):
        return failed("the sign is back, and nobody writes tokens", *hints("no program"))
    written = looks.tokens(service)
    if written[: len(first)] != [int(token) for token in first]:
        said = "the program is another one: it never wrote the `first_tokens`"
        return failed(said, *hints("another program"))
    if looks.broken_off(written):
        said = "the program was started again: its tokens do not follow one from another"
        return failed(said, *hints("another program"))
    return passed(f"token {len(written)} follows from the first, as if nothing had been")


def _counts(site: Container) -> Finding:
    """Whether a program counts in it."""
    if not parts.grows(site, "/count"):
        return failed("the sign is back, and nobody counts", *hints("nobody counts"))
    return passed("the files came back by themselves, and the program by you")
