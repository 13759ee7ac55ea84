"""The learner's own copy of the course, and JupyterLab opened on it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course.errors import LessonError, ResourceError
from course.lessons import content_dir
from course.system import store

FOLDERS = ("notebooks", "labs", "solutions")
MANIFEST = ".two-boxes.json"  # the checksum of each file as it was copied
FIRST = "notebooks/00_start_here.ipynb"
SETTINGS = Path(__file__).with_name("jupyter")


@dataclass
class Copied:
    """What ``prepare`` did: paths relative to the workspace.

    ``kept`` are files that the learner changed and that a newer course would have replaced.
    """

    new: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def sentences(self, folder: Path) -> Iterator[str]:
        """The same in words, for the terminal."""
        if self.new or self.updated:
            yield f"{folder}: {len(self.new)} new files, {len(self.updated)} brought up to date."
        for name in self.kept:
            yield f"{folder / name} has your changes and stays. Delete it to get the newer one."


def prepare(folder: Path) -> Copied:
    """Bring the workspace up to date without ever writing over the learner's work.

    A file that was deleted comes back as new: that is how to begin a lab again.
    Raises ResourceError where the folder cannot be written, LessonError without lessons.
    """
    try:
        return _prepare(folder)
    except OSError as error:
        another = "course lab FOLDER, with a folder that you may write to"
        raise ResourceError(f"to write the lessons to {folder}", str(error), another) from error


def open_lab(folder: Path, echo: Callable[[str], None]) -> None:
    """Be JupyterLab, open on the first lesson, until it ends; what ``prepare`` did is said before.

    It listens on this machine alone and keeps its token; a port that is taken is passed over.
    Raises what ``prepare`` raises.
    """
    for sentence in prepare(folder).sentences(folder):
        echo(sentence)
    os.environ.update(environment())
    sys.argv[1:] = options(folder)
    # Not a program of its own: much of what it imports is here already.
    from jupyterlab.labapp import main

    sys.exit(main())


def environment() -> dict[str, str]:
    """What JupyterLab and its kernels see: our settings, and ``course`` on the PATH."""
    first = {"JUPYTER_CONFIG_PATH": SETTINGS, "PATH": Path(sys.executable).parent}
    return {name: _before(path, name) for name, path in first.items()}


def _before(path: Path, name: str) -> str:
    return os.pathsep.join(filter(None, (str(path), os.environ.get(name))))


def options(folder: Path) -> list[str]:
    """The options of JupyterLab for this workspace."""
    words = [
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        "--ServerApp.ip=127.0.0.1",
    ]
    if os.geteuid() == 0:
        words.append("--allow-root")
    if sys.platform == "linux" and not _has_display():
        words.append("--no-browser")  # else a browser for the terminal would take it over
    return words


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _prepare(folder: Path) -> Copied:
    source = content_dir()
    files = [path for name in FOLDERS for path in sorted((source / name).glob("[!.]*.*"))]
    if not files:
        raise LessonError(f"lessons in {source}", "none", "install the course again")
    done, manifest = Copied(), _manifest(folder)
    for path in files:
        name = path.relative_to(source).as_posix()
        _bring(path, folder / name, name, manifest, done)
    store.write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    return done


def _bring(source: Path, target: Path, name: str, manifest: dict[str, str], done: Copied) -> None:
    """Copy one file, unless that would lose something."""
    newest = store.file_digest(source)
    if not target.exists():
        done.new.append(name)
    elif (present := store.file_digest(target)) == newest:
        manifest[name] = newest
        return
    elif present == manifest.get(name):
        done.updated.append(name)
    else:
        if manifest.get(name) != newest:
            done.kept.append(name)
        return
    store.write(target, source.read_bytes())
    manifest[name] = newest


def _manifest(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / MANIFEST).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}  # then every file that differs counts as the learner's
