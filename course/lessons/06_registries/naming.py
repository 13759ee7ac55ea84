"""Image names and what an engine reads in them; the usual ways to get a name or a digest wrong.

The rules are those of the engine's own parser, distribution/reference: what stands before the
first slash is a host if it has a dot or a colon or is ``localhost``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from course.checks import Finding, failed, not_attempted, passed
from course.lessons import checking

DIGEST = "sha256:" + "0123456789abcdef" * 4
HUB = "docker.io"


@dataclass(frozen=True)
class Parts:
    """The registry to ask, the repository in it, and the tag or the digest or both."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def all(self) -> tuple[str | None, ...]:
        return self.registry, self.repository, self.tag, self.digest


READ = {
    "redis": Parts(HUB, "library/redis", "latest"),
    "redis:7": Parts(HUB, "library/redis", "7"),
    "team/shop:2.0": Parts(HUB, "team/shop", "2.0"),
    "team/tools/shop": Parts(HUB, "team/tools/shop", "latest"),
    "docker.io/redis": Parts(HUB, "library/redis", "latest"),
    "registry.example.org/shop": Parts("registry.example.org", "shop", "latest"),
    "localhost/shop": Parts("localhost", "shop", "latest"),
    "localhost:5000/shop": Parts("localhost:5000", "shop", "latest"),
    "builder:5000/team/shop:2.0": Parts("builder:5000", "team/shop", "2.0"),
    "127.0.0.1:5000/shop:2.0": Parts("127.0.0.1:5000", "shop", "2.0"),
    f"redis@{DIGEST}": Parts(HUB, "library/redis", None, DIGEST),
    f"localhost:5000/shop@{DIGEST}": Parts("localhost:5000", "shop", None, DIGEST),
    f"team/shop:2.0@{DIGEST}": Parts(HUB, "team/shop", "2.0", DIGEST),
}


@dataclass(frozen=True)
class Mistake:
    """A usual way to read a name wrongly: how to tell it by the answer, and what helps."""

    made: Callable[[str, Parts, Parts], bool]  # the name, the answer, what is right
    hints: tuple[str, str, str]


def _of_the_digest(name: str, said: Parts, right: Parts) -> bool:
    return said.digest != right.digest or (right.digest is not None and said.tag != right.tag)


def _port_as_tag(name: str, said: Parts, right: Parts) -> bool:
    port = right.registry.partition(":")[2]
    return bool(port) and str(said.tag or "").startswith(port)


def _no_host(name: str, said: Parts, right: Parts) -> bool:
    return said.registry != right.registry != HUB


def _no_registry(name: str, said: Parts, right: Parts) -> bool:
    return said.registry != right.registry


def _library(name: str, said: Parts, right: Parts) -> bool:
    return ("library/" in f"{said.repository}") != ("library/" in right.repository)


MISTAKES = (
    Mistake(
        _port_as_tag,
        (
            "Which colon did you split at? A name may have more than one.",
            "A colon before the first slash belongs to a port. A tag comes after the last slash.",
            'Take the host off first: first, slash, rest = name.partition("/")',
        ),
    ),
    Mistake(
        _of_the_digest,
        (
            "What stands behind an `@`, and what must the engine add when it is there?",
            "A digest has a colon of its own. `latest` is added only without tag and digest.",
            'Take the digest off first: name, _, digest = name.partition("@")',
        ),
    ),
    Mistake(
        _no_host,
        (
            "What stands before the first slash? Could it be a host?",
            "It is one if it has a dot or a colon, or is the word `localhost`.",
            'if slash and ("." in first or ":" in first or first == "localhost"): …',
        ),
    ),
    Mistake(
        _no_registry,
        (
            "Does a machine of that name exist, or is it somebody's name on Docker Hub?",
            "Without a slash behind it, and a dot or a colon in it, it is no host: `team` is none.",
            'if slash and ("." in first or ":" in first or first == "localhost"): …',
        ),
    ),
    Mistake(
        _library,
        (
            "Who has no namespace of their own, and where?",
            "On Docker Hub, and only there, one word alone means the namespace `library`.",
            'if registry == "docker.io" and "/" not in repository: …',
        ),
    ),
    Mistake(
        lambda name, said, right: True,
        (
            "Where does the repository end, and which tag is meant when none is given?",
            "When the host and the digest are off, the tag is what comes after a colon.",
            'repository, _, tag = rest.partition(":"), and `latest` in place of an empty tag.',
        ),
    ),
)


def judged(parts: Callable[[str], object]) -> Finding:
    """Try every name; say which one was read wrongly, and why perhaps."""
    for name, right in READ.items():
        try:
            answer = parts(name)
        except Exception as error:
            return failed(
                f"for {_short(name)} it raised {error!r}",
                "Call it with that name yourself, and read the traceback from the bottom.",
                "Not every name has a slash, a colon or an `@`.",
                '`name.partition("/")` gives three parts in any case; `split` may give one.',
            )
        if answer is None:
            return not_attempted(f"`parts` returns nothing for {_short(name)}")
        if answer != right.all:
            return _explained(name, answer, right)
    return passed(f"{len(READ)} names, and each read as the engine reads it")


def wrong_digest(digest: str, right: str, manifest: dict) -> Finding:
    """The finding for a digest that is not the manifest's."""
    seen = "the number is right, and its kind is missing"
    if (bare := checking.no_algorithm(seen, digest, right)) is not None:
        return bare
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        return failed(
            f"{digest[:30]!r} is no digest",
            "The manifest holds several digests. What do they look like?",
            'A digest is the text "sha256:" and 64 digits, 0 to 9 and a to f.',
            '"sha256:" + sha256(…).hexdigest()',
        )
    layers = [layer["digest"] for layer in manifest["layers"]]
    if digest in (manifest["config"]["digest"], *layers):
        part = "a layer" if digest in layers else "the configuration, this engine's image id"
        return failed(
            f"that is the digest of {part}",
            "Which document does the tag stand for?",
            "It lists the configuration and all the layers: the manifest.",
            "Hash the bytes that `/v2/shop/manifests/1.0` sends.",
        )
    return failed(
        "a digest, but of other bytes",
        "Did you hash `content`, the bytes, or a text made of them?",
        "Without the header `Accept`, the registry sends the manifest in an older format.",
        'headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"}',
    )


def _explained(name: str, answer: object, right: Parts) -> Finding:
    if not isinstance(answer, tuple) or len(answer) != 4 or "" in answer[2:]:
        return failed(
            f"{_short(name)} gives {_short(repr(answer))}",
            "Four things are asked for, in this order: registry, repository, tag, digest.",
            "They come as one tuple of four, and what a name has not got is None, not empty.",
            "return registry, repository, tag or None, digest or None",
        )
    said = Parts(*answer)
    mistake = next(one for one in MISTAKES if one.made(name, said, right))
    return failed(f"{_short(name)} gives {_short(repr(answer))}", *mistake.hints)


def _short(text: str) -> str:
    return text.replace(DIGEST, DIGEST[:13] + "…")
