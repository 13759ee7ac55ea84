"""What a network holds, and what its databases know, asked without changing anything."""

from __future__ import annotations

import re
import time

import requests

from course.engine import engine

PATIENCE = 10.0  # seconds for one answer
MOMENT = 3.0  # seconds for a Redis to start


def members(network: object, name: str) -> list[dict]:
    """The containers of a network, ended ones too, that its DNS knows by this name."""
    api, number = engine().api, getattr(network, "id", str(network))
    listed = api.containers(all=True, filters={"network": number})
    return [found for one in listed if name in _names(found := api.inspect_container(one["Id"]))]


def running(network: object, name: str) -> dict | None:
    """The first such container that runs."""
    return next((one for one in members(network, name) if one["State"]["Running"]), None)


def published(container: dict) -> set[str]:
    """The addresses of the engine's machine at which a container can be visited."""
    doors = container["NetworkSettings"]["Ports"].values()
    return {door["HostIp"] for found in doors for door in found or []}


def redis(container: dict, *words: str) -> str:
    """What a Redis answers to a command."""
    return output(container, "redis-cli", *words)


def is_redis(container: dict) -> bool:
    """Whether a Redis in it answers; one that was started just now is given a moment."""
    deadline = time.monotonic() + MOMENT
    while redis(container, "PING") != "PONG":
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def figure(text: str, pattern: str) -> int:
    """The number that a pattern finds in a text; 0 where there is none."""
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def output(container: dict, *command: str) -> str:
    """What a command says inside of a container."""
    api = engine().api
    return api.exec_start(api.exec_create(container["Id"], list(command))["Id"]).decode().strip()


def status(url: object) -> int | None:
    """The status of a visit that is not counted; None where nobody answers."""
    try:
        # The service knows GET only. A HEAD goes all the way to it, and it counts nothing.
        return requests.head(str(url), timeout=PATIENCE).status_code
    except requests.RequestException:
        return None


def last_words(container: dict) -> str:
    """The end of a container's log."""
    return engine().api.logs(container["Id"], tail=1).decode().strip()


def _names(container: dict) -> set[str]:
    places = container["NetworkSettings"]["Networks"].values()
    aliases = {alias for place in places for alias in place["Aliases"] or []}
    return aliases | {container["Name"].removeprefix("/")}
