"""What this machine lacks, told by the doctor; and how the set-up mends it."""

from course import exports

__getattr__, __dir__, __all__ = exports(__name__, "doctor provision", doctor="diagnose")
