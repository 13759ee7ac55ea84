"""What the checks of several labs ask: what a name stands for, and whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from docker.errors import NotFound
from docker.models.containers import Container

from course.boxes import Box
from course.checks import Finding, Names, failed, not_attempted
from course.engine import NAME, engine
from course.system import reaper

START = "make it with start(...), which gives it the label."
Decorator = Callable[[Callable[..., Finding]], Callable[[Names], Finding]]


def first(*questions: Callable[[], Finding | None]) -> Finding:
    """What the first question finds that finds something; the last one always does."""
    return next(found for ask in questions if (found := ask()) is not None)


def handed(find: Callable[[Names], object]) -> Decorator:
    """Hand the judge what is found for the learner's names, unless that is a finding already."""

    def decorate(judge: Callable[..., Finding]) -> Callable[[Names], Finding]:
        @wraps(judge)
        def look(names: Names) -> Finding:
            found = find(names)
            return found if isinstance(found, Finding) else judge(found, names)

        return look

    return decorate


def of_container(name: str, again: str) -> Decorator:
    """Hand the judge the container of that name, if the course made it."""
    return handed(lambda names: container(name, again))


def of_image(name: str, again: str) -> Decorator:
    """Hand the judge the image of that name, if the course made it."""
    return handed(lambda names: _made(engine().images.get, "image", name, again))


def of_box(name: str, kind: type[Box], example: str = "") -> Decorator:
    """Hand the judge the learner's box of that name, if it is of that kind, and runs."""

    def find(names: Names) -> object:
        wrong = no_box(name, found := names[name], kind, example)
        return found if wrong is None else wrong  # not `or`: a finding that failed is false

    return handed(find)


def container(name: str, again: str) -> Container | Finding:
    """The container of that name, if the course made it. ``again``: how it is made with a label."""
    return _made(engine().containers.get, "container", name, again)


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
        "A `with` block stops its box. Once stopped, it has forgotten its snapshots: begin again.",
        f"{name}.start()",
    )


def left_behind(what: str, labels: Mapping[str, str] | None, example: str) -> Finding | None:
    """What to say of something in the engine that does not carry this session's label."""
    if (labels or {}).get(NAME) == reaper.session():
        return None
    return failed(
        f"the {what} has not got your label, and would stay behind",
        "How did the notebook make sure that nothing is left?",
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
        'Put "sha256:" before what `hexdigest()` returns.',
    )


def _made(get: Callable[[str], Any], what: str, name: str, again: str) -> Any:
    try:
        found = get(name)
    except NotFound:
        return not_attempted(f"no {what} is named {name}")
    if NAME in found.labels:
        return found
    return failed(
        f"{name} has no label {NAME!r}",
        "Did you make it just now, or is it yours from elsewhere?",
        "From elsewhere: let yours have another name. The course touches only what has its label.",
        f"Just now: {again}",
    )
