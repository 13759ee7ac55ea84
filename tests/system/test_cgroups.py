"""What is written where, in a model of each version's tree; a sandbox's tests use the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from course.errors import ResourceError
from course.system import cgroups

CAPS = {"memory": 2**24, "cpus": 0.5, "pids": 20}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cgroup"
    monkeypatch.setattr(cgroups, "ROOT", root)
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")
    return root


@pytest.fixture
def version_1(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups.host, "cgroup_version", lambda: 1)
    for controller in ("memory", "cpu", "pids"):
        (tree / controller).mkdir(parents=True)
    (tree.parent / "own").write_text("4:memory:/\n0::/\n")
    return tree


@pytest.fixture
def version_2(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's session under systemd: what is above ``user@1000.service`` is root's."""
    monkeypatch.setattr(cgroups.host, "cgroup_version", lambda: 2)
    delegated = tree / "user.slice/user-1000.slice/user@1000.service"
    (delegated / "app.slice/jupyter.scope").mkdir(parents=True)
    inside = (delegated / "app.slice", delegated / "app.slice/jupyter.scope")
    for folder in (tree, *delegated.parents[:2], *inside):
        # Not even root can write to a file that is a folder: it stands for a refusal.
        (folder / "cgroup.subtree_control").mkdir()
    (delegated / "cgroup.subtree_control").touch()
    own = "/user.slice/user-1000.slice/user@1000.service/app.slice/jupyter.scope"
    (tree.parent / "own").write_text(f"0::{own}\n")
    return delegated


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_version_1_has_a_folder_for_each_cap(version_1: Path) -> None:
    folders = cgroups.make("box", **CAPS)
    assert folders == [version_1 / controller / "box" for controller in ("memory", "cpu", "pids")]
    assert [written(folder) for folder in folders] == [
        {"memory.limit_in_bytes": "16777216", "memory.memsw.limit_in_bytes": "16777216"},
        {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"},
        {"pids.max": "20"},
    ]


def test_version_1_leaves_out_what_is_not_capped(version_1: Path) -> None:
    assert cgroups.make("box", memory=None, cpus=None, pids=9) == [version_1 / "pids/box"]


def test_version_2_has_one_folder_where_the_user_may_make_it(version_2: Path) -> None:
    (folder,) = cgroups.make("box", **CAPS)
    assert folder == version_2 / "box"
    assert written(folder) == {
        "memory.max": "16777216",
        "memory.swap.max": "0",
        "cpu.max": "50000 100000",
        "pids.max": "20",
    }
    passed_on = (version_2 / "cgroup.subtree_control").read_text()
    assert passed_on == "+memory +cpu +pids"


def test_version_2_as_root_is_at_the_top(version_2: Path, tree: Path) -> None:
    (tree / "cgroup.subtree_control").rmdir()
    (tree / "cgroup.subtree_control").touch()
    assert cgroups.make("box", **CAPS) == [tree / "box"]


@pytest.mark.fault("control groups, version 1 and 2, that refuse (a model of their trees)")
def test_who_may_not_is_told_so(version_2: Path, tree: Path) -> None:
    (version_2 / "cgroup.subtree_control").unlink()
    (version_2 / "cgroup.subtree_control").mkdir()
    with pytest.raises(ResourceError, match="no caps, or"):
        cgroups.make("box", **CAPS)
    assert list(tree.rglob("box")) == []


@pytest.mark.fault("control groups, version 1 and 2, that refuse (a model of their trees)")
def test_a_group_that_cannot_be_made_whole_is_not_left_half_made(version_1: Path) -> None:
    (version_1 / "pids").rmdir()
    with pytest.raises(ResourceError):
        cgroups.make("box", memory=None, cpus=None, pids=1)
    assert list(version_1.rglob("box")) == []


def test_a_group_that_stays_is_told_of(version_1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "PATIENCE", 0.05)
    cgroups.make("box", memory=None, cpus=None, pids=9)  # what is written in it holds it
    with pytest.raises(OSError, match="not empty"):
        cgroups.remove("box")


@pytest.mark.parametrize("version", ["version_1", "version_2"])
def test_remove_finds_every_folder(version: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(version)
    folders = cgroups.make("box", **CAPS)
    for folder in folders:
        for file in folder.iterdir():
            file.unlink()  # the kernel's own files go with their folder
    cgroups.remove("box")
    assert not [folder for folder in folders if folder.exists()]
    cgroups.remove("box")
