"""The commands of those who write lessons: quizzes to take elsewhere, labs, notebooks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click


@click.group()
def quiz() -> None:
    """Take questions to other systems, or bring some from there."""


@quiz.command("export")
@click.argument("lesson")
@click.option("--to", "form", type=click.Choice(["gift", "jupyterquiz"]), default="gift")
def quiz_export(lesson: str, form: str) -> None:
    """Print a LESSON's questions for Moodle (GIFT) or for jupyterquiz."""
    from course.lessons import lesson as lesson_named
    from course.questions import exchange
    from course.questions import quiz as quizzes

    questions = quizzes.load(lesson_named(lesson).quiz).values()
    if form == "gift":
        click.echo(exchange.to_gift(questions))
    else:
        click.echo(json.dumps(exchange.to_jupyterquiz(questions), indent=2))


@quiz.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def quiz_import(file: Path) -> None:
    """Print jupyterquiz questions from a FILE as a quiz.yaml of this course."""
    import yaml

    from course.errors import QuizError
    from course.questions import exchange

    try:
        entries = exchange.from_jupyterquiz(json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise QuizError(f"JSON in {file}", str(error)) from error
    click.echo(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True))


@click.group()
def labs() -> None:
    """For authors: the labs, made from their solutions."""


@labs.command("build")
def labs_build() -> None:
    """Write every lab whose solution says something new."""
    from . import labs

    for path in labs.build():
        click.echo(path)


@click.group()
def notebooks() -> None:
    """For authors: notebooks and what they show."""


@notebooks.command("run")
@click.argument("slugs", nargs=-1, required=True)
def notebooks_run(slugs: Sequence[str]) -> None:
    """Run the notebook and the solution of each lesson, and store what came out."""
    from course.lessons import lesson as lesson_named
    from . import notebooks

    for slug in slugs:
        found = lesson_named(slug)
        for path in (found.notebook, found.solution):
            if path.exists():
                click.echo(notebooks.store(path))
