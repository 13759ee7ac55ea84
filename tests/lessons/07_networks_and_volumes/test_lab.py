"""Lesson 07: an untouched lab is not attempted, mistakes get their hints."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests
import yaml
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool
from labkit import Lab

from course.checks import Outcome
from course.engine import engine, label, remove_all
from course.images import package_image
from course.lessons import cells, lesson

SLUG = "07_networks_and_volumes"
LESSON = lesson(SLUG)
plumbing = lesson(SLUG).part("plumbing")
evidence = lesson(SLUG).part("evidence")
pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def lab() -> Iterator[Lab]:
    opened = Lab(SLUG)
    opened.prepare()
    yield opened
    remove_all()


def test_an_untouched_lab_is_not_attempted(lab: Lab) -> None:
    found = {task: lab.check(task).outcome for task in LESSON.tasks()}
    assert set(found.values()) == {Outcome.NOT_ATTEMPTED}, found


def test_databases_that_are_not_found_or_that_end_or_that_everybody_finds(lab: Lab) -> None:
    lab.run('network = docker.networks.get("bridge")')
    assert "no network of your own" in lab.check("database").observed
    lab.run('network = docker.networks.create("two-boxes-lab", labels=mine)')
    redis = 'package_image("redis"), DATABASE'
    for command, observed, hint in (
        (f'start(network, "redis", {redis})', "nobody in the network is found", "An alias"),
        (
            'start(network, "database", package_image("redis"), ["redis-server", "--dir", "/no"])',
            "it has ended",
            "logs()",
        ),
        (
            f'start(network, "database", {redis}, ports={{"6379/tcp": ("127.0.0.1", None)}})',
            "published at 127.0.0.1",
            "no port needs to be published",
        ),
        (
            'start(network, "database", tiny, ["sleep", "600"])',
            "does not answer PING",
            'package_image("redis")',
        ),
        (
            'start(network, "database", package_image("redis"), ["redis-server"])',
            "refuses everybody but itself",
            "DATABASE",
        ),
    ):
        lab.run(f"wrong = {command}")
        if observed == "it has ended":
            lab.names["wrong"].wait(timeout=20)
        found = lab.check("database")
        lab.names["wrong"].remove(force=True)
        assert found.outcome is Outcome.FAILED
        assert observed in found.observed
        assert any(hint in text for text in found.hints), found.hints


def test_a_door_that_is_shut_one_that_leads_nowhere_and_one_that_is_wide_open(lab: Lab) -> None:
    lab.solve("database")
    with socket.create_server(("127.0.0.1", 0)) as free:
        lab.names["url"] = f"http://127.0.0.1:{free.getsockname()[1]}/"
    assert "nobody answers" in lab.check("front-door").observed
    lab.solve("front-door")
    lab.run("service.kill()")
    found = lab.check("front-door")
    assert "finds no service" in found.observed
    assert "reload" in found.hints[-1]
    lab.run("service.start()")
    lab.run("front.remove(force=True)")
    lab.run(
        cells.solution_of(LESSON, "front-door")
        .split("\n", 1)[1]
        .replace('("127.0.0.1", None)', "None")
    )
    assert "0.0.0.0" in lab.check("front-door").observed


def test_data_that_would_not_stay(lab: Lab) -> None:
    lab.solve("database", "front-door")
    assert lab.check("data-stays").outcome is Outcome.NOT_ATTEMPTED
    lab.run("database.remove(force=True)")
    lab.run(
        'database = start(network, "database", package_image("redis"), DATABASE,'
        ' volumes={docker.volumes.create(labels=mine).name: {"bind": "/data"}})'
    )
    found = lab.check("data-stays")
    assert "writes to /mnt" in found.observed
    lab.run(cells.solution_of(LESSON, "data-stays").replace("range(2)", "range(1)", 1))
    found = lab.check("data-stays")
    assert "counted by this very container" in found.observed


def test_replicas_that_nobody_visits(lab: Lab) -> None:
    lab.solve("database", "front-door")
    without_reload = "\n".join(
        line
        for line in cells.solution_of(LESSON, "three-replicas").splitlines()
        if "reload" not in line
    )
    lab.run(without_reload)
    found = lab.check("three-replicas")
    assert "of 3 replicas, 1 had visitors" in found.observed
    assert "reload" in found.hints[-1]


def answer(number: int, replica: str, status: int = 200) -> requests.Response:
    """What a visitor gets from a replica."""
    found = requests.Response()
    found.status_code, found._content = status, f"visit {number} counted by {replica}\n".encode()
    return found


def test_a_kill_that_visitors_see_and_one_that_comes_too_early_or_too_late(lab: Lab) -> None:
    lab.solve("database")
    lab.run('killed, alive = (start(network, "service", tiny, ["sleep", "600"]) for _ in "12")')
    killed, alive = (lab.names[name].id[:12] for name in ("killed", "alive"))
    to_the_end = [answer(number, (killed, alive)[number % 2]) for number in range(300)]
    assert "exit code 137" in lab.hinted("killed", answers=to_the_end)
    lab.run("killed.kill()")
    assert "fewer than 200" in lab.hinted("killed", answers=to_the_end[:20])
    assert "not the status alone" in lab.hinted("killed", answers=[200] * 300)
    assert "counted visitors to the end" in lab.hinted("killed", answers=to_the_end)
    after = [answer(number, alive) for number in range(300)]
    assert "counted none of these" in lab.hinted("killed", answers=after)
    during = to_the_end[:100] + after[100:]
    failing = [*during[:-1], answer(299, alive, 502)]
    assert "some with 502" in lab.hinted("killed", answers=failing)
    assert lab.check("killed", answers=during[::-1]).outcome is Outcome.PASSED


@pytest.mark.fault("a volume that is full")
def test_a_full_volume_is_seen_and_so_is_one_that_never_filled(lab: Lab) -> None:
    lab.solve("database")
    fill, mend = cells.solution_of(LESSON, "full-volume").split("\n\nfor _ in", 1)
    lab.run(fill.split("FILL =")[0])
    assert "refused nothing yet" in lab.check("full-volume").observed
    lab.run("FILL =" + fill.split("FILL =")[1])
    found = lab.check("full-volume")
    assert "still refuses" in found.observed
    assert "BGREWRITEAOF" in found.hints[-1]
    assert lab.names["cramped"].exec_run(["redis-cli", "STRLEN", "photo:1"]).output == b"900000\n"
    lab.run("for _ in" + mend)
    assert lab.check("full-volume").outcome is Outcome.PASSED


def test_the_picture_shows_what_the_system_has(lab: Lab) -> None:
    lab.solve("database", "front-door")
    network = lab.names["network"]
    found = plumbing.cables(network)
    assert [cable.name for cable in found] == ["database", "service", "front"]
    assert len({cable.port for cable in found}) == 3
    assert all(cable.port.startswith("veth") for cable in found)
    assert found[2].published.startswith("127.0.0.1:")
    told = plumbing.draw(network).alt
    assert all(word in told for cable in found for word in (cable.name, cable.address, cable.port))


def test_a_look_at_the_front_door_is_no_visit(lab: Lab) -> None:
    lab.solve("database", "front-door")
    before = evidence.redis(evidence.running(lab.names["network"], "database"), "GET", "visits")
    assert evidence.status(lab.names["url"]) == 501
    after = evidence.redis(evidence.running(lab.names["network"], "database"), "GET", "visits")
    assert before == after == "1"


def test_the_same_site_stands_in_the_compose_file() -> None:
    services = yaml.safe_load((LESSON.folder / "compose.yaml").read_text())["services"]
    lab = Lab(SLUG)
    lab.prepare()
    assert services["database"]["command"] == lab.names["DATABASE"]
    assert services["service"]["deploy"] == {"replicas": 3}
    assert services["front"]["ports"] == ["127.0.0.1::80"]
    for name, image in (("front", "nginx"), ("service", "python"), ("database", "redis")):
        assert f"{services[name]['image']}:latest" == package_image(image)


@pytest.mark.fault("a name or a port that is taken")
def test_a_port_that_is_taken_is_named_by_the_engine(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(APIError, match=rf"{port}.*(in use|already allocated)"):
            engine().containers.run(
                "course/tiny",
                ["true"],
                ports={"80/tcp": ("127.0.0.1", port)},
                labels=label(),
                detach=True,
            )


@pytest.mark.fault("a network's addresses that are taken")
def test_a_network_whose_addresses_are_taken_is_refused(lab: Lab) -> None:
    taken = engine().networks.get("bridge").attrs["IPAM"]["Config"][0]["Subnet"]
    settings = IPAMConfig(pool_configs=[IPAMPool(subnet=taken)])
    with pytest.raises(APIError, match="overlaps"):
        engine().networks.create("two-boxes-taken", ipam=settings, labels=label())
