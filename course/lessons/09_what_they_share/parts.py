"""What the lesson runs in its boxes, and the looks it takes at them from outside."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from docker.models.images import Image
from docker.models.volumes import Volume

from course.boxes import Box, Container, VirtualMachine
from course.engine import engine, labels
from course.system import programs

DISK = "16M"  # the virtual machine's storage besides its root; it is made as large as that
SCRATCH = "8m"  # and how much a container may keep in its /scratch

# A filesystem on its disk, and one in memory: what a container is started with, a machine makes.
MOUNT = (
    "mke2fs /dev/vda >/dev/null; mkdir -p /volume /scratch;"
    " mount -t ext4 /dev/vda /volume; mount -t tmpfs none /scratch"
)
# Everything but /proc and /sys: those are no files, but what the kernel says.
WRECK = "rm -rf $(ls -d /* | grep -vE '^/(proc|sys)$') 2>/dev/null"
COUNT = "i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.1; done"
# A program with a generator of its own, seeded once, as many have: POSIX's example for rand().
GENERATE = """seed=$(od -A n -t u4 -N 4 /dev/urandom)
while :; do
    seed=$(((seed * 1103515245 + 12345) % 4294967296))
    echo $seed >>/tokens
    sleep 0.1
done"""
DRAW = "cat /proc/sys/kernel/random/uuid"  # random(4): a new 128-bit number at each look
HOG = "x=x; while :; do x=$x$x; done"  # a variable that doubles
LOOP = "timeout 1 sh -c 'while :; do :; done'"
SPIN = f"{LOOP} & {LOOP}; wait"  # two programs that never wait, for a second
FILL = "dd if=/dev/zero of={path} bs=1M count=64"
ROOM = "df -m {path} | awk 'NR == 2 {{printf \"%s MiB, %s used, %s free\", $2, $3, $4}}'"

MEMORY_CAP = (  # version 2 of control groups, else version 1; a machine's root group has neither
    "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null"
)
ASK = {
    "processors, by nproc": "nproc",
    "memory by free, MiB": "free -m | awk 'NR == 2 {print $2}'",
    "cap by its file, MiB": f"{MEMORY_CAP} | awk '{{print $1 / 1048576}}'",
}
KILLS = (  # how often a cap on memory killed
    "cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null"
    " | awk '$1 == \"oom_kill\" {print $2}'"
)
THROTTLED = "cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpu/cpu.stat 2>/dev/null | grep nr_"


def background(command: str) -> str:
    """The command as one that goes on when its shell has gone; its number is then in /pid."""
    return f"({command}) </dev/null >/dev/null 2>&1 & echo $! >/pid"


def new_disk(path: Path, size: str = DISK) -> Path:
    """An empty disk image for a virtual machine."""
    tool = programs.require("qemu-img")
    subprocess.run([tool, "create", "-q", "-f", "qcow2", path, size], check=True)
    return path


def new_volume() -> Volume:
    """A volume that goes when the lesson is over."""
    return engine().volumes.create(labels=labels.label())


def cores(box: Box) -> float:
    """How many of the host's processors the box gets while two programs in it want one each."""
    before, began = box.usage().cpu, time.perf_counter()
    box.exec(SPIN)
    return (box.usage().cpu - before) / (time.perf_counter() - began)


def killed_for_memory(box: Container, since: int) -> int:
    """How often the engine was told, since a second of the clock, that the cap on memory killed."""
    wanted = {"container": box.docker.id, "event": "oom"}
    told = engine().events(since=since, until=int(time.time()) + 1, filters=wanted, decode=True)
    return sum(1 for _ in told)


def last_words(box: VirtualMachine) -> str:
    """The kill for want of memory that a machine's own kernel reports last, on its console."""
    told = re.findall(r"\[[ \d.]+\] Out of memory.*", box.console)
    return told[-1].split(", UID")[0] if told else "nothing"


def imported(path: Path) -> Image:
    """An image of an exported container's files; it goes when the lesson is over."""
    mark = [f"LABEL {name}={value}" for name, value in labels.label().items()]
    api = engine().api
    api.import_image_from_file(str(path), repository="two-boxes/files", changes=mark)
    return engine().images.get("two-boxes/files")


def grows(box: Box, path: str) -> bool:
    """Whether something in the box goes on writing a file, as both programs above do."""
    look = f"cat {path} 2>/dev/null | md5sum"
    before, after = box.exec(f"{look}; sleep 0.5; {look}").stdout.splitlines()
    return before != after


def tokens(box: Box, after: int, count: int = 3) -> list[str]:
    """The tokens that ``GENERATE`` draws in a box, from a line on; waits until they are there."""
    enough = after + count
    wait = f"until [ $(wc -l </tokens) -ge {enough} ]; do sleep 0.1; done"
    return box.exec(f"{wait}; sed -n {after + 1},{enough}p /tokens").stdout.split()
