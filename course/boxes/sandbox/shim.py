"""Process 1 of every sandbox, and the small process that they are cloned from.

To fork a Jupyter kernel costs tens of milliseconds, all of its memory being shared out anew, and
is unsafe with its many threads. To start a fresh Python costs as much. So one bare Python is
started once, as an engine is, and each sandbox is a clone of that:
``python -m course.boxes.sandbox.shim``, its standard input a socket to the process it works for.
It imports little, for each clone pays for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource  # noqa: F401  os.wait4 loads it when first called, and in the box it is not there
import select
import signal
import socket
import sys
import time
from contextlib import suppress

from . import namespaces

LARGEST = 2**18  # bytes in a message
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
}

# With caps: the shell puts itself (0) into each group, lets go of the files, and goes on. The
# numbers have one digit because a shell reads no more.
JOIN_AND_EXEC = 'echo 0 >&7; echo 0 >&8; echo 0 >&9; exec 7>&- 8>&- 9>&- sh -c "$0"'
JOINED = (7, 8, 9)


def receive(connection: socket.socket) -> tuple[dict | None, list[int]]:
    """The next message and the open files that came with it; None when the other side is gone."""
    flags = socket.MSG_CMSG_CLOEXEC
    data, files, _, _ = socket.recv_fds(connection, LARGEST, 16, flags)
    return (json.loads(data) if data else None), files


def say(connection: socket.socket, **message: object) -> None:
    """One message to the other side."""
    connection.send(json.dumps(message).encode())


def serve() -> None:
    """Clone a sandbox for every message, until the other side is gone."""
    control = socket.socket(fileno=sys.stdin.fileno())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a sandbox
    while True:
        wish, files = receive(control)
        if wish is None:
            return
        box = socket.socket(fileno=files.pop(0))
        try:
            if os.geteuid() != 0:
                namespaces.become_root_of_a_user_namespace()
            if namespaces.clone(*wish["namespaces"]) == 0:
                # In place of the zygote's socket: the empty input of every command.
                os.dup2(os.open("/dev/null", os.O_RDWR), control.fileno())
                Shim(box, files, wish).run()
        except OSError as error:
            with suppress(BrokenPipeError):  # the box was interrupted
                say(box, error=str(error))
        box.close()
        for file in files:
            os.close(file)


class Shim:
    """Process 1 of a sandbox: builds its walls, starts commands, collects what ended.

    It stays outside the caps, and it keeps its own powers: an exec is what takes them away. So
    nothing inside can reach it: to look into a process that has more powers takes a power.
    """

    def __init__(self, box: socket.socket, caps: list[int], wish: dict) -> None:
        self.box, self.wish = box, wish
        # The open ``cgroup.procs`` of each cap, away from the numbers that a spawn gives out.
        self.caps = [fcntl.fcntl(cap, fcntl.F_DUPFD_CLOEXEC, 10) for cap in caps]
        self.command = 0  # the number of the command that runs now

    def run(self) -> None:
        """Never returns; and when this process ends, the kernel ends all that is in the box."""
        try:
            self.build()
            self.serve()
        except BaseException as error:
            say(self.box, error=str(error))
        finally:
            os._exit(0)

    def build(self) -> None:
        """Every wall, one after the other; the box hears when each was done."""
        wish, phases = self.wish, {"cloned": time.perf_counter()}
        pid = int(os.readlink("/proc/self"))  # our number out there: this is still its /proc
        namespaces.die_with_parent()
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        if "net" in wish["namespaces"]:
            namespaces.loopback_up()
        namespaces.layer_root(*wish["folders"])
        namespaces.add_devices(wish["folders"][0])
        namespaces.add_proc(wish["folders"][0])
        phases["mounted"] = time.perf_counter()
        namespaces.enter(wish["folders"][0])
        socket.sethostname("sandbox")
        os.umask(0o022)
        namespaces.give_up_powers()
        phases["entered"] = time.perf_counter()
        say(self.box, pid=pid, phases=phases)

    def serve(self) -> None:
        """Start what the box asks for, one at a time, and say how it ended."""
        asleep, awake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # without a handler nothing would wake us
        signal.set_wakeup_fd(awake)
        events = select.poll()
        events.register(self.box, select.POLLIN)
        events.register(asleep, select.POLLIN)
        while True:
            for file, _ in events.poll():
                if file == asleep:
                    os.read(asleep, 4096)
                    self.collect()
                else:
                    self.obey()

    def obey(self) -> None:
        """One message: a command with its two streams, or the wish that it be killed."""
        message, streams = receive(self.box)
        if message is None:
            os._exit(0)
        if "exec" in message:
            self.start(message["exec"], *streams)
        else:
            self.kill()
        for stream in streams:
            os.close(stream)

    def start(self, command: str, stdout: int, stderr: int) -> None:
        """Start a command in a session of its own; what has caps joins them first of all.

        A spawn, not a fork: a fork would have us copy, page by page, what we touch next.
        """
        script = command.encode()  # whatever the locale is
        argv = ["sh", "-c", script]
        actions = [(os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)]
        if self.caps:
            argv = ["sh", "-c", JOIN_AND_EXEC, script]
            caps = (*self.caps, 0, 0)  # 0 is /dev/null, for version 2 has one file and not three
            actions += [(os.POSIX_SPAWN_DUP2, caps[n], number) for n, number in enumerate(JOINED)]
        defaults = [signal.SIGPIPE, signal.SIGXFSZ]  # Python ignores these
        options = {"file_actions": actions, "setsid": True, "setsigdef": defaults}
        try:
            self.command = os.posix_spawn("/bin/sh", argv, ENVIRONMENT, **options)
        except OSError as error:
            os.write(stderr, f"sandbox: {error}\n".encode())
            say(self.box, status=127 << 8, cpu=0.0)

    def kill(self) -> None:
        """End the command with all that it started, and say so when it is gone."""
        if self.command:
            os.kill(self.command, signal.SIGKILL)
            os.waitid(os.P_PID, self.command, os.WEXITED | os.WNOWAIT)
            with suppress(ProcessLookupError):
                os.killpg(self.command, signal.SIGKILL)
            self.collect()
        say(self.box, killed=True)

    def collect(self) -> None:
        """Every child that ended; whatever loses its parent in here becomes a child of ours."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.command:
                self.command = 0
                say(self.box, status=status, cpu=used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    serve()
