"""What the answers to many visitors tell of the replicas that gave them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from requests import Response

from course.checks import Finding, failed, passed

AFTERWARDS = 12  # visits in a row that a replica of three misses only when it is dead


def counters(pages: Iterable[object]) -> list[str]:
    """Which replica counted each visit, in the order in which they were counted."""
    found = (re.search(r"visit (\d+) counted by (\w+)", str(page)) for page in pages)
    return [one[2] for one in sorted(filter(None, found), key=lambda one: int(one[1]))]


def judged(answers: list[Response], dead: set[str]) -> Finding:
    """Whether all went well, and one of the dead counted some of the visitors and none of the last.

    ``dead``: the names under which the replicas counted that have been killed by now.
    """
    wrong = {one.status_code for one in answers} - {200}
    if wrong:
        return failed(
            f"not every visit was answered with 200, some with {', '.join(map(str, wrong))}",
            "Did all replicas listen before the visitors came?",
            "Unless told otherwise, nginx asks another replica when one does not answer.",
            "Use `CONF` as it is, reload nginx, visit a few times, and only then begin.",
        )
    counted = counters(one.text for one in answers)
    if not dead.intersection(counted):
        return failed(
            "the replica that was killed counted none of these visitors",
            "When did it die: before the visitors came, or while they did?",
            "It has to answer first. Wait for one of the first visits, and then kill it.",
            "coming[75].result(), and then replicas[0].kill()",
        )
    if dead.intersection(counted) == dead.intersection(counted[-AFTERWARDS:]):
        return failed(
            "the replica that was killed counted visitors to the end",
            "Who was still to come when it died?",
            "Leaving the `with` of a pool waits for everybody. Kill it inside, and early.",
            "with ThreadPoolExecutor(4) as pool: …; coming[75].result(); replicas[0].kill()",
        )
    return passed(f"{len(counted)} visits, one replica killed, and every answer was 200")
