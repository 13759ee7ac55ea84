"""How the lab's checks look at a learner's box, archive or function; None where all is well."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

from course.boxes import Box, FakeBox, Output
from course.checks import Finding, failed, not_attempted
from . import parts
from .hints import HINTS

SIGN = "open since 1998"
NEWEST = 3  # tokens of one box that no other may have


def hints(seen: str, /, **words: object) -> tuple[str, ...]:
    """The three hints for what was observed."""
    return tuple(hint.format(**words) if words else hint for hint in HINTS[seen])


def not_wrecked(name: str, answer: object) -> Finding | None:
    """Whether the answer can only come from a box that has lost its files."""
    if not isinstance(answer, Output):
        return failed(
            f"`{name}` is {answer!r:.60}, and not what `exec` returned", *hints("not wrecked")
        )
    if answer.exit_code == 0 and answer.stdout.strip():
        return failed(
            f"in `{name}`, the box still lists {answer.stdout.split()}", *hints("not wrecked")
        )
    return None


def not_back(name: str, box: Box) -> Finding | None:
    """Whether the box works, and has its sign."""
    said = box.exec("cat /sign").stdout.strip()
    if said == SIGN:
        return None
    return failed(f"`{name}`: /sign says {said[:60]!r}", *hints("not back"))


def tokens(box: Box) -> list[int]:
    """All tokens that were written in a box."""
    return [int(word) for word in box.exec("cat /tokens").stdout.split()]


def broken_off(found: list[int]) -> bool:
    """Whether a token does not follow from the one before it, as parts.GENERATE has it."""
    return any((one * 1103515245 + 12345) % 2**32 != two for one, two in pairwise(found))


def no_replica(name: str, box: Box) -> Finding | None:
    """Whether it is a clone of the service, with a program that writes."""
    if box.exec("cat /sign").stdout.strip() != SIGN:
        return failed(f"{name} has no /sign: it is no clone of `service`", *hints("no clone"))
    if parts.grows(box, "/tokens"):
        return None
    return failed(f"in {name} nobody writes tokens", *hints("silent"))


def alike(boxes: dict[str, Box]) -> Finding | None:
    """Whether two of them write the same tokens, be it one after the other."""
    found = {name: tokens(box) for name, box in boxes.items()}
    for one, two in combinations(found, 2):
        common = set(found[one][-NEWEST:]) & set(found[two])
        common |= set(found[two][-NEWEST:]) & set(found[one])
        if common:
            return failed(f"{one} and {two} both wrote token {min(common)}", *hints("alike"))
    return None


def signs(archive: tarfile.TarFile) -> Iterator[str]:
    """What /sign says in each layer of a saved image that has it."""
    images = json.load(archive.extractfile("manifest.json"))
    for name in (layer for image in images for layer in image["Layers"]):
        with tarfile.open(fileobj=io.BytesIO(archive.extractfile(name).read())) as layer:
            if "sign" in layer.getnames():
                yield layer.extractfile("sign").read().decode().strip()


def adds(box: FakeBox) -> bool:
    """A test that passes where nobody ran it before."""
    fresh = "alice" not in box.state
    box.state["alice"] = True
    return fresh


def adds_and_raises(box: FakeBox) -> bool:
    """The same, but it ends with an error."""
    adds(box)
    raise AssertionError("the test failed")


def tried(clean: Callable) -> Finding | None:
    """Whether the function runs a test twice as if it had never been run."""
    runs: list[FakeBox] = []
    with FakeBox() as box:
        for _ in range(2):
            try:
                answer = clean(lambda given: runs.append(given) or adds(given), box)
            except Exception as error:
                return failed(
                    f"with a test that passes once, it raised {error!r}", *hints("raised")
                )
            if answer is None and not runs:
                return not_attempted("`clean` returns nothing yet")
            if box.state:
                return failed(f"the test left {', '.join(box.state)} in the box", *hints("dirty"))
            if answer is not True:
                return failed(
                    f"the test said True, and `clean` says {answer!r}", *hints("lost answer")
                )
    return None


def tried_with_an_error(clean: Callable) -> Finding | None:
    """Whether it leaves the box clean where the test raises, and lets the error through."""
    with FakeBox() as box:
        try:
            answer = clean(adds_and_raises, box)
        except AssertionError:
            left = "the test raised, and left alice in the box"
            return failed(left, *hints("dirty after an error")) if box.state else None
        except Exception as error:
            return failed(f"with a test that raises, it raised {error!r}", *hints("raised"))
    return failed(f"the test raised, and `clean` says {answer!r}", *hints("lost answer"))
