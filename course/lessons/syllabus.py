"""The lessons, in order, and where the files of each are.

One slug names a lesson everywhere. Its notebook, lab and solution are ``<slug>.ipynb`` in
``notebooks/``, ``labs/`` and ``solutions/``; its quiz, checks and claims are in
``course/lessons/<slug>/``. A wheel carries the notebooks in ``course/content/``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from course.checks import Task
from course.errors import unknown
from course.system import paths

TITLES = {
    "00_start_here": "Start here",
    "01_isolation": "Isolation",
    "02_virtual_machines": "Virtual machines",
    "03_hypervisors": "Hypervisors",
    "04_docker_engine": "Docker Engine",
    "05_images": "Images",
    "06_registries": "Registries",
    "07_networks_and_volumes": "Networks and volumes",
    "08_inside_a_container": "Inside a container",
    "09_what_they_share": "What they share",
    "10_the_race": "The race",
    "11_security": "Security",
    "12_choose": "Choose",
}


def content_dir() -> Path:
    """The folder that holds ``notebooks/``, ``labs/`` and ``solutions/``."""
    package = paths.LESSONS.parent
    installed = package / "content"
    return installed if installed.is_dir() else package.parent


@dataclass(frozen=True)
class Lesson:
    """One lesson and its files. A file may be absent: not every lesson has a lab or claims."""

    slug: str
    title: str
    folder: Path
    content: Path

    @property
    def notebook(self) -> Path:
        return self.content / "notebooks" / f"{self.slug}.ipynb"

    @property
    def lab(self) -> Path:
        return self.content / "labs" / f"{self.slug}.ipynb"

    @property
    def solution(self) -> Path:
        return self.content / "solutions" / f"{self.slug}.ipynb"

    @property
    def quiz(self) -> Path:
        return self.folder / "quiz.yaml"

    @property
    def checks(self) -> Path:
        return self.folder / "checks.py"

    def parts(self) -> list[str]:
        """The files of the lesson's own code, by name."""
        return sorted(path.stem for path in self.folder.glob("*.py"))

    def part(self, name: str) -> ModuleType:
        """A file of the lesson's own code, loaded when it is first asked for."""
        # A slug begins with a digit, so no import statement can name what is below it.
        return import_module(f"course.lessons.{self.slug}.{name}")

    def tasks(self) -> dict[str, Task]:
        """The lab's tasks by name, in the order of ``checks.py``; none where there is no lab."""
        if not self.checks.exists():
            return {}
        # Not `part`: read anew at each check, so that an author's change counts at once.
        spec = spec_from_file_location(f"course.lessons.{self.slug}.checks", self.checks)
        module = sys.modules[spec.name] = module_from_spec(spec)
        spec.loader.exec_module(module)
        return {found.name: found for found in vars(module).values() if isinstance(found, Task)}

    def task(self, name: str) -> Task:
        """The task of that name. Raises LessonError that lists the names near to it."""
        tasks = self.tasks()
        if name not in tasks:
            raise unknown(f"a task of lesson {self.slug}", name, list(tasks))
        return tasks[name]


def lessons() -> list[Lesson]:
    """Every lesson, in the order in which they are taken."""
    return [lesson(slug) for slug in TITLES]


def lesson(slug: str) -> Lesson:
    """The lesson of that slug. Raises LessonError that lists the slugs near to it."""
    folder = paths.lesson_dir(slug)
    return Lesson(slug, TITLES[slug], folder, content_dir())
