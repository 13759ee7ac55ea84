"""Listen in on what a program asks of the engine: a socket that passes everything on."""

from __future__ import annotations

import re
import socket
import threading
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer

from course.system import reaper

REQUEST = re.compile(rb"^(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.1\r$", re.MULTILINE)
CHUNK = 65536  # bytes


class Wiretap:
    """A second socket in front of the engine's; whoever uses it notices nothing.

        with Wiretap("/var/run/docker.sock") as tap:
            subprocess.run(command, env=os.environ | {"DOCKER_HOST": tap.address})
        print(tap.requests)

    ``requests``: method and path of each request, in order; container ids read ``<id>``.
    """

    def __init__(self, engine_socket: str) -> None:
        self._engine_socket = engine_socket
        self._heard: list[tuple[bytes, bytes]] = []

    def __enter__(self) -> Wiretap:
        self._folder = reaper.state("socket")
        path = self._folder / "docker.sock"
        self.address = f"unix://{path}"
        self._server = _Server(str(path), _Relay)
        self._server.engine_socket, self._server.heard = self._engine_socket, self._heard
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        reaper.remove(self._folder)

    @property
    def requests(self) -> list[str]:
        return [
            re.sub("[0-9a-f]{64}", "<id>", f"{method.decode()} {path.decode()}")
            for method, path in self._heard
        ]


class _Server(ThreadingUnixStreamServer):
    daemon_threads = True  # a client that keeps its connection open does not keep us
    engine_socket: str
    heard: list[tuple[bytes, bytes]]


class _Relay(BaseRequestHandler):
    """One connection: requests noted and passed on, answers passed back."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.server.engine_socket)
            answers = threading.Thread(target=self._pass_on, args=(engine, self.request))
            answers.start()
            self._pass_on(self.request, engine, self.server.heard)
            answers.join()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket, heard: list | None = None) -> None:
        try:
            while data := source.recv(CHUNK):
                if heard is not None:
                    heard += REQUEST.findall(data)
                target.sendall(data)
            # Only this direction ends: the engine may still answer, as after `docker attach`.
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return  # one of the two hung up
