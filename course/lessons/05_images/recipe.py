"""Build Dockerfiles; one that fails is shown with the engine's message below its line."""

from __future__ import annotations

import re
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError, BuildError
from docker.models.images import Image

from course.errors import BuildFailed

COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # the engine paints what a step writes to its errors red


class Builder:
    """Builds recipes with the files of one folder.

    build = Builder(client, folder)
    image = build("two-boxes-site", "FROM two-boxes-base\\nCOPY page.html /srv/\\n")
    """

    def __init__(self, client: DockerClient, folder: Path) -> None:
        self._client, self._folder = client, folder

    def __call__(self, tag: str, recipe: str) -> Image:
        """The image that the recipe makes, under that name. Raises BuildFailed."""
        (self._folder / "Dockerfile").write_text(recipe)
        try:
            image, _ = self._client.images.build(
                path=str(self._folder), tag=tag, rm=True, forcerm=True
            )
        except (BuildError, APIError) as error:
            raise BuildFailed(f"{tag} to be built", "\n" + at_its_line(recipe, error)) from error
        return image


def at_its_line(recipe: str, error: BuildError | APIError) -> str:
    """The recipe, numbered, with an arrow at the faulty line and the engine's words below it.

    The engine names a line only for what it cannot read. For a step that fails, it counts
    steps: the line is the one where that instruction begins.
    """
    if isinstance(error, BuildError):
        words = [COLOUR.sub("", line.get("stream", "")) for line in error.build_log]
        said = "".join(words).splitlines()
        steps = [found for line in said if (found := re.match(r"Step (\d+)/", line))]
        line = _instructions(recipe)[int(steps[-1][1]) - 1] if steps else 0
        message = [*_output(said), error.msg]
    else:
        found = re.search(r"line (\d+): (.*)", error.explanation)
        line, message = (int(found[1]), [found[2]]) if found else (0, [error.explanation])
    return _numbered(recipe, line, message)


def _numbered(recipe: str, faulty: int, message: list[str]) -> str:
    lines = []
    for number, line in enumerate(recipe.rstrip().splitlines(), 1):
        lines.append(f"{'→' if number == faulty else ' '} {number:2}  {line}")
        if number == faulty:
            lines += [f"      │ {words}" for words in message]
    return "\n".join(lines if faulty else [*lines, *message])


def _instructions(recipe: str) -> list[int]:
    """The line on which each instruction begins; comments and continued lines are none."""
    begins, continued = [], False
    for number, line in enumerate(recipe.rstrip().splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not continued:
            begins.append(number)
        continued = line.rstrip().endswith("\\")
    return begins


def _output(said: list[str]) -> list[str]:
    """What the failing step printed: all after the engine said that it runs."""
    runs = [place for place, line in enumerate(said) if "---> Running in" in line]
    printed = said[runs[-1] + 1 :] if runs else []
    return [line for line in printed if line and not line.startswith("Removing intermediate")]
