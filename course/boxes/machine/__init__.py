"""A virtual machine: QEMU, what it is told, and the agent that answers inside."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__, "accelerator", box="VirtualMachine", plan="Hardware"
)
