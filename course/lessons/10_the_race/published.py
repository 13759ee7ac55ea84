"""Published numbers, with their sources and set-ups, and how to measure the same here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from course.measuring import Estimate, number, results, seconds, stats
from .experiments import NETWORK, share

FELTER = "Felter and others 2014, Fig. 3"
LIGHTVM = "LightVM 2017, abstract"
FIRECRACKER = "Firecracker, SPECIFICATION.md"
SLACKER = "Slacker 2016, abstract"


@dataclass(frozen=True)
class Published:
    """A number that somebody published; ``ours`` names the same quantity in our own tables."""

    what: str
    source: str
    value: float
    ours: Callable[[dict[str, pd.DataFrame]], Estimate]
    show: Callable[[float], str] = lambda value: f"{number(value)} ×"


def _round_trip(arm: str) -> Callable[[dict[str, pd.DataFrame]], Estimate]:
    def ratio(found: dict[str, pd.DataFrame]) -> Estimate:
        inside = found["speed"]
        return stats.ratio(inside[inside["work"] == NETWORK[0]], arm, "process")

    return ratio


def _booted(baseline: str) -> Callable[[dict[str, pd.DataFrame]], Estimate]:
    return lambda found: stats.ratio(found["race"], "vm booted", baseline)


def _first_process(found: dict[str, pd.DataFrame]) -> Estimate:
    race = found["race"]
    return stats.median(race.loc[race["arm"] == "vm booted", results.PHASE + "init started"])


def _image(found: dict[str, pd.DataFrame]) -> Estimate:
    return stats.median(share(found["delivery"])["share"])


PUBLISHED = (
    Published("round trip, container ÷ process", FELTER, 2.0, _round_trip("container")),
    Published("round trip, VM ÷ process", FELTER, 1.8, _round_trip("vm booted")),
    Published("boot of a VM ÷ Docker", LIGHTVM, 0.01, _booted("docker run")),
    Published("boot of a VM ÷ fork and exec", LIGHTVM, 2.3, _booted("process")),
    Published("until a VM's first process", FIRECRACKER, 0.125, _first_process, seconds),
    Published("the image's share of a start", SLACKER, 0.76, _image, "{:.0%}".format),
)


def replicate(**found: pd.DataFrame) -> pd.DataFrame:
    """Each published number beside ours: from the tables ``race``, ``speed`` and ``delivery``."""
    rows = []
    for one in PUBLISHED:
        ours = one.ours(found)
        said = f"{one.show(one.value)} there, {one.show(ours.value)} here"
        row = {"what": one.what, "source": one.source, "published": one.value, "said": said}
        rows.append(row | {"ours": ours.value, "low": ours.low, "high": ours.high})
    return results.table(rows)
