"""The measurements of this lesson: how fast each box is inside, and what an image costs to get."""

from __future__ import annotations

import os
import socket
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from shutil import copyfile
from time import perf_counter, sleep

import pandas as pd

from course.boxes import Box, Container, Process, Sandbox, VirtualMachine
from course.claims import Make, can_run, experiments, inside
from course.engine import engine, labels
from course.errors import NeverAnswered
from course.images import forms
from course.measuring import Arm, results
from course.system import reaper
from . import scatter

Address = tuple[str, int]

# Two servers in every box: one sends back what it is sent, one swallows it.
SERVERS = {7001: "cat", 7002: "sh -c 'cat >/dev/null'"}
LOOP = "127.0.0.1"
TRIPS, LOAD = 50, 4 * 2**20  # there and back; bytes in one go
DISK = 64 * 2**20  # bytes of the disk that the VM gets: `tiny` has none, its files are in memory
FILE = "dd if=/dev/zero of=work bs=1M count=16 conv=fsync,notrunc 2>/dev/null"
MOUNT = "mke2fs /dev/vda >/dev/null 2>&1 && mount -t ext2 /dev/vda /mnt"
WORK = experiments.WORK | {"disk, sequential": FILE}
if scatter.runs_here():
    WORK |= {"disk, random": f"./{scatter.NAME}", "disk, fsync": "./scatter each"}
NETWORK = ("network, round trip", "network, throughput")


def boxes(disk: Path) -> dict[str, Make]:
    """The boxes that work is done in, each with the network that it usually has."""
    with disk.open("wb") as file:
        file.truncate(DISK)
    ports = {f"{port}/tcp": None for port in SERVERS}
    machine = {"network": True, "ports": dict.fromkeys(SERVERS, 0), "disk": disk}
    return {
        "process": partial(Process, network=True),
        "sandbox": partial(Sandbox, network=True),  # the host's own network
        "container": partial(Container, network=True, ports=ports),
        "vm booted": partial(VirtualMachine, resume=False, **machine),
    }


def speed(
    rounds: int = 10, budget: float | None = None, chosen: Mapping[str, Make] | None = None
) -> pd.DataFrame:
    """The same work in every kind of box: columns work, arm, round, seconds.

    By the box's own clock; what goes over the network is timed by the host's, which sees both
    ends: from 127.0.0.1, and ``container, bridge`` straight to the container's address.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(reaper.scratch())
        makes = boxes(folder / "disk") if chosen is None else chosen
        running = {arm: stack.enter_context(make()) for arm, make in makes.items() if can_run(make)}
        arms: dict[str, Arm] = {}
        for arm, box in running.items():
            arms |= _work(arm, box) | (_network(arm, box) if box.network else {})
        frame = results.measure(arms, rounds, budget=budget)
    frame = frame.assign(seconds=frame.pop(results.PHASE + "inside"))
    frame[["work", "arm"]] = frame["arm"].str.split("/", expand=True)
    return frame


def delivery(
    padding: Mapping[str, int] | None = None, rounds: int = 6, budget: float | None = None
) -> pd.DataFrame:
    """Get an image into the engine, start a container from it: phases delivered and answered.

    ``padding``: for each arm, how many MiB nobody reads are in the image besides ``tiny``'s files.
    The image comes as a file from this machine's disk: a registry would add a network.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(reaper.scratch())
        arms = {
            arm: _delivered(_padded(folder / str(place), size))
            for place, (arm, size) in enumerate((padding or {"small image": 0}).items())
        }
        return results.measure(arms, rounds, budget=budget)


def share(frame: pd.DataFrame) -> pd.DataFrame:
    """For each trial of ``delivery``, which part of its time the image took: column share."""
    return frame.assign(share=frame[results.PHASE + "delivered"] / frame["seconds"])


def _work(arm: str, box: Box) -> dict[str, Arm]:
    """Give the box a file to work on; each kind of work in it is an arm."""
    away = "cd /mnt && " if isinstance(box, VirtualMachine) else ""
    if away:
        inside(box, MOUNT)
    inside(box, f"{away}{FILE}" + (f" && {scatter.plant()}" if scatter.runs_here() else ""))
    return {f"{work}/{arm}": partial(inside, box, away + command) for work, command in WORK.items()}


def _network(arm: str, box: Box) -> dict[str, Arm]:
    """Start the servers in the box; each way to them is an arm, for each kind of traffic."""
    host, found = isinstance(box, Process | Sandbox), {}
    for name, (port, program) in zip(NETWORK, SERVERS.items(), strict=True):
        here = _free_port() if host else port
        listen = f"nc {LOOP if host else '0.0.0.0'} -ll -p {here} -e {program}"
        box.exec(f"{listen} </dev/null >/dev/null 2>&1 &")
        traffic = _round_trip if program == "cat" else _throughput
        for suffix, address in _doors(box, here).items():
            _wait_for(traffic, address)
            found[f"{name}/{arm}{suffix}"] = partial(traffic, address)
    return found


def _doors(box: Box, port: int) -> dict[str, Address]:
    """Where the host finds a port of the box, by what is added to the arm's name."""
    if isinstance(box, VirtualMachine):
        return {"": box.address(port)}
    if not isinstance(box, Container):
        return {"": (LOOP, port)}
    network = box.docker.attrs["NetworkSettings"]
    doors = {"": (LOOP, int(network["Ports"][f"{port}/tcp"][0]["HostPort"]))}
    bridge = (network["IPAddress"], port)
    with suppress(OSError, NeverAnswered):  # an engine in a VM of its own has a bridge of its own
        _wait_for(_throughput if port != min(SERVERS) else _round_trip, bridge, patience=2.0)
        doors[", bridge"] = bridge
    return doors


def _round_trip(address: Address, trips: int = TRIPS) -> dict[str, float]:
    """Seconds for one byte to be answered by a byte, the mean of many on one connection."""
    with socket.create_connection(address, timeout=30) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = perf_counter()
        for _ in range(trips):
            line.sendall(b"x")
            if not line.recv(1):
                raise ConnectionResetError(f"{address} hung up")
        return {"inside": (perf_counter() - began) / trips}


def _throughput(address: Address, load: int = LOAD) -> dict[str, float]:
    """Seconds until the other end has swallowed so many bytes, and hung up."""
    with socket.create_connection(address, timeout=30) as line:
        began = perf_counter()
        line.sendall(bytes(load))
        line.shutdown(socket.SHUT_WR)
        while line.recv(1):
            pass
        return {"inside": perf_counter() - began}


def _wait_for(traffic: Callable[..., object], address: Address, patience: float = 20.0) -> None:
    """Until the server answers: who forwards a port accepts before the box does.

    Raises NeverAnswered.
    """
    deadline = perf_counter() + patience
    while perf_counter() < deadline:
        with suppress(OSError):
            traffic(address, 1)
            return
        sleep(0.01)  # a port where nobody listens yet refuses at once
    raise NeverAnswered(f"the server in the box at {address}", f"not within {patience:g} s")


def _free_port() -> int:
    with socket.socket() as line:
        line.bind((LOOP, 0))
        return line.getsockname()[1]


def _padded(archive: Path, size: int) -> Path:
    copyfile(forms.image("tiny").archive, archive)
    if size:
        padding = archive.with_suffix(".padding")
        padding.write_bytes(os.urandom(size * 2**20))
        with tarfile.open(archive, "a") as tar:
            tar.add(padding, "padding")
    return archive


def _delivered(archive: Path) -> Arm:
    def trial() -> Iterator[dict[str, float]]:
        began = perf_counter()
        with _imported(archive) as image:
            delivered = perf_counter() - began
            with Container(image) as box:
                box.exec("true")
                yield {"delivered": delivered, "answered": perf_counter() - began}

    return trial


@contextmanager
def _imported(archive: Path) -> Iterator[str]:
    """An image of this session's own, gone afterwards."""
    marks = [f"LABEL {name}={session}" for name, session in labels.label().items()]
    tag = f"course/delivered-{os.getpid()}-{archive.name}"
    engine().api.import_image_from_file(str(archive), tag, "latest", changes=marks)
    try:
        yield tag
    finally:
        engine().api.remove_image(tag, force=True)
