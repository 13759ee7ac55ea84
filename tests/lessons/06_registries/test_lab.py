"""Lesson 06: an untouched lab is not attempted, mistakes get their hints."""

from __future__ import annotations

import hashlib
import io
import socket
from collections.abc import Iterator

import pytest
import requests
from docker.errors import NotFound
from labkit import Lab

from course.checks import Outcome
from course.engine import engine, label, remove_all
from course.images import container_image, package_image
from course.lessons import cells, lesson

registry = lesson("06_registries").part("registry")
LESSON = lesson("06_registries")
pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def lab() -> Iterator[Lab]:
    opened = Lab("06_registries")
    opened.prepare()
    yield opened
    remove_all()


def test_an_untouched_lab_is_not_attempted(lab: Lab) -> None:
    found = {task: lab.check(task).outcome for task in LESSON.tasks()}
    assert set(found.values()) == {Outcome.NOT_ATTEMPTED}, found


WRONG_STARTS = [
    ('("127.0.0.1", port)', "port", "every network", "Say the address too"),
    ("labels=mine, ", "", "would stay behind", "labels=mine"),
    ('"5000/tcp"', '"5001/tcp"', "no registry answers", "logs()"),
]


@pytest.mark.parametrize(("right", "wrong", "observed", "hint"), WRONG_STARTS)
def test_a_registry_started_wrongly(
    lab: Lab, right: str, wrong: str, observed: str, hint: str
) -> None:
    code = cells.solution_of(LESSON, "run-it").replace(right, wrong)
    code = code.replace("again", "None").rpartition("\n")[0]  # without the question at its end
    lab.run(code)
    found = lab.check("run-it")
    lab.names["registry"].remove(force=True)
    assert found.outcome is Outcome.FAILED
    assert observed in found.observed
    assert any(hint in text for text in found.hints)


def of_the_configuration(manifest: requests.Response) -> str:
    return manifest.json()["config"]["digest"]


def of_a_layer(manifest: requests.Response) -> str:
    return manifest.json()["layers"][-1]["digest"]


def of_the_text(manifest: requests.Response) -> str:
    return "sha256:" + hashlib.sha256(repr(manifest.json()).encode()).hexdigest()


def without_its_kind(manifest: requests.Response) -> str:
    return hashlib.sha256(manifest.content).hexdigest()


WRONG_DIGESTS = [
    (of_the_configuration, "configuration", "Hash the bytes that"),
    (of_a_layer, "a layer", "lists the configuration and all the layers"),
    (of_the_text, "of other bytes", "Accept"),
    (without_its_kind, "its kind is missing", "and then a colon"),
    (lambda manifest: "shop:1.0", "is no digest", "64 digits"),
]


def test_digests_of_something_else(lab: Lab) -> None:
    lab.solve("run-it", "by-hand")
    for mistake, observed, hint in WRONG_DIGESTS:
        lab.names["digest"] = mistake(lab.names["manifest"])
        found = lab.check("by-hand")
        assert found.outcome is Outcome.FAILED
        assert observed in found.observed
        assert any(hint in text for text in found.hints), observed


def test_a_bad_release_left_as_it_is_and_one_built_anew(lab: Lab) -> None:
    lab.solve("run-it", "by-hand")
    assert lab.check("take-it-back").outcome is Outcome.NOT_ATTEMPTED
    lab.run("bad_release(port)")
    assert "still means 2.0" in lab.check("take-it-back").observed
    lab.run('build(f"127.0.0.1:{port}/shop:latest", "1.0.1")')
    lab.run('push(f"127.0.0.1:{port}/shop:latest")')
    found = lab.check("take-it-back")
    assert "neither 1.0 nor 2.0" in found.observed
    assert "Do not build" in found.hints[1]


def test_a_lock_that_lets_everybody_in_and_one_that_lets_nobody_in(lab: Lab) -> None:
    lab.solve("run-it", "by-hand")
    lab.names |= {"locked": lab.names["port"], "login": ("learner", "secret")}
    assert "a stranger is let in" in lab.check("lock-it").observed
    # Without -B htpasswd writes MD5, which this registry does not read.
    code = cells.solution_of(LESSON, "lock-it").replace("-Bbc", "-bc")
    with pytest.raises(RuntimeError, match=r"unauthorized|no basic auth"):
        lab.run(code)
    found = lab.check("lock-it")
    assert "so is `login`" in found.observed
    assert "-Bbc" in found.hints[-1]


def test_a_pipeline_that_pushes_before_it_tests(lab: Lab) -> None:
    lab.solve("run-it")
    lab.run('build(f"127.0.0.1:{port}/shop:3.0", "3.0"); push(f"127.0.0.1:{port}/shop:3.0")')
    assert "3.1 has not been built" in lab.check("pipeline").observed
    lab.run('build(f"127.0.0.1:{port}/shop:3.1", "3.1", BROKEN)')
    assert "no container runs it" in lab.check("pipeline").observed
    lab.run('push(f"127.0.0.1:{port}/shop:3.1")')
    found = lab.check("pipeline")
    assert "3.1 is in the registry" in found.observed
    assert "before the push" in found.hints[0]


def test_deleted_is_not_collected(lab: Lab) -> None:
    lab.solve("run-it", "by-hand", "take-it-back")
    found = lab.check("free-space")
    assert found.outcome is Outcome.NOT_ATTEMPTED
    assert "refuses a tag" in found.hints[1]
    lab.run(cells.solution_of(LESSON, "free-space").split("swept =")[0])
    found = lab.check("free-space")
    assert "still on the disk" in found.observed
    assert "garbage-collect" in found.hints[-1]


def test_a_digest_that_does_not_exist_cannot_be_pulled(lab: Lab) -> None:
    lab.solve("run-it", "by-hand")
    with pytest.raises(NotFound, match="manifest unknown"):
        engine().images.pull(f"127.0.0.1:{lab.names['port']}/shop@sha256:{'0' * 64}")


@pytest.mark.fault("registry killed (-9) in mid-push")
def test_a_push_to_a_registry_that_dies_leaves_no_tag(lab: Lab) -> None:
    lab.solve("run-it")
    server, name = lab.names["registry"], f"127.0.0.1:{lab.names['port']}/shop:noise"
    recipe = b"FROM course/tiny\nRUN dd if=/dev/urandom of=/noise bs=1M count=32"
    engine().images.build(fileobj=io.BytesIO(recipe), tag=name, labels=label(), rm=True)
    pushing = engine().images.push(name, stream=True, decode=True)
    for line in pushing:
        if line.get("progressDetail", {}).get("current", 0) > 1_000_000:
            server.kill()
            break
    pushing.close()  # the engine gives up with whoever asked
    server.start()
    assert registry.ask(lab.names["port"], "").ok
    assert "noise" not in registry.tags(lab.names["port"])
    lab.names["push"](name)
    assert "noise" in registry.tags(lab.names["port"])


@pytest.mark.fault("a push to a port where nobody listens")
def test_a_push_to_nobody_fails_with_the_words_of_the_engine(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        name = f"127.0.0.1:{free.getsockname()[1]}/shop:1.0"
    engine().images.get(container_image("tiny")).tag(name)
    lines = list(engine().images.push(name, stream=True, decode=True))
    engine().images.remove(name)
    assert "connection refused" in str(lines[-1])


def test_the_server_and_its_password_tool_are_of_the_distribution() -> None:
    labels = engine().images.get(package_image("registry")).labels
    assert "docker-registry_" in labels["two-boxes.packages"]
    assert "apache2-utils_" in labels["two-boxes.packages"]
