"""Every view in a real JupyterLab: by mouse, by keyboard, after a reload, in both themes.

One notebook serves most tests, for opening it is what costs time; each test has cells and a
learner of its own in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from real_lab import ARTIFACTS, Lab, run_all, set_theme

from course.study import Progress

pytestmark = pytest.mark.browser

PATIENCE = 60_000  # milliseconds for a busy machine to run a notebook
KINDS = ("one", "many", "number", "text", "order", "match")
ATTACK = "<img src=x onerror=alert(1)><b>bold</b> `<i>code</i>`"
CELLS = {
    "open": "from opened import open_fixture",
    "mouse": "open_fixture('mouse').quiz()",
    "keys": "open_fixture('keys').quiz()",
    "hints": "port = 80\nopen_fixture('hints').check('choose-port')",
    "passed": "port = 8080\nopen_fixture('hints').check('choose-port')",
    "untried": "open_fixture('hints').check('double-it')",
    "predict": "seer = open_fixture('seer')\nseer.predict('boot-ratio')",
    "reveal": "seer.reveal('boot-ratio', 21.5)",
    "solution": "seer.solution('double-it')",
    "map": "from course import course_map\ncourse_map()",
    "attack": f"attack = {ATTACK!r}\nfrom hostile import *\nhostile_quiz(attack)",
    "attack check": "hostile_check(attack)",
    "attack table": "hostile_table(attack)",
    "end": "print('all', 'run')",
}


@dataclass
class Opened:
    """The notebook, open and run; what the page was told, and which dialogs it opened."""

    page: Page
    told: list[str] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)

    def cell(self, name: str) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(list(CELLS).index(name))

    def question(self, cell: str, kind: str) -> Locator:
        return self.cell(cell).locator(f".question[data-kind={kind}]")

    def verdict(self, cell: str, kind: str) -> Locator:
        return self.question(cell, kind).get_by_role("status")


@pytest.fixture(scope="module")
def opened(lab: Lab, browser: Browser) -> Iterator[Opened]:
    """The notebook of all views, run from top to bottom."""
    context = browser.new_context(viewport={"width": 1100, "height": 9000})
    opened = Opened(context.new_page())
    opened.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: opened.told.append(str(frame))),
    )
    opened.page.on("dialog", lambda box: (opened.alerts.append(box.type), box.accept()))
    lab.notebook("views.ipynb", *CELLS.values())
    lab.open(opened.page, "views.ipynb")
    run_all(opened.page)
    expect(opened.page.get_by_text("all run", exact=True)).to_be_visible(timeout=PATIENCE)
    yield opened
    context.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds in the course's own views (JupyterLab's shell is not ours)."""
    found = Axe().run(page, context={"include": [[".two-boxes"]]}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def test_the_page_is_not_told_the_answers(opened: Opened) -> None:
    expect(opened.question("mouse", "one")).to_be_visible()
    told = "".join(opened.told)
    assert "The C library" in told
    secrets = ("uname -r", "virtual machine monitor", "Divide 2 by 0.25", "Who may listen")
    assert [secret for secret in secrets if secret in told] == []


def test_markup_in_data_stays_text(opened: Opened) -> None:
    opened.cell("attack").get_by_role("radio").first.check()
    opened.cell("attack").get_by_role("button", name="Check my answer").click()
    expect(opened.verdict("attack", "one")).to_contain_text("Right")
    for name in ("attack", "attack check", "attack table"):
        expect(opened.cell(name)).to_contain_text("<img src=x onerror=alert(1)><b>bold</b>")
        assert opened.cell(name).locator(".two-boxes").locator("img, b, i").count() == 0
    assert "alert" not in opened.alerts


def test_hints_come_one_by_one_and_the_focus_is_not_lost(opened: Opened) -> None:
    card = opened.cell("hints").get_by_role("group", name="Check: choose-port")
    button = opened.cell("hints").get_by_role("button", name=re.compile("hint"))
    expect(card).to_contain_text("`port` is 80".replace("`", ""))
    for count in (1, 2, 3):
        button.click()
        expect(card.get_by_role("listitem")).to_have_count(count)
    expect(button).to_be_hidden()
    expect(card).to_be_focused()


def test_a_guess_is_noted(opened: Opened, lab: Lab) -> None:
    opened.question("predict", "predict").get_by_role("textbox").fill("3")
    opened.cell("predict").get_by_role("button", name="Note my guess").click()
    expect(opened.verdict("predict", "predict")).to_contain_text("Noted")
    kept = Progress(lab.folder.parent / "progress" / "seer.sqlite")
    assert kept.latest("99_fixture", "predicted")["boot-ratio"].detail == {"answer": "3"}


def test_every_kind_is_answered_by_mouse(opened: Opened, lab: Lab) -> None:
    answer_all(opened, "mouse")
    said = {"one": "Right", "many": "Partly right", "number": "Right", "text": "Right"}
    said |= {"order": "Not right yet", "match": "Partly right"}
    for kind, words in said.items():
        expect(opened.verdict("mouse", kind)).to_contain_text(words)
    expect(opened.verdict("mouse", "many")).to_contain_text("Right answers not chosen yet: 1.")
    kept = Progress(lab.folder.parent / "progress" / "mouse.sqlite")
    assert kept.latest("99_fixture", "answered")["shared-part"].outcome == "right"
    assert len(kept.events("99_fixture", "answered")) == len(KINDS)


def answer_all(opened: Opened, cell: str) -> None:
    """Answer one question of each kind with the mouse; some of them wrongly."""
    opened.question(cell, "one").get_by_label("The kernel").check()
    opened.question(cell, "many").get_by_label("A kernel of its own").check()
    opened.question(cell, "many").get_by_label("A file system of its own").check()
    opened.question(cell, "number").get_by_role("textbox").fill("8")
    opened.question(cell, "text").get_by_role("textbox").fill("Hypervisor")
    for name, choice in (("runc", "A container"), ("qemu", "A process"), ("bash", "A process")):
        opened.question(cell, "match").get_by_label(name).select_option(choice)
    for kind in KINDS:
        opened.question(cell, kind).get_by_role("button", name="Check my answer").click()


def test_every_kind_is_answered_by_keyboard_alone_and_the_notebook_stays_where_it_is(
    opened: Opened,
) -> None:
    keys = opened.page.keyboard

    def tab_to(target: Locator) -> None:
        for _ in range(30):
            if target.evaluate("node => node === document.activeElement"):
                return
            keys.press("Tab")
        raise AssertionError(f"Tab does not reach {target}")

    def ask(kind: str) -> Locator:
        return opened.question("keys", kind)

    selected = opened.page.locator(".jp-Notebook .jp-Cell.jp-mod-selected .jp-InputArea-editor")
    opened.cell("keys").locator(".jp-InputPrompt").click()
    tab_to(ask("one").get_by_role("radio").first)
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    expect(ask("one").get_by_label("The kernel")).to_be_checked()
    keys.press("Enter")
    expect(opened.verdict("keys", "one")).to_contain_text("Right")

    tab_to(ask("many").get_by_role("checkbox").first)
    keys.press("Space")
    keys.press("Tab")
    keys.press("Space")
    keys.press("Enter")
    expect(opened.verdict("keys", "many")).to_contain_text("Right")

    for kind, words in (("number", "8"), ("text", "dd a hypervisor")):
        tab_to(ask(kind).get_by_role("textbox"))
        keys.type(words)
        keys.press("Enter")
    expect(opened.verdict("keys", "number")).to_contain_text("Right")
    expect(opened.verdict("keys", "text")).to_contain_text("Not right yet")

    tab_to(ask("order").get_by_role("button", name="Move down: The firmware"))
    keys.press("Space")
    tab_to(ask("order").get_by_role("button", name="Move down: The first process"))
    keys.press("Enter")
    expect(opened.verdict("keys", "order")).to_contain_text("The first process answers: now 4 of 4")
    tab_to(ask("order").get_by_role("button", name="Check my answer"))
    keys.press("Enter")
    expect(opened.verdict("keys", "order")).to_contain_text("Right")

    for name, choice in (("runc", "A c"), ("qemu", "A v"), ("bash", "A p")):
        tab_to(ask("match").get_by_label(name))
        keys.type(choice)
    tab_to(ask("match").get_by_role("button", name="Check my answer"))
    keys.press("Space")
    expect(opened.verdict("keys", "match")).to_contain_text("Right")

    expect(selected).to_have_text(CELLS["keys"])
    expect(opened.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(CELLS))


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_every_view_in_both_themes_without_a_violation(opened: Opened, theme: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    set_theme(opened.page, f"JupyterLab {theme}")
    light = str(theme == "Light").lower()
    expect(opened.page.locator(f"body[data-jp-theme-light={light}]")).to_have_count(1)
    answer_all(opened, "mouse")
    expect(opened.verdict("mouse", "match")).to_contain_text("Partly right")
    opened.page.screenshot(path=ARTIFACTS / f"views-{theme.lower()}.png")
    assert violations(opened.page) == []


def test_answers_are_there_after_a_reload_and_after_the_kernel_is_gone(
    opened: Opened, lab: Lab
) -> None:
    answer_all(opened, "mouse")
    expect(opened.verdict("mouse", "match")).to_contain_text("Partly right")
    opened.page.keyboard.press("Control+s")
    expect(opened.page.get_by_text("Saving completed").first).to_be_visible()
    for end in (lambda: None, lambda: lab.end_kernels(opened.page)):
        end()
        lab.reload(opened.page, "views.ipynb", opened.question("mouse", "one"))
        expect(opened.verdict("mouse", "one")).to_contain_text("Right")
        expect(opened.question("mouse", "one").get_by_label("The kernel")).to_be_checked()
        expect(opened.question("mouse", "number").get_by_role("textbox")).to_have_value("8")
    run_all(opened.page)
    expect(opened.verdict("predict", "predict")).to_contain_text("Noted", timeout=PATIENCE)
    expect(opened.cell("reveal")).to_contain_text("Your guess was 7.2 times too low.")


def test_the_views_work_in_notebook_7(lab: Lab, page: Page) -> None:
    lab.notebook("seven.ipynb", CELLS["open"], "open_fixture('seven').quiz('shared-part')")
    with page.expect_websocket(
        lambda socket: "/channels" in socket.url, timeout=PATIENCE
    ) as kernel:
        page.goto(f"{lab.address}/notebooks/seven.ipynb?token={lab.token}")
    kernel.value.wait_for_event("framereceived", timeout=PATIENCE)
    run_all(page)
    one = page.locator(".question[data-kind=one]")
    one.get_by_label("The kernel").check(timeout=PATIENCE)
    one.get_by_role("button", name="Check my answer").click()
    expect(one.get_by_role("status")).to_contain_text("Right")
