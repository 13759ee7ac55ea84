"""What a learner's own HTTP client answers, and the usual ways in which it answers wrongly."""

from __future__ import annotations

from collections.abc import Callable

from course.checks import Finding, failed, passed

NOBODY = "/containers/two-boxes-nobody/json"


def judged(ask: Callable) -> Finding:
    """Have the client ask for what is there, for what is not, and for an answer without a body."""
    for path, status, key in (("/version", 200, "ApiVersion"), (NOBODY, 404, "message")):
        wrong = _wrong(ask, path, status, key)
        if wrong is not None:
            return wrong
    return _empty_body(ask)


def _wrong(ask: Callable, path: str, status: int, key: str) -> Finding | None:
    try:
        answer = ask("GET", path)
    except Exception as error:
        return failed(f'ask("GET", "{path}") raised {error!r}', *_of_error(error))
    if not isinstance(answer, tuple | list) or len(answer) != 2 or answer[0] != status:
        return failed(
            f'ask("GET", "{path}") returned {answer!r:.80}',
            f"It shall return two things: the status, here {status}, and the data.",
            "An error of the engine is an answer too: do not raise, return its status.",
            "answer = connection.getresponse(); return answer.status, …",
        )
    if not isinstance(answer[1], dict) or key not in answer[1]:
        return failed(
            f"the data of GET {path} is {answer[1]!r:.80}",
            "What does the engine send, as text?",
            "The body is JSON, as bytes. What turns it into a dict?",
            "json.loads(answer.read())",
        )
    return None


def _empty_body(ask: Callable) -> Finding:
    """An answer may have no body, as that of /start has none; HEAD asks for such."""
    try:
        answer = ask("HEAD", "/_ping")
    except Exception as error:
        return failed(
            f'ask("HEAD", "/_ping") raised {error!r}',
            "Some answers have no body, as that to /start.",
            "What is json.loads to make of nothing?",
            "text = answer.read(); json.loads(text) if text else None",
        )
    if answer not in ((200, None), [200, None]):
        return failed(
            f'ask("HEAD", "/_ping") returned {answer!r:.80}',
            "That answer has no body. What shall stand in its place?",
            "No bytes are no JSON. Look at the text before you decode it.",
            "return answer.status, json.loads(text) if text else None",
        )
    return passed("HEAD /_ping answers 200 and None, and an error is an answer too")


def _of_error(error: Exception) -> tuple[str, ...]:
    if isinstance(error, ConnectionRefusedError | TimeoutError) or "getaddrinfo" in str(error):
        return (
            "HTTPConnection goes to a network address of its own accord.",
            "Override its `connect`: make self.sock a unix socket, connected to the engine's path.",
            "self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(door)",
        )
    if isinstance(error, FileNotFoundError | PermissionError):
        return (
            "Where did your `connect` knock, and does the engine listen there?",
            "A unix socket is a file, and connecting to it takes its path alone.",
            "self.sock.connect(door)",
        )
    return (
        "Call it yourself and read the traceback from the bottom.",
        "connection.request(method, path, body, headers), then connection.getresponse()",
        "answer = connection.getresponse(); return answer.status, json.loads(answer.read())",
    )
