"""From trials taken in turns to a table, from a table to an estimate, and to a figure."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    "commands figures results stats units",
    drawing="Axes COLOURS Figure GREY INK PAPER beside colour logarithmic paper styled tint",
    results="PHASE measure provenance",
    stats="Estimate",
    trials="Arm",
    units="OF_COLUMN number with_interval seconds size",
)
