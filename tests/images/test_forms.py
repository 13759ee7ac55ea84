"""One root filesystem, and the forms that are made from it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import APIError, ImageNotFound

from course.engine import engine
from course.errors import DiskFull, EngineUnreachable, ImageDamaged, ImageMissing, ToolMissing
from course.images import container_image, forms, image, imports, rootfs
from course.images.forms import Image
from course.system import programs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ImageMissing, match="tiny, debian"):
        image("windows")


def test_an_image_is_built_once_and_its_digest_stays(cache: Path) -> None:
    first = image("tiny")
    times = first.archive.stat().st_mtime_ns
    assert image("tiny") == first
    assert first.archive.stat().st_mtime_ns == times


def test_only_what_is_asked_for_is_made(cache: Path) -> None:
    image("tiny")
    assert {path.name for path in (cache / "images").iterdir()} == {"tiny"}


def test_the_root_runs(cache: Path) -> None:
    command = [image("tiny").root / "bin/uname"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Linux\n"


def test_verify_reads_every_part(cache: Path) -> None:
    assert not forms.verify("tiny")
    root = image("tiny").root
    assert forms.verify("tiny")
    (root / "etc/passwd").write_text("changed")
    with pytest.raises(ImageDamaged, match="passwd"):
        forms.verify("tiny")


def test_a_discarded_image_is_built_again(cache: Path) -> None:
    archive = image("tiny").archive
    archive.write_bytes(b"")
    with pytest.raises(ImageDamaged):
        image("tiny")
    forms.discard("tiny")
    assert image("tiny").archive == archive
    assert archive.stat().st_size > 0


def filesystem(disk: Path, command: str) -> str:
    """What debugfs says about the filesystem on a qcow2 disk."""
    raw = disk.with_name("check.raw")
    subprocess.run(["qemu-img", "convert", "-O", "raw", disk, raw], check=True)
    debugfs = [programs.require("mkfs.ext4").with_name("debugfs"), "-R", command, raw]
    said = subprocess.run(debugfs, capture_output=True, text=True, check=True).stdout
    raw.unlink()
    return said


def test_the_disk_holds_the_root_filesystem(cache: Path) -> None:
    said = filesystem(image("tiny").disk, "stat /bin/busybox")
    assert "Mode:  0755" in said
    assert "User:     0   Group:     0" in said


def test_the_disk_is_the_same_bytes_each_time(cache: Path) -> None:
    first = image("tiny").disk.read_bytes()
    forms.discard("tiny")
    assert image("tiny").disk.read_bytes() == first


def test_the_disk_without_its_tools_says_what_to_install(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = programs.find
    monkeypatch.setattr(programs, "find", lambda name: name != "qemu-img" and found(name))
    with pytest.raises(ToolMissing, match="qemu"):
        _ = image("tiny").disk
    assert not list((cache / "images/tiny-disk").glob("[!.]*"))


BUILD = """
import os, sys
os.environ["COURSE_CACHE_DIR"] = sys.argv[1]
from course.images import forms
try:
    forms.image("tiny").disk
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a small disk")
@pytest.mark.parametrize("size", ["1m", "5m"])  # too small for the archive; for the disk alone
@pytest.mark.fault("disk full in an image build")
def test_a_full_disk_leaves_nothing_half_made(size: str, tmp_path: Path) -> None:
    small = 'mount -t tmpfs -o "size=$0" disk "$1" && "$2" -c "$3" "$1" && find "$1" -name "*-un*"'
    inside = ["sh", "-c", small, size, tmp_path, sys.executable, BUILD]
    done = subprocess.run(
        ["unshare", "--mount", *inside], capture_output=True, text=True, check=False
    )
    assert done.stdout == "DiskFull\n", done.stderr


@pytest.mark.parametrize(
    "moment", ["tiny/*", "tiny-disk/*/files", "tiny-disk/*/commands", "tiny-disk/*/disk.qcow2"]
)
@pytest.mark.fault("image build killed (-9)")
def test_a_killed_build_leaves_nothing_that_could_be_used(moment: str, cache: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", BUILD, cache]) as builder:
        while builder.poll() is None and not list((cache / "images").glob(moment)):
            time.sleep(0.001)
        builder.kill()
    assert builder.returncode == -signal.SIGKILL
    assert image("tiny").disk.stat().st_size > 0
    assert forms.verify("tiny")


@pytest.fixture
def probe(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Image]:
    """An image of its own, so that nobody's course/tiny is replaced."""
    archive = image("tiny").archive
    probe = Image("probe", f"two-boxes-test/probe:{os.getpid()}", "1", archive)
    monkeypatch.setattr(forms, "image", lambda name: probe)
    yield probe
    engine().images.remove(probe.tag, force=True)


@pytest.mark.docker
def test_the_engine_gets_the_image_once(probe: Image) -> None:
    first = engine().images.get(container_image("probe"))
    assert first.labels[imports.LABEL] == "probe"
    assert engine().images.get(container_image("probe")).id == first.id


@pytest.mark.docker
def test_the_engine_gets_it_again_when_the_digest_changed(
    probe: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    container_image("probe")
    newer = Image(probe.name, probe.tag, "2", probe.archive)
    monkeypatch.setattr(forms, "image", lambda name: newer)
    older = engine().images.get(probe.tag).id
    tag = container_image("probe")
    assert engine().images.get(tag).labels[imports.DIGEST] == "2"
    with pytest.raises(ImageNotFound):  # the one that was replaced takes no room any more
        engine().images.get(older)


@pytest.mark.docker
def test_what_others_built_on_an_image_or_named_stays(probe: Image) -> None:
    client, parent = engine(), container_image("probe")
    recipe = io.BytesIO(f"FROM {parent}\nLABEL whose=theirs\n".encode())
    theirs, _ = client.images.build(fileobj=recipe, tag="two-boxes-theirs:1", rm=True)
    try:
        imports.forget("two-boxes-test/")
        with pytest.raises(ImageNotFound):
            client.images.get(parent)
        assert client.images.get("two-boxes-theirs:1").id == theirs.id
    finally:
        client.images.remove(theirs.id)
        container_image("probe")


@pytest.mark.docker
def test_a_container_runs_the_very_files(probe: Image) -> None:
    said = engine().containers.run(
        container_image("probe"), ["cat", "/etc/os-release"], remove=True, network_mode="none"
    )
    assert said.decode() == rootfs.FILES["etc/os-release"]


def test_without_an_engine_the_error_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setattr("course.engine.client._clients", {})
    with pytest.raises(EngineUnreachable):
        container_image("tiny")


class FullEngine:
    """An engine whose disk is full; its client and its API in one."""

    @property
    def api(self) -> FullEngine:
        return self

    @property
    def images(self) -> FullEngine:
        return self

    def list(self, tag: str) -> list[object]:
        return []

    def inspect_image(self, tag: str) -> dict:
        return {"Config": {"Labels": None}}

    def import_image_from_file(self, *_: object, **__: object) -> None:
        raise APIError("500 Server Error", explanation="write: no space left on device")


@pytest.mark.fault("disk full in the engine")
def test_an_engine_without_room_is_a_full_disk(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "engine", FullEngine)
    with pytest.raises(DiskFull, match="no space left"):
        container_image("tiny")
