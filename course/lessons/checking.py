"""How the checks of several labs look: at what a name stands for, and at whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps

from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.images import Image

from course.boxes import Box
from course.checks import Finding, Names, failed, not_attempted
from course.engine import NAME, engine
from course.system import reaper

Judge = Callable[..., Finding]


def first(*questions: Callable[[], Finding | None]) -> Finding:
    """What the first question finds that finds something; the last one always does."""
    return next(found for ask in questions if (found := ask()) is not None)


def handed(find: Callable[[Names], object]) -> Callable[[Judge], Callable[[Names], Finding]]:
    """Hand the judge what is found for the learner's names, unless that is a finding already."""

    def decorate(judge: Judge) -> Callable[[Names], Finding]:
        @wraps(judge)
        def look(names: Names) -> Finding:
            found = find(names)
            return found if isinstance(found, Finding) else judge(found, names)

        return look

    return decorate


def container(name: str, again: str) -> Container | Finding:
    """The container of that name, if the course made it. ``again``: how it is made with a label."""
    try:
        found = engine().containers.get(name)
    except NotFound:
        return not_attempted(f"no container is named {name}")
    return found if NAME in found.labels else _not_ours(name, again)


def image(name: str, again: str) -> Image | Finding:
    """The image of that name, if the course made it; ``again`` as above."""
    try:
        found = engine().images.get(name)
    except NotFound:
        return not_attempted(f"no image is named {name}")
    return found if NAME in found.labels else _not_ours(name, again)


def box(name: str, found: object, kind: type[Box], example: str = "") -> Box | Finding:
    """The learner's box of that name, if it is of that kind, and runs."""
    wrong = no_box(name, found, kind, example)
    return found if wrong is None else wrong  # a finding that failed is false


def no_box(name: str, found: object, kind: type[Box], example: str = "") -> Finding | None:
    """What to say where it is not a box of that kind, or does not run."""
    if not isinstance(found, kind):
        return failed(
            f"`{name}` is a {type(found).__name__}, not a {kind.__name__}",
            "The name is for the box itself, not for what it said or where it lies.",
            "`start()` hands the box back, so one line can start it and name it.",
            f"{name} = {example or f'{kind.__name__}()'}.start()",
        )
    if found.running:
        return None
    return failed(
        f"`{name}` does not run",
        "A box that is only described is a plan. What sets it going?",
        "A `with` block stops its box at the end, and a stopped box has forgotten its snapshots.",
        f"{name}.start(); or, if it ran before, the cells of this task once more",
    )


def left_behind(what: str, labels: Mapping[str, str] | None, example: str) -> Finding | None:
    """What to say of something in the engine that does not carry this session's label."""
    if (labels or {}).get(NAME) == reaper.session():
        return None
    return failed(
        f"the {what} has not got your label, and would stay behind",
        "How does the course know what is yours?",
        "A label says whose something is; what has yours goes with this notebook.",
        example,
    )


def no_algorithm(seen: str, told: object, right: str) -> Finding | None:
    """What to say of a digest that is right but for the name of its algorithm."""
    if told != right.removeprefix("sha256:"):
        return None
    return failed(
        seen,
        "How would somebody know which function computed it?",
        "A digest says its algorithm first, and then a colon.",
        '"sha256:" + sha256(…).hexdigest()',
    )


def _not_ours(name: str, again: str) -> Finding:
    return failed(
        f"{name} has no label {NAME!r}",
        "Did you make it just now, or is it yours from elsewhere?",
        "From elsewhere: rename it. The course touches only what carries its label.",
        f"Just now: {again}",
    )
