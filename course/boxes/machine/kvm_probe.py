"""``python -m course.boxes.machine.kvm_probe``: does KVM run code on the processor itself here?

On many cloud machines ``/dev/kvm`` opens and runs small guests, but in software: a Linux in it
hangs. This guest has what tells: an instruction that such software does not know, one of SSE,
and a loop that a processor ends in no time. Exit code 0 and "halted" mean yes. Whoever runs this
must have a deadline: a guest that hangs takes this process with it.

Source: Linux, Documentation/virt/kvm/api.rst; the exits are in include/uapi/linux/kvm.h.
"""

from __future__ import annotations

import sys
import time
from ctypes import addressof, c_char
from fcntl import ioctl
from mmap import mmap
from pathlib import Path
from struct import pack, pack_into, unpack_from

DEVICE = Path("/dev/kvm")
QUICK = 0.3  # seconds
HALTED, INTERNAL_ERROR = 5, 17
REASONS = {HALTED: "halted", INTERNAL_ERROR: "KVM does not know an instruction"}
CREATE_VM, CREATE_VCPU, VCPU_SIZE, RUN = 0xAE01, 0xAE41, 0xAE04, 0xAE80
SET_MEMORY, GET_SREGS, SET_SREGS, SET_REGS = 0x4020AE46, 0x8138AE83, 0x4138AE84, 0x4090AE82
CR4, OSFXSR = 248, 0x600  # where the register is in kvm_sregs; its bits that switch SSE on
CODE = bytes.fromhex(
    "f3 0f b8 c0"  # popcnt ax, ax
    "0f 28 c0"  # movaps xmm0, xmm0
    "66 b9 a0 86 01 00"  # mov ecx, 100000
    "66 49"  # again: dec ecx
    "75 fc"  # jnz again
    "f4"  # hlt
)


def run() -> tuple[int, float]:
    """Run the guest: why it came out, and after how many seconds. Raises OSError."""
    with DEVICE.open("r+b", buffering=0) as kvm:
        vm = ioctl(kvm, CREATE_VM, 0)
        vcpu = ioctl(vm, CREATE_VCPU, 0)
        memory, state = mmap(-1, 0x10000), mmap(vcpu, ioctl(kvm, VCPU_SIZE, 0))
        memory[: len(CODE)] = CODE
        ours = addressof(c_char.from_buffer(memory))
        ioctl(vm, SET_MEMORY, pack("=IIQQQ", 0, 0, 0, len(memory), ours))
        special = bytearray(ioctl(vcpu, GET_SREGS, bytes(312)))
        special[:14] = pack("=QIH", 0, 0xFFFF, 0)  # the code segment begins at address 0
        pack_into("=Q", special, CR4, unpack_from("=Q", special, CR4)[0] | OSFXSR)
        ioctl(vcpu, SET_SREGS, bytes(special))
        ioctl(vcpu, SET_REGS, pack("=18Q", *[0] * 17, 2))
        began = time.perf_counter()
        ioctl(vcpu, RUN, 0)
        return unpack_from("=I", state, 8)[0], time.perf_counter() - began


def main() -> int:
    """Say what came of it; the exit code says whether it is good."""
    reason, seconds = run()
    said = REASONS.get(reason, f"exit {reason}")
    sys.stdout.write(f"{said}, after {seconds * 1000:.1f} ms\n")
    return 0 if reason == HALTED and seconds < QUICK else 1


if __name__ == "__main__":
    sys.exit(main())
