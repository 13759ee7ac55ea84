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
    """The outputs of a lesson's notebooks, by the source of the cell that made them."""

    def __init__(self, notebooks: Iterable[Path]) -> None:
        self.machine: dict = {}
        self._outputs: dict[str, list] = {}
        for path in notebooks:
            stored = nbformat.read(path, as_version=4)
            self.machine |= stored.metadata.get("two_boxes", {})
            cells = (cell for cell in stored.cells if cell.cell_type == "code")
            self._outputs |= {cell.source.strip(): cell.outputs for cell in cells}

    def has(self, source: str) -> bool:
        """Whether this very cell was recorded."""
        return source.strip() in self._outputs

    def replay(self, source: str, lack: str) -> None:
        """Show the cell's recorded outputs, under a line that says what they are."""
        clear_output()
        note = f"**Recorded on {self.where}.** This machine cannot run the cell: {lack}"
        display({"text/markdown": f"> {note}", "text/plain": note}, raw=True)
        for output in self._outputs[source.strip()]:
            if output.output_type == "stream":
                getattr(sys, output.name).write(output.text)
            elif output.output_type in {"display_data", "execute_result"}:
                display(dict(output.data), metadata=dict(output.metadata), raw=True)

    @property
    def where(self) -> str:
        """The machine that the outputs come from, and the day."""
        parts = (self.machine.get(key) for key in ("cpu", "system", "date"))
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
    """From the next cell on, replay what fails. ``lack``: what is missing and what mends it."""
    guard = _RunOrReplay(Recording(notebooks), lack)
    shell.push({RUN: guard, SHOW: _shown}, interactive=False)
    shell.events.register("pre_run_cell", guard.note)
    shell.ast_transformers.append(_Wrap())


def _shown(value: object) -> None:
    if value is not None:
        display(value)
