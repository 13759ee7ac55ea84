"""Root filesystems from distribution packages, in every form that a box starts from."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    "apt cpio disks elf forms guest imports packages rootfs",
    disks="UUID",
    forms="NAMES container_image image",
    linux="kernel",
    packages="package_image",
    unpacking="module unpacked",
)
