"""What the engine says when it refuses, and which of the course's errors that is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import APIError
from docker.utils.socket import SocketError

from course.boxes.box import RESTART
from course.engine import engine_errors
from course.errors import (
    BoxError,
    CourseError,
    DiskFull,
    EngineError,
    EngineUnreachable,
    ImageMissing,
    NameTaken,
    NotRunning,
    ResourceError,
    StartFailed,
)

# Its words; then the error, what was expected and what mends it.
SAYINGS: tuple[tuple[str, type[CourseError], str, str], ...] = (
    ("no such image", ImageMissing, "an image that the engine has", "docker images"),
    ("name .* already in use", NameTaken, "a container name that is free", "another name="),
    ("port is already alloc|address already in", NameTaken, "a port that is free", "another port"),
    ("memory limit|oom-killed|limit too low", BoxError, "memory for a process", 'memory="16M"'),
    ("range of cpus", ResourceError, "processors that the machine has", "a smaller cpus="),
    ("no space left", DiskFull, "room where the engine keeps its data", "docker system df"),
    ("executable file not found", StartFailed, "an image with sh and sleep", "another image"),
    ("no such (container|exec)|not running", NotRunning, "a running container", RESTART),
)


@contextmanager
def course_errors() -> Iterator[None]:
    """Inside, whatever the engine refuses, and its absence, is one of the course's errors."""
    try:
        with engine_errors():
            yield
    except APIError as error:
        raise _understood(error.explanation or str(error)) from error
    except (ConnectionError, SocketError) as error:
        raise EngineUnreachable("an engine that stays", str(error), "course doctor") from error


def _understood(said: str) -> CourseError:
    for words, error, expected, mend in SAYINGS:
        if re.search(words, said, re.IGNORECASE):
            return error(expected, said, mend)
    return EngineError("the engine to do it", said, "course doctor")
