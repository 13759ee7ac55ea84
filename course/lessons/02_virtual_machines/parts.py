"""Two things that are clearer when they are short: a command line, and a list of PCI devices."""

from __future__ import annotations

import re
import shlex

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
