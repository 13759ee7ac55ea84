"""A learner at work: a lesson opened, what it shows and asks, and what is remembered."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    "lab",
    opened="Study open_lesson",
    overview="claims_ledger course_map course_progress machine_report",
    progress="Progress",
)
