"""An interrupt (■) that has to wait for a moment."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOMENT = 0.01  # seconds


@contextmanager
def held_back(finalizing: bool = False) -> Iterator[None]:
    """Inside, an interrupt waits until the end: half-way the other side would go on unknown to us.

    For calls that end soon. ``finalizing``: it waits a moment longer, for what is raised in a
    finalizer is lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal comes here
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
    if came and finalizing:
        threading.Timer(MOMENT, os.kill, (os.getpid(), signal.SIGINT)).start()
    elif came:
        signal.raise_signal(signal.SIGINT)
