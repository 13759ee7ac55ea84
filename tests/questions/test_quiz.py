"""Quiz files, marking, and the way to other tools and back."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from opened import LESSON

from course.errors import QuizError
from course.questions import Question, Verdict, exchange, number, quiz
from course.questions.kinds import Match, normal

FIXTURE = LESSON.quiz
QUESTIONS = quiz.load(FIXTURE)
ENTRIES = yaml.safe_load(FIXTURE.read_text())
RIGHT = {
    "shared-part": "The kernel",
    "own-parts": ["Virtual hardware", "A kernel of its own"],
    "times-slower": "8,2 times",
    "wall-name": " Virtual  Machine monitor. ",
    "start-order": list(QUESTIONS["start-order"].items),
    "who-does-what": dict(QUESTIONS["who-does-what"].pairs),
}
WRONG = {
    "shared-part": "The C library",
    "own-parts": ["A file system of its own"],
    "times-slower": "0.125",
    "wall-name": "supervisor",
    "start-order": [*RIGHT["start-order"][1:], RIGHT["start-order"][0]],
    "who-does-what": dict.fromkeys(RIGHT["who-does-what"], "A process")
    | {"bash": "A container", "runc": "A virtual machine"},
}
anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=8,
)


def entries() -> list[dict]:
    return deepcopy(ENTRIES)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_is_right_and_says_why(name: str) -> None:
    mark = QUESTIONS[name].mark(RIGHT[name])
    assert mark.verdict is Verdict.RIGHT
    assert all(mark.feedback)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_not_right_and_teaches(name: str) -> None:
    mark = QUESTIONS[name].mark(WRONG[name])
    assert mark.verdict in {Verdict.WRONG, Verdict.PARTLY}
    assert all(mark.feedback)
    assert not all(mark.parts.values()) or not mark.parts


def test_each_choice_has_feedback_of_its_own() -> None:
    question = QUESTIONS["shared-part"]
    said = {question.mark(choice.text).feedback for choice in question.choices}
    assert len(said) == len(question.choices)


def test_half_of_many_is_partly_right_and_counts_what_is_missing() -> None:
    mark = QUESTIONS["own-parts"].mark(["Virtual hardware"])
    assert mark.verdict is Verdict.PARTLY
    assert mark.feedback == ("Right answers not chosen yet: 1.",)


def test_a_number_that_is_too_small_has_feedback_of_its_own() -> None:
    question = QUESTIONS["times-slower"]
    assert question.mark("2").feedback == (question.feedback["low"],)
    assert question.mark("20").feedback == (question.feedback["wrong"],)
    assert question.mark("7.5").verdict is question.mark("8.5").verdict is Verdict.RIGHT


def test_a_prediction_is_noted_when_it_can_be_true() -> None:
    question = QUESTIONS["boot-ratio"]
    assert question.mark("12 times").verdict is Verdict.NOTED
    assert question.mark("-3").verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_no_answer_is_not_judged(question: Question) -> None:
    for nothing in (None, "", [], {}, "no such choice" if question.kind == "one" else None):
        assert question.mark(nothing).verdict is Verdict.UNREADABLE


@given(name=some.sampled_from(sorted(QUESTIONS)), answer=anything)
def test_any_answer_gets_a_verdict(name: str, answer: object) -> None:
    assert QUESTIONS[name].mark(answer).verdict in Verdict


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("8.2", 8.2),
        ("8,2", 8.2),
        ("0,125", 0.125),
        ("1,390 times", 1390),
        ("-1,000,000.5", -1_000_000.5),
        ("1,39,0", None),
        ("many", None),
    ],
)
def test_a_number_is_read_as_people_and_the_course_write_it(typed: str, read: float | None) -> None:
    assert number(typed, "times") == read


@given(typed=some.text())
@example("a..")
@example("…")
def test_reading_what_was_typed_never_fails(typed: str) -> None:
    assert number(typed) is None or float(number(typed)) == number(typed)
    assert normal(normal(typed)) == normal(typed)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_what_is_offered_gives_nothing_away(question: Question) -> None:
    offered = json.dumps(question.offer())
    assert offered == json.dumps(question.offer()), "the order is always the same"
    assert "feedback" not in offered
    assert "right" not in question.offer() or isinstance(question, Match)


@given(items=some.lists(some.text(min_size=1), min_size=3, unique=True))
def test_things_to_order_are_never_shown_in_order(items: list[str]) -> None:
    entry = next(entry for entry in entries() if entry["kind"] == "order") | {"items": items}
    question = quiz.parse([entry], FIXTURE)[entry["id"]]
    assert question.offer()["items"] != items
    assert sorted(question.offer()["items"]) == sorted(items)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "guess"}, ["shared-part", "field kind"]),
        ({"colour": "blue"}, ["shared-part", "colour"]),
        ({"choices": "none"}, ["shared-part", "field choices"]),
        ({"choices": [{"text": "A", "feedback": "B"}] * 2}, ["shared-part", "field choices"]),
        ({"choices": [{"text": "A"}, {"text": "B"}]}, ["field choices.0", "feedback"]),
        ({"objective": ""}, ["field objective"]),
        ({"picture": {"file": "gone.svg", "alt": "x"}}, ["field picture.file", "gone.svg"]),
        ({"picture": {"file": "/etc/passwd", "alt": "x"}}, ["field picture.file"]),
    ],
)
def test_an_error_names_file_question_and_field(change: dict, words: list[str]) -> None:
    entry = entries()[0] | change
    with pytest.raises(QuizError) as caught:
        quiz.parse([entry], FIXTURE)
    for word in (str(FIXTURE), *words):
        assert word in str(caught.value)


def test_choices_and_ids_must_differ() -> None:
    one, *_ = entries()
    with pytest.raises(QuizError, match="an id of its own"):
        quiz.parse([one, one], FIXTURE)
    twin = one | {"choices": [one["choices"][0], one["choices"][0] | {"right": False}]}
    with pytest.raises(QuizError, match="choices that differ"):
        quiz.parse([twin], FIXTURE)


def test_a_range_must_not_be_upside_down() -> None:
    prediction = entries()[-1] | {"range": [9, 1]}
    with pytest.raises(QuizError, match="the smaller number first"):
        quiz.parse([prediction], FIXTURE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(text=some.text())
@example(text="[" * 2_000)
def test_any_file_is_a_quiz_or_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "quiz.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(QuizError):
        quiz.load(path)


@settings(max_examples=300)
@given(data=some.data())
def test_any_change_to_a_quiz_is_a_quiz_or_a_clear_error(data: some.DataObject) -> None:
    entry = dict(data.draw(some.sampled_from(entries())))
    field = data.draw(some.sampled_from([*entry, "picture", "code", "range", "tolerance"]))
    entry[field] = data.draw(anything)
    try:
        (question,) = quiz.parse([entry], FIXTURE).values()
    except QuizError as error:
        assert str(FIXTURE) in str(error)
    else:
        assert question.mark(None).verdict is Verdict.UNREADABLE


def test_a_quiz_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(QuizError, match=r"none\.yaml"):
        quiz.load(tmp_path / "none.yaml")


def test_jupyterquiz_comes_back_as_the_same_questions() -> None:
    written = json.loads(json.dumps(exchange.to_jupyterquiz(QUESTIONS.values())))
    back = list(quiz.parse(exchange.from_jupyterquiz(written), FIXTURE).values())
    for question, name in zip(back, RIGHT, strict=True):
        assert question.question == QUESTIONS[name].question
        if name != "start-order":
            assert (
                question.mark(
                    RIGHT[name].replace("times", "") if name == "times-slower" else RIGHT[name]
                ).verdict
                is Verdict.RIGHT
            )
            assert question.mark(WRONG[name]).verdict in {Verdict.WRONG, Verdict.PARTLY}


def test_right_numbers_with_wrong_ones_between_them_are_not_imported_as_one_range() -> None:
    roots = [{"type": "value", "value": value, "correct": True} for value in (-2, 2)]
    entry = {"question": "What is x, if x² = 4?", "type": "numeric", "answers": roots}
    with pytest.raises(QuizError, match="between right ones, -2 and 2"):
        exchange.from_jupyterquiz([entry])


def test_an_order_becomes_a_matching_of_places() -> None:
    written = exchange.to_jupyterquiz([QUESTIONS["start-order"]])
    (question,) = quiz.parse(exchange.from_jupyterquiz(written), FIXTURE).values()
    assert list(question.pairs.values()) == RIGHT["start-order"]


@given(entry=anything)
def test_anything_else_from_jupyterquiz_is_a_clear_error(entry: object) -> None:
    with pytest.raises(QuizError):
        quiz.parse(exchange.from_jupyterquiz([entry]), FIXTURE)


def read_gift(text: str) -> list[dict[str, object]]:
    """A reader of GIFT by its own rules: ``\\`` escapes a sign, ``\\n`` is a line end."""

    def plain(part: str) -> str:
        return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], part).strip()

    def split(part: str, sign: str) -> list[str]:
        return re.split(rf"(?<!\\)(?:\\\\)*{sign}", part)

    questions = []
    for block in text.strip().split("\n\n"):
        _, name, rest = re.split(r"(?<!\\)::", block, maxsplit=2)
        words, answers = re.split(r"(?<!\\)\{", rest.removesuffix("}"), maxsplit=1)
        lines = [line.strip() for line in answers.splitlines() if line.strip() not in {"", "#"}]
        questions.append(
            {
                "name": plain(name),
                "question": plain(words.removeprefix("[markdown]")),
                "answers": [(line[0], [plain(p) for p in split(line[1:], "#")]) for line in lines],
            }
        )
    return questions


def test_gift_can_be_read_back() -> None:
    read = read_gift(exchange.to_gift(QUESTIONS.values()))
    assert [one["name"] for one in read] == list(RIGHT)
    one, many, ratio, name, order, match = (question["answers"] for question in read)
    assert [sign for sign, _ in one] == ["=", "~", "~"]
    assert one[0][1] == ["The kernel", QUESTIONS["shared-part"].choices[0].feedback]
    assert many[0][1][0] == "%50%A kernel of its own"
    assert many[2][1][0] == "%-100%A file system of its own"
    assert ratio[0][1] == ["%100%7.5..8.5", "Yes, 2 / 0.25 = 8."]
    assert [parts[0] for _, parts in name] == list(QUESTIONS["wall-name"].answers)
    assert order[1][1][0] == "2. -> The firmware loads the kernel"
    assert match[0][1][0] == "runc -> A container"
    assert "qemu-system-x86_64 -accel kvm" in read[3]["question"]


@given(text=some.text(min_size=1))
def test_gift_escapes_every_sign_of_its_own(text: str) -> None:
    escaped = exchange.escaped(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[~=#{}:]", escaped)
    assert "\n" not in escaped
    assert re.sub(r"\\(.)", lambda f: "\n" if f[1] == "n" else f[1], escaped, flags=re.S) == text
