"""The paper that every figure is drawn on: one style, one palette, units, and alt text."""

from __future__ import annotations

import base64
import html
import io
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from . import units

INK, BLACK, GREY, FAINT, PAPER = "#1f2328", "#000000", "#59636e", "#d0d7de", "#ffffff"
# A kind of box keeps its colour everywhere: Okabe and Ito's palette, which colour-blind readers
# can tell apart too. No figure needs its colours to be read.
COLOURS = {
    "process": "#5b6470",
    "sandbox": "#009e73",
    "container": "#0072b2",
    "docker": "#56b4e9",
    "resumed": "#e69f00",
    "vm": "#d55e00",
    "kvm": "#d55e00",
    "virtual": "#d55e00",
}
OTHER = "#cc79a7"
WIDTH, DOTS = 7.6, 200  # inches; dots an inch, of which a screen shows half
STYLE = {
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": "#eaeef2",
    "xtick.color": FAINT,
    "xtick.labelcolor": GREY,
    "ytick.color": FAINT,
    "ytick.left": False,
    "ytick.labelcolor": INK,
    "lines.solid_capstyle": "butt",
    "figure.facecolor": PAPER,  # opaque: as readable on a dark page as on a light one
}

styled = matplotlib.rc_context(STYLE)


class Figure:
    """A drawing and the words that say the same; a notebook shows it, ``save`` writes it."""

    def __init__(self, canvas: Canvas, alt: str) -> None:
        self.canvas, self.alt = canvas, alt

    def save(self, path: str | Path | io.BytesIO) -> None:
        """Write it as a PNG that carries its alt text as description."""
        drawn, notes = io.BytesIO(), PngInfo()
        self.canvas.savefig(drawn, format="png", dpi=DOTS, pil_kwargs={"compress_level": 0})
        notes.add_itxt("Description", self.alt)
        # 256 colours: a third of the bytes in every notebook, and no eye sees the difference.
        image = Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=0)
        image.save(path, format="PNG", optimize=True, pnginfo=notes)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict]]:
        """HTML, since JupyterLab gives an image/png no alt text; the PNG for other readers."""
        file = io.BytesIO()
        self.save(file)
        png = base64.b64encode(file.getvalue()).decode()
        width = round(WIDTH * DOTS / 2)
        image = f'<img width="{width}" alt="{html.escape(self.alt)}"'
        shown = f'{image} src="data:image/png;base64,{png}">'
        return (
            {"text/html": shown, "image/png": png, "text/plain": self.alt},
            {"image/png": {"alt": self.alt, "width": width}},
        )

    def __repr__(self) -> str:
        return self.alt


def paper(rows: int, title: str, caption: str, row: float = 0.44) -> tuple[Canvas, Axes]:
    """A sheet with a title, ``rows`` rows of so many inches, and the caption at its foot."""
    title, caption = textwrap.fill(title, 66), textwrap.fill(caption, 112)
    height = 1.25 + 0.24 * title.count("\n") + rows * row + 0.15 * caption.count("\n")
    canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
    canvas.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    canvas.suptitle(title, x=0.016, ha="left", size=12.5, weight="bold")
    canvas.supxlabel(caption, x=0.016, ha="left", size=7.5, color=GREY)
    axes = canvas.add_subplot()
    axes.set_ylim(rows - 0.5, -0.5)
    return canvas, axes


def beside(axes: Axes, place: float, *texts: str) -> None:
    """Texts at the right of a row: the value in bold, then what there is to say about it."""
    for column, text in enumerate(texts):
        axes.annotate(
            text,
            (1, place),
            xycoords=axes.get_yaxis_transform(),
            xytext=(12 + 58 * column, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
            **({"color": GREY} if column else {"weight": "bold"}),
        )


def logarithmic(axes: Axes, show: Callable[[float], str]) -> None:
    """A logarithmic x axis, ticked as its span asks, whose ticks are shown with their units."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if show is units.size:  # powers of ten are no round numbers of MiB
        ticks = LogLocator(base=4)
    else:
        ticks = LogLocator(subs=(1,) if high > 50 * low else (1, 2, 5))
    axes.xaxis.set_major_locator(ticks if high > 4 * low else MaxNLocator(4))
    exact = FuncFormatter(lambda value, _: show(value).replace(".0 ", " "))  # a tick is no estimate
    axes.xaxis.set_major_formatter(exact)
    axes.xaxis.set_minor_locator(NullLocator())


def colour(arm: str) -> str:
    """The colour of the kind of box that an arm's name speaks of."""
    words = re.findall(r"\w+", arm.lower())  # whole ones: no processor is a process
    return next((COLOURS[kind] for kind in COLOURS if _speaks_of(kind, words)), OTHER)


def _speaks_of(kind: str, words: list[str]) -> bool:
    return any(word in (kind, f"{kind}s", f"{kind}es") for word in words)


def tint(shade: str, share: float) -> tuple[float, ...]:
    """The colour, so far on its way to white."""
    return tuple(part + (1 - part) * share for part in to_rgb(shade))


def ink_on(shade: str | tuple[float, ...]) -> str:
    """White or black, whichever contrasts more: one of them always does by 4.5 to 1."""
    light, dark, ground = (luminance(found) + 0.05 for found in (PAPER, BLACK, shade))
    return PAPER if light / ground > ground / dark else BLACK


def luminance(shade: str | tuple[float, ...]) -> float:
    """Relative luminance, 0 to 1, as WCAG 2 defines it."""
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in to_rgb(shade)
    ]
    return float(np.dot(parts, [0.2126, 0.7152, 0.0722]))
