"""The tasks of the images' lab: each looks into an image, or at what the learner defined."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from functools import partial

from docker.models.images import Image

from course.checks import Finding, Names, failed, passed, task
from course.engine import engine
from course.lessons import checking
from course.measuring import size
from .layers import MEBIBYTE, content, hidden_bytes, layers

PAGE = "/srv/index.html"
TIMES = 10  # how much smaller the fat image shall become

AGAIN = "begin with two-boxes-base or two-boxes-python; labels are inherited."
of_image = partial(checking.of_image, again=AGAIN)


@task("site", "`two-boxes-site` has your page at /srv/index.html, and its command serves it", 1)
@of_image("two-boxes-site")
def site(found: Image, names: Names) -> Finding:
    page = content(found, PAGE)
    if not page:
        files = [name for layer in layers(found)[1:] for name in layer.files]
        return failed(
            f"no {PAGE} in it; your steps added {files or 'no file'}",
            "Which instruction brings a file of the folder into the image?",
            "COPY takes two paths: the file in the folder, and where it goes.",
            f"COPY index.html {PAGE}",
        )
    return _served(found, f"a page of {len(page)} bytes")


def _served(found: Image, achieved: str) -> Finding:
    """The finding for an image that has the page: does its command serve it?"""
    settings = found.attrs["Config"]  # newer engines leave out what is empty
    command = " ".join([*(settings.get("Entrypoint") or ()), *(settings.get("Cmd") or ())])
    if re.search(r"\bhttpd\b.* -\w*f", command):
        return passed(f"{achieved}, served by {command}")
    return failed(
        f"its command is {command!r}",
        "CMD says what a container of this image runs.",
        "busybox has a web server: httpd. Without -f it goes to the background, and the end "
        "of the first process is the end of the container.",
        'CMD ["httpd", "-f", "-p", "8080", "-h", "/srv"]',
    )


@task("order", "`two-boxes-order` installs its tools below the page, so an edit costs one step", 3)
@of_image("two-boxes-order")
def order(found: Image, names: Names) -> Finding:
    pile = layers(found)
    tools = [place for place, layer in enumerate(pile) if "tools" in layer.files]
    page = [place for place, layer in enumerate(pile) if PAGE[1:] in layer.files]
    if not tools or not page:
        lack = "/tools" if not tools else PAGE
        return failed(
            f"no layer adds {lack}",
            "An image in another order still has all that it had.",
            "Keep all four instructions of the slow recipe.",
            "Change only which of RUN and COPY comes first.",
        )
    if page[0] < tools[-1]:
        return failed(
            "the page lies below the tools",
            "You edit the page often and the tools never. Which of the two may lie below?",
            "All that comes after a changed step is done again.",
            "First RUN …, then COPY index.html …",
        )
    return passed("an edit of the page leaves the layer of the tools as it is")


@task("explain", "`sizes` says what each layer of `two-boxes-fat` adds, `wasted` what is hidden", 2)
@of_image("two-boxes-fat")
def explain(found: Image, names: Names) -> Finding:
    pile = layers(found)
    right = [layer.size for layer in pile]
    told = names["sizes"]
    told = list(told) if isinstance(told, list | tuple) else [told]
    if told != right:
        return failed(
            f"`sizes` is {told!r:.80}",
            f"The image has {len(right)} layers: one number each, in bytes, the lowest first."
            if len(told) != len(right)
            else _wrong_order(told, right),
            "Open the archive of `docker save`, then each layer in it, with tarfile.",
            "[sum(file.size for file in tarfile.open(fileobj=…)) for name in manifest['Layers']]",
        )
    unseen = hidden_bytes(pile)
    if names["wasted"] != unseen:
        return failed(
            f"`wasted` is {names['wasted']!r}",
            "Which bytes are in the image, and no container can ever see them?",
            "Look for a whiteout: its name begins with .wh. and goes on with what it hides.",
            "How large is that file, in the layer where it was made?",
        )
    return passed(f"{len(right)} layers, and {size(unseen)} that nobody can see")


@task("slim", "`two-boxes-slim` has the same page in a tenth of the bytes of `two-boxes-fat`", 5)
@of_image("two-boxes-slim")
def slim(found: Image, names: Names) -> Finding:
    fat = engine().images.get("two-boxes-fat")
    page = content(found, PAGE)
    if page != content(fat, PAGE):
        return failed(
            f"{PAGE} is not the page of two-boxes-fat" if page else f"there is no {PAGE} in it",
            "The small image must show the same page.",
            "Let the same program make it, in a stage before the last one.",
            f"COPY --from=<name of the stage> {PAGE} {PAGE}",
        )
    large, small = fat.attrs["Size"], found.attrs["Size"]
    if small * TIMES > large:
        return failed(
            f"it has {small / 1e6:.1f} MB, and two-boxes-fat {large / 1e6:.1f} MB",
            *_what_makes_it_large(found),
        )
    return _served(found, f"{large / small:.0f} times smaller: {small / 1e6:.1f} MB")


@task("image-id", "`image_id(archive)` computes an image's ID from the bytes of its archive", 4)
def image_id(names: Names) -> Finding:
    computes = names["image_id"]
    if not callable(computes):
        return failed(
            "`image_id` is not a function",
            "The check calls it with an archive, as bytes.",
            "It returns a text that begins with sha256:",
            "def image_id(archive): …",
        )
    for name in ("two-boxes-base", "two-boxes-fat"):
        archive = b"".join(engine().images.get(name).save(named=True))
        right = _id_of(archive)
        try:
            told = computes(archive)
        except Exception as error:
            return failed(
                f"image_id raised {error!r}",
                "`archive` is the bytes themselves, and not the name of a file.",
                "tarfile.open reads a file, and io.BytesIO makes one of bytes.",
                "tarfile.open(fileobj=io.BytesIO(archive))",
            )
        if told != right:
            return _wrong_id(told, right, archive)
    return passed("right for two images")


@task("by-hand", "`two-boxes-by-hand` came from your own archive, and you knew its ID before", 4)
@of_image("two-boxes-by-hand")
def by_hand(found: Image, names: Names) -> Finding:
    pile = layers(found)
    if len(pile) != 1 or not content(found, "/hello"):
        return failed(
            f"{len(pile)} layers, with {[name for layer in pile for name in layer.files][:5]}",
            "One layer, and in it a file named hello.",
            "The layer is a tar archive of its own, inside the archive.",
            'layer = pack({"hello": b"…"}), where pack writes a tar archive of files',
        )
    expected = _id_of(b"".join(found.save(named=True)))
    if names["my_id"] not in (expected, found.id):
        return failed(
            f"`my_id` is {names['my_id']!r}, the engine says {found.id}",
            "An ID is the hash of one file of the archive.",
            "Compute it from the very bytes of the configuration that you put into the archive.",
            'my_id = "sha256:" + hashlib.sha256(config).hexdigest()',
        )
    return passed("an image without a builder")


def _wrong_order(told: list, right: list[int]) -> str:
    if told == right[::-1]:
        return "The numbers are right. The lowest layer comes first."
    return "Count the bytes of the files in a layer, not those of the archive around them."


def _what_makes_it_large(found: Image) -> tuple[str, ...]:
    pile = layers(found)
    if hidden_bytes(pile) > MEBIBYTE:
        return (
            "One of its steps hides a file of an earlier one. Where are the bytes?",
            "Make and remove it in the same RUN, or in a stage that is not shipped.",
            "FROM two-boxes-python AS make …, and at the end FROM two-boxes-base",
        )
    if any("bin/python3" in name for layer in pile for name in layer.files):
        return (
            "Python is still in it. When is Python needed: while building, or while serving?",
            "A second FROM begins a new pile; COPY --from= takes over one file.",
            "FROM two-boxes-python AS make … FROM two-boxes-base, then COPY --from=make …",
        )
    largest = max(pile, key=lambda layer: layer.size)
    return (
        f"Its largest layer is that of: {largest.instruction}",
        "What of that layer does a container need to serve the page?",
        "Two layers are enough: that of two-boxes-base, and the page.",
    )


def _id_of(archive: bytes) -> str:
    """The digest of the configuration in an image's archive, as ``docker save`` writes it."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))[0]
        return _digest(tar.extractfile(manifest["Config"]).read())


def _wrong_id(told: object, right: str, archive: bytes) -> Finding:
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
