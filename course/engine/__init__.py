"""The container engine: its one client, its daemon, and the labels of what is ours in it."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__, "daemon labels", client="answers engine engine_errors", labels="NAME label remove_all"
)
