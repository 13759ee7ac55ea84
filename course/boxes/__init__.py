"""The boxes behind one interface: a folder for each kind, and one that is fake."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    box="Box Output",
    container="Container",
    fake="FakeBox",
    machine="Hardware VirtualMachine accelerator",
    process="Process",
    sandbox="Sandbox",
)
