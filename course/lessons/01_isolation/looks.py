"""How the lab's checks look: at the machine's processes, at pages, at doors. Nothing is changed."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

import requests
from docker.models.containers import Container

from course.checks import Finding, failed
from course.lessons import checking

PATIENCE = 3.0  # seconds for one visit
PAGE = re.compile(r"(bakery|library), (\d+) visits, Lua (\S+?)(?:,|$)")
# The folders in /proc of all open sockets that listen at the port, by the processes' numbers.
HOLDERS = string.Template(
    "for inode in $$(awk '$$4 == \"0A\" && $$2 ~ /:$port$$/ {print $$10}' /proc/net/tcp*); do "
    "for fd in /proc/[0-9]*/fd/*; do "
    'if [ "$$(readlink $$fd)" = "socket:[$$inode]" ]; then echo $$fd; fi; done; done'
)


@dataclass(frozen=True)
class Page:
    """What one of the two programs says of itself."""

    app: str
    visits: int
    lua: str


def ours(name: str) -> Container | Finding:
    """The container of that name, if the course made it; else what to say."""
    return checking.container(name, checking.START)


def container(name: str) -> Container | Finding:
    """The running container of that name, if the course made it; else what to say."""
    found = ours(name)
    if isinstance(found, Finding) or found.status == "running":
        return found
    return failed(
        f"{name} is {found.status}; its log ends with {found.logs(tail=1)!r}",
        "It began and ended. Its last words say why.",
        "A container lives as long as its first program.",
        f"start({name!r}, ...) with a program that stays, such as sh /opt/bakery/start",
    )


def holders(machine: Container, port: int) -> set[int]:
    """The processes of a container that wait at a port, by their numbers inside."""
    script = HOLDERS.substitute(port=f"{port:04X}")
    found = machine.exec_run(["sh", "-c", script]).output.decode()
    return {int(line.split("/")[2]) for line in found.splitlines() if line.startswith("/proc/")}


def has_process(machine: Container, number: int) -> bool:
    """Whether a process has that number inside of the container."""
    return machine.exec_run(["ls", f"/proc/{number}"]).exit_code == 0


def text(url: object) -> str | None:
    """What a visit shows; None where nobody answers."""
    try:
        return requests.get(str(url), timeout=PATIENCE).text.strip()
    except requests.RequestException as error:
        # A server whose program failed before its first word hangs up without one.
        return "" if "RemoteDisconnected" in str(error) else None


def page(url: object) -> Page | None:
    """What a visit shows, read; None where it is no page of the two programs."""
    found = PAGE.match(text(url) or "")
    return Page(found[1], int(found[2]), found[3]) if found else None


def doors(found: Container) -> set[str]:
    """The addresses of this machine at which a container's ports are published."""
    return {door["HostIp"] for all_of in found.ports.values() for door in all_of or []}
