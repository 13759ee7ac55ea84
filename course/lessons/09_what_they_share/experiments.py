"""What both kinds of box can do, done to each: the experiments behind this lesson's claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import pandas as pd

from course.boxes import Box, Container, Hardware, VirtualMachine
from course.claims import can_run
from course.errors import EngineError
from course.measuring import Arm, results
from course.system import reaper
from . import moving, parts

LEVELS = ["gone", "as it was left", "as it was kept"]
PLACES = {
    "a file on its root": "/file",
    "a file on its volume or disk": "/volume/file",
    "a file in memory (tmpfs)": "/scratch/file",
}
PROGRAM = "a running program"
CAPS = {"memory": "128M"}  # the same for both; enough for a machine to boot

Boxes = Mapping[str, Box]


@contextmanager
def pair(**options: object) -> Iterator[Boxes]:
    """One of each kind that this machine can run, with storage besides its root."""
    with ExitStack() as stack:
        boxes: dict[str, Box] = {}
        if can_run(Container):
            volume = {parts.new_volume().name: {"bind": "/volume"}}
            scratch = {"/scratch": f"size={parts.SCRATCH}"}
            box = Container(volumes=volume, tmpfs=scratch, **CAPS, **options)
            boxes["container"] = stack.enter_context(box)
        if can_run(VirtualMachine):
            folder = stack.enter_context(reaper.scratch())
            box = VirtualMachine(disk=parts.new_disk(folder / "disk"), **CAPS)
            boxes["vm"] = stack.enter_context(box)
            box.exec(parts.MOUNT)
        yield boxes


def states() -> pd.DataFrame:
    """Keep, change, wreck and roll back one of each kind; about 8 seconds."""
    with pair() as boxes:
        return counted(comes_back(boxes))


def comes_back(boxes: Boxes) -> pd.DataFrame:
    """What of each box is back after a rollback: a row a place, a column a box, of ``LEVELS``."""
    return results.table([_comes_back(box) for box in boxes.values()]).set_axis(list(boxes)).T


def counted(levels: pd.DataFrame) -> pd.DataFrame:
    """Columns arm ("box"), kind, what, kept (1 or 0). Takes what ``comes_back`` returns."""
    rows = [
        {"arm": "box", "kind": kind, "what": what, "kept": int(level == LEVELS[-1])}
        for kind, column in levels.items()
        for what, level in column.items()
    ]
    return results.table(rows)


def wrecks() -> pd.DataFrame:
    """Delete everything inside, and go back: columns arm ("box"), kind, wrecked, works (1, 0)."""
    rows = []
    for make in filter(can_run, (Container, VirtualMachine)):
        with make() as box:
            box.exec("echo precious >/file")
            box.snapshot("good")
            box.exec(parts.WRECK)
            wrecked = box.exec("cat /file").stdout != "precious\n"
            box.rollback("good")
            works = box.exec("cat /file").stdout == "precious\n"
            row = {"arm": "box", "kind": box.kind, "wrecked": int(wrecked), "works": int(works)}
            rows.append(row)
    return results.table(rows)


def moves() -> pd.DataFrame:
    """Pack a box up and open it elsewhere: columns arm ("box"), kind, how, intact, found.

    ``intact``: what was in it is there. ``found``: by the name that it had before.
    """
    rows = []
    if can_run(Container):
        rows.append(
            {"arm": "box", "kind": "container", "how": "save and load", **moving.container()}
        )
    if can_run(VirtualMachine):
        with reaper.scratch() as folder:
            disk = moving.written_disk(folder / "disk")
            for how, hardware in {"same": Hardware(), "other": Hardware(disk="nvme")}.items():
                moved = moving.machine(disk, hardware)
                row = {"arm": "box", "kind": "virtual machine", "how": f"{how} hardware"}
                rows.append(row | moved)
    return results.table(rows)


def replicas() -> pd.DataFrame:
    """Whether a box and its clone draw different random numbers: columns arm, how, differ."""
    plans: dict[str, tuple[Callable[[], Box], dict, Callable[[Box, Box], bool]]] = {
        "container": (Container, {}, _draws_differ),
        "virtual machine": (VirtualMachine, {"reseed": False}, _draws_differ),
        "virtual machine, reseeded": (VirtualMachine, {}, _draws_differ),
        "seeded program, machine reseeded": (VirtualMachine, {}, _tokens_differ),
    }
    rows = []
    for how, (make, options, differ) in plans.items():
        if can_run(make):
            with make() as box:
                rows.append({"arm": "clone", "how": how, "differ": int(differ(box, options))})
    return results.table(rows)


def caps() -> pd.DataFrame:
    """Cap one of each kind and go beyond: columns arm ("box"), kind, resource, held, seen (1 or
    0), asked, on_disk.

    ``held``: the box did not get more. ``seen``: the command ``asked`` tells the cap inside.
    """
    with pair() as boxes:
        return results.table([row for kind, box in boxes.items() for row in _capped(kind, box)])


def reruns() -> pd.DataFrame:
    """A test that dirties its box, twice: columns arm (between the runs), kind, passed."""
    rows = []
    for make in filter(can_run, (Container, VirtualMachine)):
        with make() as box:
            box.snapshot("clean")
            for arm in ("nothing", "rollback"):
                adds_a_user(box)
                if arm == "rollback":
                    box.rollback("clean")
                rows.append({"arm": arm, "kind": box.kind, "passed": int(adds_a_user(box))})
                box.rollback("clean")
    return results.table(rows)


def adds_a_user(box: Box) -> bool:
    """A test as many are: it passes where nobody has run it before."""
    return box.exec("grep -qs alice /users && exit 1; echo alice >>/users").exit_code == 0


def prices(rounds: int = 8, budget: float | None = None, warmup: int = 1) -> pd.DataFrame:
    """What snapshot, rollback and clone cost each kind, in seconds: one row a trial."""
    kinds = {"container": Container, "vm": VirtualMachine}
    with ExitStack() as stack:
        boxes = {kind: stack.enter_context(make()) for kind, make in kinds.items() if can_run(make)}
        arms = {name: arm for kind, box in boxes.items() for name, arm in verbs(kind, box).items()}
        return results.measure(arms, rounds, warmup=warmup, budget=budget)


def verbs(kind: str, box: Box) -> dict[str, Arm]:
    """The three verbs of a running box as arms; takes a first snapshot to roll back to."""
    box.snapshot("priced")
    return {
        f"{kind} snapshot": partial(box.snapshot, "priced"),
        f"{kind} rollback": partial(box.rollback, "priced"),
        f"{kind} clone": partial(_cloned, box),
    }


def _cloned(box: Box) -> Iterator[None]:
    with box.clone():
        yield


def _comes_back(box: Box) -> dict[str, str]:
    def put(word: str) -> None:
        box.exec("; ".join(f"echo {word} >{path}" for path in PLACES.values()))

    put("kept")
    box.exec(parts.background(parts.COUNT))
    box.snapshot("state")
    put("left")
    box.exec("kill $(cat /pid)")
    box.rollback("state")
    said = {what: box.exec(f"cat {path}").stdout.strip() for what, path in PLACES.items()}
    level = {"": LEVELS[0], "left": LEVELS[1], "kept": LEVELS[2]}
    runs = LEVELS[2 * parts.grows(box, "/count")]
    return {what: level[word] for what, word in said.items()} | {PROGRAM: runs}


def _draws_differ(box: Box, options: dict) -> bool:
    with box.clone(**options) as twin:
        return box.exec(parts.DRAW).stdout != twin.exec(parts.DRAW).stdout


def _tokens_differ(box: Box, options: dict) -> bool:
    box.exec(parts.background(parts.GENERATE))
    parts.tokens(box, after=0)
    with box.clone(**options) as twin:
        after = int(twin.exec("wc -l </tokens").stdout)
        return parts.tokens(box, after) != parts.tokens(twin, after)


def _capped(kind: str, box: Box) -> Iterator[dict[str, object]]:
    container = kind == "container"
    few = Container(cpus=0.5) if container else VirtualMachine(cpus=1)
    with few as small:
        held = parts.cores(small) < (0.6 if container else 1.3)  # QEMU itself needs some, too
        yield _cap(kind, "processors", held, small.exec("nproc").stdout == "1\n")
    killed = box.exec(parts.HOG).exit_code == 137
    free = int(box.exec("free -m | awk 'NR == 2 {print $2}'").stdout)
    yield _cap(kind, "memory", killed, free <= 128)
    for place in ("/scratch", "/") if container else ("/volume",):
        held = _root_capped() if place == "/" else _fills(box, place)
        yield _cap(kind, f"storage at {place}", held, held)


def _cap(kind: str, resource: str, held: bool, seen: bool) -> dict[str, object]:
    """A row; ``asked``: which command tells the cap, ``on_disk``: whether it outlives the box."""
    storage = resource.startswith("storage")
    row = {"arm": "box", "kind": kind, "resource": resource, "held": int(held), "seen": int(seen)}
    asked, disk = "df" if storage else "nproc or free", storage and "/scratch" not in resource
    return row | {"asked": asked, "on_disk": int(disk)}


def _fills(box: Box, place: str) -> bool:
    """Whether there is an end to what can be written there."""
    return box.exec(parts.FILL.format(path=f"{place}/full")).exit_code != 0


def _root_capped() -> bool:
    """Whether the engine can cap what a container writes to its root."""
    try:
        with Container(storage_opt={"size": "16M"}) as box:
            return _fills(box, "")
    except EngineError:
        return False
