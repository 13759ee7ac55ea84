"""A container by hand: the system calls that every container runtime makes, in their order.

clone, layer_root, add_devices, add_proc, enter, give_up_powers, exec: read it from top to bottom.
Sources: namespaces(7), mount(2), pivot_root(2), capabilities(7), prctl(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct

# What a new process shall have of its own; numbers from <linux/sched.h>.
NAMESPACES = {
    "mnt": 0x00020000,  # its own mounts, so its own root
    "uts": 0x04000000,  # its own host name
    "ipc": 0x08000000,  # its own shared memory and message queues
    "user": 0x10000000,  # its own users: "root" in there is somebody out here
    "pid": 0x20000000,  # its own process numbers: it is 1
    "net": 0x40000000,  # its own network: nothing but a loopback that is down
}
CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220}  # the call's number on each processor

READ_ONLY, NO_SUID, NO_DEV, NO_EXEC = 1, 2, 4, 8  # <linux/mount.h>
REMOUNT, BIND, RECURSIVE, PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
DETACH = 2

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
# Parts of /proc that belong to the whole machine: some may be read, some not even that.
PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
PROC_HIDDEN = ("kcore", "keys", "timer_list", "sched_debug")

# Root's powers over its own files, processes and ports, by number; the other thirty go.
# CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 10}
PARENT_DEATH_SIGNAL, DROP_FROM_BOUNDING_SET, NO_NEW_PRIVILEGES = 1, 24, 38  # <linux/prctl.h>

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> int:
    """A function of the C library; where it fails, an OSError that names it."""
    result = getattr(libc, name)(*arguments)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return result


def clone(*names: str) -> int:
    """Fork a child into new namespaces: 0 in the child, its number here.

    As fork does not know of it, the caller must have one thread only.
    """
    flags = sum(NAMESPACES[name] for name in names) | signal.SIGCHLD
    return call("syscall", CLONE[os.uname().machine], flags, None, None, None, None)


def become_root_of_a_user_namespace() -> None:
    """Let an ordinary user make the other namespaces: root in there, the same user out here."""
    user, group = os.geteuid(), os.getegid()
    call("unshare", NAMESPACES["user"])
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {user} 1"),
        ("gid_map", f"0 {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def is_in_user_namespace() -> bool:
    """Whether "root" is somebody else out there."""
    with open("/proc/self/uid_map") as file:
        return file.read().split() != ["0", "0", "4294967295"]


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that ends."""
    call("prctl", PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def loopback_up() -> None:
    """Switch on ``lo``. Source: netdevice(7), SIOCSIFFLAGS with IFF_UP and IFF_RUNNING."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    call("mount", source.encode(), os.fsencode(target), kind.encode(), flags, options.encode())


def layer_root(root: str, lower: str, upper: str, work: str) -> None:
    """Lay a writable folder over one that is only read, and mount the two at ``root``."""
    mount("none", "/", flags=RECURSIVE | PRIVATE)  # what we mount from here on, nobody else sees
    # Open folders, not paths: a comma in a path would end the option, and no path leaks inside.
    folders = [os.open(folder, os.O_PATH) for folder in (lower, upper, work)]
    lower, upper, work = (f"/proc/self/fd/{folder}" for folder in folders)
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    if is_in_user_namespace():
        layers += ",userxattr"  # its notes about files go where an ordinary user may write
    mount("overlay", root, "overlay", NO_SUID | NO_DEV, layers)
    for folder in folders:
        os.close(folder)


def add_devices(root: str) -> None:
    """A ``/dev`` with the six devices that hold nothing of the machine's."""
    mount("tmpfs", f"{root}/dev", "tmpfs", NO_SUID | NO_EXEC, "mode=755,size=64k")
    for name in DEVICES:
        os.close(os.open(f"{root}/dev/{name}", os.O_CREAT))
        mount(f"/dev/{name}", f"{root}/dev/{name}", flags=BIND)
    for name, target in LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")


def add_proc(root: str) -> None:
    """A ``/proc`` of this process's own namespace, without the handles on the whole machine."""
    flags = NO_SUID | NO_DEV | NO_EXEC
    mount("proc", f"{root}/proc", "proc", flags)
    for name in filter(os.path.exists, (f"{root}/proc/{name}" for name in PROC_READ_ONLY)):
        mount(name, name, flags=BIND | RECURSIVE)
        mount(name, name, flags=BIND | REMOUNT | READ_ONLY | flags)
    for name in filter(os.path.exists, (f"{root}/proc/{name}" for name in PROC_HIDDEN)):
        mount("/dev/null", name, flags=BIND)


def enter(root: str) -> None:
    """Make a mounted folder ``/`` and let go of the old one: from here there is no way back."""
    os.chdir(root)
    call("pivot_root", b".", b".")  # the old root now lies over the new one
    call("umount2", b".", DETACH)
    os.chdir("/")


def give_up_powers() -> None:
    """Keep only what root needs for its own files and processes, for good."""
    if not is_in_user_namespace():  # there it is forbidden, and means nothing
        os.setgroups([])
    for capability in range(64):
        if capability not in KEPT_CAPABILITIES:
            libc.prctl(DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)  # fails beyond the last one
    call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
