"""Container images of single programs, such as a database, made from distribution packages.

Nothing is pulled from a registry: apt says which packages belong together and fetches them, with
the sources that this machine already has, and their files become one layer. Nothing is installed
on the machine, and nobody needs to be root.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from course.engine import engine_errors
from course.errors import BuildFailed, ImageMissing, ToolMissing
from course.system import Bar, host, programs, store
from . import imports, rootfs

# The images that lessons run, and the packages that each is made of.
PACKAGES = {
    "nginx": ("nginx-light",),
    "python": ("python3",),
    "redis": ("redis-server",),
    "registry": ("docker-registry", "apache2-utils"),  # the second for its htpasswd
    "sqlite": ("sqlite3",),
    "tenants": ("lua5.1", "lua5.4", "redis-server"),
}
RECIPE = "1"  # change it when an equal request must give other bytes
VERSIONS = "two-boxes.packages"  # a label
SHELL = "busybox-static"  # in every image, so that one can look around inside
# Packages are unpacked and never configured, so what only configures counts as there already.
CONFIGURERS = (
    "adduser debconf dpkg init-system-helpers iproute2 lsb-base passwd sysvinit-utils usr-is-merged"
)
INSTALLED = (
    "Package: {}\nStatus: install ok installed\nVersion: 9999\nArchitecture: all\n"
    "Maintainer: none\nDescription: none\n\n"
)
MERGED = ("bin", "sbin", "lib", "lib64")  # /bin is /usr/bin, as on any present-day system
COMMANDS = "usr/bin/"
LEFT_OUT = tuple(
    f"usr/share/{name}/" for name in ("bug", "doc", "info", "lintian", "locale", "man")
)


def package_image(name: str) -> str:
    """The tag of the image with this program of ``PACKAGES``, built if it is not there.

        tag = package_image("redis")  # course/redis:latest; run it with ["redis-server"]

    It stays the same until the request or the distribution changes; its label
    ``two-boxes.packages`` says which version of each package is in it.
    Raises ImageMissing (no such program), ToolMissing, BuildFailed, DiskFull, ImageDamaged,
    EngineUnreachable, EngineTooOld.
    """
    if name not in PACKAGES:
        raise ImageMissing(f"one of {', '.join(PACKAGES)}", repr(name))
    wanted, tag = (*PACKAGES[name], SHELL), f"course/{name}:latest"
    inputs = {
        "packages": " ".join(wanted),
        "system": str(host.facts()["system"]),
        "architecture": str(host.facts()["architecture"]),
        "recipe": RECIPE,
    }
    with engine_errors():
        if imports.digest(tag) != store.key(inputs):
            folder = store.built(name, inputs, lambda folder: _make(wanted, folder))
            versions = {VERSIONS: (folder / "packages").read_text()}
            imports.take(folder / "root.tar", tag, name, folder.name, versions)
    return tag


def _make(packages: Sequence[str], folder: Path) -> None:
    """Fill the folder with the archive ``root.tar`` and the list ``packages``."""
    bar = Bar(total=100, desc=f"packages for {packages[0]}", unit="%")
    with bar, tempfile.TemporaryDirectory(dir=folder) as downloads:
        for percent in _download(packages, Path(downloads)):
            bar.update(round(percent) - bar.n)
        found = sorted(Path(downloads, "archives").glob("*.deb"))
        _pack(found, folder / "root.tar")
    (folder / "packages").write_text(" ".join(path.stem for path in found))


def _download(packages: Sequence[str], downloads: Path) -> Iterator[float]:
    """Have apt fetch the packages and their dependencies; yield the percentage that is there."""
    command = _apt(downloads, "install", "--download-only", "--", *packages)
    try:
        apt = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError as error:
        raise ToolMissing(
            "apt, to fetch packages with", str(error), "use a Debian or Ubuntu machine"
        ) from error
    with apt:
        for line in apt.stdout:  # dlstatus:<number>:<percent>:<description>
            if line.startswith("dlstatus:"):
                yield float(line.split(":")[2])
        words = apt.stderr.read().strip()
    if apt.returncode:
        raise BuildFailed(f"the packages {', '.join(packages)}", words, "sudo apt-get update")


def _apt(folder: Path, *words: str) -> list[str]:
    """An apt that has the machine's sources, and beyond them only what is in ``folder``."""
    status = folder / "status"
    status.write_text("".join(map(INSTALLED.format, CONFIGURERS.split())))
    options = {
        "Dir::Cache": folder,
        "Dir::State::status": status,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",  # no other user may write to the folder, not even apt's own
        "APT::Status-Fd": "1",
    }
    settings = (word for name, value in options.items() for word in ("-o", f"{name}={value}"))
    return ["apt-get", "-qq", "--yes", *settings, *words]


def _pack(packages: Sequence[Path], archive: Path) -> None:
    """Write one archive with the files of all the packages."""
    archive.write_bytes(_base())
    with tarfile.open(archive, "a") as tar:
        # A package's own command follows busybox's of that name, and so takes its place.
        present = {"", *(name for name in tar.getnames() if not name.startswith(COMMANDS))}
        for package in packages:
            for file, content in _files(package):
                if file.name not in present:
                    tar.addfile(file, content)
                    present.add(file.name)


def _base() -> bytes:
    """What no package brings: folders, users, a merged /usr, and the commands of busybox."""
    applets = rootfs.applets(programs.require("busybox"))
    commands = {f"{COMMANDS}{name}": "busybox" for name in applets}
    links = commands | {name: f"usr/{name}" for name in MERGED}
    folders = {*rootfs.FOLDERS, *(f"usr/{name}" for name in MERGED)}
    files = {name: text.encode() for name, text in rootfs.FILES.items()}
    return rootfs.pack(tuple(folders), links, files)


def _files(package: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Each file of a package with its content, except documentation."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    unpacked = subprocess.run(command, capture_output=True, check=False)
    if unpacked.returncode:
        raise BuildFailed(f"a whole package {package.name}", unpacked.stderr.decode(), "try again")
    with tarfile.open(fileobj=io.BytesIO(unpacked.stdout)) as tar:
        for file in tar:
            file.name, file.linkname = _merged(file.name), _target(file)
            if not f"{file.name}/".startswith(LEFT_OUT):
                yield file, tar.extractfile(file) if file.isreg() else None


def _target(file: tarfile.TarInfo) -> str:
    """A hard link names its target by the path in the archive, which may have changed."""
    return _merged(file.linkname) if file.islnk() else file.linkname


def _merged(name: str) -> str:
    """The path below a merged /usr, without the leading "./"."""
    path = name.removeprefix("./").rstrip("/")
    return f"usr/{path}" if path.partition("/")[0] in MERGED else path
