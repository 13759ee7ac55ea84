"""A Docker container, through the docker SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from docker.errors import APIError
from docker.models.containers import Container as DockerContainer

from course.boxes.box import RESTART, Box, Output, Phases, Usage
from course.boxes.process import busybox_check
from course.boxes.wishes import parse_size
from course.checks import Check, Finding, explained, passed
from course.engine import engine, labels
from course.errors import NotRunning, ResourceError
from course.images import forms
from course.system import cgroups, interrupts, processes, reaper
from . import docker_exec
from .docker_run import docker_run, local
from .engine_says import course_errors

IDLE = ["sleep", "infinity"]  # process 1: it does nothing, and a kill ends it at once

# The API can leave the engine's own network set-up out, which takes half of a start; the runtime
# still gives the container a network namespace with nothing but loopback in it, as it does for
# `--network none`. What the engine would have written into /etc/hosts is then ours to write.
ALONE = {"network_mode": "none", "network_disabled": True}
IDLE_ALONE = ["sh", "-c", "echo 127.0.0.1 localhost > /etc/hosts; exec sleep infinity"]

_numbers = count(1)


class Container(Box):
    """A container of the engine that the docker command uses too.

    ``image``: "tiny", "debian", or any image that the engine has; nothing is ever pulled.
    ``options`` go to ``containers.create`` of the docker SDK; ports are bound to 127.0.0.1
    unless they say otherwise. A snapshot is an image (``docker commit``): the files, and
    nothing that ran.
    """

    kind = "container"

    def __init__(
        self,
        image: str = "tiny",
        *,
        cpus: float | None = None,
        memory: str | int | None = None,
        network: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(image, cpus=cpus, memory=memory, network=network)
        self.options = options
        self._container: DockerContainer | None = None
        self._origin: str | None = None  # the image that a clone begins from
        self._made: list[str] = []  # tags, oldest first

    @classmethod
    def requirements(cls) -> list[Check]:
        @explained
        def probe() -> Finding:
            version = engine().version()
            return passed(f"{version['Version']}, API {version['ApiVersion']}")

        return [Check("a container engine answers", probe), busybox_check()]

    @property
    def docker(self) -> DockerContainer:
        """The docker SDK's own object, its facts fresh. Raises NotRunning."""
        self._require_running()
        with course_errors():
            self._container.reload()
        return self._container

    @property
    def command(self) -> str:
        options = self._create_options()
        options.pop("network_disabled", None)  # the command has no word for it
        return docker_run(self._image(), IDLE, options)

    def _exec(self, command: str, timeout: float) -> Output:
        with course_errors():
            return docker_exec.run(self._container, command, timeout)

    def _usage(self) -> Usage:
        container = self.docker
        api = container.client.api
        with course_errors():
            found = api.containers(filters={"id": container.id}, size=True)
        if not found:
            raise NotRunning("a running container", f"one that is {container.status}", RESTART)
        disk = found[0].get("SizeRw", 0)
        family = _family(container)
        with suppress(OSError):  # not this user's to read
            if family:
                cpu = cgroups.cpu(container.attrs["State"]["Pid"])
                return Usage(processes.memory(family), cpu, disk, len(family))
        with course_errors():  # the engine knows it too, and takes a second to say so
            stats = api.stats(container.id, stream=False, one_shot=True)
        cpu = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        memory = stats["memory_stats"]
        parts = memory.get("stats", {})  # Podman has none
        cache = parts.get("total_inactive_file", parts.get("inactive_file", 0))
        count = stats["pids_stats"]["current"]
        return Usage(memory["usage"] - cache, cpu, disk, count, source="cgroup")

    def _snapshot(self, name: str) -> str:
        return self._commit(self._container, name)

    def _rollback(self, kept: str) -> None:
        try:
            self._remove()
            self.phases = Phases()  # this is a start
            self._run(kept)
        except BaseException:
            self.stop()
            raise

    def _clone(self) -> Container:
        caps = {"cpus": self.cpus, "memory": self.memory, "network": self.network}
        options = {name: value for name, value in self.options.items() if name != "name"}
        twin = Container(self.image, **caps, **options)
        try:
            twin._origin = twin._commit(self._container, "clone")
            return twin.start()
        except BaseException:
            twin.stop()
            raise

    def _start(self) -> None:
        self._run(self._image())

    def _stop(self) -> None:
        self._remove()
        with course_errors():
            while self._made:
                with _gone_is_fine():  # a clone stands on it: it goes when that one goes
                    engine().api.remove_image(self._made[-1], force=True)
                self._made.pop()
        self._origin = None

    def _image(self) -> str:
        if self._origin:
            return self._origin
        return forms.container_image(self.image) if self.image in forms.NAMES else self.image

    def _create_options(self) -> dict[str, Any]:
        """The options in the SDK's words: the box's own, then the learner's."""
        options = dict(self.options)
        chosen: dict[str, Any] = {"labels": dict(options.pop("labels", {})) | labels.label()}
        if not self.network:
            chosen |= ALONE
        if self.cpus is not None:
            chosen["nano_cpus"] = round(self.cpus * 1e9)
        if self.memory is not None:
            chosen |= {"mem_limit": self.memory, "memswap_limit": self.memory}  # no swap besides
        if "ports" in options:
            options["ports"] = local(options["ports"])
        return chosen | options

    def _run(self, image: str) -> None:
        options = self._create_options()
        command = IDLE if self.network else IDLE_ALONE
        with course_errors():
            with interrupts.held_back():
                self._container = engine().containers.create(image, command, **options)
            self.phases.mark("created")
            given = self._container.attrs["HostConfig"]
            wanted = parse_size(options.get("mem_limit", 0)), options.get("nano_cpus", 0)
            if (given["Memory"], given["NanoCpus"]) != wanted:
                raise ResourceError("an engine that can cap", "one that leaves the caps out")
            self._container.start()
            self.phases.mark("started")

    def _remove(self) -> None:
        if self._container:
            with course_errors(), _gone_is_fine():
                self._container.remove(force=True, v=True)
        self._container = None

    def _commit(self, container: DockerContainer, name: str) -> str:
        repository = f"course/snapshot-{reaper.session()}-{next(_numbers)}"
        tag = f"{repository}:{name}"
        self._made.append(tag)
        with course_errors(), interrupts.held_back():
            container.commit(repository, name)
        return tag


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    """Inside, what cannot be removed because it is gone, or because another removes it, may be."""
    try:
        yield
    except APIError as error:
        if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise


def _family(container: DockerContainer) -> list[int]:
    """The container's processes and its shim, where they are this host's; else nothing."""
    init = processes.stat(container.attrs["State"]["Pid"])
    # An engine in another machine has other numbers: the shim's command line names the container.
    if init and container.id in _text(Path(f"/proc/{init.parent}/cmdline")):
        return processes.family(init.parent)
    return []


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
