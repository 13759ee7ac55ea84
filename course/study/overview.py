"""The whole at a glance: this machine, the way through the course, the ledger of claims.

from course import course_map, machine_report, claims_ledger
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import closing

from course.checks import Outcome
from course.claims import TONES, Judgement, entries
from course.lessons import Lesson, cells, lessons
from course.questions import Page, Tone, Verdict, markup, quiz
from course.setup import doctor
from .progress import Progress

FINDINGS = {
    Outcome.PASSED: "good",
    Outcome.FAILED: "bad",
    Outcome.NOT_ATTEMPTED: "quiet",
    Outcome.BROKEN: "open",
}
LEDGER = ("Claim", "Topic", "Experiment", "Estimate", "Verdict", "Tier")


def machine_report() -> Page:
    """What this machine can do, and the command that mends each lack."""
    columns = ("What", "State", "Found", "What mends it")
    rows = [
        (row.name, Tone(_word(row.finding), FINDINGS[row.finding]), row.value, row.mend)
        for row in doctor.diagnose().findings
    ]
    width = 4 if any(row[-1] for row in rows) else 3  # nothing to mend, no column for it
    return markup.table("What this machine can do", columns[:width], [row[:width] for row in rows])


def claims_ledger() -> Page:
    """Every claim of the course, topic by topic, judged by what was measured on this machine."""
    topics = json.loads(entries.SCHEMA.read_text())["items"]["properties"]["topic"]["enum"]
    found = sorted(entries.ledger(), key=lambda one: topics.index(one.claim.topic))
    return ledger("The claims, judged by evidence", found, "Topic", "Experiment")


def ledger(title: str, judgements: Iterable[Judgement], *also: str) -> Page:
    """Claims with their estimates and verdicts; ``also``: "Topic", "Experiment"."""
    rows = [
        one.row() | {"verdict": Tone(str(one.verdict), TONES[one.verdict])} for one in judgements
    ]
    columns = [name for name in LEDGER if name in also or name not in ("Topic", "Experiment")]
    return markup.table(title, columns, ([row[name.lower()] for name in columns] for row in rows))


def course_map() -> Page:
    """Each lesson's notebook, quiz and lab, what of it is done, and the time it took so far."""
    columns = ("Lesson", "Notebook", "Quiz", "Lab", "Minutes")
    with closing(Progress()) as progress:
        found = course_progress(progress)
    rows = [
        (
            f"{row['slug'][:2]} {row['title']}",
            Tone("opened", "good") if row["opened"] else Tone(""),
            _share(row["quiz_right"], row["quiz_total"]),
            _share(row["lab_passed"], row["lab_total"]),
            round(row["seconds"] / 60) or Tone(""),
        )
        for row in found
    ]
    return markup.table("Your way through the course", columns, rows)


def course_progress(progress: Progress) -> list[dict[str, object]]:
    """One row a lesson: slug, title, opened, quiz_right and quiz_total (questions), lab_passed and
    lab_total (tasks), seconds.
    """
    return [_lesson_progress(lesson, progress) for lesson in lessons()]


def _lesson_progress(lesson: Lesson, progress: Progress) -> dict[str, object]:
    asked = quiz.load(lesson.quiz) if lesson.quiz.exists() else {}
    questions = {name for name, question in asked.items() if question.kind != "predict"}
    right = progress.succeeded(lesson.slug, "answered", Verdict.RIGHT)
    tasks = cells.task_names(lesson)
    return {
        "slug": lesson.slug,
        "title": lesson.title,
        "opened": bool(progress.events(lesson.slug, "opened")),
        "quiz_right": len(right & questions),
        "quiz_total": len(questions),
        "lab_passed": len(progress.succeeded(lesson.slug, "checked", Outcome.PASSED) & tasks),
        "lab_total": len(tasks),
        "seconds": progress.seconds(lesson.slug),
    }


def _share(done: int, total: int) -> Tone:
    if not total:
        return Tone("")
    tone = "good" if done == total else "open" if done else "quiet"
    return Tone(f"{done} of {total}", tone, done / total)


def _word(outcome: Outcome) -> str:
    return {Outcome.PASSED: "fine", Outcome.FAILED: "missing"}.get(outcome, str(outcome))
