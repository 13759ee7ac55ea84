"""What each layer of an image adds, read from the archive that ``docker save`` writes."""

from __future__ import annotations

import io
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath

from docker.models.images import Image

from course.measuring import COLOURS, GREY, Figure, beside, paper, size, styled

WHITEOUT = ".wh."  # OCI image specification, "Image Layer Filesystem Changeset", Whiteouts
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Layer:
    """One layer: the instruction that made it, and its files with their bytes."""

    instruction: str
    files: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of its files together."""
        return sum(map(len, self.files.values()))


def layers(image: Image) -> list[Layer]:
    """The layers of an image, the lowest first."""
    saved = io.BytesIO(b"".join(image.save(named=True)))
    with tarfile.open(fileobj=saved) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(manifest["Config"]))
        steps = [step for step in config.get("history", []) if not step.get("empty_layer")]
        if len(steps) != len(manifest["Layers"]):  # an image need not tell how it was made
            steps = [{}] * len(manifest["Layers"])
        return [
            Layer(_instruction(step), _files(archive.extractfile(name).read()))
            for step, name in zip(steps, manifest["Layers"], strict=True)
        ]


def content(image: Image, path: str) -> bytes | None:
    """What a container of this image would read from that path; None where there is no file."""
    wanted = PurePosixPath(path.lstrip("/"))
    hidden = {str(part.with_name(WHITEOUT + part.name)) for part in [wanted, *wanted.parents][:-1]}
    for layer in reversed(layers(image)):
        if str(wanted) in layer.files:
            return layer.files[str(wanted)]
        if hidden & layer.files.keys():
            return None
    return None


def hidden_bytes(pile: list[Layer]) -> int:
    """How much no container can see: files that a higher layer replaces, or hides by a whiteout."""
    total, seen = 0, {}
    for layer in pile:
        for name in layer.files:
            folder, _, last = name.rpartition("/")
            gone = PurePosixPath(folder, last.removeprefix(WHITEOUT))  # a file or a whole folder
            for path in [path for path in seen if PurePosixPath(path).is_relative_to(gone)]:
                total += seen.pop(path)
        seen |= {name: len(data) for name, data in layer.files.items()}
    return total


@styled
def draw(image: Image) -> Figure:
    """A bar for each layer, the topmost above, with the instruction that made it and its files."""
    found = layers(image)[::-1]
    title = f"{len(found)} layers, {size(sum(layer.size for layer in found))} in all"
    canvas, axes = paper(len(found), title, f"the layers of {image.tags[0]}, in this engine", 0.7)
    for place, layer in enumerate(found):
        axes.barh(place + 0.16, layer.size / MEBIBYTE, height=0.3, color=COLOURS["container"])
        axes.text(0, place - 0.22, layer.instruction[:64], va="center", family="monospace", size=8)
        names = ", ".join(sorted(layer.files)[:2]) + (" …" if len(layer.files) > 2 else "")
        beside(axes, place + 0.16, size(layer.size))
        right = {"ha": "right", "transform": axes.get_yaxis_transform()}
        axes.text(1, place - 0.22, names[:40], va="center", size=8, color=GREY, **right)
    axes.set_yticks([])
    axes.set_xlabel("MiB that the files of the layer take")
    words = [f"{layer.instruction}: {size(layer.size)}" for layer in found]
    return Figure(canvas, f"{title}, the topmost first. {'; '.join(words)}.")


def _instruction(step: dict[str, str]) -> str:
    """The line of the recipe, without the shell that the engine puts before it."""
    said = step.get("created_by") or "(imported, not built)"
    said = said.replace("/bin/sh -c #(nop)", "").replace("/bin/sh -c", "RUN")
    return re.sub(r"\w+:[0-9a-f]{64} in ", "… ", " ".join(said.split()))


def _files(layer: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return {file.name: tar.extractfile(file).read() for file in tar if file.isreg()}
