"""The lessons in their order, and a folder for each: its quiz, checks, claims and own code."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__, "cells", recordings="replay_failures", syllabus="Lesson content_dir lesson lessons"
)
