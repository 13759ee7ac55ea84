"""Everything that can go wrong and that the course could foresee.

CourseError
├── EngineError            the container engine refused or failed
│   ├── EngineUnreachable    no engine answers
│   │   └── EngineForbidden    one runs, and this user may not speak to it
│   ├── EngineTooOld         an engine answers, and speaks too old an API
│   └── NameTaken            a name or port is somebody else's
├── ImageError             an image cannot be used
│   ├── ImageMissing         it is not there
│   ├── ImageDamaged         it is there, and its bytes are not what was built
│   └── BuildFailed          it could not be made
├── BoxError               a box did not do what was asked
│   ├── StartFailed          it ended before it answered
│   ├── NeverAnswered        it runs, and did not answer before its deadline
│   ├── NotRunning           it has to be running for this
│   ├── CommandTimeout       the command inside did not end in time
│   └── SnapshotMissing      no snapshot has that name
├── ResourceError          the machine has less than was asked for
│   ├── NotEnoughMemory
│   ├── DiskFull
│   └── FolderClosed     the course's own folder is not for this user to write to
├── ToolMissing            a program that is needed is not installed
├── DataError              a file of data is not what it should be
│   ├── QuizError            a quiz file breaks the schema
│   ├── ResultsError         a results file cannot be read or mixed
│   └── ProgressError        the record of progress cannot be used
└── LessonError            no such lesson, task or claim
    └── PartMissing          an opened lesson has nothing of that name
"""

from __future__ import annotations

import difflib


class CourseError(Exception):
    """What was expected, what was found, and the command or step that mends it."""

    def __init__(self, expected: str, found: str = "", mend: str = "") -> None:
        self.expected, self.found, self.mend = expected, found, mend
        super().__init__(expected, found, mend)

    def __str__(self) -> str:
        lines = [f"Expected {self.expected}"]
        if self.found:
            lines.append(f"Found    {self.found}")
        if self.mend:
            lines.append(f"Try      {self.mend}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback: the sentence that helps."""
        return [f"{type(self).__name__}", *str(self).splitlines()]


class EngineError(CourseError):
    """The container engine refused or failed."""


class EngineUnreachable(EngineError):
    """No container engine answers."""


class EngineForbidden(EngineUnreachable):
    """An engine runs, and this user may not speak to it."""


class EngineTooOld(EngineError):
    """The engine speaks an API older than the course needs."""


class NameTaken(EngineError):
    """A name or a port belongs to something the course did not make."""


class ImageError(CourseError):
    """An image cannot be used."""


class ImageMissing(ImageError):
    """The image has not been built."""


class ImageDamaged(ImageError):
    """The image's bytes are not those that were built."""


class BuildFailed(ImageError):
    """An image could not be made."""


class BoxError(CourseError):
    """A box did not do what was asked."""


class StartFailed(BoxError):
    """The box ended before it answered."""


class NeverAnswered(BoxError):
    """The box runs but did not answer before its deadline."""


class NotRunning(BoxError):
    """The box has to be running for this."""


class CommandTimeout(BoxError):
    """The command inside the box did not end in time."""


class SnapshotMissing(BoxError):
    """The box has no snapshot of that name."""


class ResourceError(CourseError):
    """The machine has less than was asked for."""


class NotEnoughMemory(ResourceError):
    """Less memory is free than the box was to have."""


class DiskFull(ResourceError):
    """Less disk is free than the work needs."""


class FolderClosed(ResourceError):
    """A folder that the course needs cannot be made or written to."""


class ToolMissing(CourseError):
    """A program that is needed is not installed."""


class DataError(CourseError):
    """A file of data is not what it should be."""


class QuizError(DataError):
    """A quiz file breaks the schema."""


class ResultsError(DataError):
    """A results file cannot be read, or must not be mixed with another."""


class ProgressError(DataError):
    """The record of progress cannot be used."""


class LessonError(CourseError):
    """There is no such lesson, task or claim."""


class PartMissing(LessonError, AttributeError):
    """A lesson that is open has no method and no file of that name."""


def unknown(
    expected: str, name: str, names: list[str], error: type[LessonError] = LessonError
) -> LessonError:
    """The error for a name that is none of ``names``: it says which are near, or all."""
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.4) or names
    return error(expected, repr(name), " or ".join(near))
