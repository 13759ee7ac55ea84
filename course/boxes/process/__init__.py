"""The baseline: a plain process, with nothing around it."""

from course import exports

__getattr__, __dir__, __all__ = exports(__name__, "streams", box="Process busybox_check")
