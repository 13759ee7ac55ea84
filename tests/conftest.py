"""What several test files need; keep it small."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.table import Count, Table
from faults.watch import Watch
from faults.world import WITH_SESSION, becomes_true, in_engine, processes_of
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from course.engine import labels
from course.measuring import trials
from course.system import paths, reaper

WHOLE = {"tests", "notebooks", "solutions"}  # what `make test` runs
SLOW = ("docker", "vm", "browser", "notebook")  # markers
NOTED = pytest.StashKey[tuple[Path, float]]()  # where the bench reads what that took; its start

# What gives containers and images the names that labs ask for: one worker takes all of it.
NAMING = (
    "solutions/01_isolation.ipynb",
    "solutions/04_docker_engine.ipynb",
    "solutions/05_images.ipynb",
    "solutions/07_networks_and_volumes.ipynb",
    "solutions/11_security.ipynb",
    "tests/lessons/04_docker_engine/test_lesson.py",
    "tests/lessons/05_images/test_lesson.py",
    "tests/lessons/01_isolation/test_lab.py",
    "tests/lessons/test_rules.py::test_a_solution",
    "tests/lessons/test_rules.py::test_untouched",
    "tests/lessons/07_networks_and_volumes/test_lab.py",
    "tests/lessons/11_security/test_lab.py",
)

collect_ignore_glob = ["fixtures/*"]  # a lesson to test with, which needs a path of its own


class Scheduling(LoadFileScheduling):
    """File by file, and what uses the same names one after another."""

    def _split_scope(self, nodeid: str) -> str:
        return "names" if nodeid.startswith(NAMING) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files without a slow test come last: then no worker waits for another's long file."""

    def is_slow(item: pytest.Item) -> bool:
        return item.path.suffix == ".ipynb" or any(map(item.get_closest_marker, SLOW))

    slow = {item.path for item in items if is_slow(item)}
    items.sort(key=lambda item: item.path not in slow)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often the tests of faults break what they break."""
    group = parser.getgroup("faults")
    group.addoption("--injections", type=int, default=1, help="how often each fault is injected")
    group.addoption("--faults-table", action="store_true", help="write the table in TESTING.md")


def pytest_configure(config: pytest.Config) -> None:
    """Give every test and every notebook a progress that is not the learner's, and less time."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job that a script began with &
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Table(left_behind))
    if "PYTEST_XDIST_WORKER" in os.environ or not config.getoption("numprocesses"):
        config.pluginmanager.register(Watch())  # where tests run
    # How long an example takes says how busy the machine is, and nothing about the code.
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # it has the folder of the process that started it
    os.environ.setdefault(trials.HASTE, "6")
    config.stash[NOTED] = paths.data_dir() / "bench" / "suite.csv", time.monotonic()
    folder = TemporaryDirectory(prefix="two-boxes-progress-")
    os.environ["COURSE_DATA_DIR"] = folder.name
    config.add_cleanup(folder.cleanup)


def left_behind() -> list[str]:
    """What this session has in the engine, as state folders, and as processes in them."""
    folder = paths.run_dir().absolute() / reaper.session()
    states = [str(state) for state in folder.glob("*") if not state.name.startswith(WITH_SESSION)]
    return states + processes_of(folder) + in_engine(reaper.session())


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements warm up and take their time, as a learner's do."""
    monkeypatch.delenv(trials.HASTE, raising=False)


@pytest.fixture
def often(pytestconfig: pytest.Config) -> int:
    """How often a fault shall be injected."""
    return pytestconfig.getoption("--injections")


@pytest.fixture
def injections(request: pytest.FixtureRequest) -> Count:
    """Where a test that injects more than once, or into other sessions, counts what it did."""
    request.node.injections = Count(request.node.get_closest_marker("fault").args[0])
    return request.node.injections


@pytest.fixture
def tidy() -> Iterator[None]:
    """What the test makes in the engine is removed after it."""
    yield
    labels.remove_all()


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """After the test no container, image, network, volume, process or folder of it is there."""
    yield
    becomes_true(lambda: not left_behind())  # a killed process needs a moment to be gone
    assert left_behind() == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the time went: seconds for each file of tests and each notebook."""
    seconds: Counter[str] = Counter()
    for report in (one for many in terminalreporter.stats.values() for one in many):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("seconds")
    for file, taken in seconds.most_common():
        terminalreporter.line(f"{taken:8.1f}  {file}")
    if set(terminalreporter.config.args) >= WHOLE:
        _note(*terminalreporter.config.stash[NOTED])


def _note(path: Path, began: float) -> None:
    from course.measuring import results

    row = {"arm": "whole suite", "round": 1, "seconds": time.monotonic() - began}
    results.write(results.table([row]), path)
