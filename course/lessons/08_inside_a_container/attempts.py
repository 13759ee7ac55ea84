"""The learner's steps, tried: a probe runs behind them, and a check judges what it finds."""

from __future__ import annotations

from collections.abc import Callable

from course.checks import Finding, Names, failed, not_attempted
from course.errors import CommandTimeout, LessonError
from . import assembly, workshop


class Unready(Exception):
    """A step is blank, fails or hangs: ``finding`` says which."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.observed)
        self.finding = finding


def steps(names: Names, *wanted: str) -> list[Callable]:
    """The functions of these names. Raises Unready for one that is none, or blank."""
    found = [names[name] for name in wanted]
    for name, step in zip(wanted, found, strict=True):
        if not callable(step):
            raise Unready(_no_function(name, step))
        try:
            blank = assembly.is_blank(step)
        except LessonError as error:
            raise Unready(_no_program(error)) from error
        if blank:
            raise Unready(not_attempted(f"`{name}` is still blank"))
    return found


def tried(command: str, *taken: Callable, after: str = "") -> workshop.Ran:
    """Run the command behind the steps. Raises Unready where that does not come to pass."""
    try:
        ran = workshop.run(command, *taken, after=after)
    except CommandTimeout as error:
        raise Unready(_hangs(error)) from error
    except LessonError as error:
        raise Unready(_no_program(error)) from error
    if "Traceback (most recent call last)" in ran.stderr:
        raise Unready(_raised(ran.stderr.strip().splitlines()[-1]))
    return ran


def guarded(look: Callable[[Names], Finding]) -> Callable[[Names], Finding]:
    """A look whose Unready is its finding."""

    def looked(names: Names) -> Finding:
        try:
            return look(names)
        except Unready as unready:
            return unready.finding

    return looked


def _no_function(name: str, step: object) -> Finding:
    return failed(
        f"`{name}` is {type(step).__name__}, not a function",
        "Did you give the name to something else?",
        "The cell came with a function of that name. Only its inside is yours.",
        f"def {name}(box): ...",
    )


def _hangs(error: CommandTimeout) -> Finding:
    return failed(
        f"it took longer than {workshop.DEADLINE:g} s, and was ended",
        "Somebody waits for something that does not come.",
        "After `fork` there are two processes. Which waits, and which goes on?",
        "In the parent, and only there: os.waitpid(child, 0), then os._exit(...)",
    )


def _no_program(error: LessonError) -> Finding:
    return failed(
        f"it cannot be made a program: expected {error.expected}, found {error.found}",
        "Your functions are run by a new Python, which has nothing but their text.",
        "What they use may be modules, other functions, and plain values such as numbers.",
        "Make everything else inside the function.",
    )


def _raised(line: str) -> Finding:
    return failed(f"it raised {line}", *_raised_hints(line))


def _raised_hints(line: str) -> tuple[str, str, str]:
    if "pivot_root: Invalid argument" in line:
        return (
            "What does pivot_root(2) say about EINVAL?",
            "The new root has to be a mounted folder, and no mount may be shared.",
            'mount("none", "/", flags=PRIVATE | RECURSIVE) first; os.chdir(f"{box.place}/root")',
        )
    if line.endswith("[Errno 22] Invalid argument"):  # of a file: `call` names what it called
        return (
            "You wrote into a file, and the kernel cannot read the value.",
            "Which files take whole numbers, and in which unit?",
            "The quota is in microseconds of every 100,000: round(box.cpus * 100_000).",
        )
    if "Operation not permitted" in line:
        return (
            "The kernel refused. Which right does that call ask for?",
            "Its manual page says so under EPERM. Are you root where you call it?",
            "A user namespace comes before all others; own_proc comes before own_root.",
        )
    if "No such file" in line or "ModuleNotFound" in line:
        return (
            "Something is no longer in sight, or was never there.",
            "After `own_root` nothing of the host is there, not even Python's own modules.",
            "The new root is f'{box.place}/root'; what needs the host comes before own_root.",
        )
    return (
        "Run the cell that tries it, and read the traceback from the bottom.",
        "The error names the call that failed. Its manual page says what each error means.",
        "`lesson.solution(...)` with the task's name shows one way.",
    )
