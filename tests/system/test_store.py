"""Folders that are made once and kept: whole or not at all."""

from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
from pathlib import Path

import pytest

from course.errors import DiskFull, ImageDamaged
from course.system import store


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_CACHE_DIR", str(tmp_path))


def write(folder: Path) -> None:
    (folder / "part").write_text("the bytes")


def fail(folder: Path) -> None:
    write(folder)
    raise KeyboardInterrupt


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_it_is_made_once() -> None:
    made: list[Path] = []
    for _ in range(2):
        store.built("thing", {"a": "1"}, lambda folder: (made.append(folder), write(folder)))
    assert len(made) == 1


def test_other_inputs_make_it_again_and_the_old_one_goes() -> None:
    old = store.built("thing", {"a": "1"}, write)
    new = store.built("thing", {"a": "2"}, write)
    assert new != old
    assert new.exists()
    assert not old.exists()


@pytest.mark.fault("interrupt (■) in an image build")
def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        store.built("thing", {}, fail)
    assert everything(tmp_path) == []


@pytest.mark.fault("image build killed (-9)")
def test_what_a_killed_build_left_is_never_taken_for_the_real_thing() -> None:
    folder = store.folder_of("thing", {})
    unfinished = folder.with_name(folder.name + store.UNFINISHED)
    unfinished.mkdir(parents=True)
    write(unfinished)
    assert store.folders("thing") == []
    store.built("thing", {}, write)
    assert not unfinished.exists()


@pytest.mark.parametrize("harm", ["touched", "shortened", "removed", "no manifest"])
def test_harm_is_seen_at_every_use(harm: str) -> None:
    part = store.built("thing", {}, write) / "part"
    if harm == "touched":
        part.write_text("THE BYTES")
    elif harm == "shortened":
        part.write_text("")
    elif harm == "removed":
        part.unlink()
    else:
        (part.parent / store.MANIFEST).unlink()
    with pytest.raises(ImageDamaged) as caught:
        store.built("thing", {}, write)
    assert str(part.parent) in caught.value.mend


def test_the_whole_look_sees_what_the_cheap_one_does_not() -> None:
    folder = store.built("thing", {}, write)
    times = (folder / "part").stat()
    (folder / "part").write_text("the BYTES")
    os.utime(folder / "part", ns=(times.st_atime_ns, times.st_mtime_ns))
    store.built("thing", {}, write)
    with pytest.raises(ImageDamaged):
        store.verify(folder)


def test_the_whole_look_goes_into_folders() -> None:
    def make(folder: Path) -> None:
        (folder / "root").mkdir()
        write(folder / "root")

    folder = store.built("my thing's", {}, make)
    store.verify(folder)
    (folder / "root/part").write_text("the BYTES")
    with pytest.raises(ImageDamaged, match="root/part") as caught:
        store.verify(folder)
    subprocess.run(caught.value.mend, shell=True, check=True)
    store.verify(store.built("my thing's", {}, make))


def test_a_question_makes_no_folder(tmp_path: Path) -> None:
    assert not store.folder_of("thing", {}).exists()
    assert store.folders("thing") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("disk full in an image build")
def test_a_full_disk_is_said_to_be_one(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull, match="MiB free"):
        store.built("thing", {}, full)
    assert everything(tmp_path) == []


def test_a_file_is_written_whole_or_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new" / "file"
    store.write(file, b"first")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        store.write(file, b"second")
    assert file.read_bytes() == b"first"
    assert list(file.parent.iterdir()) == [file]


def build_at_once(barrier: multiprocessing.Barrier, log: Path) -> None:
    def make(folder: Path) -> None:
        write(folder)
        with log.open("a") as lines:
            lines.write("made\n")

    barrier.wait()
    store.built("thing", {}, make)


def test_two_processes_make_it_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    barrier, log = fork.Barrier(2), tmp_path / "log"
    both = [fork.Process(target=build_at_once, args=(barrier, log)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert log.read_text() == "made\n"
