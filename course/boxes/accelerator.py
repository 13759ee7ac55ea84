"""Which accelerator really works here: KVM (the processor runs the guest) or TCG (QEMU does)."""

from __future__ import annotations


def best() -> str:
    """ "kvm" where a real kernel boots on it, else "tcg"."""
    return "tcg"


def require_kvm() -> None:
    """E"""
