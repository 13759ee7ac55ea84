"""What the notebook looks at: commands and devices made short, a long boot, a guest's memory."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from course.boxes import VirtualMachine
from course.measuring import GREY, INK, PAPER, Figure, beside, colour, paper, results, styled
from course.system import Bar
from . import experiments

TICK = 0.25  # seconds between two looks at the clock
LIST_PCI = """
for place in /sys/bus/pci/devices/*; do
    echo "${place##*/} $(cat $place/vendor $place/device $place/class | tr '\n' ' ')"
done
"""
VENDORS = {"0x1af4": "virtio", "0x8086": "Intel", "0x1b36": "QEMU"}
# PCI Code and ID Assignment Specification: a device's class, and within it a subclass.
CLASSES = {
    "0x0100": "storage",
    "0x0108": "storage, NVMe",
    "0x0200": "network",
    "0x0600": "host bridge",
    "0x0601": "ISA bridge",
    "0x0780": "communication",
}


def readable(command: str) -> str:
    """A command line with an option on each line, and of every file only its name."""
    words = [re.sub(r"(?<![\w.])/[^,=]*/", "", word) for word in shlex.split(command)]
    lines = [words[0]]
    for word in words[1:]:
        if (word.startswith("-") and len(word) > 2) or word == "-m":
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {shlex.quote(word)}"
    return "\n".join(lines)


def devices(listing: str) -> list[str]:
    """What ``LIST_PCI`` printed, in words."""
    found = []
    for line in listing.splitlines():
        place, vendor, device, kind = line.split()
        words = VENDORS.get(vendor, vendor), CLASSES.get(kind[:6], kind)
        found.append(f"{place}  {device}  {', '.join(words)}")
    return found


def booted(name: str) -> VirtualMachine:
    """Boot that guest; meanwhile a bar fills in the time that the recorded boot took."""
    before = results.recorded("02_virtual_machines", "boots")
    with passing(before.loc[before["arm"] == name, "seconds"].median()):
        return VirtualMachine(name, resume=False, deadline=experiments.PATIENCE).start()


@contextmanager
def passing(expected: float) -> Iterator[None]:
    """Show how much of so many seconds has passed, until the ``with`` ends."""
    ended, form = threading.Event(), "{desc}: {bar} {elapsed} of about {total:.0f} s"
    with Bar(total=expected, desc="booting", bar_format=form) as bar:

        def fill() -> None:
            while not ended.wait(TICK):
                bar.update(min(TICK, bar.total - bar.n))

        watcher = threading.Thread(target=fill)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def memory_now(box: VirtualMachine) -> dict[str, float]:
    """A guest's memory from both sides, in MiB: what it has, what it uses, what the host pays."""
    total, used = map(int, box.exec("free -m | awk 'NR == 2 {print $2, $2 - $4}'").stdout.split())
    return {"inside": total, "in use inside": used, "on the host": box.usage().memory / 2**20}


@styled
def memory(steps: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """A row for each step: how much the guest has and uses (bar), what the host pays (dot)."""
    canvas, axes = paper(len(steps), title, results.provenance(results.table([dict(steps)])))
    words = []
    for place, (step, found) in enumerate(steps.items()):
        total, used, paid = found.values()
        axes.barh(place, total, height=0.5, color="#d0d7de")
        axes.barh(place, used, height=0.5, color=GREY)
        axes.plot(paid, place, "o", ms=9, color=colour("vm"), mec=PAPER, mew=1.5)
        words.append(f"{step}: {total:.0f} MiB inside, {used:.0f} in use, {paid:.0f} on the host")
        beside(axes, place, f"{paid:.0f} MiB on the host")
    axes.set_yticks(range(len(steps)), list(steps), color=INK)
    axes.set_xlabel("MiB; bar: what “free” reports inside, dark: in use; dot: on the host (PSS)")
    return Figure(canvas, f"{title}. {'; '.join(words)}.")
