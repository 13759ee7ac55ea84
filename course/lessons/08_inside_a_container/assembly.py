"""Functions that a notebook defines, put together into one program that needs nothing else."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType, ModuleType

from course.errors import LessonError

Step = Callable[[object], None]

WIDTH = 80  # columns of the steps' names
IMPORTS = "import json\nimport os\nimport sys\nfrom types import SimpleNamespace"
MAIN = """
box = SimpleNamespace(**json.loads(sys.argv[1]))
for step in ({steps}):
    step(box)
shell = f"{{box.image}}/bin/sh"  # in sight as long as the root is still the host's
shell = shell if os.path.exists(shell) else "/bin/sh"
os.execve(shell, ["sh", "-c", box.command], {{"PATH": f"{{box.image}}/bin:/bin", "HOME": "/"}})
"""
# In a measurement every step also says when it ended.
BEGUN = "os.write(2, f'Python {time.perf_counter()}\\n'.encode())\n"
CLOCK = "    step(box)\n    os.write(2, f'{step.__name__} {time.perf_counter()}\\n'.encode())\n"


def program(steps: Sequence[Step], timed: bool = False) -> str:
    """One file of Python: what the steps need, the steps, and the lines that take them in order.

    Raises LessonError for a step that is no function with a source, or needs what has none.
    """
    parts = _Parts()
    for step in dict.fromkeys(steps):
        parts.take(getattr(step, "__name__", "?"), step, getattr(step, "__module__", None))
    names = ", ".join(step.__name__ for step in steps) + ("," if len(steps) == 1 else "")
    main = MAIN.format(steps=textwrap.fill(names, WIDTH, subsequent_indent=" " * 4))
    if timed:
        parts.imports["import time"] = None
        main = main.replace("    step(box)\n", CLOCK).replace("for step", f"{BEGUN}for step")
    heads = "\n".join(dict.fromkeys([*IMPORTS.splitlines(), *parts.imports]))
    blocks = [heads, "\n".join(parts.constants), *parts.functions, main.strip()]
    return "\n\n\n".join(block for block in blocks if block) + "\n"


def is_blank(step: object) -> bool:
    """Whether nothing but ``...`` stands in the function yet. Raises LessonError."""
    [function] = ast.parse(_source(step)).body
    return all(isinstance(getattr(line, "value", 0), ast.Constant) for line in function.body)


class _Parts:
    """What a program is made of, each part once, in the order in which it is needed."""

    def __init__(self) -> None:
        self.imports: dict[str, None] = {}
        self.constants: dict[str, None] = {}
        self.functions: dict[str, None] = {}

    def take(self, name: str, thing: object, home: str | None) -> None:
        """Add what a name stands for. ``home``: the module of the step that needs it."""
        if isinstance(thing, ModuleType):
            self.imports[_import(thing.__name__, name)] = None
        elif isinstance(thing, FunctionType) and thing.__module__ == home:
            self._take_function(thing)
        elif isinstance(getattr(thing, "__qualname__", None), str):
            self.imports[f"from {thing.__module__} import {thing.__qualname__} as {name}"] = None
        else:
            self.constants[f"{name} = {_literal(name, thing)}"] = None

    def _take_function(self, function: FunctionType) -> None:
        source = _source(function)
        if source in self.functions:
            return
        known = function.__globals__
        for name in _names(function.__code__):
            if name in known and known[name] is not function:
                self.take(name, known[name], function.__module__)
        self.functions[source] = None


def _source(function: object) -> str:
    expected = "a function that a cell of this notebook defines"
    try:
        source = textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError) as error:
        raise LessonError(expected, repr(function)) from error
    if not source.startswith("def "):
        raise LessonError(expected, source.splitlines()[0], "def, and a name")
    return source


def _names(code: CodeType) -> list[str]:
    """Every global name that the code, or a function inside it, uses."""
    inner = [_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    return [*code.co_names, *(name for names in inner for name in names)]


def _import(module: str, name: str) -> str:
    return f"import {module}" if module == name else f"import {module} as {name}"


def _literal(name: str, value: object) -> str:
    try:
        ast.literal_eval(repr(value))
    except (ValueError, SyntaxError) as error:
        expected = f"a number, a text or a collection of them as {name}"
        raise LessonError(expected, type(value).__name__, "make it inside the function") from error
    return repr(value)
