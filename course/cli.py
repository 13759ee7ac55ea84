"""The ``course`` command.

Each command imports what it needs when it runs, so that ``course --help`` and a completion in
the shell are instant, and so that one broken part does not take the others with it.
"""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from course.authoring import commands as authoring
from course.errors import CourseError

if TYPE_CHECKING:
    from course.claims import Judgement
    from course.study import Progress

as_json = click.option("--json", "as_json", is_flag=True, help="Print data instead of a table.")
rounds = click.option(
    "--rounds", type=click.IntRange(min=1), default=10, show_default=True, help="How often it runs."
)


class Commands(click.Group):
    """A group whose commands end in one clear sentence where the course foresaw the trouble."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except CourseError as error:
            click.secho(str(error), fg="red", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("Stopped. Nothing was left running.", err=True)
            sys.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="two-boxes")
def main() -> None:
    """Two Boxes: container or virtual machine? A course that answers by experiment."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # in locale C a letter is lost, and not the table


for group in (authoring.quiz, authoring.labs, authoring.notebooks):
    main.add_command(group)


@main.command()
@click.option("--tests", is_flag=True, help="Also what the tests need: a browser, another engine.")
@click.option("--ahead", is_flag=True, help="Also what lessons build later: no network after it.")
def setup(tests: bool, ahead: bool) -> None:
    """Install packages, start the engine, build the images."""
    from course.setup import provision

    provision.apply(provision.plan(tests=tests, ahead=ahead), click.echo)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("workspace"))
@click.option("--setup", is_flag=True, help="Set up first what is missing, as course setup does.")
def lab(folder: Path, setup: bool) -> None:
    """Open JupyterLab on lesson 0, in a FOLDER of your own."""
    from course.study import lab

    if setup:
        from course.setup import provision

        provision.apply(provision.plan(), click.echo)
    lab.open_lab(folder, click.echo)


@main.command()
@as_json
def doctor(as_json: bool) -> None:
    """Say what this machine can do, and what mends each lack."""
    from course.setup import diagnose

    report = diagnose()
    show(report.to_dict(), report.rows(), as_json)


@main.command()
@rounds
@as_json
def race(rounds: int, as_json: bool) -> None:
    """Race five boxes to their first answer."""
    from course.claims import experiments

    frame = experiments.race(rounds)
    show(experiments.race_data(frame), experiments.race_rows(frame), as_json)


@main.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True)
@rounds
@as_json
def measure(command: Sequence[str], rounds: int, as_json: bool) -> None:
    """Time a COMMAND: median and 95 % interval. Options of ours stand before it."""
    from course.measuring import commands

    found = commands.measure(command, rounds)
    show(found, [commands.row(found)], as_json)


@main.command()
@click.option("--write", is_flag=True, help="Also write BENCHMARKS.md.")
@as_json
def bench(write: bool, as_json: bool) -> None:
    """Measure every goal that this course sets itself."""
    from course.claims import bench

    found = bench.measure()
    if write:
        bench.write(found, Path("BENCHMARKS.md"))
    rows = bench.judged(found)
    show([{key: row[key] for key in bench.KEYS} for row in rows], bench.shown(rows), as_json)
    for name, lack in bench.lacks(found).items():
        click.echo(f"Not measured here: {name}.\n{lack}", err=True)
    sys.exit(0 if all(row["holds"] for row in rows) else 1)


@main.command()
@as_json
def claims(as_json: bool) -> None:
    """Judge the textbook's claims by what was measured on this machine."""
    from course.claims import entries

    found = entries.ledger()
    show([one.to_dict() for one in found], [_claim_row(one) for one in found], as_json)


@main.command()
@as_json
def progress(as_json: bool) -> None:
    """Your way through the course: lessons, questions, labs."""
    from course.study import course_progress

    with _record() as record:
        found = course_progress(record)
    show(found, [_progress_row(row) for row in found], as_json)


@main.command()
@click.argument("lesson", default="")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(lesson: str, yes: bool) -> None:
    """Begin a LESSON again, or the whole course."""
    from course.lessons import lesson as lesson_named

    slug = lesson_named(lesson).slug if lesson else ""
    if not yes:
        what = slug or "every lesson"
        click.confirm(f"Forget answers, guesses and checks of {what}? A copy is kept.", abort=True)
    with _record() as record:
        copy = record.reset(slug)
    click.echo(f"Begun again. A copy of what was is in {copy}." if copy else "Nothing to forget.")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
def export(file: Path) -> None:
    """Write the whole record of progress to a FILE, .csv or .json."""
    with _record() as record:
        click.echo(f"Written: {record.export(file)}")


@main.command()
def clean() -> None:
    """Remove what the course made here. Your workspace and your progress stay."""
    from course.engine import labels
    from course.errors import EngineError
    from course.images import imports
    from course.system import paths, reaper

    reaper.sweep()
    try:
        labels.remove(labels.NAME)
        imports.forget()
    except EngineError as error:
        click.echo(f"Containers and images of the course are left in the engine.\n{error}")
    cache = paths.cache_dir()  # perhaps a folder of the learner's, with more in it than ours
    reaper.delete(cache / "images")
    (cache / "accelerator.json").unlink(missing_ok=True)
    with suppress(OSError):  # what else is in it stays
        cache.rmdir()


@contextmanager
def _record() -> Iterator[Progress]:
    """The record of progress; what became of it is said, since what follows may look like none."""
    from course.study import Progress

    with closing(Progress()) as record:
        for notice in record.notices:
            click.echo(notice, err=True)
        yield record


def _claim_row(found: Judgement) -> dict[str, str]:
    return {name: said for name, said in found.row().items() if name != "topic"}


def _progress_row(row: Mapping[str, object]) -> dict[str, object]:
    return {
        "lesson": f"{row['slug'][:2]} {row['title']}",
        "opened": "yes" if row["opened"] else "",
        "quiz": f"{row['quiz_right']} of {row['quiz_total']}",
        "lab": f"{row['lab_passed']} of {row['lab_total']}" if row["lab_total"] else "",
        "minutes": round(row["seconds"] / 60),
    }


def show(data: object, rows: Sequence[Mapping[str, object]], as_json: bool) -> None:
    """Print ``data`` as JSON or ``rows`` as a table."""
    if as_json:
        click.echo(json_module.dumps(data, indent=2))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for column in rows[0] if rows else ():
        table.add_column(str(column))
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(markup=False, emoji=False).print(table)  # a path in brackets is no mark-up
