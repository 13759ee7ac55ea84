"""Lesson 01: two neighbours in every box, the programs that quarrel, and the claims."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import partial

import pandas as pd
import pytest

from course import claims
from course.boxes import Container, VirtualMachine
from course.claims import Verdict
from course.errors import NotRunning
from course.images import package_image
from course.lessons import lesson
from course.measuring.results import recorded

LESSON = lesson("01_isolation")


part = lesson("01_isolation").part


tenants, experiments = part("tenants"), part("experiments")


@pytest.fixture
def machine() -> Iterator[Container]:
    with Container(package_image("tenants")) as box:
        box.exec(tenants.INSTALL)
        yield box


# --- the quarrels ------------------------------------------------------------------------------


@pytest.mark.docker
def test_two_redis_on_one_machine_fight_about_the_port(machine: Container) -> None:
    assert machine.exec(tenants.redis()).exit_code == 0
    second = machine.exec(f"{tenants.REDIS} --daemonize no --logfile ''")
    assert second.exit_code != 0
    assert "Address already in use" in second.stdout


@pytest.mark.docker
def test_two_redis_that_save_to_one_file_lose_data_without_an_error(machine: Container) -> None:
    for port, name in ((6379, "orders"), (6380, "posts")):
        machine.exec(f"{tenants.redis(port)}; redis-cli -p {port} set {name} 1")
    for port in (6379, 6380):
        assert machine.exec(f"redis-cli -p {port} save").stdout.strip() == "OK"
    for port in (6379, 6380):
        machine.exec(f"redis-cli -p {port} shutdown nosave")
    machine.exec(tenants.redis())
    assert machine.exec("redis-cli keys '*'").stdout.split() == ["posts"]


@pytest.mark.docker
@pytest.mark.parametrize(
    ("script", "right", "wrong", "error"),
    [
        (tenants.SHOP, "lua5.1", "lua5.4", "call a nil value (global 'unpack')"),
        (tenants.BLOG, "lua5.4", "lua5.1", "unexpected symbol near '/'"),
    ],
)
def test_each_script_runs_with_one_lua_only(
    machine: Container, script: str, right: str, wrong: str, error: str
) -> None:
    assert machine.exec([right, "-e", script]).exit_code == 0
    assert error in machine.exec([wrong, "-e", script]).stderr


def test_the_labs_programs_can_be_run_whatever_became_of_their_modes() -> None:
    with tarfile.open(fileobj=io.BytesIO(tenants.archive())) as tar:
        modes = {entry.name: entry.mode for entry in tar}
    assert {"opt/bakery/start", "opt/library/cgi-bin/index.cgi"} <= set(modes)
    assert set(modes.values()) == {0o755}


# --- neighbours --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ladder() -> pd.DataFrame:
    return experiments.neighbours().set_index("arm")


@pytest.mark.docker
@pytest.mark.vm
def test_each_rung_shares_what_its_walls_leave(ladder: pd.DataFrame) -> None:
    shared = {
        arm: [what for what in experiments.PROBES if row[what]] for arm, row in ladder.T.items()
    }
    assert shared == {
        "process": ["files", "processes", "ports", "kernel"],
        "own files": ["processes", "ports", "kernel"],
        "sandbox": ["kernel"],
        "container": ["kernel"],
        "vm": [],
    }


@pytest.mark.docker
def test_a_wall_that_is_left_out_is_found_out(nothing_left: None) -> None:
    found = experiments.pair(partial(Container, **experiments.BARE))
    assert (found["files"], found["processes"], found["ports"]) == (0, 1, 1)


def test_a_map_says_in_words_what_is_shared() -> None:
    row = {"arm": "vm", "files": 0, "processes": 1, "ports": 0, "kernel": 0, "shared": 1}
    levels = experiments.as_map(pd.DataFrame([row]))
    assert levels["vm"].to_dict() == {
        "files": "its own",
        "processes": "shared",
        "ports": "its own",
        "kernel": "its own",
    }


# --- what isolation is not ---------------------------------------------------------------------


@pytest.mark.docker
def test_the_greedy_neighbour_is_quiet_again_after_each_trial(nothing_left: None) -> None:
    neighbour = {"beside": partial(Container, cpus=0.2)}
    frame = experiments.greedy(rounds=1, budget=None, boxes=neighbour)
    assert set(frame["arm"]) == {"alone", "beside"}
    assert (frame["seconds"] > 0).all()


@pytest.mark.docker
def test_a_capped_bomb_is_refused_its_next_process() -> None:
    with Container(pids_limit=20) as bomb:
        said = bomb.exec(f"for i in $(seq 100); do sleep 9 {experiments.SILENT} done")
    assert "can't fork" in said.stderr


@pytest.mark.vm
def test_a_kernel_that_panics_takes_its_own_machine_only() -> None:
    with VirtualMachine() as first, VirtualMachine() as second:
        with pytest.raises(NotRunning, match="Kernel panic"):
            first.exec("echo c > /proc/sysrq-trigger", timeout=30)
        assert second.exec("echo well").stdout.strip() == "well"


# --- the claims --------------------------------------------------------------------------------


def test_the_recorded_neighbours_support_that_both_isolate() -> None:
    frame = recorded(LESSON.slug, "neighbours")
    verdicts = {
        name: claims.judge(claims.claim(name), frame).verdict
        for name in ("containers_isolate", "vms_isolate")
    }
    assert set(verdicts.values()) == {Verdict.SUPPORTED}


def test_a_greedy_neighbour_refutes_that_nobody_interferes() -> None:
    rows = [
        {"arm": arm, "round": turn, "seconds": seconds * (1 + turn / 100)}
        for turn in range(1, 8)
        for arm, seconds in (("alone", 0.1), ("beside a greedy container", 0.2))
    ]
    claim = claims.claim("isolated_is_undisturbed")
    assert claims.judge(claim, pd.DataFrame(rows)).verdict is Verdict.REFUTED
    taken = recorded(LESSON.slug, "greedy")
    assert set(taken["arm"]) == {"alone", *experiments.GREEDY}
    assert claims.judge(claim, taken).estimate.n == taken["round"].nunique()
