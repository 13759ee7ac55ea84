"""The two commands, as far as they can be tried without installing anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-test.lock")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What make reads, in a folder whose name is not an easy one."""
    clone = tmp_path / "two boxes é"
    clone.mkdir()
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, clone)
    return clone


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_help_names_every_target(clone: Path) -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (clone / "Makefile").read_text(), re.MULTILINE)[1]
    said = make(clone).stdout
    assert [line.split()[1] for line in said.splitlines()] == targets.split()


def test_a_python_that_is_too_old_is_refused_in_words(clone: Path) -> None:
    old = program(clone / "old", "exit 1")
    done = make(clone, f"PYTHON='{old}'", "setup")
    assert done.returncode != 0
    assert "needs Python 3.11" in done.stderr
    assert not (clone / ".venv").exists()


def test_the_environment_is_made_once_and_again_when_a_lock_changes(clone: Path) -> None:
    calls = clone / "calls"
    pretend = f'mkdir -p .venv/bin && cp "{clone}/pip" .venv/bin/python'
    python = program(clone / "python", f'case "$*" in *venv*) {pretend};; esac')
    program(clone / "pip", f'echo "$@" >> "{calls}"')
    (clone / ".venv/bin").mkdir(parents=True)
    program(clone / ".venv/bin/course", "true")
    for _ in range(2):
        assert make(clone, f"PYTHON='{python}'", "setup").returncode == 0
    assert len(calls.read_text().splitlines()) == 2  # the requirements, then the course
    (clone / "requirements.lock").write_text("# other packages\n")
    assert make(clone, f"PYTHON='{python}'", "setup").returncode == 0
    assert len(calls.read_text().splitlines()) == 4


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_with_its_hash_and_without_an_address(lock: str) -> None:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert all(re.match(r"[\w.-]+==\S+.* --hash=sha256:\w{64}", line) for line in lines)
    assert "://" not in text


def test_what_the_tests_need_is_all_that_a_learner_needs_and_more() -> None:
    learner, tests = (
        set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(), re.M)) for lock in LOCKS
    )
    assert learner < tests
