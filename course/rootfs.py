"""The two root filesystems, made from the distribution's own packages.

``tiny`` is one static busybox and the links to it. ``debian`` is what people mean by a machine:
systemd, udev, apt and a kernel. Each is one tar archive, the same bytes for the same inputs.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

from course.errors import ToolMissing

EPOCH = 1_735_689_600  # 2025-01-01: every file of ours says so, so equal inputs give equal bytes
FOLDERS = ("dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "usr", "var", "var/tmp")
SHARED = ("tmp", "var/tmp")  # everybody may write here, and remove only what is theirs
# One folder of commands under its four usual names, as on any system with a merged /usr.
LINKS = {"sbin": "bin", "usr/bin": "../bin", "usr/sbin": "../bin"}
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/hostname": "tiny\n",
    "etc/os-release": 'ID=tiny\nNAME="Two Boxes tiny"\nPRETTY_NAME="Two Boxes tiny"\n',
}


def tiny_inputs() -> dict[str, str]:
    """What decides the bytes of ``tiny``. Raises ToolMissing."""
    program = busybox()
    return {"archive": _tiny_digest(program, program.stat().st_mtime_ns)}


def make_tiny(archive: Path) -> None:
    """Write the archive. Raises ToolMissing."""
    archive.write_bytes(_tiny(busybox()))


def unpack(archive: Path, folder: Path) -> None:
    """The archive's files below ``folder``, owned as in the archive where the user may do that."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="fully_trusted")


def busybox() -> Path:
    """The static busybox of this machine's distribution. Raises ToolMissing."""
    found = shutil.which("busybox")
    # A program that is not static names its dynamic loader within its first block.
    if not found or b"/ld-" in Path(found).read_bytes()[:4096]:
        raise ToolMissing(
            "a static busybox", found or "none", "sudo apt-get install busybox-static"
        )
    return Path(found)


@cache
def _tiny_digest(program: Path, _changed: int) -> str:
    """Asked before every start of a box, so worked out once for each busybox."""
    return hashlib.sha256(_tiny(program)).hexdigest()


def _tiny(program: Path) -> bytes:
    """The whole archive: two megabytes, so it is made in memory."""
    names = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    links = LINKS | {f"bin/{name}": "busybox" for name in names.split() if name != "busybox"}
    files = {name: text.encode() for name, text in FILES.items()}
    files["bin/busybox"] = program.read_bytes()
    return pack(folders=(*FOLDERS, "bin"), links=links, files=files)


def pack(folders: tuple[str, ...], links: dict[str, str], files: dict[str, bytes]) -> bytes:
    """A tar archive: sorted, owned by root, of one date; what lies in a ``bin`` may be run."""
    members = [(_member(name, tarfile.DIRTYPE, _folder_mode(name)), b"") for name in folders]
    for name, target in links.items():
        link = _member(name, tarfile.SYMTYPE, 0o777)
        link.linkname = target
        members.append((link, b""))
    for name, content in files.items():
        file = _member(name, tarfile.REGTYPE, 0o755 if name.startswith("bin/") else 0o644)
        file.size = len(content)
        members.append((file, content))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member, content in sorted(members, key=lambda pair: pair[0].name):
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, EPOCH
    member.uname = member.gname = "root"
    return member


def _folder_mode(name: str) -> int:
    return 0o1777 if name in SHARED else 0o700 if name == "root" else 0o755
