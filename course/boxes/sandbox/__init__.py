"""A container by hand: a process behind walls of namespaces, by system calls alone."""

from course import exports

__getattr__, __dir__, __all__ = exports(__name__, box="Sandbox")
