"""Whether a learner's function finds the engine's socket among a container's mounts."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from course.checks import Finding, failed, not_attempted, passed

SOCKET = "/var/run/docker.sock"
# What is mounted, nothing in the last, and whether the socket is within reach through it.
MOUNTS = {SOCKET: True, "/srv": False, "/var/run": True}
MOUNTS |= {f"{SOCKET}.old": False, "/var/r": False, "": False}  # alike, as text only


def judged(asked: Callable[[object], object]) -> Finding:
    """Ask it about every kind of mount."""
    for source, right in MOUNTS.items():
        attrs = {"Mounts": [{"Source": source, "RW": False}] if source else []}
        try:
            answer = asked(SimpleNamespace(attrs=attrs))
        except Exception as error:
            return failed(
                f"with a mount of {source} it raised {error!r}",
                "Call it yourself with `subject`, and read the traceback from the bottom.",
                "container.attrs['Mounts'] is a list, perhaps an empty one, of dicts.",
                "any(... for mount in container.attrs['Mounts'])",
            )
        if answer is None:
            return not_attempted("`holds_the_key` returns nothing yet")
        if bool(answer) != right:
            return _wrong_key(source, bool(answer))
    return passed(f"right for {len(MOUNTS)} containers, with the socket or a folder around it")


def _wrong_key(source: str, answer: bool) -> Finding:
    if answer:
        return failed(
            f"with {f'a mount of {source}' if source else 'no mount'} it says True",
            "That container cannot reach the socket.",
            "Compare whole parts of the path, not how its text begins.",
            "Path(SOCKET).is_relative_to(mount['Source'])",
        )
    return failed(
        f"with a mount of {source} it says False",
        "That container can speak to the engine. How?",
        "A mounted folder brings all that is in it. And `ro` does not matter.",
        "Path(SOCKET).is_relative_to(mount['Source'])",
    )
