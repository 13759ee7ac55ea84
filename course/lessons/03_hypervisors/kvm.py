"""Whether KVM can be used from here, found out by using it; and what to show where it cannot."""

from __future__ import annotations

import platform
from pathlib import Path

from IPython import get_ipython

from course.checks import Check, Finding, failed, passed
from course.lessons import replay_failures
from .devices import Bus, Serial
from .guests import ALPHABET, code
from .hypervisor import virtualize

ABSENT = (
    "On a PC or server: switch on VT-x or AMD-V in its firmware, then `sudo modprobe kvm_intel` "
    "or `sudo modprobe kvm_amd`. In a rented VM its owner has to allow nested virtualization; "
    "macOS and Windows have hypervisors of their own in place of KVM."
)
FORBIDDEN = "`sudo usermod -aG kvm $USER`, then log out and in again."


def modules() -> list[str]:
    """The kernel modules that do KVM's work: kvm_intel (VT-x), kvm_amd (AMD-V) or another."""
    return sorted(path.name for path in Path("/sys/module").glob("kvm_*"))


def _twelve_bytes() -> Finding:
    if platform.machine() != "x86_64":
        return failed(f"a processor of another kind: {platform.machine()}", "The guests are x86.")
    serial = Serial()
    try:
        ending = virtualize(code(ALPHABET), Bus({0x3F8: serial}))
    except FileNotFoundError:
        return failed("there is no /dev/kvm", ABSENT)
    except PermissionError:
        return failed("/dev/kvm is there, but not for this user", FORBIDDEN)
    except OSError as error:
        return failed(f"KVM refused: {error}", ABSENT)
    found = f"a guest of twelve bytes said {serial.text} and {ending}"
    return passed(found) if ending == "halted" and serial.text else failed(found)


KVM = Check("A guest of twelve bytes runs on KVM", _twelve_bytes)


def ready(notebook: Path) -> str:
    """Say whether KVM can be used; if not, let failing cells show what the notebook recorded."""
    found = KVM.run()
    if found:
        return f"Yes: {found.observed}, with {' and '.join(modules()) or 'KVM'}."
    lack = f"{found.observed}. The top of the notebook says more."
    replay_failures(get_ipython(), [notebook], lack)
    mend = " ".join((f"{found.observed}.", *found.hints))
    return f"No: {mend} The emulator needs no KVM; cells that do show what was recorded elsewhere."
