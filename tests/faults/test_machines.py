"""Virtual machines whose host refuses something, or lies."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.table import Count
from faults.world import Nursery, a_small_cache, run_python

from course import VirtualMachine
from course.errors import NameTaken

pytestmark = pytest.mark.vm


@pytest.mark.fault("a name or a port that is taken")
def test_a_port_that_is_taken_stays_with_its_owner(nothing_left: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NameTaken, match=str(port)):
            VirtualMachine(network=True, ports={80: port}).start()


ON_A_BROKEN_KVM = """
from course import VirtualMachine
from course.boxes import accelerator
print(accelerator.verdict().works, accelerator.verdict().why)
with VirtualMachine() as box:
    print(box.exec("echo answers").stdout)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/kvm").exists(), reason="needs root and /dev/kvm"
)
@pytest.mark.fault("/dev/kvm absent, closed, or broken")
def test_a_device_that_opens_and_is_no_kvm_does_not_count(tmp_path: Path) -> None:
    broken = 'mount --bind /dev/null /dev/kvm && exec "$0" "$@"'
    cache = str(a_small_cache(tmp_path / "cache"))
    said = run_python(
        ON_A_BROKEN_KVM, "unshare", "--mount", "sh", "-c", broken, COURSE_CACHE_DIR=cache
    )
    assert said.startswith("False a guest of a few instructions")
    assert said.split()[-1] == "answers"


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path / "run")
    yield nursery
    nursery.close()


@pytest.mark.docker
@pytest.mark.fault("interrupt (■) at any line of a stop")
@pytest.mark.parametrize("box", ["Process", "Sandbox", "Container", "VirtualMachine"])
def test_a_stop_that_is_interrupted_is_finished(
    box: str, nursery: Nursery, injections: Count, often: int
) -> None:
    lines = nursery.order(box, {}, at=10**9, during="stop")["lines"]
    chosen = random.Random(f"{box} {often}")
    for _ in range(often):
        # From its first lines on; the very first is before it.
        line = chosen.randint(3, lines * 9 // 10)
        came = nursery.order(box, {}, fault="interrupt", at=line, during="stop")
        injections(came["left"] + came["after all"])
        assert came["error"] in ("KeyboardInterrupt", "NoneType"), came
