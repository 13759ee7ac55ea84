"""Lesson 11: its probes in every box, the filter that it reads, the socket, and its claims."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from course import claims
from course.boxes import Container, Process
from course.claims import Verdict
from course.engine import engine, label, remove_all
from course.errors import BoxError
from course.images import package_image
from course.lessons import lesson
from course.measuring.results import recorded
from course.system import processes

LESSON = lesson("11_security")


part = lesson("11_security").part


@pytest.fixture(scope="module")
def seen() -> pd.DataFrame:
    probes = part("probes")
    return probes.who_sees_what(probes.boxes())


# --- the probes --------------------------------------------------------------------------------


@pytest.mark.docker
@pytest.mark.vm
def test_every_box_shares_the_hosts_kernel_but_the_virtual_machine(seen: pd.DataFrame) -> None:
    kernels = seen.loc["kernel"]
    assert kernels.pop("vm") == "its own"
    assert set(kernels) == {"the host's"}


@pytest.mark.docker
@pytest.mark.vm
def test_a_virtual_machine_finds_nothing_of_its_host(seen: pd.DataFrame) -> None:
    assert "the host's" not in set(seen["vm"])


@pytest.mark.docker
@pytest.mark.vm
def test_each_option_opens_what_it_is_for(seen: pd.DataFrame) -> None:
    assert seen.loc["processes", ["container", "pid=host"]].tolist() == ["its own", "the host's"]
    assert seen.loc["clock", ["container", "privileged"]].tolist() == ["nothing", "the host's"]
    assert seen.loc["raw packets", ["container", "hardened"]].tolist() == ["its own", "nothing"]


@pytest.mark.docker
def test_asking_for_privileges_leaves_no_container_behind(nothing_left: None) -> None:
    assert {"privileged", "cap_add"} & part("probes").privileged().keys()


def test_probes_leave_no_canary_behind() -> None:
    probes = part("probes")
    with probes.canaries() as environment:
        canary = int(environment["CANARY"])
        assert processes.stat(canary)
    assert not processes.stat(canary)


def test_a_probe_finds_a_file_whose_path_has_spaces(tmp_path: Path) -> None:
    probes = part("probes")
    (tmp_path / "its name").write_text("found")
    with Process() as host:
        seen = probes.look(host, {"CANARY": "1", "FILE": str(tmp_path / "its name")})
    assert seen["files"] == "found"


@pytest.mark.parametrize(
    ("said", "level"), [("", "nothing"), ("yes", "its own"), ("yes, and more", "its own")]
)
def test_a_clock_belongs_to_whoever_the_kernel_belongs_to(said: str, level: str) -> None:
    probes = part("probes")
    host = dict.fromkeys(probes.PROBES, "host")
    assert probes.level("clock", host | {"clock": said, "kernel": "another"}, host) == level
    assert probes.level("clock", host, host) == "the host's"


# --- the powers --------------------------------------------------------------------------------


def test_a_mask_is_read_as_names() -> None:
    assert part("powers").capabilities("0000000000002401") == [
        "CHOWN",
        "NET_BIND_SERVICE",
        "NET_RAW",
    ]


@pytest.mark.docker
def test_the_kernels_filter_says_what_the_container_finds_out() -> None:
    powers = part("powers")
    with Container() as box:
        try:
            program = powers.seccomp_filter(box.docker.attrs["State"]["Pid"])
        except BoxError as error:
            pytest.skip(str(error))
        assert box.exec("unshare -U true").exit_code != 0
    allowed = {name for name, number in powers.EXAMPLES.items() if powers.allows(program, number)}
    assert {"read", "execve"} <= allowed
    assert not allowed & {"mount", "unshare", "kexec_load", "init_module"}
    assert 200 < sum(powers.allows(program, n) for n in powers.SYSTEM_CALLS) < 350


@pytest.mark.docker
def test_a_process_without_a_filter_has_none_to_show() -> None:
    with Container(security_opt=["seccomp=unconfined"]) as box, pytest.raises(BoxError):
        part("powers").seccomp_filter(box.docker.attrs["State"]["Pid"])


# --- the socket, and the claims ----------------------------------------------------------------


@pytest.mark.docker
def test_whoever_holds_the_socket_reads_a_folder_that_nobody_shared(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("for you alone")
    api = engine().api
    door = api.get_adapter(api.base_url).socket_path
    asker = (LESSON.folder / "asker.py").read_text()
    reader = engine().containers.run(
        package_image("python"),
        ["python3", "-c", asker, str(tmp_path), *label().values()],
        volumes={door: {"bind": "/run/docker.sock", "mode": "ro"}},
        cap_drop=["ALL"],
        network_mode="none",
        labels=label(),
        detach=True,
    )
    reader.wait()
    said = reader.logs()
    remove_all()
    assert said == b"for you alone"


def test_the_recorded_boxes_judge_every_claim() -> None:
    reach = recorded(LESSON.slug, "reach")
    verdicts = {
        claim.id: claims.judge(claim, reach).verdict for claim in claims.claims(LESSON.slug)
    }
    assert verdicts == {
        "container_shares_kernel": Verdict.SUPPORTED,
        "vm_wall_is_stronger": Verdict.SUPPORTED,
        "container_wall_is_weak": Verdict.DEPENDS,
    }


def test_a_lesson_brings_the_experiment_of_its_claims(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    reach = recorded(LESSON.slug, "reach")
    monkeypatch.setattr(part("experiments"), "reach", lambda: reach)
    assert claims.run(claims.claim("container_shares_kernel")).verdict is Verdict.SUPPORTED
