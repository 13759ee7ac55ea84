"""The views as data: what they tell the page, what they keep, what is shown without widgets."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from opened import LESSON

from course import claims, claims_ledger, course_map, machine_report
from course.checks import Finding, Outcome, failed
from course.errors import LessonError
from course.questions import Mark, Predict, Verdict, markup
from course.questions.kinds import Choice, Number, One
from course.setup.doctor import Report, Row
from course.study import Progress
from course.study.opened import Study, open_lesson
from course.study.reveal import Reveal, figure
from course.study.widgets import CheckView, QuizView

GUESS = Predict(id="g", objective="o", question="How many?", unit="times")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(LESSON, Progress(tmp_path / "progress.sqlite"), {})


def send(view: QuizView | CheckView, content: object) -> None:
    """A message from the page."""
    view._handle_custom_msg(content, [])


def answer(study: Study, name: str, given: object) -> dict:
    """Answer a question; the mark that the page is told."""
    view = study.predict(name) if name == "boot-ratio" else study.quiz(name)
    send(view, {"question": name, "answer": given})
    return view.marks.get(name, {})


class Tags(HTMLParser):
    """The elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.found.add(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


# --- quizzes -----------------------------------------------------------------------------------


def test_an_answer_is_marked_kept_and_there_again_in_the_next_kernel(study: Study) -> None:
    mark = answer(study, "shared-part", "The kernel")
    assert (mark["verdict"], mark["heading"]) == ("right", "Right")
    again = Study(LESSON, Progress(study.progress.path), {}).quiz()
    assert again.marks["shared-part"] == mark | {"attempt": 0}


def test_the_same_answer_again_is_a_new_mark_and_a_new_attempt(study: Study) -> None:
    view = study.quiz()
    for attempt in (1, 2):
        send(view, {"question": "shared-part", "answer": "The kernel"})
        assert view.marks["shared-part"]["attempt"] == attempt
    assert len(study.progress.events(LESSON.slug, "answered")) == 2


def test_no_answer_is_said_and_not_kept(study: Study) -> None:
    assert answer(study, "shared-part", None)["verdict"] == "unreadable"
    assert study.progress.events(LESSON.slug, "answered") == []


def test_an_answer_to_a_question_that_was_edited_is_not_shown(study: Study) -> None:
    gone = {"answer": "a choice that is gone"}
    study.progress.record(LESSON.slug, "answered", "shared-part", "right", gone)
    assert study.quiz().marks == {}


def test_the_page_is_told_no_answer_before_one_is_given(study: Study) -> None:
    told = json.dumps({key: str(value) for key, value in study.quiz().get_state().items()})
    assert "The C library" in told
    for secret in ("uname", "virtual machine monitor", "Divide", "Right, it boots"):
        assert secret not in told


@example(content={"question": ["not a text"]})
@given(
    content=some.recursive(
        some.none() | some.text() | some.integers(),
        lambda inner: (
            some.lists(inner)
            | some.dictionaries(
                some.sampled_from(["question", "answer", "shared-part", "hint"]), inner
            )
        ),
    )
)
def test_whatever_the_page_sends_nothing_is_raised(content: object) -> None:
    one = One(id="shared-part", objective="o", question="q", choices=())
    # Called as ipywidgets calls it, which would swallow what is raised.
    QuizView("t", [one], {}, lambda q, a: q.mark(a))._receive(None, content, [])
    CheckView("t", "d", failed("no", "hint"))._receive(None, content, [])


def test_an_unknown_question_names_the_near_ones(study: Study) -> None:
    with pytest.raises(LessonError, match="shared-part"):
        study.quiz("shared")
    with pytest.raises(LessonError, match="boot-ratio"):
        study.predict("shared-part")


# --- predictions -------------------------------------------------------------------------------


def test_a_guess_can_change_until_it_is_revealed(study: Study) -> None:
    answer(study, "boot-ratio", "3")
    answer(study, "boot-ratio", "5")
    estimate = SimpleNamespace(value=20.0, low=18.0, high=25.0, n=10)
    page = study.reveal("boot-ratio", estimate)
    assert "You guessed: 5 times" in page.text
    assert "Measured: 20 times (18 to 25)" in page.text
    assert "4 times too low" in page.text
    assert "your guess of 5 stands" in answer(study, "boot-ratio", "20")["feedback"][0]
    assert study.progress.latest(LESSON.slug, "predicted")["boot-ratio"].detail["answer"] == "5"
    assert "How many times longer" in study.guesses().text


def test_without_a_guess_the_measurement_is_shown_and_a_guess_may_follow(study: Study) -> None:
    assert "no guess" in study.reveal("boot-ratio", 20).text
    assert answer(study, "boot-ratio", "20")["verdict"] == "noted"


@pytest.mark.parametrize(
    ("guess", "measured", "words"),
    [
        (20, (20, 18, 25), "inside the measured interval"),
        (3, (3, 3, 3), "exactly what was measured"),
        (20.05, (20, 20, 20), "0.25 % too high"),
        (30, (20, 18, 25), "50 % too high"),
        (15, (20, 18, 25), "25 % too low"),
        (2000, (20, 18, 25), "100 times too high"),
        (0, (20, 18, 25), "20 too low"),
        (5, (-1, -1, -1), "6 too high"),
    ],
)
def test_how_far_a_guess_was_is_said_in_words(
    guess: float, measured: tuple[float, float, float], words: str
) -> None:
    assert words in Reveal("q", "", guess, *measured).distance


@given(guess=some.floats(), value=some.floats(), wide=some.floats(0, 10))
def test_any_guess_beside_any_measurement_can_be_shown(
    guess: float, value: float, wide: float
) -> None:
    low, high = sorted((value, value + wide))
    assert Reveal("q", "s", guess, value, low, high).page().text


def test_numbers_read_as_people_write_them() -> None:
    shown = [figure(value) for value in (0, 0.00012345, 3.14159, 1234.5, 123456, 1e9, -5)]
    assert shown == ["0", "0.000123", "3.14", "1,230", "123,000", "1e+09", "-5"]


# --- checks ------------------------------------------------------------------------------------


def test_each_time_the_same_is_found_one_more_hint_is_shown(tmp_path: Path) -> None:
    names: dict[str, object] = {"port": 80}
    study = Study(LESSON, Progress(tmp_path / "progress.sqlite"), names)
    shown = [len(study.check("choose-port").finding["hints"]) for _ in range(5)]
    assert shown == [0, 1, 2, 3, 3]
    names["port"] = "http"
    assert study.check("choose-port").finding["hints"] == [], "another observation, other hints"
    names["port"] = 8080
    assert study.check("choose-port")
    outcomes = [event.outcome for event in study.progress.events(LESSON.slug, "checked")]
    assert outcomes == ["failed"] * 6 + ["passed"]


def test_the_button_shows_one_hint_more_and_no_hint_that_is_not_due(study: Study) -> None:
    view = CheckView("t", "d", failed("no", "nudge", "step", "near"))
    assert "nudge" not in json.dumps(view.finding)
    send(view, {"hint": True})
    assert (view.finding["hints"], view.finding["hints_left"]) == (["nudge"], 2)
    for _ in range(9):
        send(view, {"hint": True})
    assert view.finding["hints_left"] == 0


def test_a_shown_solution_is_remembered(study: Study) -> None:
    assert "return 2 * number" in study.solution("double-it").text
    assert [event.item for event in study.progress.events(kind="shown")] == ["double-it"]


# --- without widgets ---------------------------------------------------------------------------


def test_where_no_widget_runs_the_question_and_its_choices_are_read(study: Study) -> None:
    bundle, _ = study.quiz()._repr_mimebundle_()
    for page in (bundle["text/plain"], bundle["text/html"]):
        assert "Which part of the operating system" in page
        assert "The C library" in page
        assert "Run this cell to answer." in page
    assert "qemu-system-x86_64 -accel kvm" in bundle["text/html"]


@given(text=some.text(some.sampled_from("<>&\"'`/=abi \n\0\x1b"), min_size=1))
def test_any_text_in_data_stays_text(text: str) -> None:
    choice = Choice(text=text, feedback=text, right=True)
    one = One(id="x", objective=text, question=text, code=text, choices=(choice,), alt=text)
    pages = [
        QuizView(text, [one], {}, lambda question, answer: question.mark(answer)).page(),
        CheckView(text, text, failed(text, text), 1).page(),
        markup.table(text, [text], [[text], [markup.Tone(text, "bad", 0.5)]]),
        markup.listing(text, text),
        Reveal(text, text, 2, 3, 1, 4).page(),
    ]
    allowed = {"p", "strong", "em", "ol", "ul", "li", "code", "pre", "section", "dl", "dt", "dd"}
    allowed |= {"table", "caption", "thead", "tbody", "tr", "th", "td", "span"}
    allowed |= {"br", "svg", "path", "text", "rect", "circle"}
    for page in pages:
        assert Tags(page.html).found <= allowed


def test_the_map_of_the_course_shows_every_lesson_and_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    study = open_lesson("00_start_here")
    assert "Start here" in repr(study)
    shown = course_map().text.splitlines()
    assert len(shown) == 3 + 13
    assert "opened" in shown[3]
    assert "opened" not in shown[4]


def test_the_machine_is_a_table_and_what_mends_a_lack_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [Row("memory", Outcome.PASSED, "8 GiB", ""), Row("QEMU", Outcome.FAILED, "none", "apt")]
    for rows, last in ((found[:1], "Found"), (found, "What mends it")):
        report = Report(tuple(rows), {})
        monkeypatch.setattr("course.setup.doctor.diagnose", lambda report=report: report)
        page = machine_report()
        assert page.text.splitlines()[2].endswith(last)
        assert {"table", "caption", "th", "td"} <= Tags(page.html).found
    assert "✗ missing" in page.text


def test_the_ledger_holds_every_claim() -> None:
    shown = claims_ledger().text
    assert all(found.claim.sentence.replace("`", "") in shown for found in claims.ledger())


def test_what_became_of_the_progress_is_said_when_a_lesson_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path))
    (tmp_path / "progress.sqlite").write_text("not a database")
    assert "damaged" in repr(open_lesson("00_start_here"))


def test_views_of_every_kind_can_be_made_without_a_notebook() -> None:
    number = Number(id="n", objective="o", question="q", low=1, high=2, feedback={"right": "r"})
    view = QuizView("t", [number, GUESS], {"n": "1.5"}, lambda q, a: Mark(Verdict.NOTED))
    assert view.marks["n"]["verdict"] == "right"
    assert not CheckView("t", "d", Finding("broken", "boom"))
