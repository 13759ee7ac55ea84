"""An engine that is reached over TCP, and sends a command's output together with the head."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from contextlib import suppress
from typing import Any

SOCKET = "/var/run/docker.sock"
STREAM = b"application/vnd.docker.raw-stream"  # in the head of what a command's output follows
GATHER = 0.5  # seconds in which that is held back


class Forwarder(socketserver.ThreadingTCPServer):
    """``with Forwarder() as engine: os.environ["DOCKER_HOST"] = engine.address``."""

    daemon_threads = True

    def __init__(self) -> None:
        self.open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), Connection)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Forwarder:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()

    def die(self) -> None:
        """Be gone, in the middle of what it passes on."""
        self.__exit__()
        for one in self.open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(SOCKET)
            self.server.open += [engine, self.request]
            back = threading.Thread(target=pass_on, args=(engine, self.request))
            back.start()
            pass_on(self.request, engine)
            back.join()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Everything from one to the other, to its end."""
    with suppress(OSError):
        while seen := source.recv(2**10, socket.MSG_PEEK):
            if STREAM in seen:
                time.sleep(GATHER)
            target.sendall(source.recv(2**20))
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
