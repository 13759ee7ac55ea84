"""For those who write lessons: labs made from solutions, notebooks run, quizzes exchanged."""

from course import exports

__getattr__, __dir__, __all__ = exports(__name__, "commands labs notebooks")
