"""The talk with a guest's agent, whatever the other end does; nothing boots."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from socket import socket, socketpair

import pytest

from course.boxes.machine.agent import Agent
from course.errors import CommandTimeout

Guest = Callable[[str], bytes | None]


def answer(code: int = 0, out: bytes = b"", err: bytes = b"") -> bytes:
    return b"%d %d %d\n" % (code, len(out), len(err)) + out + err


def echo(command: str) -> bytes:
    """A guest that can do nothing but ``printf``."""
    return answer(out=command.removeprefix("printf ").encode())


@pytest.fixture
def talk() -> Iterator[Callable[[Guest], tuple[Agent, socket]]]:
    """An agent whose guest is a function from command to answer; and the line for kills."""
    agents: list[Agent] = []
    guests: list[threading.Thread] = []

    def start(guest: Guest) -> tuple[Agent, socket]:
        ours, theirs = socketpair()
        kills, killed = socketpair()
        agents.append(Agent(ours, kills))
        guests.append(threading.Thread(target=serve, args=(theirs, guest), daemon=True))
        guests[-1].start()
        return agents[-1], killed

    yield start
    for agent, thread in zip(agents, guests, strict=True):
        agent.close()
        thread.join(5)


def serve(line: socket, guest: Guest) -> None:
    came = b""
    while data := line.recv(4096):
        came += data
        while found := re.match(rb"\0(\d+)\0(.*?)\0", came, re.S):
            assert int(found[1]) == len(found[2])
            came = came[found.end() :]
            line.sendall(guest(found[2].decode()) or b"")


def acknowledge(killed: socket) -> threading.Thread:
    def run() -> None:
        assert killed.recv(1) == b"\0"
        killed.sendall(b"\0")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_output_that_looks_like_an_answer_is_output(talk) -> None:
    agent, _ = talk(lambda command: answer(7, b"0 3 0\nabc", b"1 0 0\n"))
    output = agent.exec("anything", timeout=5)
    assert (output.exit_code, output.stdout, output.stderr) == (7, "0 3 0\nabc", "1 0 0\n")
    assert agent.exec("again", timeout=5).exit_code == 7


def test_an_answer_that_comes_in_small_pieces_is_put_together() -> None:
    ours, theirs = socketpair()
    kills, _ = socketpair()
    agent = Agent(ours, kills)

    def drip() -> None:
        theirs.recv(100)
        for byte in answer(0, b"x" * 50, b"y" * 50):
            theirs.sendall(bytes([byte]))

    threading.Thread(target=drip, daemon=True).start()
    output = agent.exec("true", timeout=5)
    assert (output.stdout, output.stderr) == ("x" * 50, "y" * 50)


def test_after_a_timeout_the_next_answer_is_the_right_one(talk) -> None:
    late = threading.Event()

    def guest(command: str) -> bytes | None:
        if command == "slow":
            late.wait(5)
            return answer(137)
        return echo(command)

    agent, killed = talk(guest)
    killer = acknowledge(killed)
    with pytest.raises(CommandTimeout, match=r"0\.05 s"):
        threading.Timer(0.1, late.set).start()
        agent.exec("slow", timeout=0.05)
    killer.join(5)
    assert agent.exec("printf right", timeout=5).stdout == "right"


def test_an_answer_too_many_does_not_put_the_talk_out_of_step(talk) -> None:
    """The kill came when the command had just ended, and hit the worker that waits."""

    def guest(command: str) -> bytes | None:
        return None if command == "stuck" else answer(137) + echo(command)

    agent, killed = talk(guest)
    acknowledge(killed)
    with pytest.raises(CommandTimeout):
        agent.exec("stuck", timeout=0.05)


def test_a_command_that_is_taken_up_only_after_the_kill_is_killed_again(
    talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("course.boxes.machine.agent.AGAIN", 0.1)
    killed_twice = threading.Event()

    def guest(command: str) -> bytes:
        return answer(137) if command == "late" and killed_twice.wait(5) else echo(command)

    def kill() -> None:
        for _ in range(2):
            killed.sendall(killed.recv(1))
        killed_twice.set()

    agent, killed = talk(guest)
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(CommandTimeout):
        agent.exec("late", timeout=0.05)
    killer.join(5)
    assert agent.exec("printf right", timeout=5).stdout == "right"


def test_an_interrupt_kills_the_command_and_leaves_the_agent_usable(
    talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, killed = talk(echo)
    acknowledge(killed)
    receive = agent._receive

    def interrupted(deadline: float) -> None:
        monkeypatch.setattr(agent, "_receive", receive)
        raise KeyboardInterrupt

    monkeypatch.setattr(agent, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        agent.exec("printf lost", timeout=5)
    assert agent.exec("printf found", timeout=5).stdout == "found"


def test_a_guest_that_is_gone_ends_the_talk_at_once() -> None:
    ours, theirs = socketpair()
    agent = Agent(ours, socketpair()[0])
    theirs.close()
    began = time.monotonic()
    with pytest.raises(EOFError):
        agent.exec("true", timeout=60)
    assert time.monotonic() - began < 5


def test_a_guest_that_is_gone_when_a_command_is_to_be_killed_ends_the_talk() -> None:
    ours, _guest = socketpair()
    kills, killed = socketpair()
    agent = Agent(ours, kills)
    killed.close()
    with pytest.raises(EOFError):
        agent.exec("true", timeout=0.05)


def test_the_agent_says_how_long_its_kernel_runs() -> None:
    ours, theirs = socketpair()
    theirs.sendall(b"ready 1.50 1.25\n")
    deadline = time.monotonic() + 5
    assert Agent(ours, socketpair()[0]).wait_until_ready(deadline) == [1.5, 1.25]
    with pytest.raises(TimeoutError):
        Agent(ours, socketpair()[0]).wait_until_ready(time.monotonic() + 0.05)


def test_what_a_guest_said_before_it_was_put_back_is_no_answer(talk: Callable) -> None:
    twice = {"printf lost": echo("printf lost") + answer(1)}
    agent, _ = talk(lambda command: twice.get(command) or echo(command))
    assert agent.exec("printf lost", 5).stdout == "lost"
    agent.forget()
    assert agent.exec("printf back", 5).stdout == "back"


def test_an_answer_that_was_never_read_is_thrown_away() -> None:
    ours, theirs = socketpair()
    agent = Agent(ours, socketpair()[0])
    theirs.sendall(answer(1))
    agent.forget()
    theirs.sendall(answer(out=b"back"))
    assert agent.exec("printf back", 5).stdout == "back"
    agent.close()
