"""The program that wakes a guest, as bytes; what it does is tested where there is a guest."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from socket import socketpair

import pytest

from course.boxes.machine import wake
from course.errors import NeverAnswered
from course.images import elf


def test_the_program_is_one_that_linux_would_run(tmp_path: Path) -> None:
    path = tmp_path / "wake"
    path.write_bytes(elf.executable(wake.code()))
    said = subprocess.run(["readelf", "-hl", path], capture_output=True, text=True, check=True)
    assert "Entry point address:               0x400078" in said.stdout
    assert "RWE" in said.stdout
    assert not said.stderr


def test_the_code_has_as_many_bytes_as_its_jumps_and_words_say() -> None:
    code = wake.code()
    assert f"{len(code)} bytes of machine code" in wake.__doc__
    skip = code.index(b"\x7e")
    end = skip + 2 + code[skip + 1]
    assert code[end:] == wake._call(wake.EXIT)
    [back] = struct.unpack("<b", code[end - 1 : end])
    assert end + back == 0


def test_a_guest_is_told_the_time_and_given_a_seed_that_is_never_the_same() -> None:
    seeds = set()
    for _ in range(2):
        ours, guest = socketpair()
        guest.sendall(b"\0")
        wake.wake(ours)
        said = guest.recv(200)
        assert len(said) == 88
        bits, size, seed = wake.SEED.unpack(said[16:])
        assert (bits, size) == (512, len(seed))
        seeds.add(seed)
    assert len(seeds) == 2


def test_a_guest_that_does_not_wake_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "PATIENCE", 0.05)
    ours, _guest = socketpair()
    with pytest.raises(NeverAnswered, match="wake"):
        wake.wake(ours)


def test_a_guest_that_ended_is_told_from_one_that_sleeps_on() -> None:
    ours, guest = socketpair()
    guest.close()
    with pytest.raises(EOFError):
        wake.wake(ours)
