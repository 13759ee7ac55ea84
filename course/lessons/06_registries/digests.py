"""What a digest that is not the right one may be the digest of."""

from __future__ import annotations

import re

from course.checks import Finding, failed
from course.lessons import checking


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
