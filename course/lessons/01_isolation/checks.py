"""The tasks of the isolation lab: find out what a bakery and a library fight about, and end it."""

from __future__ import annotations

from docker.models.containers import Container

from course.checks import Finding, Names, Outcome, failed, not_attempted, passed, task
from . import looks

MACHINE, BAKERY, LIBRARY = "two-boxes-machine", "two-boxes-bakery", "two-boxes-library"
PORT, FILE = 8000, "/var/lib/app/visits"
LUA = {"bakery": "5.1", "library": "5.4"}
STREET = 5
OPTIONS = 'ports={"8000/tcp": ("127.0.0.1", None)}'


@task("holder", f"`holder` is the number of the process that has port {PORT} of the machine", 1)
def holder(names: Names) -> Finding:
    answer, machine = names["holder"], looks.container(MACHINE)
    if isinstance(machine, Finding):
        return machine
    if not isinstance(answer, int):
        return failed(
            f"`holder` is {answer!r}",
            "What does `ps` write in its first column?",
            "Each process has a number, its PID. That is asked for, as a number.",
            "holder = 7, if 7 is the number in front of the right line",
        )
    if answer not in looks.holders(machine, PORT):
        return _wrong_holder(machine, answer)
    return passed(f"process {answer} waits at port {PORT}")


@task("file", "`file` is the path of the file that both programs write", 1)
def file(names: Names) -> Finding:
    answer = str(names["file"]).rstrip("/")
    if answer == FILE:
        return passed("both count their visitors in it")
    if answer and FILE.startswith(f"{answer}/"):
        return failed(
            f"`file` is {answer!r}, a folder",
            "You are near. What is in that folder?",
            "`ls` shows it, and `machine.diff()` has it in its list.",
            f"file = {FILE!r}",
        )
    own = answer.startswith("/opt/")
    return failed(
        f"`file` is {answer!r}{', which belongs to one of them alone' if own else ''}",
        "Below /opt each has a folder of its own. Which path stands in both programs?"
        if own
        else "Visit the bakery once. Which file of the machine is new?",
        "`machine.diff()` lists what has changed since the container began.",
        "Look for `io.open` in /opt/bakery/cgi-bin/index.cgi and in the library's.",
    )


@task("versions", "`versions` says which Lua each of the two programs needs", 1)
def versions(names: Names) -> Finding:
    answer = names["versions"]
    if not isinstance(answer, dict) or set(answer) != set(LUA):
        return failed(
            f"`versions` is {answer!r}",
            "One entry for each of the two programs.",
            "It is a dict, with the keys 'bakery' and 'library'.",
            'versions = {"bakery": ..., "library": ...}',
        )
    if any(value is ... for value in answer.values()):
        return not_attempted("`versions` still has gaps")
    for app, right in LUA.items():
        if str(answer[app]).lower().strip(" lua") != right:
            return failed(
                f"for the {app} it says {answer[app]!r}",
                "Run the program by hand with each of the two, and read what it says.",
                f"lua5.1 /opt/{app}/cgi-bin/index.cgi, and with lua5.4: one prints a page.",
                f"machine.exec_run('lua{right} /opt/{app}/cgi-bin/index.cgi')",
            )
    return passed("the bakery is old, the library is new")


@task("side-by-side", "`bakery_url` and `library_url` show both, unchanged, side by side", 4)
def side_by_side(names: Names) -> Finding:
    urls = {"bakery": names["bakery_url"], "library": names["library_url"]}
    for app, url in urls.items():
        for fault in (_wrong_door(app), _wrong_page(app, url)):
            if fault is not None:  # a finding that failed is false
                return fault
    rises = _rises([urls["bakery"], urls["library"]])
    if set(rises) != {1}:
        return failed(
            f"after one visit to each, the library counts {rises[-1]} more",
            "They still count in the same file.",
            "Two boxes have two files, unless they share a folder.",
            "Start each in a container of its own, without `volumes`.",
        )
    return passed("two doors, two counts, two Luas")


@task("proof", "`shares_files(one, other)` finds out whether two containers share their files", 3)
def proof(names: Names) -> Finding:
    asked, boxes = names["shares_files"], [looks.container(BAKERY), looks.container(LIBRARY)]
    for found in boxes:
        if isinstance(found, Finding):
            return found
    one, other = boxes
    # With itself, a box is where the look must say yes; the last pair comes upon old traces.
    for left, right, truth in ((one, other, False), (one, one, True), (other, one, False)):
        pair = f"of {left.name} and {right.name}"
        try:
            answer = asked(left, right)
        except Exception as error:
            return failed(
                f"{pair} it raised {error!r}",
                "Call it yourself with `bakery` and `library`, and read the traceback.",
                "one.exec_run(['touch', path]) writes; what it returns has an `exit_code`.",
                "return other.exec_run(['ls', path]).exit_code == 0",
            )
        if answer is None:
            return not_attempted("`shares_files` returns nothing yet")
        if bool(answer) != truth:
            return _wrong_proof(pair, truth, again=left is other)
    return passed("it says no where there is a wall, and yes where there is none")


@task("street", f"`urls` has the addresses of {STREET} bakeries that count for themselves", 4)
def street(names: Names) -> Finding:
    given = names["urls"]
    urls = list(dict.fromkeys(given)) if isinstance(given, list | tuple) else []
    if len(urls) != STREET:
        return failed(
            f"`urls` has {len(urls)} different addresses",
            f"{STREET} bakeries, so {STREET} containers, each with its own door.",
            "Two containers cannot have one name: number them.",
            f"for number in range({STREET}): start(f'two-boxes-bakery-{{number}}', ...)",
        )
    for url in urls:
        fault = _wrong_page("bakery", url)
        if fault is not None:
            return fault
    if set(_rises(urls)) != {1}:
        return failed(
            "a visit to one of them is counted by another",
            "Which folder do they share?",
            "A volume or a mounted folder is a hole in the wall.",
            "Start them without `volumes`.",
        )
    return passed(f"{STREET} bakeries, and no list of who got which port")


def _wrong_holder(machine: Container, answer: int) -> Finding:
    if not looks.has_process(machine, answer):
        return failed(
            f"the machine has no process {answer}",
            "Whom did you ask: the machine, or the host around it?",
            "A container counts its processes anew. `docker top` shows the host's numbers.",
            "print(machine.exec_run('ps').output.decode())",
        )
    return failed(
        f"process {answer} does not wait at port {PORT}",
        "Several servers run. Each one's command line says at which port it waits.",
        f"Look for `-p {PORT}` in the output of `ps`.",
        f"the number in front of `httpd -f -p {PORT}`",
    )


def _rises(urls: list[str]) -> list[int]:
    """By how much each count rises from one visit of all to the next: 1 where it is its own."""
    first, then = ([looks.page(url) for url in urls] for _ in range(2))
    pairs = zip(first, then, strict=True)
    return [after.visits - before.visits if before and after else 0 for before, after in pairs]


def _wrong_page(app: str, url: object) -> Finding | None:
    """What is wrong with the page at an address; None where it is the program's, unchanged."""
    said = looks.text(url)
    if said is None:
        return failed(
            f"nobody answers at {url!r}",
            "Is the container running, and is its port published?",
            f"Inside it waits at port {PORT}. Publish that at a free port of 127.0.0.1.",
            f"{OPTIONS}, then `reload()`, then `.ports` says which one it got",
        )
    found = looks.page(url)
    if found is None:
        return failed(
            f"{url} answers {said[:60]!r}, which is no page of the {app}'s",
            "The program says why it failed: print the `logs().decode()` of its container.",
            "`lua` means Lua 5.4 in a new box. Who needs another one?",
            f"ln -sf lua{LUA[app]} /usr/bin/lua, before the {app} is started",
        )
    if (found.app, found.lua) != (app, LUA[app]):
        return failed(
            f"{url} is the {found.app}, on Lua {found.lua}",
            f"The {app} was to be there, as it is.",
            "Have you taken one for the other, or changed a program?",
            f"{app}_url is the address of the container that runs /opt/{app}/start",
        )
    return None


def _wrong_door(app: str) -> Finding | None:
    """What to say of a container whose port all may call, or that is somebody else's."""
    found = looks.ours(f"two-boxes-{app}")
    if isinstance(found, Finding):  # not attempted: there is another way than a container
        return found if found.outcome is Outcome.FAILED else None
    open_to = looks.doors(found) - {"127.0.0.1", "::1"}
    if not open_to:
        return None
    return failed(
        f"the {app}'s port is published at {', '.join(sorted(open_to))}",
        "Who can call there? Everybody whom your network lets through.",
        "127.0.0.1 is the address that only this machine can call.",
        OPTIONS,
    )


def _wrong_proof(pair: str, truth: bool, again: bool) -> Finding:
    if truth:
        return failed(
            f"{pair} it says no: but that is one and the same box",
            "A look that says no to everything proves nothing.",
            "Did the writing work, and did you look under the same path?",
            "one.exec_run(['touch', path]), then other.exec_run(['ls', path]).exit_code == 0",
        )
    if again:
        return failed(
            f"{pair} it says yes, after it has been used once",
            "What did the experiment before this one leave behind?",
            "An old trace answers in the place of the new one. Use a new name each time.",
            'path = f"/{uuid.uuid4()}"',
        )
    return failed(
        f"{pair} it says yes",
        "They have a wall between them. What did you find there?",
        "The image gives both the same files at first. Look for one that only you can have made.",
        'path = f"/{uuid.uuid4()}", written in `one` and looked for in `other`',
    )
