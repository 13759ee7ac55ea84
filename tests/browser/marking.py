"""How long a click on "Check my answer" takes until the feedback is read, in a real JupyterLab.

Beside it, the same with ipywidgets' own RadioButtons, Button and HTML. Printed as JSON, seconds:

    python tests/browser/marking.py
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
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


def measure(lab: Lab, page: Page, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds from click to feedback for each arm; every round runs both, in shuffled order."""
    lab.notebook("marking.ipynb", *CELLS)
    lab.open(page, "marking.ipynb")
    run_all(page)
    expect(page.get_by_text("all run", exact=True)).to_be_visible(timeout=60_000)
    page.locator(".question").get_by_label("The kernel").check()
    taken: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm in random.sample(ARMS, len(ARMS)):
            taken[arm].append(page.evaluate(CLICK, WHERE[arm]))
    return taken


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile (seconds) and how many."""
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return {"median": statistics.median(seconds), "p95": p95, "n": len(seconds)}


def main(browser: Browser, folder: Path) -> dict[str, dict[str, float]]:
    """Both arms, measured in a JupyterLab that is started for it."""
    with jupyterlab(folder) as lab:
        taken = measure(lab, browser.new_page())
    return {arm: summary(seconds) for arm, seconds in taken.items()}


if __name__ == "__main__":
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        json.dump(main(browser, Path(folder)), sys.stdout, indent=1)
