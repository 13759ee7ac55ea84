from __future__ import annotations

import os
import subprocess
from pathlib import Path

from course.system import processes


def test_a_process_knows_its_parent_and_its_group() -> None:
    found = processes.stat(os.getpid())
    assert (found.parent, found.group) == (os.getppid(), os.getpgid(0))


def test_a_zombie_and_a_number_that_nobody_has_are_not_alive() -> None:
    with subprocess.Popen(["true"]) as child:
        start = processes.stat(child.pid).start
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and not yet collected
        assert processes.stat(child.pid).state == "Z"
        assert not processes.is_alive(child.pid, start)
    assert processes.stat(child.pid) is None
    assert not processes.is_alive(child.pid, start)


def test_a_process_of_another_start_time_is_another_process() -> None:
    start = processes.stat(os.getpid()).start
    assert processes.is_alive(os.getpid(), start)
    assert not processes.is_alive(os.getpid(), start + 1)


def test_the_family_holds_grandchildren() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sh -c 'echo $$; read line; :'; :"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        grandchild = int(child.stdout.readline())
        assert processes.family(child.pid) == [child.pid, grandchild]
        child.stdin.close()


def test_memory_is_what_a_process_keeps_for_itself_and_its_share_of_the_rest() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdin.write(b"awake\n")
        child.stdin.flush()
        child.stdout.readline()
        pages = int(Path(f"/proc/{child.pid}/statm").read_text().split()[1])
        resident = pages * os.sysconf("SC_PAGESIZE")
        assert 0 < processes.memory([child.pid]) < resident
    assert processes.memory([child.pid]) == 0


def test_processor_time_is_in_seconds() -> None:
    assert abs(processes.cpu([os.getpid()]) - sum(os.times()[:2])) < 0.1


def test_who_works_in_a_folder_and_has_no_terminal_is_found(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=tmp_path / "inside") as child:
        assert processes.working_in(tmp_path) == [child.pid]
        assert processes.working_in(tmp_path / "in") == []
        child.stdin.close()
    main, other = os.openpty()
    with (
        os.fdopen(main, "wb"),
        subprocess.Popen(
            ["setsid", "--ctty", "cat"], stdin=other, stdout=other, cwd=tmp_path
        ) as shell,
    ):
        while (found := processes.stat(shell.pid)) and not found.terminal:
            os.sched_yield()
        assert processes.working_in(tmp_path) == []  # a learner who looks around
        shell.kill()
    os.close(other)
