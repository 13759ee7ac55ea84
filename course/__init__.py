"""Two Boxes: container or virtual machine? Answered by experiment.

The names a learner types; each is loaded when it is first used, so ``import course`` is fast
and works without Docker, without QEMU and without pandas.
"""

from __future__ import annotations

from importlib import import_module


def exports(package: str, files: str = "", **names: str) -> tuple:
    """What a package lets others use: its ``__getattr__``, ``__dir__`` and ``__all__`` (PEP 562).

    ``files``: those of its files that are used whole. Then, file by file, the names that are used
    from it. All of it is loaded when it is first used.
    """
    home = {name: file for file, many in names.items() for name in many.split()}
    known = sorted([*files.split(), *home])

    def get(name: str) -> object:
        if name in home:
            return getattr(import_module(f"{package}.{home[name]}"), name)
        if name in known:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: known, known


__getattr__, __dir__, __all__ = exports(
    "course",
    "claims images",
    boxes="Container FakeBox Process Sandbox VirtualMachine",
    claims="experiments",
    measuring="figures measure results stats units",
    questions="table",
    setup="doctor",
    study="claims_ledger course_map machine_report open_lesson",
    system="processes",
)
