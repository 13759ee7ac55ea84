"""Root filesystems given to the engine as images; what a newer one replaces is taken away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from docker.errors import APIError, ImageNotFound

from course import store
from course.engine import engine
from course.errors import EngineError

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

    Older ones of this name that no container uses are removed. Raises DiskFull, EngineError.
    """
    api, labels = engine().api, {LABEL: name, DIGEST: digest, **more}
    changes = [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]
    try:
        api.import_image_from_file(str(archive), *tag.split(":"), changes=[*changes, 'CMD ["sh"]'])
        api.prune_images({"dangling": True, "label": f"{LABEL}={name}"})
    except APIError as error:
        if "no space left" in str(error):
            raise store.disk_full(error.explanation) from error
        raise EngineError(f"the engine to take {tag}", str(error)) from error
