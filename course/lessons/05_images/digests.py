"""The digest that is an image's ID, and what one that is not the right one may be."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from course.checks import Finding, failed
from course.lessons import checking


def of_configuration(archive: bytes) -> str:
    """The digest of the configuration in an image's archive, as ``docker save`` writes it."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        return _digest(tar.extractfile(manifest["Config"]).read())


def wrong_id(told: object, right: str, archive: bytes) -> Finding:
    """The finding for what is not the digest of the configuration."""
    seen = f"image_id returned {told!r:.80}"
    if (bare := checking.no_algorithm(seen, told, right)) is not None:
        return bare
    whole = told == _digest(archive)
    return failed(
        seen,
        "That is the hash of the whole archive. " * whole + "Which file in it names all layers?",
        "The ID is the hash of one file of the archive. manifest.json says which: Config.",
        "Hash the bytes as they are. Decoding JSON and encoding it again gives other bytes.",
    )


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
