"""A real JupyterLab on a folder of its own, and a real browser that looks at it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
ARTIFACTS = ROOT / "artifacts"
READY = "Python 3 (ipykernel) | Idle"
PATIENCE = 60  # seconds for JupyterLab to come up on a busy machine


@dataclass
class Lab:
    """A JupyterLab: where it listens, its token, and the folder it shows."""

    address: str
    token: str
    folder: Path

    def notebook(self, name: str, *cells: str) -> str:
        """Write a notebook of code cells; returns its name."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
        nbformat.write(made, self.folder / name)
        return name

    def open(self, page: Page, name: str) -> Page:
        """Show a notebook and wait until its kernel can be spoken to."""
        page.goto(f"{self.address}/lab/tree/{name}?reset&token={self.token}")
        expect(page.get_by_text(READY).first).to_be_visible(timeout=PATIENCE * 1000)
        return page

    def reload(self, page: Page, name: str, view: Locator) -> None:
        """Open it anew, until a view of it is there or has failed three times.

        ipywidgets gives up on a view whose saved state comes over two seconds late, as on a busy
        machine it may (its issue 3758); a person reloads once more.
        """
        given_up = page.get_by_text("model not found")
        for _ in range(3):
            self.open(page, name)
            expect(view.or_(given_up).first).to_be_visible(timeout=PATIENCE * 1000)
            if not given_up.count():
                return

    def end_kernels(self, page: Page) -> None:
        """What happens overnight: every kernel is gone."""
        for session in page.request.get(f"{self.address}/api/sessions?token={self.token}").json():
            gone = f"{self.address}/api/sessions/{session['id']}"
            assert page.request.delete(gone, headers=self.headers).ok

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}


def run_all(page: Page) -> None:
    """Run every cell, as a person does from the menu."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def set_theme(page: Page, name: str) -> None:
    """Change the theme, as a person does from the menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text=name).first.click()


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Lab]:
    """JupyterLab on a free port of this machine alone, with settings and progress of its own."""
    own = {
        "COURSE_DATA_DIR": str(folder / "progress"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_CONFIG_PATH": str(ROOT / "course" / "study" / "jupyter"),
        "PYTHONPATH": str(FIXTURES),
    }
    shown = folder / "shown"
    shown.mkdir()
    token, port = secrets.token_hex(16), free_port()
    command = [
        *("setpriv", "--pdeathsig", "TERM"),  # a test run that is killed leaves no server behind
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={shown}"),
    ]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "lab.log")
        yield Lab(f"http://127.0.0.1:{port}", token, shown)
    finally:
        server.terminate()
        server.wait(PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The distribution's Chromium, without a screen. Raises FileNotFoundError without one."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise FileNotFoundError("this machine has no Chromium: apt-get install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Until the server answers; its log is the failure's message."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            time.sleep(0.1)  # polling a condition, with a deadline
        else:
            return
    raise AssertionError(log.read_text())
