"""The label of what this session makes in the engine, and its removal when the session is over.

    docker.containers.run("course/tiny", labels=label())

``python -m course.labels SESSION`` removes what a session left; its guard calls that.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache

from requests.exceptions import HTTPError

from course import reaper
from course.engine import engine, engine_errors

NAME = "two-boxes"


def label() -> dict[str, str]:
    """What a container, network, volume or image carries that shall not outlive this process."""
    session = reaper.session()
    _have_removed(session)
    return {NAME: session}


def remove_all(session: str | None = None) -> None:
    """Remove what carries the label of a session, by default this one, and nothing else.

    Raises EngineUnreachable, EngineTooOld.
    """
    remove(f"{NAME}={session or reaper.session()}")


def remove(label: str) -> None:
    """Remove what carries a label, ``key`` or ``key=value``: containers, networks, volumes, images.

    Raises EngineUnreachable, EngineTooOld.
    """
    api, chosen = engine().api, {"label": label}
    with engine_errors():
        for container in api.containers(all=True, quiet=True, filters=chosen):
            with suppress(HTTPError):  # somebody else removes it at this moment
                api.remove_container(container["Id"], force=True, v=True)
        for network in api.networks(filters=chosen):
            api.remove_network(network["Id"])
        for volume in api.volumes(filters=chosen)["Volumes"] or ():
            api.remove_volume(volume["Name"])
        for image in api.images(filters=chosen):
            named = [name for name in image["RepoTags"] or () if name != "<none>:<none>"]
            for name in named or [image["Id"]]:
                # By its name an image goes even while others are built on it. One without a name
                # goes with the last of those, which the engine sees to.
                with suppress(HTTPError):
                    api.remove_image(name, force=True)


@cache
def _have_removed(session: str) -> None:
    # -P: a learner's own json.py must not be what the guard imports.
    command = [sys.executable, "-P", "-m", "course.labels", session]
    reaper.on_death(reaper.state("labels"), command)


if __name__ == "__main__":
    remove_all(sys.argv[1])
