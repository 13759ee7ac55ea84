"""The workspace is the learner's: a newer course adds to it and never takes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from course.errors import LessonError, ResourceError
from course.study import lab

NOTEBOOK = "notebooks/00_start_here.ipynb"


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one lesson, with its lab and solution."""
    content = tmp_path / "content"
    for name in (NOTEBOOK, "labs/01_isolation.ipynb", "solutions/01_isolation.ipynb"):
        (content / name).parent.mkdir(parents=True)
        (content / name).write_text(f"{name}, first edition")
    monkeypatch.setattr(lab, "content_dir", lambda: content)
    return content


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "my café" / "two boxes"


def test_everything_is_copied(content: Path, workspace: Path) -> None:
    assert len(lab.prepare(workspace).new) == 3
    assert (workspace / NOTEBOOK).read_bytes() == (content / NOTEBOOK).read_bytes()


def test_the_second_time_nothing_is_touched(content: Path, workspace: Path) -> None:
    lab.prepare(workspace)
    assert lab.prepare(workspace) == lab.Copied()


def test_an_untouched_file_becomes_the_newer_one(content: Path, workspace: Path) -> None:
    lab.prepare(workspace)
    (content / NOTEBOOK).write_text("second edition")
    assert lab.prepare(workspace).updated == [NOTEBOOK]
    assert (workspace / NOTEBOOK).read_text() == "second edition"


def test_the_learners_work_stays_and_the_newer_one_is_announced(
    content: Path, workspace: Path
) -> None:
    lab.prepare(workspace)
    (workspace / NOTEBOOK).write_text("my answers")
    assert lab.prepare(workspace) == lab.Copied()
    (content / NOTEBOOK).write_text("second edition")
    done = lab.prepare(workspace)
    assert done.kept == [NOTEBOOK]
    assert "stays" in " ".join(done.sentences(workspace))
    assert (workspace / NOTEBOOK).read_text() == "my answers"


def test_a_file_that_was_there_before_the_course_stays(content: Path, workspace: Path) -> None:
    (workspace / "notebooks").mkdir(parents=True)
    (workspace / NOTEBOOK).write_text("not from the course")
    lab.prepare(workspace)
    assert (workspace / NOTEBOOK).read_text() == "not from the course"


def test_a_deleted_file_comes_back(content: Path, workspace: Path) -> None:
    lab.prepare(workspace)
    (workspace / NOTEBOOK).unlink()
    assert lab.prepare(workspace).new == [NOTEBOOK]


@pytest.mark.parametrize("damage", ["", "{", "[1]", "null"])
def test_a_damaged_manifest_costs_nobody_their_work(
    damage: str, content: Path, workspace: Path
) -> None:
    lab.prepare(workspace)
    (workspace / lab.MANIFEST).write_text(damage)
    (workspace / NOTEBOOK).write_text("my answers")
    lab.prepare(workspace)
    assert (workspace / NOTEBOOK).read_text() == "my answers"


def test_a_folder_that_cannot_be_written_is_one_clear_error(content: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceError, match="course lab FOLDER"):
        lab.prepare(tmp_path / "file" / "workspace")


def test_a_course_without_lessons_says_so(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab, "content_dir", lambda: tmp_path / "empty")
    with pytest.raises(LessonError):
        lab.prepare(workspace)


def test_jupyterlab_listens_here_only_and_opens_the_first_lesson(workspace: Path) -> None:
    options = lab.options(workspace)
    assert "--ServerApp.ip=127.0.0.1" in options
    assert f"--LabApp.default_url=/lab/tree/{lab.FIRST}" in options
    assert not any("token" in word or "password" in word for word in options)


def test_without_a_screen_no_browser_is_opened(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert "--no-browser" not in lab.options(workspace)
    monkeypatch.delenv("DISPLAY")
    assert "--no-browser" in lab.options(workspace)


def test_a_notebook_can_call_the_course(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    path = lab.environment()["PATH"].split(os.pathsep)
    assert path == [str(Path(sys.executable).parent), "/usr/bin"]


OPEN = """
import sys
from pathlib import Path
from course.study import lab
lab.content_dir = lambda: Path(sys.argv[1])
lab.open_lab(Path(sys.argv[2]), print)
"""


@pytest.fixture
def server(content: Path, workspace: Path, tmp_path: Path) -> Iterator[str]:
    """The address that a real JupyterLab prints, token and all."""
    home = {"HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    with subprocess.Popen(
        [sys.executable, "-c", OPEN, content, workspace],
        env=os.environ | home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            lines = (
                re.search(r"http://127\.0\.0\.1:\d+/\S*token=\w+", line) for line in process.stdout
            )
            yield next(filter(None, lines))[0]
        finally:
            process.terminate()


def wait_until_open(port: int) -> None:
    """JupyterLab prints its address a moment before it listens there."""
    deadline = time.monotonic() + 20
    with socket.socket() as client:
        while client.connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
            time.sleep(0.05)


def test_a_real_jupyterlab_has_the_workspace_and_asks_for_nothing(server: str) -> None:
    address, _, token = server.partition("?")
    root = address[: address.index("/", len("http://"))]

    def get(path: str) -> dict:
        with urllib.request.urlopen(f"{root}{path}?{token}") as answer:
            return json.load(answer)

    wait_until_open(int(root.rpartition(":")[2]))
    assert lab.FIRST in address
    assert [item["name"] for item in get("/api/contents/notebooks")["content"]] == [
        "00_start_here.ipynb"
    ]
    settings = get("/lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert settings["schema"]["properties"]["fetchNews"]["default"] == "false"
    with urllib.request.urlopen(f"{root}/lab?{token}") as page:
        assert b'"buildCheck": false' in page.read()  # there is nothing of ours to build
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{root}/api/contents")
