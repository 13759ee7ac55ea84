"""A container of the engine, through the docker SDK."""

from course import exports

__getattr__, __dir__, __all__ = exports(__name__, box="Container")
