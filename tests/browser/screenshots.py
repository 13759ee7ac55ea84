"""Take lessons in a real JupyterLab, from the page, and keep a picture of each in both themes.

    python tests/browser/screenshots.py 04_docker_engine labs/04_docker_engine   # or nothing: all

A slug is its notebook. Pictures go to ``artifacts/lessons/``, in slices of a screen's height, to
be looked at. Says how long each took to run, and fails where a cell did.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect
from real_lab import ARTIFACTS, ROOT, Lab, chromium, jupyterlab, run_all, set_theme

from course.lessons import lessons

WIDTH, SLICE = 1280, 2000  # pixels of a picture
TALLEST = 40_000  # pixels in which a whole notebook has room, so that JupyterLab draws all of it
MINUTES = 10  # for a notebook to run
SCROLLED = ".jp-WindowedPanel-outer"
THEMES = ("JupyterLab Light", "JupyterLab Dark")


def take(lab: Lab, page: Page, name: str) -> None:
    """Open a notebook, run it from the menu as a person does, and picture it."""
    lab.open(page, f"{name}.ipynb")
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    began = time.monotonic()
    run_all(page)
    wait_until_done(page)
    sys.stdout.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    assert page.locator(".jp-RenderedText[data-mime-type*=stderr] .ansi-red-fg").count() == 0
    for theme in THEMES:
        page.set_viewport_size({"width": WIDTH, "height": 1000})
        set_theme(page, theme)
        draw_anew(page)
        picture(page, name, theme.split()[-1].lower())


def draw_anew(page: Page) -> None:
    """Read the notebook from disk again: what Mermaid has drawn keeps the colours of its theme."""
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)  # unsaved, it would ask
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name="Reload Notebook from Disk").click()


def wait_until_done(page: Page) -> None:
    """Until the kernel has nothing left to do."""
    busy = page.get_by_text("Python 3 (ipykernel) | Busy").first
    idle = page.get_by_text("Python 3 (ipykernel) | Idle").first
    expect(busy.or_(idle)).to_be_visible()
    page.wait_for_function(
        "() => { const cells = [...document.querySelectorAll('.jp-InputPrompt')];"
        " return cells.some((c) => /\\d/.test(c.textContent)) &&"
        " !cells.some((c) => c.textContent.includes('[*]')); }",
        timeout=MINUTES * 60_000,
    )
    expect(idle).to_be_visible(timeout=MINUTES * 60_000)


def picture(page: Page, name: str, theme: str) -> None:
    folder = ARTIFACTS / "lessons"
    folder.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": WIDTH, "height": TALLEST})
    page.wait_for_function(
        f"() => {{ const all = document.querySelector('{SCROLLED}'); all.scrollTop = 0;"
        f" return all.clientHeight > {TALLEST} / 2"
        " && !document.querySelector('.jp-Notebook .jp-Cell.jp-mod-placeholder'); }"
    )
    last = page.locator(".jp-Notebook .jp-Cell").last
    last.wait_for(state="visible")  # JupyterLab draws anew when its window has grown
    end = last.bounding_box()
    bottom = round(end["y"] + end["height"]) + 20
    for part, top in enumerate(range(0, bottom, SLICE)):
        clip = {"x": 0, "y": top, "width": WIDTH, "height": min(SLICE, bottom - top)}
        path = folder / f"{name.replace('/', '-')}-{theme}-{part}.png"
        page.screenshot(path=path, clip=clip)


def draw_every_cell(folder: Path) -> None:
    """Have JupyterLab draw cells that are out of sight too, as a setting of this folder's."""
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')


def main(names: list[str]) -> None:
    with TemporaryDirectory() as folder, chromium() as browser, jupyterlab(Path(folder)) as lab:
        draw_every_cell(Path(folder))
        for name in ("notebooks", "labs", "solutions"):
            shutil.copytree(ROOT / name, lab.folder / name)
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        for name in names or [lesson.slug for lesson in lessons() if lesson.notebook.exists()]:
            take(lab, page, name if "/" in name else f"notebooks/{name}")
            lab.end_kernels(page)


if __name__ == "__main__":
    main(sys.argv[1:])
