"""What every box must do, asked of every kind of box in the same words."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from faults.world import interrupted_after, run_python

import course
from course import Process
from course.boxes import Box
from course.boxes.wishes import LONGEST, parse_size, shell_command, snapshot_name
from course.errors import BoxError, CommandTimeout, NotRunning, SnapshotMissing

KINDS = [
    "Process",
    "Sandbox",
    pytest.param("Container", marks=pytest.mark.docker),
    pytest.param("VirtualMachine", marks=pytest.mark.vm),
]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="caps on this machine are root's to set")
CAPPED = [
    pytest.param("Sandbox", marks=as_root),
    pytest.param("Container", marks=pytest.mark.docker),
]


def kind(name: str) -> type[Box]:
    return getattr(course, name)


@pytest.fixture(params=KINDS)
def box(request: pytest.FixtureRequest, nothing_left: None) -> Iterator[Box]:
    with kind(request.param)() as box:
        yield box


def test_a_command_leaves_its_exit_code_and_both_streams(box: Box) -> None:
    output = box.exec("echo out; echo err >&2; exit 3")
    assert (output.exit_code, output.stdout, output.stderr) == (3, "out\n", "err\n")
    assert 0 < output.seconds < 60


def test_a_list_is_a_command_whose_words_stay_what_they_are(box: Box) -> None:
    words = ["printf", "%s|", "a b", "$HOME", "'", '"; exit 1', "*", "", "ä"]
    assert box.exec(words).stdout == "a b|$HOME|'|\"; exit 1|*||ä|"


def test_output_of_any_size_and_any_bytes_comes_through(box: Box) -> None:
    output = box.exec("head -c 1000000 /dev/zero; printf '\\377' >&2")
    assert len(output.stdout) == 1_000_000
    assert output.stderr == "\N{REPLACEMENT CHARACTER}"


def test_a_command_finds_an_empty_input(box: Box) -> None:
    assert box.exec("cat; echo end", timeout=10).stdout == "end\n"


def test_a_killed_command_says_so_as_in_a_shell(box: Box) -> None:
    assert box.exec("kill -9 $$").exit_code == 137


@pytest.mark.fault("a command that does not end")
def test_a_timeout_kills_the_command_and_all_that_it_started(box: Box) -> None:
    started = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"0\.5 s"):
        box.exec("sleep 543 & sleep 543", timeout=0.5)
    assert time.monotonic() - started < 10
    assert "543" not in box.exec("ps -o args | grep '[s]leep 543'").stdout
    assert box.exec("echo fine").stdout == "fine\n"


@pytest.mark.fault("interrupt (■) in a command")
def test_an_interrupt_kills_the_command(box: Box) -> None:
    with pytest.raises(KeyboardInterrupt), interrupted_after(0.5):
        box.exec("sleep 654")
    assert "654" not in box.exec("ps -o args | grep '[s]leep 654'").stdout
    assert box.exec("echo next").stdout == "next\n"


def test_what_a_command_leaves_in_the_background_runs_on(box: Box) -> None:
    box.exec("(sleep 1; echo late > late) > /dev/null 2>&1 &")
    assert (
        box.exec("until [ -s late ]; do sleep 0.1; done; cat late", timeout=30).stdout == "late\n"
    )


def test_usage_counts_what_runs_and_what_was_used(box: Box) -> None:
    # dd has read all of its block when the first byte comes, and keeps it while nobody reads on.
    hold = "dd if=/dev/zero bs=24M count=1 2>&1 | (head -c 1; touch held; sleep 600) > /dev/null &"
    before = box.usage()
    box.exec(hold + "until [ -e held ]; do sleep 0.05; done", timeout=120)
    box.exec("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", timeout=120)
    box.exec("head -c 3000000 /dev/urandom > large; sync large")
    after = box.usage()
    # Half of it: what boxes share is counted less for each as more of them run.
    assert after.memory > before.memory + 12_000_000
    assert after.cpu > before.cpu
    if box.kind == "virtual machine":  # the host sees one process, and tiny's files are in memory
        assert after.processes == 1
    else:
        assert after.processes > before.processes
        assert after.disk > before.disk + 2_500_000


def test_a_rollback_brings_the_files_back(box: Box) -> None:
    made = "mkdir home; cd home; echo good > state; mkfifo pipe; ln -s state link; mkdir -p deep/er"
    box.exec(made)
    box.snapshot("good")
    box.exec("cd home; echo bad > state; rm -r link deep; echo more > more")
    box.rollback("good")
    look = "cd home; cat state link; ls"
    assert box.exec(look).stdout == "good\ngood\ndeep\nlink\npipe\nstate\n"
    box.exec("rm -r home")
    box.rollback("good")  # a snapshot can be used more than once
    assert box.exec(look).stdout == "good\ngood\ndeep\nlink\npipe\nstate\n"


def test_a_snapshot_can_be_taken_again_and_must_be_there(box: Box) -> None:
    box.exec("echo one > state")
    box.snapshot("latest")
    box.exec("echo two > state")
    box.snapshot("latest")
    box.exec("rm state")
    box.rollback("latest")
    assert box.exec("cat state").stdout == "two\n"
    with pytest.raises(SnapshotMissing, match="'older'"):
        box.rollback("older")
    with pytest.raises(BoxError, match="letters"):
        box.snapshot("../outside")


def test_a_clone_begins_from_this_state_and_goes_its_own_way(box: Box) -> None:
    box.exec("echo first > state")
    with box.clone() as twin:
        assert twin.running
        assert twin.exec("cat state").stdout == "first\n"
        twin.exec("echo second > state")
        assert box.exec("cat state").stdout == "first\n"


def test_a_start_says_when_each_part_of_it_ended(box: Box) -> None:
    times = list(box.phases.values())
    assert times
    assert times == sorted(times)
    assert box.image in box.command


def test_a_running_box_cannot_be_started(box: Box) -> None:
    with pytest.raises(BoxError, match=r"box\.stop"):
        box.start()
    assert box.exec("echo unharmed").stdout == "unharmed\n"


@pytest.mark.fault("memory short: a command beyond its cap")
@pytest.mark.parametrize("name", CAPPED)
@pytest.mark.usefixtures("nothing_left")
def test_a_memory_cap_kills_what_wants_more(name: str) -> None:
    grow = "x=$(head -c 40000000 /dev/zero | tr '\\0' x); echo ${#x}"
    with kind(name)(memory="16M") as box:
        assert box.exec(grow).exit_code == 137
        assert box.exec("echo fine").stdout == "fine\n"
    with kind(name)(memory="256M") as box:
        assert box.exec(grow).stdout == "40000000\n"


@pytest.mark.parametrize("name", CAPPED)
@pytest.mark.usefixtures("nothing_left")
def test_a_processor_cap_slows_what_wants_more(name: str) -> None:
    with kind(name)(cpus=0.25) as box:
        before = box.usage().cpu
        box.exec("timeout 2 sh -c 'while :; do :; done'")
        assert box.usage().cpu - before < 0.9  # seconds of processor time in 2 s


@pytest.mark.parametrize("name", KINDS)
def test_a_stopped_box_says_that_it_does_not_run_and_starts_again(name: str) -> None:
    box = kind(name)()
    box.stop()
    with box:
        box.exec("echo old > state")
    box.stop()
    uses = (
        box.usage,
        box.clone,
        lambda: box.exec("true"),
        lambda: box.snapshot("a"),
        lambda: box.rollback("a"),
    )
    for use in uses:
        with pytest.raises(NotRunning):
            use()
    with box:
        assert box.exec("cat state").exit_code == 1  # a new one, not the old one


@pytest.mark.parametrize("name", KINDS)
def test_every_requirement_is_a_check_that_passes_here(name: str) -> None:
    for check in kind(name).requirements():
        finding = check.run()
        assert finding, (check.description, finding)


def test_sizes_are_read_as_people_write_them() -> None:
    assert [parse_size(text) for text in ("128M", "1g", "64KiB", 12)] == [2**27, 2**30, 2**16, 12]
    with pytest.raises(BoxError, match="lots"):
        parse_size("lots")


def test_a_string_is_shell_and_a_list_is_not() -> None:
    assert shell_command("a | b") == "a | b"
    assert shell_command(["a", "|", "b c"]) == "a '|' 'b c'"


def test_a_command_that_no_program_can_be_given_is_refused() -> None:
    with pytest.raises(BoxError, match="NUL"):
        shell_command("a\0b")
    with pytest.raises(BoxError, match="at most 131071 bytes"):
        shell_command("ä" * 2**16)
    with Process() as box:
        assert box.exec("#" * LONGEST).exit_code == 0


@pytest.mark.parametrize("name", ["Sandbox", "Container", "VirtualMachine"])
@pytest.mark.parametrize("cap", [{"cpus": 0}, {"cpus": -1}, {"memory": "0M"}])
def test_a_cap_of_nothing_is_refused_since_to_linux_it_is_none(name: str, cap: dict) -> None:
    with pytest.raises(BoxError, match="above zero"):
        kind(name)(**cap)


@pytest.mark.parametrize("name", ["", ".", "a b", "a/b", "-x", "x" * 200, "ä"])
def test_a_snapshots_name_can_be_a_file_and_a_tag(name: str) -> None:
    with pytest.raises(BoxError):
        snapshot_name(name)
    assert snapshot_name("before_1.0-rc") == "before_1.0-rc"


@pytest.mark.parametrize("name", KINDS)
def test_all_of_the_course_that_a_box_needs_is_loaded_before_it_starts(name: str) -> None:
    """Loaded in a start, it would be timed with it, and an interrupt would be another error."""
    code = f"""
import sys
from course import {name}
before = set(sys.modules)
with {name}() as box:
    box.exec("true")
    box.usage()
print([module for module in set(sys.modules) - before if module.startswith("course")])
"""
    assert run_python(code) == "[]\n"
