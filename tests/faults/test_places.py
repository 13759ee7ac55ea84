"""Homes, folders, languages and neighbours that are not what a developer has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults.table import Count
from faults.world import HERE, Nursery, a_small_cache, a_users_python, leftovers, run_python

from course import Container, Process, Sandbox, VirtualMachine
from course.system import paths

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
ANSWERS = """
import course
for kind in "Process", "Sandbox", "Container", "VirtualMachine":
    with getattr(course, kind)() as box:
        print(box.exec("echo '\\u00fc, \\u2603'").stdout.strip() == "\\u00fc, \\u2603")
"""
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def odd() -> Iterator[dict[str, str]]:
    """Folders with a name that no command line likes."""
    with TemporaryDirectory(prefix='Zoë\'s "2, boxes" = ') as name:  # a short path, for sockets
        a_small_cache(Path(name) / "cache")
        folders = {kind: str(Path(name) / kind.lower()) for kind in ("CACHE", "DATA", "RUN")}
        yield {f"COURSE_{kind}_DIR": folder for kind, folder in folders.items()}


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.fault("folders with spaces, commas, quotes and letters beyond ASCII")
def test_every_box_answers_from_a_folder_with_any_name(odd: dict[str, str]) -> None:
    assert run_python(ANSWERS, **odd).split() == ["True"] * 4
    assert os.listdir(odd["COURSE_RUN_DIR"]) == []


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.fault("locale C, without UTF-8, without a terminal")
def test_every_box_answers_in_the_plainest_of_locales() -> None:
    assert run_python(ANSWERS, **NO_UTF8).split() == ["True"] * 4


@pytest.mark.fault("locale C, without UTF-8, without a terminal")
@pytest.mark.parametrize("command", ["doctor", "claims", "progress"])
def test_every_table_can_be_printed_where_there_is_no_terminal(command: str) -> None:
    code = f"import sys; sys.argv = ['course', '{command}']; from course.cli import main; main()"
    said = run_python(code, **NO_UTF8, TERM="dumb")
    assert "\x1b" not in said
    assert len(said.splitlines()) > 10


HOMELESS = """
import json
from course import Process, VirtualMachine
from course.setup import diagnose
from course.errors import CourseError
from course.study import Progress
errors = []
for kind in Process, VirtualMachine:
    try:
        kind().start()
    except CourseError as error:
        errors.append([type(error).__name__, error.mend])
kept = Progress()
kept.record("a", "opened")
disk = next(row for row in diagnose().rows() if row["name"] == "disk")
print(json.dumps([errors, kept.notices, len(kept.events()), disk["finding"], disk["mend"]]))
"""


@as_root
@pytest.mark.fault("a home that cannot be written to")
def test_a_home_that_is_closed_is_said_once_with_what_mends_it() -> None:
    with TemporaryDirectory() as home:
        python = a_users_python(home)
        os.chown(home, 0, 0)
        os.chmod(home, 0o755)
        away = {"XDG_CACHE_HOME": "", "XDG_DATA_HOME": "", "COURSE_DATA_DIR": ""}
        said = run_python(HOMELESS, python=python, HOME=home, **away)
        assert os.listdir(home) == []
    errors, notices, events, finding, mend = json.loads(said)
    assert [name for name, _ in errors] == ["FolderClosed"] * 2
    assert all("set COURSE_CACHE_DIR" in text for _, text in [*errors, ("", mend)])
    assert (len(notices), events, finding) == (1, 1, "failed")
    assert "cannot be written" in notices[0]


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    """Another notebook of this user: its sessions have their folders where ours has."""
    nursery = Nursery(paths.run_dir())
    yield nursery
    nursery.close()


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.fault("two notebooks at once, one of them killed (-9)")
def test_what_another_notebook_has_stays(
    nursery: Nursery, nothing_left: None, injections: Count, often: int
) -> None:
    with Process() as one, Sandbox() as two, Container() as three, VirtualMachine() as four:
        for _ in range(often):
            for box, phase in (("Container", "created"), ("VirtualMachine", "qemu started")):
                injections(nursery.order(box, {}, fault="kill", at=phase)["after all"])
        for box in (one, two, three, four):
            assert box.exec("echo here").stdout == "here\n"


STAYS = """
from course import Process, Sandbox, VirtualMachine; from course.system import reaper
boxes = [kind().start() for kind in (Process, Sandbox, VirtualMachine)]
said = [box.exec("echo here").stdout for box in boxes]
print(reaper.session(), said.count("here\\n"), flush=True)
boxes[0].exec("sleep 600", timeout=600)
"""


@as_root
@pytest.mark.vm
@pytest.mark.fault("two users at once, one of them killed (-9)")
def test_two_users_are_not_in_each_others_way(nothing_left: None, injections: Count) -> None:
    with TemporaryDirectory() as home, Sandbox() as mine, VirtualMachine() as machine:
        python = a_users_python(home)
        cache = a_small_cache(Path(home) / "cache")
        subprocess.run(["chown", "--recursive", "65534:65534", home], check=True)
        packages = os.pathsep.join(path for path in sys.path if path)
        own = {"HOME": home, "COURSE_CACHE_DIR": str(cache), "COURSE_DATA_DIR": f"{home}/data"}
        environment = {**os.environ, "PYTHONPATH": packages, **own}
        argv = [*python, "-c", STAYS]
        options = {"env": environment, "cwd": "/", "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(argv, **options) as theirs:
            session, answered = theirs.stdout.readline().split()
            theirs.kill()
        run = Path(paths.run_dir()).with_name("two-boxes-65534")
        injections(leftovers(session, run))
        assert answered == "3"
        assert mine.exec("echo here").stdout == machine.exec("echo here").stdout == "here\n"


def test_the_clock_of_this_process_is_not_what_durations_are_taken_from() -> None:
    """``time.time()`` goes back when a clock is set: deadlines and durations must not use it."""
    course = HERE.parents[1] / "course"
    for path in (*course.glob("*.py"), *course.glob("boxes/*.py")):
        assert "time.time()" not in path.read_text(), path


@pytest.mark.docker
@pytest.mark.vm
@pytest.mark.fault("the clock set back by a year")
def test_a_clock_set_back_is_the_guests_clock_and_nobodys_trouble(
    nothing_left: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, now_ns, year = time.time, time.time_ns, 365 * 86400
    monkeypatch.setattr(time, "time", lambda: now() - year)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() - year * 10**9)
    with VirtualMachine() as machine, Container() as container, Sandbox() as sandbox:
        assert abs(int(machine.exec("date +%s").stdout) - time.time()) < 30
        for box in (container, sandbox):
            assert 0 < box.exec("true").seconds < 60
