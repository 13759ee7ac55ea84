"""One set of small questions, asked again after each wall: what does it still find outside?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from course.measuring import results
from . import workshop

LEVELS = ["nothing", "its own", "as outside"]  # from least to most
BETWEEN = "---- next probe ----"
TWENTY = "for i in $(seq 20); do sleep 0.1 & done"
PROBES = {
    "host name": "hostname",
    "network": "readlink /proc/self/ns/net",
    "process 1": "cut -d ' ' -f 22 /proc/1/stat",  # when it started, in ticks after boot
    "files": "ls /",
    "powers": "grep CapEff /proc/self/status",
    "20 more processes": f"({TWENTY}) 2>&1 | grep -o fork || echo free",
}


def look(*steps: object) -> dict[str, str]:
    """What each probe prints behind these walls, by its name."""
    asked = f"\necho '{BETWEEN}'\n".join(f"( {probe} ) 2>/dev/null" for probe in PROBES.values())
    said = workshop.run(asked, *steps).stdout.split(f"{BETWEEN}\n")
    return dict(zip(PROBES, (text.strip() for text in said), strict=True))


def grow(walls: Mapping[str, Sequence[object]]) -> pd.DataFrame:
    """The table of levels: a row a probe, a column a list of walls, the first being outside."""
    seen = {name: look(*steps) for name, steps in walls.items()}
    outside = next(iter(seen.values()))
    rows = [
        {name: _level(found[probe], outside[probe]) for name, found in seen.items()}
        for probe in PROBES
    ]
    return results.table(rows).set_axis(list(PROBES))


def _level(found: str, outside: str) -> str:
    if not found:
        return "nothing"
    return "as outside" if found == outside else "its own"
