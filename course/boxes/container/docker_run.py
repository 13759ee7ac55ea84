"""The ``docker run`` command that does what the SDK is asked to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Where the command and the SDK have two names for one thing; the rest is the same but for "_".
FLAGS = {
    "environment": "env",
    "labels": "label",
    "mem_limit": "memory",
    "memswap_limit": "memory-swap",
    "nano_cpus": "cpus",
    "network_mode": "network",
    "pid_mode": "pid",
    "ports": "publish",
    "volumes": "volume",
    "working_dir": "workdir",
}


def docker_run(image: str, command: Sequence[str], options: Mapping[str, Any]) -> str:
    """One shell line; ``options`` as for the SDK's ``containers.create``."""
    flags = [word for name, value in options.items() for word in _flag(name, value)]
    return shlex.join(["docker", "run", "--detach", *flags, image, *command])


def local(ports: Mapping[str, Any]) -> dict[str, Any]:
    """The same ports, bound to 127.0.0.1 where they name no address; None is any free port."""
    return {
        inside: ("127.0.0.1", outside) if outside is None or isinstance(outside, int) else outside
        for inside, outside in ports.items()
    }


def _flag(name: str, value: Any) -> Iterator[str]:
    flag = "--" + FLAGS.get(name, name).replace("_", "-")
    if value is True:
        yield flag
        return
    for one in _values(name, value):
        yield from (flag, str(one))


def _values(name: str, value: Any) -> Iterator[Any]:
    """What stands behind the flag; once for each, where the SDK takes several in one."""
    if name == "nano_cpus":
        yield f"{value / 1e9:g}"
    elif name == "ports":
        for inside, (address, outside) in value.items():
            yield f"{address}:{outside or ''}:{inside}"
    elif name == "volumes" and isinstance(value, Mapping):
        yield from (f"{what}:{to['bind']}:{to.get('mode', 'rw')}" for what, to in value.items())
    elif isinstance(value, Mapping):
        yield from (f"{key}={text}" for key, text in value.items())
    elif isinstance(value, list):
        yield from value
    else:
        yield value
