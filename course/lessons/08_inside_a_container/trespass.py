"""How the checks of the lab try to get through a wall that is not there."""

from __future__ import annotations

import os

from course.checks import Finding, failed

WHOLE = ("capped", "own_name", "own_network", "own_processes", "own_mounts", "layer")
WHOLE += ("own_proc", "own_root", "few_powers")
MOUNTED = "grep -c ' /mnt ' /proc/self/mounts; readlink /proc/self/ns/mnt"
NETWORK = "readlink /proc/self/ns/net"
SMALL = "x=a; for i in $(seq 21); do x=$x$x; done; echo ${#x}"  # 2 MiB
GREEDY = f"{SMALL}; for i in $(seq 5); do x=$x$x; done; echo ${{#x}}"  # and then 64
CROWD = "cat /proc/self/cgroup; for i in $(seq 20); do sleep 0.2 & done; wait"
SPIN = "timeout 1 sh -c 'while :; do :; done'; true"
GREED = (GREEDY, CROWD, SPIN)  # for memory, for processes, for the processor


def uncapped(kind: str, observed: str) -> Finding:
    """A cap that does not hold, and the file that it belongs into."""
    files = {
        "memory": ("memory.limit_in_bytes", "memory.max", "box.memory"),
        "pids": ("pids.max", "pids.max", "box.pids"),
        "cpu": ("cpu.cfs_quota_us", "cpu.max", "round(box.cpus * 100_000)"),
    }
    one, two, value = files[kind]
    return failed(
        observed,
        f"Look at the group's file for {kind}: is its number that of `box`? Did you move in?",
        f"With cgroup version 1 the file is {one}, with version 2 {two}. `box.cgroup` is yours.",
        f"write str({value}) to f\"{{box.groups['{kind}']}}/{one if one == two else '...'}\"",
    )


def new_proc(box: object) -> None:
    """A step of the check's own: lets the probe see what is mounted."""
    import ctypes

    ctypes.CDLL(None).mount(b"proc", f"{box.place}/root/proc".encode(), b"proc", 0, None)


def walk_out(box: object) -> None:
    """A step of the check's own: what root does to leave a mere chroot (chroot(2))."""
    os.mkdir("/way-out")
    os.chroot("/way-out")
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
