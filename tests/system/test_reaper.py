"""Real processes, killed for real; nothing here needs an engine or a VM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults.world import becomes_true

from course.errors import FolderClosed
from course.system import processes, reaper

STARTS_A_PROGRAM = """
import os, signal, sys, time
from course.system import reaper
state = reaper.state("thing")
reaper.on_death(state, ["sh", "-c", 'echo ran >> "$0"', sys.argv[1]])
program = reaper.spawn(state, ["sleep", "600"], stdout=reaper.subprocess.DEVNULL)
guard = reaper._guards[reaper.folder()]
print(program.pid, guard.pid, flush=True)
while not (state / "pid").exists():
    time.sleep(0.001)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_RUN_DIR", str(tmp_path / "run"))
    return tmp_path / "run"


def runs(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and processes.is_alive(pid, found.start)


def program_ends(how: str, note: Path) -> tuple[int, int]:
    """Run a Python that starts something and ends that way; the program's and guard's pids."""
    argv = [sys.executable, "-c", STARTS_A_PROGRAM + how, str(note)]
    ended = subprocess.run(argv, stdout=subprocess.PIPE, check=False, timeout=30)
    program, guard = map(int, ended.stdout.split())
    return program, guard


@pytest.mark.parametrize(
    "how",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "raise KeyboardInterrupt",
        "os._exit(3)",
        "",
    ],
)
@pytest.mark.fault("session ended in each way: killed, terminated, interrupted, gone")
def test_nothing_is_left_however_the_process_ends(run: Path, tmp_path: Path, how: str) -> None:
    program, guard = program_ends(how, tmp_path / "note")
    assert becomes_true(lambda: not runs(program))
    assert becomes_true(lambda: list(run.iterdir()) == [])
    assert becomes_true(lambda: not runs(guard))
    assert (tmp_path / "note").read_text() == "ran\n"


def test_a_forked_child_neither_ends_its_parents_session_nor_prolongs_it(
    run: Path, tmp_path: Path
) -> None:
    how = (
        "if os.fork() == 0: sys.exit()\n"  # runs the exit handlers
        "os.wait()\n"
        "assert state.exists()\n"
        "if os.fork() == 0: time.sleep(600)\n"  # outlives its parent
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_A_PROGRAM + how, str(tmp_path / "note")],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as python:
        program = int(python.stdout.readline().split()[0])
        try:
            assert becomes_true(lambda: not runs(program))
            assert becomes_true(lambda: list(run.iterdir()) == [])
        finally:
            os.killpg(python.pid, signal.SIGKILL)


@pytest.mark.fault("session and its guard killed (-9)")
def test_what_a_killed_guard_left_is_swept_by_the_next_session(run: Path, tmp_path: Path) -> None:
    how = "os.kill(guard.pid, 9); os.kill(os.getpid(), 9)"
    program, guard = program_ends(how, tmp_path / "note")
    assert becomes_true(lambda: not runs(guard))
    assert runs(program)
    state = reaper.state("next")
    assert becomes_true(lambda: not runs(program))
    assert becomes_true(lambda: list(run.iterdir()) == [state.parent])


@pytest.mark.fault("session and its guard killed (-9)")
def test_a_killed_guard_is_replaced(run: Path) -> None:
    first = reaper._guards[reaper.folder()]
    first.kill()
    first.wait()
    second = reaper._guards[reaper.folder()]
    assert second.pid != first.pid
    assert second.poll() is None


def test_a_sweep_leaves_living_sessions_and_other_files_alone(run: Path) -> None:
    state = run / reaper.session() / "mine"
    state.mkdir(parents=True)
    (run / "notes.txt").write_text("a learner's")
    (run / "1-1").mkdir()  # process 1 did not start one tick after boot
    assert reaper.sweep() == ["1-1"]
    assert state.exists()
    assert sorted(path.name for path in run.iterdir()) == sorted([reaper.session(), "notes.txt"])


def test_a_command_that_fails_is_tried_again_at_the_next_sweep(run: Path, tmp_path: Path) -> None:
    state = run / "1-1" / "container-x"
    state.mkdir(parents=True)
    reaper.on_death(state, ["test", "-e", str(tmp_path / "engine")])
    reaper.sweep()
    assert [path.name for path in run.iterdir()] == ["1-1.gone"]
    (tmp_path / "engine").touch()
    reaper.sweep()
    assert list(run.iterdir()) == []


def test_a_process_that_inherited_the_number_is_left_alone(run: Path) -> None:
    state = reaper.state("old")
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        (state / "pid").write_text(f"{stranger.pid} 12345\nhalf a li")
        reaper.remove(state)
        assert stranger.poll() is None
        stranger.kill()
    assert not state.exists()


def test_what_a_command_left_in_the_background_is_killed_too(run: Path) -> None:
    state = reaper.state("thing")
    script = "sleep 600 < /dev/null > /dev/null & echo $!"
    with reaper.spawn(state, ["sh", "-c", script], stdout=subprocess.PIPE) as shell:
        background = int(shell.communicate()[0])
    assert runs(background)
    reaper.remove(state)
    assert becomes_true(lambda: not runs(background))


def test_a_command_that_was_not_noted_yet_goes_with_its_folder(run: Path) -> None:
    folder = run / "1-1" / "process-1"
    folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "600"], cwd=folder) as command:
        reaper.sweep()
        assert command.wait(timeout=10) == -signal.SIGKILL


def test_a_program_never_begins_once_its_state_folder_is_gone(run: Path, tmp_path: Path) -> None:
    state = reaper.state("late")
    reaper.remove(state)
    late = reaper.spawn(state, ["touch", str(tmp_path / "began")], stderr=subprocess.DEVNULL)
    assert late.wait() != 0
    assert not (tmp_path / "began").exists()


def test_folders_that_are_closed_to_their_owner_go_and_what_links_lead_to_stays(
    tmp_path: Path,
) -> None:
    file, house, state = tmp_path / "file", tmp_path / "house", tmp_path / "state"
    for folder in (house, state / "work" / "work", state / "etc"):
        folder.mkdir(parents=True)
    file.touch()
    for link, target in {"file": file, "house": house}.items():
        (state / "etc" / link).symlink_to(target)
    modes = {file: 0o640, house: 0o750, state / "etc": 0o555, state / "work/work": 0}
    for path, mode in modes.items():
        path.chmod(mode)
    # Root enters every folder, so it has to lose that power for the test.
    as_owner = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    code = (
        "import sys; from pathlib import Path; from course.system import reaper\n"
        "state = Path(sys.argv[1]); reaper.delete(state); assert not state.exists()\n"
        "reaper.delete(state)  # once more is fine"
    )
    python = [sys.executable, "-c", code, str(state)]
    subprocess.run([*(as_owner if os.geteuid() == 0 else ()), *python], check=True)
    assert (file.stat().st_mode & 0o777, house.stat().st_mode & 0o777) == (0o640, 0o750)


@pytest.mark.fault("a run folder that is another user's")
def test_a_folder_that_another_user_laid_out_is_not_used(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: os.stat(run).st_uid + 1)
    with pytest.raises(FolderClosed, match="COURSE_RUN_DIR"):
        reaper.sweep()


def test_the_guard_costs_a_start_next_to_nothing(run: Path) -> None:
    began = time.process_time()
    reaper.folder()
    assert time.process_time() - began < 0.02


def test_the_files_of_a_lesson_go_with_its_kernel_however_it_ends(run: Path) -> None:
    code = """
import os
from course import open_lesson; from course.system import reaper
(folder := open_lesson("05_images").scratch()).joinpath("page.html").write_text("mine")
with reaper.scratch() as other:
    print(os.listdir(folder), other.is_dir(), flush=True)
    os.kill(os.getpid(), 9)
"""
    argv = [sys.executable, "-c", code]
    killed = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert killed.stdout == "['page.html'] True\n", killed.stderr
    assert becomes_true(lambda: not list(run.iterdir()))
