"""How long a click on "Check my answer" takes until the feedback is read, in a real JupyterLab.

Beside it, the same with ipywidgets' own RadioButtons, Button and HTML. Prints one JSON row a click:
arm, round, seconds.

    python tests/browser/marking.py
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect
from real_lab import Lab, chromium, jupyterlab, run_all

ROUNDS = 100
ARMS = ("quiz", "ipywidgets")
CELLS = (
    "from opened import open_fixture\nopen_fixture('marking').quiz('shared-part')",
    "import ipywidgets\n"
    "radio = ipywidgets.RadioButtons(options=['The kernel', 'The C library'])\n"
    "button, said = ipywidgets.Button(description='Check'), ipywidgets.HTML()\n"
    "def mark(_):\n"
    "    said.value = f'{radio.value == \"The kernel\"} {time.monotonic_ns()}'\n"
    "import time; button.on_click(mark)\n"
    "ipywidgets.VBox([radio, button, said])",
    "print('all', 'run')",
)
# Runs in the page: from just before the click until the text of the feedback has changed.
CLICK = """
([button, feedback]) => new Promise((resolve) => {
  const target = document.querySelector(feedback);
  const before = performance.now();
  const seen = new MutationObserver(() => {
    if (!target.textContent) return;
    seen.disconnect();
    resolve((performance.now() - before) / 1000);
  });
  seen.observe(target, { childList: true, characterData: true, subtree: true });
  document.querySelector(button).click();
})
"""
WHERE = {
    "quiz": [".question .submit", ".question .status"],
    "ipywidgets": [".widget-button", ".widget-html-content"],
}


def measure(lab: Lab, page: Page, rounds: int = ROUNDS) -> list[dict[str, object]]:
    """One row a click: arm, round, seconds; every round runs both arms, in shuffled order."""
    lab.notebook("marking.ipynb", *CELLS)
    lab.open(page, "marking.ipynb")
    run_all(page)
    expect(page.get_by_text("all run", exact=True)).to_be_visible(timeout=60_000)
    page.locator(".question").get_by_label("The kernel").check()
    return [
        {"arm": arm, "round": turn, "seconds": page.evaluate(CLICK, WHERE[arm])}
        for turn in range(rounds)
        for arm in random.sample(ARMS, len(ARMS))
    ]


if __name__ == "__main__":
    with TemporaryDirectory() as folder, chromium() as browser, jupyterlab(Path(folder)) as lab:
        json.dump(measure(lab, browser.new_page()), sys.stdout)
