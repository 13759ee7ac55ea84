"""QEMU's monitor: commands and events as JSON over a socket (QMP), spoken by qemu.qmp.

qemu.qmp lives in an asyncio loop. A notebook's kernel runs one already and must not be held up,
so all monitors of a process share a loop of their own, in one thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from itertools import count
from socket import socket
from typing import IO, Any

from qemu.qmp import ExecuteError, Message, QMPClient, QMPError

from course.boxes import files
from course.boxes.box import RESTART
from course.errors import BoxError, CourseError, NeverAnswered, NotRunning

PATIENCE = 60.0  # seconds; a QEMU that leaves a command unanswered for so long hangs
# A machine may be forgotten without a stop, its name given to another. Its client stays here until
# the session ends: collected, it would complain in whatever cell runs.
OPEN: set[QMPClient] = set()


class Monitor:
    """One connection to one QEMU. Every method raises NotRunning once that QEMU is gone.

    monitor.execute("query-status")  # {'status': 'running', …}
    """

    def __init__(self, connection: socket) -> None:
        # Why a connection ended is told by an exception; the log would repeat it in a notebook.
        logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)
        self._client = QMPClient()
        self._numbers = count()  # a job that nobody waits for any more keeps its name
        try:
            self._wait(self._client.connect(connection))
        except AssertionError:  # qemu.qmp's own, where QEMU has ended as soon as it had greeted
            raise _gone() from None
        OPEN.add(self._client)

    def execute(self, command: str, /, **arguments: Any) -> Any:
        """What QEMU returns for a command; write a dash in an argument's name as ``_``.

        Raises BoxError with QEMU's own words where it refuses.
        """
        return self._wait(self._client.execute(command, _dashed(arguments)))

    def migrate(self, command: str, **arguments: Any) -> None:
        """Start to save or load a whole machine's state, and wait until that is done."""

        def ended(event: Message) -> bool:
            return event["data"]["status"] in ("completed", "failed")

        event = self._wait(self._until("MIGRATION", ended, command, arguments))
        if event["data"]["status"] == "failed":
            found = self.execute("query-migrate").get("error-desc", "no reason")
            raise _failure("the machine's state to be saved or loaded", found)

    def work(self, command: str, **arguments: Any) -> None:
        """Start one of QEMU's jobs, wait until it has ended, and put it away."""
        name = f"{command}-{next(self._numbers)}"

        def concluded(event: Message) -> bool:
            return event["data"] == {"id": name, "status": "concluded"}

        started = {"job_id": name, **arguments}
        self._wait(self._until("JOB_STATUS_CHANGE", concluded, command, started))
        [job] = [job for job in self.execute("query-jobs") if job["id"] == name]
        self.execute("job-dismiss", id=name)
        if "error" in job:
            raise _failure(f"{command} to succeed", job["error"])

    def hand_over(self, file: IO[bytes], name: str) -> None:
        """Give QEMU an open file, by a name that its commands can use."""
        self._wait(self._hand_over(file.fileno(), name))

    def close(self) -> None:
        """End the connection; QEMU runs on."""
        OPEN.discard(self._client)
        self._wait(_ended(self._client))

    async def _hand_over(self, descriptor: int, name: str) -> None:
        self._client.send_fd_scm(descriptor)
        await self._client.execute("getfd", {"fdname": name})

    async def _until(
        self, name: str, is_it: Callable[[Message], bool], command: str, arguments: dict[str, Any]
    ) -> Message:
        """The first event of that kind after the command was given."""
        with self._client.listener(name, is_it) as listener:
            await self._client.execute(command, _dashed(arguments))
            came = asyncio.ensure_future(listener.get())
            gone = asyncio.ensure_future(self._client.runstate_changed())
            await asyncio.wait((came, gone), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not came.done():
                came.cancel()
                raise EOFError
            return came.result()

    def _wait(self, work: Awaitable[Any]) -> Any:
        call = asyncio.run_coroutine_threadsafe(_within(work), _loop(os.getpid()))
        try:
            return call.result()
        except ExecuteError as error:
            raise BoxError(f"QEMU to do {error.sent['execute']}", str(error)) from None
        except TimeoutError:
            raise NeverAnswered("QEMU to answer its monitor", f"not in {PATIENCE:g} s") from None
        except (QMPError, EOFError, OSError):
            raise _gone() from None
        except BaseException:
            call.cancel()
            raise


def _gone() -> NotRunning:
    return NotRunning("QEMU to run", "it ended", RESTART)


def _failure(expected: str, words: str) -> CourseError:
    if "No space left" in words:
        return files.disk_full(expected, words)
    return BoxError(expected, words)


def _dashed(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in arguments.items()}


async def _within(work: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(work, PATIENCE)


async def _ended(client: QMPClient) -> None:
    with suppress(Exception):  # how it ended: nobody asks any more
        await client.disconnect()


@cache
def _loop(_process: int) -> asyncio.AbstractEventLoop:
    """The loop of this process: a forked child has its parent's objects and not its threads."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # whoever waits is told; of the rest nobody asked
    threading.Thread(target=loop.run_forever, name="qemu monitors", daemon=True).start()
    return loop
