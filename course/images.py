"""The container image and the VM image, both made from one root filesystem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from docker import APIClient
from docker.errors import ImageNotFound

from course import rootfs, store
from course.engine import engine, engine_errors
from course.errors import ImageMissing

LABEL = "two-boxes.image"  # not `two-boxes`: containers inherit the labels of their image
DIGEST = "two-boxes.digest"


@dataclass(frozen=True)
class Image:
    """One root filesystem in the forms that boxes need; each is made when first asked for.

    ``tag`` is its name in the engine, ``digest`` changes when anything it is made from does.
    """

    name: str
    tag: str
    digest: str
    archive: Path

    @cached_property
    def root(self) -> Path:
        """The unpacked folder; never write to it: others use the same."""

        def make(folder: Path) -> None:
            rootfs.unpack(self.archive, folder / "root")

        return store.built(f"{self.name}-root", {"archive": self.digest}, make) / "root"


def image(name: str, progress: Callable[[float, str], None] | None = None) -> Image:
    """The image of that name, built if it is not there.

    Raises ImageMissing (no such name), ImageDamaged, BuildFailed, ToolMissing, DiskFull.
    """
    if name != "tiny":
        raise ImageMissing('"tiny" or "debian"', repr(name))
    inputs = rootfs.tiny_inputs()
    folder = store.built(name, inputs, lambda new: rootfs.make_tiny(new / "root.tar"))
    return Image(name, f"course/{name}:latest", store.key(inputs), folder / "root.tar")


def container_image(name: str) -> str:
    """The tag of the image in the engine, which has it afterwards with just this digest.

    Raises what ``image`` raises, EngineUnreachable, EngineTooOld.
    """
    wanted, api = image(name), engine().api
    with engine_errors():
        if _digest_in(api, wanted.tag) != wanted.digest:
            with store.alone(name):
                if _digest_in(api, wanted.tag) != wanted.digest:
                    _import(api, wanted)
    return wanted.tag


def _digest_in(api: APIClient, tag: str) -> str | None:
    """Asked before every container's start, so with one call and not with the SDK's two."""
    try:
        return (api.inspect_image(tag)["Config"]["Labels"] or {}).get(DIGEST)
    except ImageNotFound:
        return None


def _import(api: APIClient, wanted: Image) -> None:
    repository, _, tag = wanted.tag.partition(":")
    changes = [f"LABEL {LABEL}={wanted.name} {DIGEST}={wanted.digest}", 'CMD ["sh"]']
    api.import_image_from_file(str(wanted.archive), repository, tag, changes=changes)
