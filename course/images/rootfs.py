"""The two root filesystems, made from the distribution's own packages.

``tiny`` is one static busybox and the links to it. ``debian`` is what people mean by a machine:
systemd, udev, apt and a kernel. Each is one tar archive, the same bytes for the same inputs.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path

from course.errors import BuildFailed, CourseError
from course.system import programs, store
from . import apt

Progress = Callable[[float, str], None]  # what part is done, from 0 to 1, and what is being done

FOLDERS = ("dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "usr", "var", "var/tmp")
SHARED = ("tmp", "var/tmp")  # everybody may write here, and remove only what is theirs
COMMANDS = ("bin", "sbin")
# One folder of commands under its four usual names, as on any system with a merged /usr.
LINKS = {"sbin": "bin", "usr/bin": "../bin", "usr/sbin": "../bin"}
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/hostname": "tiny\n",
    "etc/os-release": 'ID=tiny\nNAME="Two Boxes tiny"\nPRETTY_NAME="Two Boxes tiny"\n',
}
# mmdebstrap would leave those of the machine it runs on.
DEBIAN_FILES = {"etc/hostname": "debian\n", "etc/resolv.conf": ""}
PACKAGES = ("systemd-sysv", "udev", "iproute2", "procps")
OPTIONS = (
    "--verbose",
    "--variant=minbase",
    "--skip=output/dev",  # a container and a kernel fill it, and only root could unpack it
    # A backup that nobody may read, so neither could an ordinary user who makes a disk of it.
    '--customize-hook=rm "$1/etc/shadow-"',
    '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",  # it is made in a temporary folder: no need to wait for the disk
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
)
RECIPE = "1"  # change it when the same command must give other bytes
STEPS = ("Get:", "Unpacking ", "Setting up ")  # what apt and dpkg say once for each package
STEPS_EXPECTED = 640  # of which these lines are the first 410; the rest of the time goes into:
MILESTONES = {"Processing triggers for initramfs": 0.7, "I: cleaning": 0.85, "I: creating": 0.9}


def busybox() -> Path:
    """The static busybox of this machine's distribution; where none is installed, its package's.

    Raises ToolMissing.
    """
    installed = programs.find("busybox")
    if installed or not shutil.which("apt-get"):
        return installed or programs.require("busybox")
    return next(store.built("busybox", {}, _fetch_busybox).rglob("bin/busybox"))


def _fetch_busybox(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        apt.fetch("busybox-static", folder, Path(work))


def tiny_inputs() -> dict[str, str]:
    """What decides the bytes of ``tiny``. Raises ToolMissing."""
    program = busybox()
    return {"archive": _tiny_digest(program, program.stat().st_mtime_ns)}


def make_tiny(archive: Path) -> None:
    """Write the archive. Raises ToolMissing."""
    archive.write_bytes(_tiny(busybox()))


def debian_inputs(files: dict[str, str]) -> dict[str, str]:
    """What decides the bytes of ``debian``, the files of ours that go into it among them.

    Raises BuildFailed, ToolMissing.
    """
    command = json.dumps((*OPTIONS, *_distribution()))
    return {"command": command, "files": json.dumps(files), "recipe": RECIPE}


def make_debian(archive: Path, files: dict[str, str], progress: Progress) -> None:
    """Write the archive: about 300 MB, in half a minute to two minutes.

    Needs no root. Raises ToolMissing, BuildFailed, DiskFull.
    """
    packages, suite, *sources = _distribution()
    own = archive.with_name("own.tar")
    own.write_bytes(pack((), {}, {path: text.encode() for path, text in files.items()}))
    hook = f"--customize-hook=tar-in {shlex.quote(str(own))} /"
    command = ["mmdebstrap", *OPTIONS, packages, hook, suite, str(archive), *sources]
    try:
        _run(command, archive.parent, progress)
    finally:
        own.unlink()
    with tarfile.open(archive, "a") as tar:
        tar.addfile(_member("./dev", tarfile.DIRTYPE, 0o755))


def _run(command: list[str], work: Path, progress: Progress) -> None:
    said: deque[str] = deque(maxlen=20)
    done = 0.0
    listened = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    environment = os.environ | _environment(work)
    with subprocess.Popen(command, env=environment, **listened) as process:
        for line in process.stderr:
            said.append(line.strip())
            reached = [part for words, part in MILESTONES.items() if line.startswith(words)]
            if reached or line.startswith(STEPS):
                done = max([done + 1 / STEPS_EXPECTED, *reached])
                progress(done, _doing(line.split()))
    if process.returncode:
        raise _failed([line for line in said if line.startswith("E:")] or list(said))


def _environment(work: Path) -> dict[str, str]:
    own = {"SOURCE_DATE_EPOCH": str(store.EPOCH), "LC_ALL": "C.UTF-8"}
    # Then the store clears away what a killed build leaves. Without root other user numbers
    # work on it, which may not enter a home.
    return own if os.geteuid() else own | {"TMPDIR": str(work)}


def _doing(words: list[str]) -> str:
    """The step without the address that a package comes from: notebooks keep what they show."""
    if words[0].startswith("Get:"):
        return f"Fetching {words[4] if len(words) > 4 else 'lists'}"
    return " ".join(words).removeprefix("I: ").rstrip(". ")


def _failed(said: list[str]) -> CourseError:
    words = "; ".join(said)
    if "No space left" in words:
        return store.disk_full(words)
    mend = "look at the words above; often the network or the list of packages: sudo apt-get update"
    return BuildFailed("mmdebstrap to make a root filesystem", words, mend)


@cache
def _distribution() -> tuple[str, ...]:
    """What to install, the suite, and the sources: those of the machine's own distribution.

    Asked before every start of a box, and apt takes its time to answer.
    """
    programs.require("mmdebstrap")
    rows, processor = _sources(), platform.machine()
    for origin in ("Debian", "Ubuntu"):
        found = [row for row in rows if row[0] == origin and row[2] == "main"]
        if found and processor in apt.NAMES:
            suite = min((row[1] for row in found), key=len)  # "bookworm", not "bookworm-updates"
            packages = ",".join((*PACKAGES, apt.kernel_package(processor, origin)))
            return f"--include={packages}", suite, *sorted({row[3] for row in found})
    wanted = f"the package lists of Debian or Ubuntu, for a processor {processor}"
    raise BuildFailed(wanted, "none that the course knows", "sudo apt-get update")


def _sources() -> list[list[str]]:
    """Origin, suite, component and line of each list of packages that apt knows."""
    asked = "$(ORIGIN)|$(CODENAME)|$(COMPONENT)|deb $(REPO_URI) $(RELEASE) main"
    command = ["apt-get", "indextargets", "--format", asked, "Created-By: Packages"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return []  # mmdebstrap is packaged for systems without apt, too
    except subprocess.CalledProcessError as error:
        raise BuildFailed("apt to name its package lists", error.stderr.strip()) from error
    return [line.split("|") for line in answer.splitlines()]


def unpack(archive: Path, folder: Path) -> None:
    """The archive's files below ``folder``, owned as in the archive where the user may do that."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        # Our own archive. As an attribute, for Debian 12's Python 3.11.2 knows no filter= yet.
        tar.extraction_filter = lambda member, _: member
        tar.extractall(folder)


def applets(program: Path) -> list[str]:
    """The names under which a busybox does something, its own left out."""
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    return [name for name in names.split() if name != "busybox"]


@cache
def _tiny_digest(program: Path, _changed: int) -> str:
    """Asked before every start of a box, so worked out once for each busybox."""
    return hashlib.sha256(_tiny(program)).hexdigest()


def _tiny(program: Path) -> bytes:
    """The whole archive: two megabytes, so it is made in memory."""
    links = LINKS | {f"bin/{name}": "busybox" for name in applets(program)}
    files = {name: text.encode() for name, text in FILES.items()}
    files["bin/busybox"] = program.read_bytes()
    return pack(folders=(*FOLDERS, "bin"), links=links, files=files)


def pack(folders: tuple[str, ...], links: dict[str, str], files: dict[str, bytes]) -> bytes:
    """A tar archive: sorted, owned by root, of one date; commands may be run."""
    members = [(_member(name, tarfile.DIRTYPE, _folder_mode(name)), b"") for name in folders]
    for name, target in links.items():
        link = _member(name, tarfile.SYMTYPE, 0o777)
        link.linkname = target
        members.append((link, b""))
    for name, content in files.items():
        mode = 0o755 if Path(name).parent.name in COMMANDS else 0o644
        file = _member(name, tarfile.REGTYPE, mode)
        file.size = len(content)
        members.append((file, content))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, content in sorted(members, key=lambda pair: pair[0].name):
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, store.EPOCH
    member.uname = member.gname = "root"
    return member


def _folder_mode(name: str) -> int:
    return 0o1777 if name in SHARED else 0o700 if name == "root" else 0o755
