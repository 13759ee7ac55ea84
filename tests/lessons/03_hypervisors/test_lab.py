"""The checks of lab 03: what is right passes, and each common mistake gets its own hint."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from course.checks import Finding, Outcome
from course.lessons import cells, lesson

SLUG = "03_hypervisors"
PACKAGE = f"course.lessons.{SLUG}"
devices, guests, hints = (lesson(SLUG).part(name) for name in ("devices", "guests", "hints"))
SOURCES = {
    name: (lesson(SLUG).folder / f"{name}.py").read_text()
    for name in ("devices", "guests", "emulator", "hypervisor")
}
TASKS = list(lesson(SLUG).tasks())


def learner(right: str = "", wrong: str = "") -> dict[str, object]:
    """The names of a learner who did all as it should be, but for one thing."""
    names: dict[str, object] = {"__package__": PACKAGE, "__name__": "learner"}
    assert not right or sum(source.count(right) for source in SOURCES.values()) == 1, right
    for name, source in SOURCES.items():
        exec(compile(source.replace(right, wrong) if right else source, name, "exec"), names)
    exec(cells.solution_of(lesson(SLUG), "types"), names)
    invention = {"my_port": 0x40, "my_device": devices.Dice(), "my_program": guests.ROLL}
    return names | invention | {"price": 30.0}


def checked(task: str, names: dict[str, object]) -> Finding:
    return lesson(SLUG).task(task).check(names).run()


@pytest.mark.parametrize("task", TASKS)
def test_the_finished_things_pass(task: str) -> None:
    assert checked(task, learner()).outcome is Outcome.PASSED


@pytest.mark.parametrize("task", TASKS)
def test_nothing_written_is_not_attempted(task: str) -> None:
    assert checked(task, {}).outcome is Outcome.NOT_ATTEMPTED


KEEP, DO = "cpu.opcode = fetch(cpu)", "EXECUTE.get(cpu.opcode, unknown)(cpu)"
LOAD = "cpu.word[cpu.opcode & 7] = fetch(cpu) | fetch(cpu) << 8"
HIGH_FIRST = "cpu.word[cpu.opcode & 7] = fetch(cpu) << 8 | fetch(cpu)"
ADD, ADD_FLAG = "(cpu.byte[AL] + fetch(cpu)) & 0xFF", "    cpu.zero = cpu.byte[AL] == 0"
CHANGE = "cpu.word[register] = (cpu.word[register] + change) & 0xFFFF"
CHANGE_FLAG = "cpu.zero = cpu.word[register] == 0"
UP_DOWN, DOWN_UP = "-1 if cpu.opcode & 8 else 1", "1 if cpu.opcode & 8 else -1"
SIGNED = "signed = distance - 256 if distance > 127 else distance"
DISTANCE, LEAP = "distance = fetch(cpu)\n", "cpu.ip = (cpu.ip + signed) & 0xFFFF"
PEEK, LAZY = "distance = cpu.memory[cpu.ip]\n", "distance = fetch(cpu) if taken else 0\n"
OURS, PLUG = "addressof(c_char.from_buffer(guest.memory))", "ioctl(guest.vm, KVM_SET"
REGION = 'pack("=IIQQQ", slot, flags, address, size, ours)'
SWAPPED = REGION.replace("address, size", "size, address")
SHORT = 'pack("=IIQQ", slot, flags, size, ours)'
UNPACK = 'is_out, _, port, _, place = unpack_from("=BBHIQ", guest.state, EXIT_DATA)'
READ = "guest.state[place] = bus[port].read()"
LOOP = "while (reason := enter(guest)) == EXIT_IO:\n        answer(guest, bus)"
ONCE = "reason = enter(guest)\n    answer(guest, bus)"
FOR_EVER = "reason = enter(guest)\n    while True:\n        answer(guest, bus); enter(guest)"
LAST = 'return ENDINGS.get(reason, f"exit {reason}")'
FLAG, KICK = "guest.state[IMMEDIATE_EXIT] = 1", "pthread_kill(thread, SIGURG)"

# By task: code that is right, what a learner may have in its place, and what to say then.
MISTAKES = {
    "step": {
        "the opcode is not kept": (KEEP, "fetch(cpu)", hints.NO_OPCODE),
        "looked up, not called": (DO, DO.removesuffix("(cpu)"), hints.NOT_DONE),
        "unknown opcodes ignored": (DO, DO.replace("unknown", "id"), hints.PASSED_OVER),
    },
    "mov": {
        "the high byte first": (LOAD, HIGH_FIRST, hints.BYTE_ORDER),
        "one byte of two": (LOAD, LOAD.partition(" |")[0], hints.ONE_BYTE),
        "always the same register": (
            LOAD,
            LOAD.replace("opcode & 7", "zero"),
            hints.WRONG_REGISTER,
        ),
        "the opcode as register": (LOAD, LOAD.replace(" & 7", ""), hints.WRONG_REGISTER),
    },
    "arithmetic": {
        "a byte never wraps": (ADD, ADD.removesuffix(" & 0xFF"), hints.WRAP),
        "a word never wraps": (CHANGE, CHANGE.removesuffix(" & 0xFFFF"), hints.WRAP),
        "a word wraps as a byte": (CHANGE, CHANGE.removesuffix("FF"), hints.WRAP),
        "dec sets no flag": (CHANGE_FLAG, "pass", hints.ZERO_FLAG),
        "add sets no flag": (ADD_FLAG, "    pass", hints.ZERO_FLAG),
        "a flag is never cleared": (ADD_FLAG, ADD_FLAG.replace(" =", " |=", 1), hints.ZERO_FLAG),
        "inc and dec swapped": (UP_DOWN, DOWN_UP, hints.SUM),
    },
    "jump": {
        "counted from the jump": (LEAP, LEAP.replace("signed", "signed - 2"), hints.FORWARD),
        "counted from the distance": (DISTANCE, PEEK, hints.FORWARD),
        "a distance without sign": (SIGNED, "signed = distance", hints.BACKWARD),
        "not taken, not fetched": (DISTANCE, LAZY, hints.NOT_TAKEN),
        "a pointer below zero": (LEAP, LEAP.removesuffix(" & 0xFFFF"), hints.AROUND),
    },
    "plug-memory": {
        "memory for a processor": (PLUG, PLUG.replace("vm", "vcpu"), hints.WHOSE_MEMORY),
        "size and address swapped": (REGION, SWAPPED, hints.SIZE),
        "the object's address": (OURS, "id(guest.memory)", hints.OURS),
        "the object, no address": (OURS, "guest.memory", hints.PLUG),
        "a structure too short": (REGION, SHORT, hints.PLUG),
    },
    "answer": {
        "in and out swapped": ("if is_out:", "if not is_out:", hints.DIRECTION),
        "every exit an out": ("if is_out:", "if True:", hints.DIRECTION),
        "a place never promised": (UNPACK, UNPACK + "; place = 0x800", hints.PLACE),
        "a place counted wrongly": (UNPACK, UNPACK + "; place += EXIT_DATA", hints.PLACE),
        "fields of the wrong size": (UNPACK, UNPACK.replace("HIQ", "HI"), hints.FIELDS),
        "an answer thrown away": (READ, "bus[port].read()", hints.PLACE),
        "no device, no answer": (READ, READ.replace("[port]", ".get(port)"), hints.EMPTY),
    },
    "serve": {
        "entered once": (LOOP, ONCE, hints.AGAIN),
        "entered for ever": (LOOP, FOR_EVER, hints.AGAIN),
        "no word for the end": (LAST, "return reason", hints.ENDING),
        "only a halt is an end": (LOOP, LOOP.replace("== EXIT_IO", "!= EXIT_HLT"), hints.ENDING),
        "an unknown end raises": (LAST, "return ENDINGS[reason]", hints.ENDING),
    },
    "deadline": {
        "the flag alone": (KICK, "pass", hints.SIGNAL),
        "a signal to itself": (KICK, KICK.replace("thread,", "get_ident(),"), hints.SIGNAL),
        "the signal alone": (FLAG, "pass", hints.EXIT_FLAG),
    },
}
ALL = {name: (task, *rest) for task, some in MISTAKES.items() for name, rest in some.items()}


@pytest.mark.parametrize(("task", "right", "wrong", "hint"), ALL.values(), ids=ALL)
def test_a_common_mistake_gets_its_own_hint(
    task: str, right: str, wrong: str, hint: tuple[str, ...]
) -> None:
    found = checked(task, learner(right, wrong))
    assert (found.outcome, found.hints) == (Outcome.FAILED, hint), found.observed


def above(layers: list) -> list:
    return layers[next(n for n, layer in enumerate(layers) if "hypervisor" in layer) + 1]


# What a learner may look at in place of beneath and beside, and what to say then.
LOOKS = {
    "nothing but the hardware": (
        lambda s: "type 1" if "hypervisor" in s[1] else "type 2",
        "BESIDE",
    ),
    "any system at all": (lambda s: "type 1" if s[1] == ["hypervisor"] else "type 2", "SAME_LAYER"),
    "programs anywhere": (lambda s: "both" if "editor" in s[-1] else "type 1", "INSIDE"),
    "guests alone": (lambda s: "type 1" if set(above(s)) == {"guest"} else "both", "BENEATH"),
    "a fixed height": (lambda s: "type 1" if s[2][0] == "guest" else s[5], "LAYERS"),
    "other words": (lambda s: "bare metal", "KINDS"),
    "no word for the last case": (lambda s: "type 1" if s[1] == ["hypervisor"] else None, "KINDS"),
}


@pytest.mark.parametrize(("kind", "hint"), LOOKS.values(), ids=LOOKS)
def test_a_kind_that_looks_elsewhere_is_told_where_to_look(kind: Callable, hint: str) -> None:
    found = checked("types", {"kind": kind})
    assert (found.outcome, found.hints) == (Outcome.FAILED, getattr(hints, hint)), found.observed


@pytest.mark.parametrize("kind", [lambda layers: None, lambda layers: layers.clear()])
def test_a_kind_that_says_nothing_is_not_attempted(kind: Callable) -> None:
    assert checked("types", {"kind": kind}).outcome is Outcome.NOT_ATTEMPTED


BIG = type("Big", (devices.Device,), {"read": lambda self: 256})()
INVENTIONS = {
    "another port": ({"my_port": 0x41}, hints.INVENT),
    "no hlt": ({"my_program": "e4 40\neb fe"}, hints.HALT),
    "an unknown instruction": ({"my_program": b"\x0f\x0b"}, hints.BYTES),
    "an answer that is no byte": ({"my_device": BIG}, hints.BYTES),
    "no device at all": ({"my_device": 7}, hints.BYTES),
    "the serial port's own port": ({"my_port": 0x3F8}, hints.TAKEN),
}


@pytest.mark.parametrize(("changed", "hint"), INVENTIONS.values(), ids=INVENTIONS)
def test_an_invention_that_fails_is_told_why(changed: dict, hint: tuple[str, ...]) -> None:
    found = checked("invent", learner() | changed)
    assert (found.outcome, found.hints) == (Outcome.FAILED, hint), found.observed


def test_a_program_may_be_bytes_or_a_listing() -> None:
    as_bytes = learner() | {"my_program": guests.code(guests.ROLL)}
    assert checked("invent", as_bytes).outcome is Outcome.PASSED


def test_a_program_that_is_no_listing_is_told_so() -> None:
    found = checked("invent", learner() | {"my_program": "in al, 0x40"})
    assert (found.outcome, found.hints) == (Outcome.FAILED, hints.BYTES)


@pytest.mark.parametrize(
    ("price", "hint"),
    [
        ("thirty", hints.PRICE),
        (-2.0, hints.CHANCE),
        (3e-5, hints.PRICE_LOW),
        (30_000, hints.PRICE_HIGH),
    ],
)
def test_a_price_that_cannot_be_is_told_why(price: object, hint: tuple[str, ...]) -> None:
    found = checked("price", {"price": price})
    assert (found.outcome, found.hints) == (Outcome.FAILED, hint), found.observed


def test_checks_leave_the_learners_names_as_they_are() -> None:
    names = learner()
    before = dict(names)
    for task in TASKS:
        checked(task, names)
    assert names == before


class Bare(ast.NodeTransformer):
    """Code without its type hints, which the lab leaves out."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        return self.generic_visit(node)


def definitions(source: str) -> dict[str, str]:
    """Every function and class of a program, as the parser sees it."""
    nodes = ast.iter_child_nodes(Bare().visit(ast.parse(source)))
    return {node.name: ast.dump(node) for node in nodes if hasattr(node, "name")}


def test_the_lab_builds_what_the_lesson_uses() -> None:
    solved = cells.read(lesson(SLUG).solution)["cells"]
    code = "\n".join(cells.source(cell) for cell in solved if cell["cell_type"] == "code")
    built = definitions(code)
    for module in ("emulator", "hypervisor"):
        for name, definition in definitions(SOURCES[module]).items():
            assert built[name] == definition, name
