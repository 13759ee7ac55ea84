"""Nothing listens to the world, nothing is privileged untaught, no shell is built from strings."""

from __future__ import annotations

import ast
import json
import re
from ipaddress import ip_address
from pathlib import Path

import pytest
from faults import sockets
from faults.watch import Watch, is_open
from faults.world import becomes_true, run_python

from course.engine import daemon, engine, labels
from course.images import container_image
from course.setup import provision

ROOT = Path(__file__).parent.parent
CODE = sorted((ROOT / "course").rglob("*.py"))
NOTEBOOKS = [path for name in ("notebooks", "solutions") for path in (ROOT / name).glob("*.ipynb")]
# The world, in words that a lesson may only use where it says why.
WORLD = re.compile(r"0\.0\.0\.0(?!:\*)")
# Inside a container that has a network of its own, every address is that network's.
INSIDE_A_CONTAINER = {"course/lessons/10_the_race/experiments.py"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("0.0.0.0", True),
        ("::", True),
        ("10.0.2.15", True),
        ("::ffff:10.0.2.15", True),
    ],
)
def test_an_address_that_others_can_reach_is_told_from_one_that_they_cannot(
    address: str, expected: bool
) -> None:
    assert sockets.is_open(ip_address(address).packed) is expected


LISTEN = """
import socket
from faults.sockets import open_to_others
taken = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("::1", 0), family=10)]
before = len(open_to_others())
taken += [socket.create_server(("0.0.0.0", 0)), socket.create_server(("::", 0), family=10)]
places = {"{} port {}".format(*one.getsockname()[:2]) for one in taken[2:]}
print(before, len(places), set(open_to_others().values()) == places)
"""


def test_the_watch_sees_real_sockets() -> None:
    up = 'ip link set lo up && exec "$0" "$@"'
    own = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c", up)
    assert run_python(LISTEN, *own).split() == ["0", "2", "True"]


@pytest.mark.docker
def test_the_watch_sees_a_privileged_container(nothing_left: None) -> None:
    watch = Watch()
    watch.pytest_sessionstart()
    made = []

    def seen() -> bool:
        options = {"labels": labels.label(), "privileged": True}
        made.append(engine().containers.create(container_image("tiny"), "true", **options))
        return becomes_true(lambda: bool(watch.seen), 2)  # its thread may not listen yet

    try:
        assert becomes_true(seen)
        assert watch.seen[0].startswith("privileged container")
    finally:
        watch.pytest_sessionfinish()
        for container in made:
            container.remove()


def test_a_port_that_others_can_reach_is_told_from_one_that_they_cannot() -> None:
    assert is_open({"80/tcp": [{"HostIp": "", "HostPort": "8000"}]})
    assert is_open({"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]})
    assert not is_open({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]})
    assert not is_open({"80/tcp": None})
    assert not is_open(None)


def code_cells(path: Path) -> str:
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("path", [*CODE, *NOTEBOOKS], ids=lambda path: path.name)
def test_nothing_is_told_to_listen_to_the_world(path: Path) -> None:
    text = code_cells(path) if path.suffix == ".ipynb" else path.read_text()
    if str(path.relative_to(ROOT)) not in INSIDE_A_CONTAINER:
        assert not WORLD.search(text)


@pytest.mark.parametrize("path", [*CODE, *NOTEBOOKS], ids=lambda path: path.name)
def test_nothing_is_privileged_where_it_is_not_taught(path: Path) -> None:
    text = code_cells(path) if path.suffix == ".ipynb" else path.read_text()
    if "security" not in str(path):
        assert not re.search(r"privileged\W{1,3}True|--privileged", text)


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_shell_is_built_from_strings(path: Path) -> None:
    """A program of the host is started by its words; what goes to a shell is an argument to it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            words = ast.unparse(node.func)
            assert words not in ("os.system", "os.popen", "subprocess.getoutput", "eval"), words
            keywords = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert keywords.get("shell", "False") == "False", f"line {node.lineno}"


def test_the_readme_lists_all_that_is_done_as_root() -> None:
    part = (
        (ROOT / "README.md").read_text().partition("## What it does as root")[2].split("\n## ")[0]
    )
    listed = set(re.findall(r"^- `([^`]+)`", part, re.M))
    apt = f"apt-get {' '.join(provision.INSTALL)} PACKAGES"
    starts = (daemon.BY_SYSTEMD, daemon.BY_SERVICE, ("dockerd",))
    assert listed == {"apt-get update", apt, *(" ".join(words) for words in starts)}


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_else_becomes_root(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.List)]
    firsts = [ast.unparse(node.elts[0]) for node in calls if node.elts]
    if path.name != "provision.py":
        assert "'sudo'" not in firsts
