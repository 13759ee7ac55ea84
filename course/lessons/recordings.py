"""Where this machine lacks an engine or QEMU, a lesson's cells show what they showed elsewhere.

The stored outputs of the notebook that the course ships *are* the recording: real, and from the
machine that the notebook names. A cell is only ever replayed when it failed here, when something
it may need is missing, and when the learner has not changed it. And every replay says so.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import clear_output, display

RUN = "_run_or_replay"
SHOW = "_show_value"


class Recording:
    """What the cells of a lesson's notebooks showed, and where; found by the source of a cell."""

    def __init__(self, notebooks: Iterable[Path]) -> None:
        self._shown: dict[str, tuple[list, str]] = {}
        for path in notebooks:
            stored = nbformat.read(path, as_version=4)
            where = _where(stored.metadata.get("two_boxes", {}))
            cells = (cell for cell in stored.cells if cell.cell_type == "code")
            self._shown |= {cell.source.strip(): (cell.outputs, where) for cell in cells}

    def has(self, source: str) -> bool:
        """Whether this very cell was recorded."""
        return source.strip() in self._shown

    def replay(self, source: str, lack: str) -> None:
        """Show the cell's recorded outputs, under a line that says what they are."""
        clear_output()
        outputs, where = self._shown[source.strip()]
        note = f"**Recorded on {where}.** This machine cannot run the cell: {lack}"
        display({"text/markdown": f"> {note}", "text/plain": note}, raw=True)
        for output in outputs:
            if output.output_type == "stream":
                getattr(sys, output.name).write(output.text)
            elif output.output_type in {"display_data", "execute_result"}:
                display(dict(output.data), metadata=dict(output.metadata), raw=True)


def _where(machine: dict) -> str:
    """The machine that a notebook's outputs come from, and the day."""
    parts = (machine.get(key) for key in ("cpu", "system", "date"))
    return ", ".join(str(part) for part in parts if part) or "another machine"


class _Wrap(ast.NodeTransformer):
    """Put a cell's statements into ``with _run_or_replay: …``, its last value still shown."""

    def visit_Module(self, module: ast.Module) -> ast.Module:
        if not module.body:
            return module
        *_, last = module.body
        if isinstance(last, ast.Expr):
            last.value = ast.Call(ast.Name(SHOW, ast.Load()), [last.value], [])
        guard = ast.withitem(ast.Name(RUN, ast.Load()), None)
        module.body = [ast.With([guard], module.body)]
        return ast.fix_missing_locations(module)


class _RunOrReplay:
    """A context in which a failing cell is replaced by its recording."""

    def __init__(self, recording: Recording, lack: str) -> None:
        self.recording, self.lack, self.cell = recording, lack, ""

    def note(self, info: object) -> None:
        self.cell = info.raw_cell

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: object, trace: object) -> bool:
        replayable = kind is not None and issubclass(kind, Exception)
        if not replayable or not self.recording.has(self.cell):
            return False
        self.recording.replay(self.cell, self.lack)
        return True


def replay_failures(shell: InteractiveShell, notebooks: Iterable[Path], lack: str) -> None:
    """From the next cell on, replay what fails. ``lack``: what is missing and what mends it.

    Asked again, as when a lesson's first cell runs twice, it replays from these notebooks only.
    """
    guard, earlier = _RunOrReplay(Recording(notebooks), lack), shell.user_ns.get(RUN)
    if isinstance(earlier, _RunOrReplay):
        shell.events.unregister("pre_run_cell", earlier.note)
    else:
        shell.ast_transformers.append(_Wrap())
    shell.push({RUN: guard, SHOW: _shown}, interactive=False)
    shell.events.register("pre_run_cell", guard.note)


def _shown(value: object) -> None:
    if value is not None:
        display(value)
