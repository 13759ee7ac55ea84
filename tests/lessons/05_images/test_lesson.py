"""Lesson 05: its lab's checks, the layers of an image, and errors shown at their line."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import APIError, BuildError
from labkit import Lab

from course import claims
from course.checks import Outcome
from course.engine import engine, remove_all
from course.errors import BuildFailed
from course.images import container_image
from course.lessons import lesson
from course.measuring.results import recorded

LAB = Lab("05_images")
LESSON, check = LAB.lesson, LAB.check
TASKS = list(LESSON.tasks())
layers = lesson("05_images").part("layers")
recipe = lesson("05_images").part("recipe")


@pytest.fixture(scope="module")
def solved() -> Iterator[dict[str, object]]:
    """What the learner's names are once the whole lab is solved."""
    yield Lab("05_images").solve_all()
    remove_all()


@pytest.fixture
def build(solved: dict[str, object]) -> recipe.Builder:
    """Builds in the lab's own folder, on the lab's own base images."""
    return solved["build"]


@pytest.fixture
def restored(solved: dict[str, object]) -> Iterator[None]:
    """After the test the lab's images are again those of the solution."""
    yield
    for tag, text in (("site", "SITE"), ("order", "FAST"), ("fat", "FAT"), ("slim", "SLIM")):
        solved["build"](f"two-boxes-{tag}", solved[text])


@pytest.mark.docker
@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("steps", "hint"),
    [
        ('CMD ["httpd", "-f"]', "brings a file"),
        ("COPY index.html /index.html", "brings a file"),
        ('COPY index.html /srv/index.html\nCMD ["httpd", "-h", "/srv"]', "what a container"),
    ],
)
def test_a_site_that_lacks_something_gets_its_hint(
    build: recipe.Builder, steps: str, hint: str
) -> None:
    build("two-boxes-site", f"FROM two-boxes-base\n{steps}\n")
    assert hint in LAB.hinted("site")


@pytest.mark.docker
@pytest.mark.usefixtures("restored")
def test_an_entrypoint_serves_as_well_as_a_command(build: recipe.Builder) -> None:
    serve = 'WORKDIR /srv\nENTRYPOINT ["httpd"]\nCMD ["-vf", "-p", "8080"]'
    build("two-boxes-site", f"FROM two-boxes-base\nCOPY index.html /srv/\n{serve}\n")
    assert check("site").outcome is Outcome.PASSED


@pytest.mark.docker
@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda sizes: sizes[::-1], "lowest layer comes first"),
        (lambda sizes: sizes[:-1], "5 layers"),
        (lambda sizes: [size + 512 for size in sizes], "not those of the archive"),
        (sum, "5 layers"),
    ],
)
def test_wrong_sizes_get_their_hint(solved: dict[str, object], change: object, hint: str) -> None:
    assert hint in LAB.hinted("explain", sizes=change(solved["sizes"]), wasted=0)


@pytest.mark.docker
def test_who_counts_nothing_as_wasted_is_asked_what_nobody_sees(solved: dict[str, object]) -> None:
    assert "ever see" in LAB.hinted("explain", sizes=solved["sizes"], wasted=0)


@pytest.mark.docker
@pytest.mark.usefixtures("restored")
def test_the_slow_order_is_recognized(solved: dict[str, object], build: recipe.Builder) -> None:
    build("two-boxes-order", solved["SLOW"])
    assert "below the tools" in LAB.hinted("order")


@pytest.mark.docker
@pytest.mark.parametrize(
    ("computes", "hint"),
    [
        (lambda archive: "sha256:" + hashlib.sha256(archive).hexdigest(), "the whole archive"),
        (tarfile.open, "BytesIO"),
        (lambda archive: "sha256:0", "manifest.json says which"),
    ],
)
def test_a_wrong_digest_gets_its_hint(
    solved: dict[str, object], computes: object, hint: str
) -> None:
    assert hint in LAB.hinted("image-id", image_id=computes)


@pytest.mark.docker
def test_a_digest_without_its_algorithm_is_nearly_right(solved: dict[str, object]) -> None:
    computes = lambda archive: solved["image_id"](archive).removeprefix("sha256:")  # noqa: E731
    assert "says its algorithm first" in LAB.hinted("image-id", image_id=computes)


@pytest.mark.docker
@pytest.mark.usefixtures("restored")
def test_deleting_in_a_later_step_makes_nothing_smaller(
    solved: dict[str, object], build: recipe.Builder
) -> None:
    build("two-boxes-slim", solved["FAT"])
    assert "hides a file" in LAB.hinted("slim")


@pytest.mark.docker
@pytest.mark.usefixtures("restored")
def test_what_makes_an_image_large_or_of_no_use_is_noticed(
    solved: dict[str, object], build: recipe.Builder
) -> None:
    build("two-boxes-slim", solved["SLIM"].partition("FROM two-boxes-base")[0])
    assert "Python is still in it" in LAB.hinted("slim")
    noise = "RUN head -c 9m /dev/urandom > /noise\nCMD"
    build("two-boxes-slim", solved["SLIM"].replace("CMD", noise))
    assert "RUN head -c 9m" in LAB.hinted("slim")
    build("two-boxes-slim", solved["SLIM"].replace('CMD ["httpd"', 'CMD ["true"'))
    assert "CMD says what" in LAB.hinted("slim")


@pytest.mark.docker
@pytest.mark.usefixtures("restored")
def test_a_small_image_with_another_page_is_not_the_same(build: recipe.Builder) -> None:
    build("two-boxes-slim", "FROM two-boxes-base\nRUN mkdir /srv && echo hi > /srv/index.html\n")
    assert "same page" in LAB.hinted("slim")


@pytest.mark.docker
def test_an_image_made_by_the_builder_is_not_made_by_hand(solved: dict[str, object]) -> None:
    engine().images.get("two-boxes-site").tag("two-boxes-by-hand")
    hinted = LAB.hinted("by-hand", my_id="sha256:0")
    engine().images.load(solved["pack"](solved["files"]))  # the name goes back to where it was
    assert "One layer" in hinted


@pytest.mark.docker
def test_an_id_of_other_bytes_is_told_to_hash_the_configuration(solved: dict[str, object]) -> None:
    other = "sha256:" + hashlib.sha256(b"something else").hexdigest()
    assert "very bytes of the configuration" in LAB.hinted("by-hand", my_id=other)


@pytest.mark.docker
def test_a_file_behind_a_whiteout_is_not_there(solved: dict[str, object]) -> None:
    fat = engine().images.get("two-boxes-fat")
    assert layers.content(fat, "/src/cache") is None
    assert layers.content(fat, "/src/make.py").startswith(b"print")


def test_bytes_that_a_higher_layer_hides_or_replaces_are_counted_once() -> None:
    below = {"src/a": b"12", "src/b/c": b"345", "srv/page": b"6", "srv/other": b""}
    changes = ({"src/.wh.b": b""}, {".wh.src": b""}, {"srv/page": b"7"}, {"src/a": b"89"})
    pile = [layers.Layer("RUN", files) for files in (below, *changes)]
    assert layers.hidden_bytes(pile) == len("12" + "345" + "6")


@pytest.mark.docker
def test_the_drawing_says_every_layer_in_words(solved: dict[str, object]) -> None:
    words = repr(layers.draw(engine().images.get("two-boxes-fat")))
    assert "RUN rm /src/cache" in words
    assert "20 MiB" in words


@pytest.mark.docker
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("FROM two-boxes-base\n\n# note\nRNU true\n", 4, "unknown instruction: RNU"),
        ("FROM two-boxes-base\nCOPY nothing /\n", 2, "COPY failed"),
        ("\nFROM two-boxes-base\nRNU true\n", 3, "unknown instruction: RNU"),
        ("\nFROM two-boxes-base\nRUN no-such\n", 3, "not found"),
        ("FROM two-boxes-base\nRUN true \\\n && true\nRUN no-such\n", 4, "not found"),
    ],
)
def test_an_error_stands_below_its_line(
    build: recipe.Builder, text: str, line: int, words: str
) -> None:
    with pytest.raises(BuildFailed) as caught:
        build("two-boxes-wrong", text)
    shown = str(caught.value).splitlines()
    place = next(number for number, one in enumerate(shown) if one.startswith("→"))
    assert shown[place].split()[1] == str(line)
    assert words in shown[place + 1]


def test_an_error_without_a_line_stands_below_the_recipe() -> None:
    shown = recipe.at_its_line("FROM nothing", APIError("", explanation="no such host"))
    assert shown.endswith("no such host")


def test_a_step_is_found_behind_comments_and_continued_lines() -> None:
    log = [{"stream": "Step 3/3 : RUN b\n"}, {"stream": " ---> Running in 1\n"}, {"stream": "!\n"}]
    text = "# one\nFROM x\nRUN a \\\n  && a\n\nRUN b\n"
    shown = recipe.at_its_line(text, BuildError("code 1", iter(log)))
    assert "→  6  RUN b" in shown
    assert "│ !" in shown


@pytest.mark.docker
def test_an_image_that_is_not_the_courses_is_left_alone(tmp_path: Path) -> None:
    remove_all()
    (tmp_path / "Dockerfile").write_text(f"FROM {container_image('tiny')}\nLABEL whose=mine\n")
    stranger, _ = engine().images.build(path=str(tmp_path), tag="two-boxes-site", rm=True)
    try:
        assert "no label" in LAB.hinted("site")
        assert engine().images.get("two-boxes-site").id == stranger.id
    finally:
        engine().images.remove(stranger.id, force=True)


@pytest.mark.docker
@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_lab_is_not_attempted(task: str) -> None:
    remove_all()
    assert check(task).outcome is Outcome.NOT_ATTEMPTED


def test_the_recorded_image_came_back_the_same() -> None:
    found = claims.judge(
        claims.claim("image_is_portable"), recorded(LESSON.slug, "saved_and_loaded")
    )
    assert found.verdict is claims.Verdict.SUPPORTED
