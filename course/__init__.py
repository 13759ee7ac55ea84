"""Two Boxes: container or virtual machine? Answered by experiment.

The names a learner types; each is loaded when it is first used, so ``import course`` is fast
and works without Docker, without QEMU and without pandas.
"""

from __future__ import annotations

from importlib import import_module

_HOME = {
    "Process": "course.boxes.process",
    "Sandbox": "course.boxes.sandbox",
    "Container": "course.boxes.container",
    "VirtualMachine": "course.boxes.machine",
    "FakeBox": "course.boxes.fake",
    "measure": "course.results",
    "open_lesson": "course.study",
    "course_map": "course.overview",
    "machine_report": "course.overview",
    "claims_ledger": "course.overview",
}

__all__ = sorted(_HOME)  # noqa: PLE0605 (a list of the names above, so that no name is written twice)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'course' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
