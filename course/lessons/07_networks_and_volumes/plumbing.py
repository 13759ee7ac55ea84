"""The bridge, the cables and the addresses of a network, found in the live system and drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docker.models.networks import Network
from matplotlib.axes import Axes

from course.engine import engine, label
from course.images import container_image
from course.measuring import COLOURS, GREY, INK, Figure, paper, styled, tint

# A line of `ip -o link`: 9: veth1c2d@if8: <…> mtu 1500 qdisc noqueue master br-7c0f state UP …
LINK = re.compile(r"^(?P<index>\d+): (?P<name>[\w.-]+)(?:@\S+)?: .* master (?P<bridge>\S+) ", re.M)


@dataclass(frozen=True)
class Cable:
    """A veth pair: one end is ``eth0`` in a container, the other is a port of the bridge.

    ``name`` is the one that other containers find it by; ``published`` the address on the
    engine's machine that leads to it, if any.
    """

    name: str
    address: str
    port: str
    published: str = ""


def bridge_of(network: Network) -> str:
    """The name of the bridge on the engine's machine. Docker calls it so unless told otherwise."""
    options = network.attrs.get("Options") or {}
    return options.get("com.docker.network.bridge.name", f"br-{network.id[:12]}")


def cables(network: Network) -> list[Cable]:
    """What is plugged into the bridge of a network, by address."""
    ends, network_id = _ends(bridge_of(network)), network.id
    found = []
    for container in engine().containers.list(filters={"network": network_id}):
        settings = container.attrs["NetworkSettings"]
        place = next(n for n in settings["Networks"].values() if n["NetworkID"] == network_id)
        name = next(iter(place["Aliases"] or []), container.name)
        peer = container.exec_run(["cat", "/sys/class/net/eth0/iflink"]).output.decode().strip()
        found.append(Cable(name, place["IPAddress"], ends[peer], _published(settings["Ports"])))
    return sorted(found, key=lambda cable: [int(part) for part in cable.address.split(".")])


@styled
def draw(network: Network) -> Figure:
    """A picture of the network as it is now: the containers below, what is published above."""
    network.reload()
    plugged, settings = cables(network), network.attrs["IPAM"]["Config"][0]
    bridge = f"{bridge_of(network)}   {settings.get('Gateway', '')}   {settings['Subnet']}"
    title = "A bridge, and what is plugged into it"
    canvas, axes = paper(5, title, "Found with ip link on the engine's machine, a moment ago.")
    axes.set_axis_off()
    axes.set_xlim(-0.5, len(plugged) - 0.5)
    shade = COLOURS["sandbox"]
    axes.barh(1.5, len(plugged) - 0.2, left=-0.4, color=tint(shade, 0.75), edgecolor=shade)
    axes.text((len(plugged) - 1) / 2, 1.5, bridge, ha="center", va="center")
    for place, cable in enumerate(plugged):
        axes.plot([place, place], [1.9, 3.5], color=GREY, zorder=0)
        _box(axes, place, 2.5, cable.port, GREY)
        _box(axes, place, 3.8, f"{cable.name}\neth0\n{cable.address}", COLOURS["container"])
        if cable.published:
            axes.plot([place, place], [0.2, 1.1], color=GREY, zorder=0, linestyle="dotted")
            _box(axes, place, 0.1, cable.published, COLOURS["resumed"])
    return Figure(canvas, _told(bridge, plugged))


def _box(axes: Axes, x: float, y: float, text: str, shade: str) -> None:
    look = {"boxstyle": "round,pad=0.4", "facecolor": tint(shade, 0.75), "edgecolor": shade}
    axes.text(x, y, text, ha="center", va="center", size=9, color=INK, bbox=look)


def _told(bridge: str, plugged: list[Cable]) -> str:
    ends = "; ".join(
        f"{cable.port} to eth0 of {cable.name}, {cable.address}"
        + (f", published at {cable.published}" if cable.published else "")
        for cable in plugged
    )
    return f"The bridge {bridge.strip()} with these cables: {ends}."


def _ends(bridge: str) -> dict[str, str]:
    """The ports of a bridge by their number among the interfaces of the engine's machine.

    Asked from a container in that machine's own network: with Docker Desktop it is not ours.
    """
    image, ours = container_image("tiny"), {"labels": label(), "network_mode": "host"}
    links = engine().containers.run(image, ["ip", "-o", "link"], remove=True, **ours).decode()
    found = [link for link in LINK.finditer(links) if link["bridge"] == bridge]
    return {link["index"]: link["name"] for link in found}


def _published(ports: dict[str, list[dict[str, str]] | None]) -> str:
    doors = [door for found in ports.values() for door in found or []]
    return ", ".join(f"{door['HostIp']}:{door['HostPort']}" for door in doors)
