"""Packages of the distribution, fetched and unpacked but not installed; nobody needs to be root.

Packages for another processor come through an apt configuration of our own: the system's lists,
caches and architectures stay as they are.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from course.errors import ToolMissing

NAMES = {"x86_64": "amd64", "aarch64": "arm64"}  # what Debian calls a processor
FULL = re.compile("No space left|enough free space")  # dpkg's words and apt's for a full disk
CONFIGURATION = """
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
"""


def fetch(package: str, target: Path, work: Path, architecture: str = platform.machine()) -> None:
    """Unpack below ``target`` a package and what it needs of the same family.

    The family of linux-image-cloud-amd64 are the packages linux-image-* and linux-modules-*.
    ``work``: an empty folder for what is fetched. Raises ToolMissing where there is no apt or
    it does not have the package, and OSError where the disk is full.
    """
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    if architecture != platform.machine():
        environment |= _configure(work, NAMES[architecture])
        _run(["apt-get", "-qq", "update"], work, environment)
    for name in _family(package, work, environment):
        _run(["apt-get", "-qq", "download", name], work, environment)
    for file in work.glob("*.deb"):
        _run(["dpkg", "-x", str(file), str(target)], work, environment)


def kernel_package(architecture: str, distribution: str = "") -> str:
    """The smallest kernel package that a distribution, by default this one, makes for VMs."""
    if not distribution:
        release = platform.freedesktop_os_release()
        distribution = f"{release.get('ID')} {release.get('ID_LIKE')}"  # or what it is made from
    is_ubuntu = "ubuntu" in distribution.lower()
    return "linux-image-virtual" if is_ubuntu else f"linux-image-cloud-{NAMES[architecture]}"


def _family(package: str, work: Path, environment: dict[str, str]) -> list[str]:
    if not package.startswith("linux-"):
        return [package]
    only = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks")]
    only += ["--no-replaces", "--no-enhances"]
    said = _run(["apt-cache", "depends", "--recurse", *only, package], work, environment)
    return re.findall(r"^linux-(?:image|modules)-\d\S+$", said, re.M)


def _configure(folder: Path, architecture: str) -> dict[str, str]:
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    path = folder / "apt.conf"
    path.write_text(CONFIGURATION.format(architecture=architecture, folder=folder))
    return {"APT_CONFIG": str(path)}


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    except FileNotFoundError as error:
        mend = "use a machine with Debian or Ubuntu"
        raise ToolMissing("apt, to fetch packages with", str(error), mend) from error
    except subprocess.CalledProcessError as error:
        words = error.stderr.strip()
        if FULL.search(words):
            raise OSError(errno.ENOSPC, words) from error
        raise ToolMissing(
            f"what `{' '.join(command)}` fetches", words, "sudo apt-get update"
        ) from error
    return done.stdout
