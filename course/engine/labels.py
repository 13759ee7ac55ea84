"""The label of what this session makes in the engine, and its removal when the session is over.

    docker.containers.run("course/tiny", labels=label())

``python -m course.engine.labels SESSION`` removes what a session left; its guard calls that.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from requests.exceptions import HTTPError

from course.errors import EngineError
from course.system import processes, reaper
from .client import engine, engine_errors

NAME = "two-boxes"
LATE = 2.0  # seconds in which an engine still makes what somebody who is gone had asked for
GONE, BUSY = HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT  # another removed it, or is about to


def label() -> dict[str, str]:
    """What a container, network, volume or image carries that shall not outlive this process."""
    session = reaper.session()
    _have_removed(session)
    return {NAME: session}


def remove_all(session: str | None = None) -> None:
    """Remove what carries the label of a session, by default this one, and nothing else.

    Raises what ``remove`` raises.
    """
    remove(f"{NAME}={session or reaper.session()}")


def remove(label: str) -> None:
    """Remove what carries a label, ``key`` or ``key=value``: containers, networks, volumes, images.

    Raises EngineError, when all the rest is gone, for what the engine keeps, such as a volume
    that a container of others uses; EngineUnreachable, EngineTooOld.
    """
    kept = []
    with engine_errors():
        for removal, no_fault in _removals(engine().api, {"label": label}):
            try:
                removal()
            except HTTPError as error:
                if error.response.status_code not in no_fault:
                    kept.append(error)
    if kept:
        found = "; ".join(map(str, kept))
        raise EngineError(f"the engine to remove what is labelled {label}", found) from kept[0]


def _removals(api: Any, chosen: dict[str, str]) -> Iterator[tuple[Callable[[], None], set[int]]]:
    """How each thing is removed, and the answers of the engine that are no fault."""
    for container in api.containers(all=True, quiet=True, filters=chosen):
        yield partial(api.remove_container, container["Id"], force=True, v=True), {GONE, BUSY}
    for network in api.networks(filters=chosen):
        yield partial(api.remove_network, network["Id"]), {GONE}
    for volume in api.volumes(filters=chosen)["Volumes"] or ():
        yield partial(api.remove_volume, volume["Name"]), {GONE}
    for image in api.images(filters=chosen):
        named = [name for name in image["RepoTags"] or () if name != "<none>:<none>"]
        for name in named or [image["Id"]]:
            # By its name an image goes even while others are built on it. One without a name
            # goes with the last of those, which the engine sees to.
            yield partial(api.remove_image, name, force=True), {GONE, BUSY}


@cache
def _have_removed(session: str) -> None:
    # -P: a learner's own json.py must not be what the guard imports.
    command = [sys.executable, "-P", "-m", "course.engine.labels", session]
    reaper.on_death(reaper.state("labels"), command)


def _end(session: str) -> None:
    """Remove all of a session; of one that was killed, what the engine made after that as well."""
    remove_all(session)
    if not processes.is_alive(*map(int, session.split("-"))):
        time.sleep(LATE)
        remove_all(session)


if __name__ == "__main__":
    _end(sys.argv[1])
