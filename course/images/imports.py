"""Root filesystems given to the engine as images; what a newer one replaces is taken away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from docker.errors import APIError, ImageNotFound
from docker.models.images import Image

from course.engine import engine, engine_errors
from course.errors import EngineError
from course.system import store

LABEL = "two-boxes.image"  # not `two-boxes`: containers inherit the labels of their image
DIGEST = "two-boxes.digest"


def digest(tag: str) -> str | None:
    """The digest of what the image of that tag was made from; None where there is no such image.

    Asked before every container's start, so with one call and not with the SDK's two.
    """
    try:
        return (engine().api.inspect_image(tag)["Config"]["Labels"] or {}).get(DIGEST)
    except ImageNotFound:
        return None


def take(archive: Path, tag: str, name: str, digest: str, more: Mapping[str, str] = {}) -> None:
    """Have the engine make an image of a tar file, with ``more`` labels than name and digest.

    The one that had the tag is removed, unless somebody uses it. Raises DiskFull, EngineError.
    """
    older = engine().images.list(tag)
    api, labels = engine().api, {LABEL: name, DIGEST: digest, **more}
    changes = [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]
    try:
        api.import_image_from_file(str(archive), *tag.split(":"), changes=[*changes, 'CMD ["sh"]'])
        for image in older:
            _remove_nameless(image)
    except APIError as error:
        if "no space left" in str(error):
            raise store.disk_full(error.explanation) from error
        raise EngineError(f"the engine to take {tag}", str(error)) from error


def forget(prefix: str = "course/") -> None:
    """Take the course's images away from the engine. What others built on them or named stays.

    Raises EngineError, when all the rest is gone, for those that a container still uses.
    """
    kept = []
    with engine_errors():
        for image in engine().images.list(f"{prefix}*", filters={"label": LABEL}):
            for tag in image.tags:
                try:
                    if tag.startswith(prefix):
                        engine().images.remove(tag)
                except APIError as error:
                    kept.append(f"{tag}: {error.explanation}")
    if kept:
        raise EngineError("the engine to remove the course's images", "; ".join(kept))


def _remove_nameless(image: Image) -> None:
    with suppress(APIError):  # somebody removed it, or a container of theirs uses it
        image.reload()
        if not image.tags:
            image.client.images.remove(image.id)
