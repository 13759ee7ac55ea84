"""Images of single programs, made from the distribution's packages."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from course.engine import engine
from course.errors import BuildFailed, ImageMissing, ToolMissing
from course.images import package_image, packages
from course.images.imports import DIGEST
from course.images.packages import PACKAGES, VERSIONS


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a library in /lib, a hard link to it, and a manual."""
    tree = tmp_path / "tree"
    for folder in ("DEBIAN", "lib", "usr/share/doc/small", "usr/bin"):
        (tree / folder).mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: small\nVersion: 1\nArchitecture: all\nMaintainer: me\nDescription: small\n"
    )
    (tree / "lib/small.so").write_text("library")
    (tree / "lib/same.so").hardlink_to(tree / "lib/small.so")
    (tree / "usr/share/doc/small/manual").write_text("long")
    (tree / "usr/bin/small").symlink_to("/lib/small.so")
    found = tmp_path / "small.deb"
    subprocess.run(["dpkg-deb", "--build", tree, found], check=True, capture_output=True)
    return found


def test_a_package_lands_below_a_merged_usr_and_leaves_its_manual_behind(
    package: Path, tmp_path: Path
) -> None:
    packages._pack([package], tmp_path / "root.tar")
    with tarfile.open(tmp_path / "root.tar") as tar:
        names = tar.getnames()
        assert tar.getmember("lib").linkname == "usr/lib"
        assert tar.extractfile("usr/lib/small.so").read() == b"library"
        assert tar.extractfile("usr/lib/same.so").read() == b"library"
        assert tar.getmember("usr/bin/small").linkname == "/lib/small.so"
    assert len(names) == len(set(names)), "no file twice"
    assert not [name for name in names if "manual" in name]


def test_equal_packages_give_equal_bytes(package: Path, tmp_path: Path) -> None:
    packages._pack([package], tmp_path / "first.tar")
    packages._pack([package], tmp_path / "second.tar")
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()


def test_a_damaged_package_is_said_to_be_one(package: Path, tmp_path: Path) -> None:
    package.write_bytes(package.read_bytes()[:-100])
    with pytest.raises(BuildFailed, match=r"small\.deb"):
        packages._pack([package], tmp_path / "root.tar")


def test_a_program_that_is_not_in_the_table_is_refused_with_the_table() -> None:
    with pytest.raises(ImageMissing, match="redis"):
        package_image("oracle")


def test_a_package_that_apt_does_not_know_fails_with_the_words_of_apt(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="Unable to locate package no-such-program"):
        packages._make(("no-such-program",), tmp_path)


def test_a_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="Debian or Ubuntu"):
        packages._make(("redis-server",), tmp_path)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("name", "command", "words"),
    [
        ("nginx", ["sh", "-c", "nginx -v 2>&1"], "nginx version"),
        ("nginx", ["cat", "/etc/os-release"], "ID="),
        ("python", ["python3", "-c", "import http.server; print('served')"], "served"),
        ("redis", ["redis-server", "--version"], "Redis server"),
        ("registry", ["htpasswd", "-Bbn", "learner", "secret"], "learner:$2y$"),
    ],
)
def test_each_program_runs_in_its_image(name: str, command: list[str], words: str) -> None:
    tag = package_image(name)
    assert words in engine().containers.run(tag, command, remove=True, network_mode="none").decode()
    labels = engine().images.get(tag).labels
    assert len(labels[DIGEST]) == 16
    assert all(package in labels[VERSIONS] for package in PACKAGES[name])


@pytest.mark.docker
def test_an_image_that_is_there_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tag = package_image("redis")
    monkeypatch.setenv("PATH", "")
    assert package_image("redis") == tag
