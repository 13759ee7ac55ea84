"""Questions as data: read, marked, shown as a page, and exchanged with other systems."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    "exchange markup quiz",
    kinds="Mark Predict Question Verdict number",
    markup="Page Tone inline table tag",
)
