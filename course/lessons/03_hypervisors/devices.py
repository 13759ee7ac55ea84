"""What a guest reaches through a port; the emulator and the hypervisor share it."""

from __future__ import annotations

import random


class Device:
    """What answers on a port. This one is an empty port: it reads as all ones, takes no note."""

    def read(self) -> int:
        """The byte that the guest's ``in`` gets."""
        return 0xFF

    def write(self, byte: int) -> None:
        """Take the byte of the guest's ``out``."""


class Bus(dict[int, Device]):
    """Devices by port. Where none is plugged in, the port is empty."""

    def __missing__(self, port: int) -> Device:
        return Device()


class Serial(Device):
    """A serial port that keeps what the guest says."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, byte: int) -> None:
        self.text += chr(byte)


class Dice(Device):
    """A die: no real computer has one."""

    def read(self) -> int:
        return random.randint(1, 6)
