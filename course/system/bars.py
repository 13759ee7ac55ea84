"""A progress bar that leaves nothing behind, in a terminal as in a notebook."""

from __future__ import annotations

import io
import sys
from typing import Any

from tqdm.std import tqdm

WIDTH = 80  # characters, in a notebook


class Bar(tqdm):
    """tqdm's bar, with all its options; in a notebook its text is an output that ends empty.

    tqdm's own bar for notebooks is a widget: one whose loop ends early stays, in red, and one
    that a page draws after its end is an error, "model not found".
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._output: Any = None
        self._in_notebook = _in_notebook()
        if self._in_notebook:
            options |= {"file": io.StringIO(), "ncols": WIDTH, "ascii": False}
        super().__init__(*args, leave=False, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the bar as it is now, or ``msg`` in its place."""
        if not self._in_notebook:
            super().display(msg, pos)
            return
        from IPython.display import display

        shown = {"text/plain": str(self) if msg is None else msg}
        if self._output is None:
            self._output = display(shown, raw=True, display_id=True)
        else:
            self._output.update(shown, raw=True)


def _in_notebook() -> bool:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")
