"""The experiment behind this lesson's claims: how much of its host each box reaches."""

from __future__ import annotations

import pandas as pd

from course.measuring import results
from . import probes


def reach() -> pd.DataFrame:
    """Run the probes in every box and count; about 12 seconds."""
    return counted(probes.who_sees_what(probes.boxes()))


def counted(seen: pd.DataFrame) -> pd.DataFrame:
    """A row a box: columns arm (kind of box), box, reached (probes that found the host's), kernel.

    ``kernel`` is 1 where the host's kernel answered. Takes what ``who_sees_what`` returns.
    """
    hosts = seen == "the host's"
    rows = [
        {
            "arm": box if box in ("process", "sandbox", "vm") else "container",
            "box": box,
            "reached": int(hosts[box].sum()),
            "kernel": int(hosts.loc["kernel", box]),
        }
        for box in seen
    ]
    return results.table(rows)
