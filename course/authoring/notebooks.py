"""Running a lesson's notebooks, storing what really came out, and the rules they keep.

Stored outputs are what a reader sees who cannot run the notebook, so they are real: from one run
from top to bottom, on the machine that the notebook names. A run that fails stores nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from course.errors import LessonError
from course.lessons import Lesson
from course.system import host

WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_SECONDS = 600  # longer than any cell may take, short of for ever
CODE_LINES, PROSE_WORDS = 8, 80
# Adults read 238 words of English non-fiction a minute (Brysbaert 2019, Journal of Memory and
# Language 109, abstract); what is to be learned is read slower. The other two are our estimate.
WORDS_A_MINUTE, SECONDS_A_LINE, SECONDS_A_QUESTION = 200, 6, 30
# What stands in no reader's machine: homes, temporary folders, addresses of objects.
MACHINE = re.compile(r"/(?:home/\w+|root|tmp)/[\w./-]+|\bat 0x[0-9a-f]{6,}")
STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def run(path: Path, data: Path | None = None) -> NotebookNode:
    """Run a notebook from top to bottom in a kernel and a folder of its own; return it.

    ``data``: where its progress is kept (a fresh folder). Raises LessonError with the cell that
    failed.
    """
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory(prefix="two-boxes-") as folder:
        own = {"COURSE_DATA_DIR": str(data or folder), "TQDM_DISABLE": "1"}
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute(env=os.environ | own)
        except CellExecutionError as error:
            raise LessonError(f"every cell of {path.name} to run", str(error)) from error
    return cleaned(notebook)


def store(path: Path) -> Path:
    """Run a notebook and keep its outputs, with the facts of this machine. Raises LessonError."""
    began = time.monotonic()
    notebook = run(path)
    took = {
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(time.monotonic() - began),
    }
    notebook.metadata["two_boxes"] = host.facts() | took
    nbformat.write(notebook, path)
    return path


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """Without what belongs to one run or one machine: timings, widget ids, home folders."""
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"})
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_bar(output)]
        for output in cell.get("outputs", []):
            if "data" in output:
                output.data = {kind: _kept(part) for kind, part in _shown(output.data).items()}
            elif "text" in output:
                output.text = _kept(output.text)
    return notebook


def faults(notebook: NotebookNode) -> list[str]:
    """What a stored notebook or solution breaks of the rules that all keep, as sentences."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [f"{_start(cell)} {fault}" for cell in code for fault in _stored_faults(cell)]


def lesson_faults(notebook: NotebookNode) -> list[str]:
    """What a lesson's own notebook breaks besides: short cells, objectives that come back."""
    found = [f"{_start(cell)} {fault}" for cell in notebook.cells for fault in _long(cell)]
    if len(objectives(notebook)) not in range(3, 6):
        found.append("says what the reader will be able to in 3 to 5 points")
    if len(seen(notebook)) != len(objectives(notebook)):
        found.append("closes with as many points as it opened with")
    return found


def objectives(notebook: NotebookNode) -> list[str]:
    """The points below "You will be able to", at the top."""
    return _points(notebook, "You will be able to")


def seen(notebook: NotebookNode) -> list[str]:
    """The points below "You have seen", at the end."""
    return _points(notebook, "You have seen")


def stated_minutes(notebook: NotebookNode) -> int:
    """The time that the notebook says it takes, 0 where it says none."""
    found = re.search(r"About (\d+) min", notebook.cells[0].source)
    return int(found[1]) if found else 0


def minutes(notebook: NotebookNode, questions: int) -> float:
    """What reading it, running it (as it was stored) and answering its questions take."""
    prose = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    lines = sum(len(cell.source.split("\n")) for cell in notebook.cells if cell.cell_type == "code")
    seconds = lines * SECONDS_A_LINE + questions * SECONDS_A_QUESTION
    return prose / WORDS_A_MINUTE + (seconds + notebook.metadata.two_boxes.get("seconds", 0)) / 60


def title(notebook: NotebookNode) -> str:
    """The first heading, without the lesson's number."""
    return re.sub(r"^# (\d\d · )?", "", notebook.cells[0].source.splitlines()[0])


def stored(lesson: Lesson) -> list[Path]:
    """The notebooks of a lesson that are run and stored: all but the lab, which is blank."""
    return [path for path in (lesson.notebook, lesson.solution) if path.exists()]


def _points(notebook: NotebookNode, heading: str) -> list[str]:
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    after = next((text.split(heading, 1)[1] for text in texts if heading in text), "")
    block = re.search(r"\n((?:[-*] .*\n?)+)", after)
    return [line[2:].strip(" .") for line in block[1].splitlines()] if block else []


def _start(cell: NotebookNode) -> str:
    return f"“{cell.source.strip()[:50]}”"


def _long(cell: NotebookNode) -> Iterator[str]:
    if cell.cell_type == "markdown" and (words := len(_prose(cell.source).split())) > PROSE_WORDS:
        yield f"has {words} words; a thought has at most {PROSE_WORDS}"
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if cell.cell_type == "code" and len(lines) > CODE_LINES:
        yield f"has {len(lines)} lines of code; a cell has at most {CODE_LINES}"


def _stored_faults(cell: NotebookNode) -> Iterator[str]:
    if cell.source.strip() and cell.execution_count is None:
        yield "has not been run"
    for output in cell.outputs:
        if output.output_type == "error":
            yield f"stores an error: {output.ename}"
        if WIDGET in output.get("data", {}):
            yield "stores a widget that no reader has"
        if found := MACHINE.search(str(output)):
            yield f"shows what only one machine has: {found[0]}"


def _prose(markdown: str) -> str:
    """The paragraphs: no headings, lists, tables, quotations, pictures or fenced blocks."""
    text = re.sub(r"^(```|~~~).*?^\1\s*$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    lines = text.splitlines()
    return "\n".join(line for line in lines if not re.match(r"\s*(#|[-*+>|!]|\d+\.)", line))


def _is_bar(output: NotebookNode) -> bool:
    """A widget without a page of its own: a progress bar, which means nothing afterwards."""
    data = output.get("data", {})
    return WIDGET in data and "text/html" not in data


def _shown(data: dict) -> dict:
    """A widget lives as long as its kernel; what is stored in its place is its page."""
    return {kind: part for kind, part in data.items() if kind != WIDGET}


def _kept(part: object) -> object:
    if not isinstance(part, str):
        return part
    return STYLE.sub("", part).replace(str(Path.home()), "~")
