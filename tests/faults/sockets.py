"""Which TCP sockets wait for others than this machine, asked of the kernel by netlink.

Reading ``/proc/net/tcp`` tells the same and walks through a table of all that the machine could
have: a hundred times as much work as this, and it is asked ten times a second.
Source: sock_diag(7), netlink(7), and the kernel's ``linux/inet_diag.h``.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator

SOCK_DIAG = 4  # the netlink family
BY_FAMILY, DUMP, ERROR, DONE = 20, 0x301, 2, 3  # kinds of messages; 0x301: a request for all
LISTEN = 1 << 10  # of the states of a socket, TCP_LISTEN as a bit
HEAD = struct.Struct("=IHHII")  # struct nlmsghdr
WANTED = struct.Struct("=BBBBI48x")  # struct inet_diag_req_v2
SIZES = {socket.AF_INET: 4, socket.AF_INET6: 16}  # bytes of an address
ADDRESS, INODE = HEAD.size + 8, HEAD.size + 68  # where they begin, in struct inet_diag_msg


def open_to_others() -> dict[int, str]:
    """The sockets of this machine that others can reach: address and port, by inode."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        found = [each for family in SIZES for each in _listening(kernel, family)]
    return {inode: place for inode, place, address in found if is_open(address)}


def is_open(address: bytes) -> bool:
    """Whether who listens there can be reached from another machine."""
    read = ipaddress.ip_address(address)
    return not (getattr(read, "ipv4_mapped", None) or read).is_loopback


def _listening(kernel: socket.socket, family: int) -> Iterator[tuple[int, str, bytes]]:
    """Inode, address and port in words, and the address of each. Raises OSError."""
    size = HEAD.size + WANTED.size
    wanted = WANTED.pack(family, socket.IPPROTO_TCP, 0, 0, LISTEN)
    kernel.send(HEAD.pack(size, BY_FAMILY, DUMP, 0, 0) + wanted)
    while True:
        answer = kernel.recv(1 << 16)
        while answer:
            length, kind, *_ = HEAD.unpack_from(answer)
            if kind == ERROR:
                raise OSError(-struct.unpack_from("=i", answer, HEAD.size)[0], "sock_diag")
            if kind == DONE:
                return
            address = answer[ADDRESS : ADDRESS + SIZES[family]]
            (port,) = struct.unpack_from("!H", answer, HEAD.size + 4)
            (inode,) = struct.unpack_from("=I", answer, INODE)
            yield inode, f"{ipaddress.ip_address(address)} port {port}", address
            answer = answer[length + 3 & ~3 :]
