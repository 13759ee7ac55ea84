"""A running machine's state in files: saved once, it is what many machines begin from.

The guest's memory is a file that QEMU uses in place of memory of its own. Whoever goes on from
it maps that file privately: pages are shared until they are written, and a written page is the
writer's own copy (mmap(2), MAP_PRIVATE). So a start loads half a megabyte, not the memory.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from course.images import elf
from course.system import paths, processes, programs, store
from . import wake
from .command_line import command_line
from .monitor import Monitor
from .plan import Plan

STATE = "state"  # the file with all but the memory
BASE = "base.qcow2"  # and the one with the disk as it was then
BOOT = "boot.json"  # and when each phase of its boot ended
# Memory that is a shared file is left out of the state: the file is there.
CAPABILITIES = [{"capability": name, "state": True} for name in ("events", "x-ignore-shared")]
UNLIMITED = 2**40  # bytes a second; QEMU's default leaves a network room for others
REST, LOOK, PATIENCE = 0.03, 0.5, 20.0  # share of a processor; seconds; seconds
IN_STEP = 0.06  # what each of several processors takes at rest, emulated, to be kept in step


def state_of(plan: Plan, make: Callable[[Path], None]) -> Path:
    """The folder with the saved state of such a machine, made now where there is none.

    It is made anew when the image, QEMU or the plan change; of those made before for this plan,
    the one used last stays: two versions of the course may share a cache, and take turns. Raises
    what ``make`` raises.
    """
    files = [path for path in (plan.kernel, plan.initrd, plan.disk) if path]
    inputs = {"qemu": _stamp(programs.require(plan.program)), "files": " ".join(map(_stamp, files))}
    inputs["wake"] = wake.PROGRAM + elf.executable(wake.code()).hex()
    inputs["beside"] = BOOT  # a state that was saved without it is of no use
    inputs["command"] = " ".join(command_line(replace(plan, ports={}), Path(), memory=""))
    kind = repr(replace(plan, ports={}, kernel=None, initrd=None, disk=None))
    of_this_plan = f"state-{plan.name}-{store.key({'plan': kind})}"

    def made(folder: Path) -> None:
        _discard_all_but_one(of_this_plan)
        if shutil.disk_usage(folder).free < plan.memory:
            raise store.disk_full(f"less than the {plan.memory} bytes of the guest's memory")
        make(folder)

    folder = store.built(f"{of_this_plan}-{store.key(inputs)}", inputs, made)
    os.utime(folder)  # used now
    return folder


def note_boot(folder: Path, phases: dict[str, float]) -> None:
    """Keep beside a state when each phase of the boot before it ended, in seconds."""
    (folder / BOOT).write_text(json.dumps(phases))


def boot_of(folder: Path) -> dict[str, float]:
    """The phases of the boot that a state was saved after."""
    return json.loads((folder / BOOT).read_text())


def save(monitor: Monitor, path: Path) -> None:
    """Stop the machine and write its state. Raises BoxError, NotRunning."""
    monitor.execute("stop")
    monitor.execute("migrate-set-capabilities", capabilities=CAPABILITIES)
    monitor.execute("migrate-set-parameters", max_bandwidth=UNLIMITED)
    with path.open("wb") as file:
        monitor.hand_over(file, "state")
    monitor.migrate("migrate", uri="fd:state")
    while monitor.execute("query-status")["status"] == "finish-migrate":
        time.sleep(0.001)  # QEMU says "completed" a moment before it is done


def load(monitor: Monitor, path: Path) -> None:
    """Give a QEMU that waits for it a state, and let the machine go on. Raises BoxError."""
    monitor.execute("migrate-set-capabilities", capabilities=CAPABILITIES)
    with path.open("rb") as file:
        monitor.hand_over(file, "state")
    monitor.migrate("migrate-incoming", uri="fd:state")
    monitor.execute("cont")


def settle(pid: int, cpus: int) -> None:
    """Wait until the guest has come to rest: what it puts off it would do at every resume."""
    deadline = time.monotonic() + PATIENCE
    rest = REST if cpus == 1 else cpus * IN_STEP
    used = processes.cpu([pid])
    while time.monotonic() < deadline:
        time.sleep(LOOK)
        before, used = used, processes.cpu([pid])
        if used - before < rest * LOOK:
            return


def _discard_all_but_one(of_this_plan: str) -> None:
    used: dict[Path, float] = {}
    for shelf in (paths.cache_dir() / "images").glob(f"{of_this_plan}*"):
        for state in store.folders(shelf.name):
            with suppress(FileNotFoundError):  # another process discards as well
                used[state] = state.stat().st_mtime
    for state in sorted(used, key=used.get)[:-1]:
        store.discard(state.parent.name)


def _stamp(path: Path) -> str:
    """What tells a file from another of its name: no need to read it."""
    found = path.stat()
    return f"{path} {found.st_size} {found.st_mtime_ns}"
