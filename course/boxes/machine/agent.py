"""The host's end of the talk with the agent in a guest; the other is ``images/guest_agent.sh``."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from socket import socket

from course.boxes.box import Output
from course.boxes.wishes import command_timeout
from course.errors import NeverAnswered

PATIENCE = 30.0  # seconds for the guest to kill a command, were its processor ever so slow
AGAIN = 1.0  # seconds after which it is asked again, then twice as long, and so on


class Agent:
    """Runs commands in a guest, one at a time. Every method raises EOFError when QEMU ends."""

    def __init__(self, commands: socket, kills: socket) -> None:
        self._commands, self._kills = commands, kills
        self._came = bytearray()
        self._owed = 0  # answers that the guest has not given yet
        self._lock = threading.Lock()

    def wait_until_ready(self, deadline: float) -> list[float]:
        """What the agent says first: seconds since the kernel's start, now and at its init's.

        The second is missing where init is not ours. Raises TimeoutError.
        """
        end = self._line(deadline)
        words = self._came[:end].split()
        del self._came[: end + 1]
        return [float(word) for word in words[1:]]

    def exec(self, command: str, timeout: float) -> Output:
        """Run a command. Raises CommandTimeout: it was killed, and the guest can be used."""
        with self._lock:
            if self._owed:
                self._kill()
            began = time.perf_counter()
            try:
                code, stdout, stderr = self._ask(command, timeout)
            except TimeoutError:
                self._kill()
                raise command_timeout(command, timeout) from None
            except KeyboardInterrupt:
                self._kill()
                raise
            seconds = time.perf_counter() - began
        return Output(code, *(text.decode(errors="replace") for text in (stdout, stderr)), seconds)

    def forget(self) -> None:
        """Expect no answer any more: the guest was put back to a state before the question.

        What it said meanwhile is read and thrown away: one that lost its files may answer twice.
        """
        self._owed = 0
        self._commands.setblocking(False)
        with suppress(BlockingIOError, ConnectionResetError):
            while self._commands.recv(2**20):
                pass
        self._came.clear()

    def close(self) -> None:
        """End the connections."""
        self._commands.close()
        self._kills.close()

    def _ask(self, command: str, timeout: float) -> tuple[int, bytes, bytes]:
        deadline, text = time.monotonic() + timeout, command.encode()
        self._commands.settimeout(timeout)
        self._owed += 1
        try:
            self._commands.sendall(b"\0%d\0%b\0" % (len(text), text))
        except ConnectionError as error:
            raise EOFError from error
        return self._answer(deadline)

    def _answer(self, deadline: float) -> tuple[int, bytes, bytes]:
        """The next answer, taken whole or not at all: interrupted, it can be read again."""
        begin = self._line(deadline) + 1
        code, out, err = map(int, self._came[:begin].split())
        while len(self._came) < begin + out + err:
            self._receive(deadline)
        stdout = bytes(self._came[begin : begin + out])
        stderr = bytes(self._came[begin + out : begin + out + err])
        del self._came[: begin + out + err]
        self._owed -= 1
        return code, stdout, stderr

    def _kill(self) -> None:
        """Have the command killed; again, where a busy guest took it up only after that."""
        deadline, wait = time.monotonic() + PATIENCE, AGAIN
        self._kills.settimeout(PATIENCE)
        while True:
            try:
                self._kills.sendall(b"\0")
                if not self._kills.recv(1):
                    raise EOFError
                return self._catch_up(wait)
            except ConnectionError as error:
                raise EOFError from error
            except TimeoutError:
                if time.monotonic() > deadline:
                    found = f"it did not within {PATIENCE:g} s"
                    mend = "box.stop()"
                    raise NeverAnswered("the guest to kill a command", found, mend) from None
                wait *= 2

    def _catch_up(self, patience: float) -> None:
        """Read on until the answer to a question that only we can have asked now."""
        token = secrets.token_hex(8)
        deadline = time.monotonic() + patience
        found = self._ask(f"printf {token}", patience)
        while found[1] != token.encode():
            found = self._answer(deadline)
        self._owed = 0

    def _line(self, deadline: float) -> int:
        """Where the first line ends, once it is there."""
        while (end := self._came.find(b"\n")) < 0:
            self._receive(deadline)
        return end

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._commands.settimeout(left)
        data = b""
        with suppress(ConnectionResetError):
            data = self._commands.recv(2**20)
        if not data:
            raise EOFError
        self._came += data
