"""What no other lesson measures: what has to be typed on the way to a first page."""

from __future__ import annotations

import shlex
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import requests

from course.boxes import Container, VirtualMachine
from course.claims import can_run
from course.engine import engine, engine_errors, label
from course.images import container_image
from course.measuring import results
from course.system import programs, reaper

Way = tuple[list[str], list[str]]  # the commands that were typed, the lines written to files

PAGE = "the same page\n"
PATIENCE = 15.0  # seconds for a page: emulated, on a busy machine
RECIPE = "FROM {base}\nCOPY index.html /www/\nCMD httpd -f -h /www\n"
COMPARED = "virtual machine ÷ container"


def first_page() -> pd.DataFrame:
    """From a page in a folder to the page served, by each box's own tools: what had to be typed.

    Columns arm, what, count: the commands, the lines in all (a Dockerfile's are lines too), and
    the different tools; then each count of the virtual machine over that of the container.
    """
    return counted({arm: way() for arm, (box, way) in WAYS.items() if can_run(box)})


def counted(ways: Mapping[str, Way]) -> pd.DataFrame:
    """What was typed and written in each way, as ``first_page`` counts it."""
    counts = {arm: _counts(*way) for arm, way in ways.items()}
    rows = [
        {"arm": arm, "what": what, "count": float(number)}
        for arm, counted in counts.items()
        for what, number in counted.items()
    ]
    if len(counts) == len(WAYS):
        ours, theirs = (counts[arm] for arm in ("virtual machine", "container"))
        rows += [
            {"arm": COMPARED, "what": what, "count": ours[what] / theirs[what]} for what in ours
        ]
    return results.table(rows)


def by_docker() -> Way:
    """Serve the page by the docker command; what was typed, and what was written to files."""
    docker, tag, port = str(programs.require("docker")), "two-boxes-page", _free_port()
    with reaper.scratch() as folder:
        (folder / "index.html").write_text(PAGE)
        recipe = RECIPE.format(base=container_image("tiny"))
        (folder / "Dockerfile").write_text(recipe)
        marks = [f"--label={name}={session}" for name, session in label().items()]
        typed = [
            ["docker", "build", "-t", tag, "."],
            ["docker", "run", "-d", "-p", f"127.0.0.1:{port}:80", tag],
        ]
        try:
            for _, verb, *words in typed:  # the label is the course's: nothing stays behind
                _run(folder, docker, verb, *marks, *words)
            _require_page(port)
        finally:
            _remove(tag)
    return [shlex.join(words) for words in typed], recipe.splitlines()


def by_qemu() -> Way:
    """Serve the page by QEMU; what was typed outside and inside, and what was written to files."""
    with reaper.scratch() as folder:
        pages, disk, port = folder / "pages", folder / "disk", _free_port()
        pages.mkdir()
        (pages / "index.html").write_text(PAGE)
        format_disk = ["mkfs.ext4", "-q", "-d", "pages", "disk", "8M"]
        _run(folder, str(programs.require("mkfs.ext4")), *format_disk[1:])
        inside = ["mount /dev/vda /mnt", "httpd -h /mnt"]
        with VirtualMachine("tiny", disk=disk, network=True, ports={80: port}) as box:
            outside = [shlex.join(format_disk), box.command]
            for command in inside:
                box.exec(command)
            _require_page(port)
    return outside + inside, []


WAYS = {"container": (Container, by_docker), "virtual machine": (VirtualMachine, by_qemu)}


def _counts(typed: list[str], written: list[str]) -> dict[str, int]:
    tools = {command.split()[0] for command in typed}
    return {"commands": len(typed), "lines": len(typed) + len(written), "tools": len(tools)}


def _run(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, capture_output=True, check=True)


def _remove(tag: str) -> None:
    """Remove the image of this session, and the containers that were made from it."""
    api, (mine,) = engine().api, (f"{name}={session}" for name, session in label().items())
    with engine_errors():
        chosen = {"ancestor": tag, "label": mine}
        for one in api.containers(all=True, quiet=True, filters=chosen):
            api.remove_container(one["Id"], force=True)
        for image in api.images(tag, quiet=True, filters={"label": mine}):
            api.remove_image(image, force=True)


def _require_page(port: int) -> None:
    """Raises AssertionError when another page is served, requests' errors when none is."""
    retries = requests.adapters.Retry(20, backoff_factor=0.05, backoff_max=1)
    with requests.Session() as web:
        web.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        said = web.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE).text
    if said != PAGE:
        raise AssertionError(f"port {port} serves {said[:60]!r}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
