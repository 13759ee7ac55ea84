"""What the ledger can run again of this lesson."""

from .spare_engine import comebacks, fates

__all__ = ["comebacks", "fates"]
