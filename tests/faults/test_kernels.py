"""A real Jupyter kernel, interrupted by the button ■ and killed, with boxes in its hands."""

from __future__ import annotations

import os
import random
import time
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.table import Count
from faults.world import WITH_SESSION, leftovers
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.manager import start_new_kernel

pytestmark = [pytest.mark.docker, pytest.mark.vm]

PATIENCE = 90.0  # seconds for a cell
BEGIN = """
from course import Container, Process, Sandbox, VirtualMachine; from course.system import reaper
kinds = (Process, Sandbox, Container, VirtualMachine)
for kind in kinds:
    with kind() as box: box.exec("true")
reaper.session()
"""
# The interrupt comes somewhere in a start, in a command or in a stop: a second one has to be borne.
ON_AND_ON = """
while True:
    with {kind}() as box:
        box.exec("true")
"""
LOOK = "[path.name for path in reaper.folder().iterdir()]"
HAVE_ALL = "boxes = [kind().start() for kind in kinds]\n"


class Kernel:
    """A kernel of Jupyter, spoken to as JupyterLab does."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.manager: KernelManager
        self.client: BlockingKernelClient
        self.manager, self.client = start_new_kernel(env={**os.environ, "COURSE_RUN_DIR": str(run)})
        self.session = self.value(BEGIN)

    def value(self, cell: str) -> Any:
        """What a cell's last line is worth."""
        came: list[str] = []

        def output(message: dict[str, Any]) -> None:
            if message["msg_type"] == "execute_result":
                came.append(message["content"]["data"]["text/plain"])

        reply = self.client.execute_interactive(cell, timeout=PATIENCE, output_hook=output)
        assert reply["content"]["status"] == "ok", reply["content"]
        return literal_eval(came[0]) if came else None

    def interrupt_within(self, cell: str, seconds: float) -> str:
        """Run a cell, press ■ after some seconds, and return the name of the error."""
        # An error makes a kernel throw away what waits behind it: not here.
        request = self.client.execute(cell, stop_on_error=False)
        self._wait_until_it_runs(request)
        time.sleep(seconds)
        self.manager.interrupt_kernel()
        reply = self.client.get_shell_msg(timeout=PATIENCE)
        assert reply["parent_header"]["msg_id"] == request
        return reply["content"].get("ename", "")

    def _wait_until_it_runs(self, request: str) -> None:
        """Between two cells a kernel ignores an interrupt."""
        said = {"msg_type": ""}
        while said["msg_type"] != "execute_input" or said["parent_header"]["msg_id"] != request:
            said = self.client.get_iopub_msg(timeout=PATIENCE)

    def close(self) -> None:
        """Away with it, at once."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path / "run")
    yield kernel
    kernel.close()


@pytest.mark.fault("interrupt (■) in a real Jupyter kernel, at any moment")
def test_the_button_in_a_real_kernel_leaves_nothing(
    kernel: Kernel, injections: Count, often: int
) -> None:
    chance = random.Random(often)
    for kind in ("Process", "Sandbox", "Container", "VirtualMachine"):
        for _ in range(2 * often):
            seconds = chance.uniform(0.05, 0.6)
            error = kernel.interrupt_within(ON_AND_ON.format(kind=kind), seconds)
            left = [name for name in kernel.value(LOOK) if not name.startswith(WITH_SESSION)]
            injections([f"{name}, {seconds} s after {kind}" for name in left])
            assert error == "KeyboardInterrupt"


@pytest.mark.fault("a real Jupyter kernel killed (-9) with a box of each kind, and one being made")
def test_a_killed_kernel_leaves_nothing(tmp_path: Path, injections: Count, often: int) -> None:
    chance = random.Random(often)
    for number in range(often):
        kernel = Kernel(tmp_path / f"run{number}")
        try:
            kernel.value(HAVE_ALL)
            kernel.client.execute(ON_AND_ON.format(kind="Container"))
            time.sleep(chance.uniform(0.0, 0.5))
            kernel.manager.signal_kernel(9)
            injections(leftovers(kernel.session, kernel.run))
        finally:
            kernel.close()
