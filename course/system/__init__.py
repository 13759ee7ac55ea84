"""This machine: its facts, programs, processes and files, and what of ours is on it."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    "cgroups host interrupts paths processes programs reaper store",
    bars="Bar",
    schemas="ValidationError best_match validator",
)
