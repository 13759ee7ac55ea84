"""The tasks of the fixture lesson."""

from course.checks import Finding, Names, failed, not_attempted, passed, task


@task("choose-port", "`port` is a port that an ordinary user may listen on", 1)
def choose_port(names: Names) -> Finding:
    port = names["port"]
    if not isinstance(port, int):
        return failed(
            f"`port` is {port!r}, which is no whole number",
            "What kind of value is a port?",
            "A port is an int between 1 and 65535.",
            "Write `port = 8080`.",
        )
    if port < 1024:
        return failed(
            f"`port` is {port}",
            "Who may listen on the lowest ports?",
            "Ports below 1024 are for the system's administrator.",
            "Write `port = 8080`.",
        )
    return passed(f"{port} is free to use")


@task("double-it", "`double(21)` gives 42", 1)
def double_it(names: Names) -> Finding:
    answer = names["double"](21)
    if answer is None:
        return not_attempted("`double` returns nothing yet")
    if answer != 42:
        return failed(
            f"`double(21)` gave {answer!r}",
            "What does the function return?",
            "It should return twice what it is given.",
            "Write `return 2 * number`.",
        )
    return passed()
