"""What all figures share: canvas, colours, and writing them whole or not at all.

Figures are made through matplotlib's objects and never through pyplot, so that no window system
is asked for, no global state is left and threads may draw side by side.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neurospike.errors import ArgumentError, MissingExtraError
from neurospike.files import write_atomically

# Okabe and Ito's palette, told apart with every common form of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
INK = "#262626"
FAINT = "#D9D9D9"
SEQUENTIAL = "viridis"

_DPI = 160
_SUFFIXES = (".png", ".svg", ".pdf")
_STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#808080",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "xtick.color": "#4D4D4D",
    "ytick.color": "#4D4D4D",
    "svg.hashsalt": "neurospike",
}


@contextmanager
def figure(out: str | os.PathLike[str], width: float, height: float) -> Iterator[Any]:
    """Give an empty figure of width x height inches, and write it to ``out`` at the end.

    Raises
    ------
    ArgumentError
        A suffix other than .png, .svg or .pdf.
    DataError
        A place that cannot be written.
    MissingExtraError
        matplotlib is not installed.
    """
    path = Path(out)
    if path.suffix.lower() not in _SUFFIXES:
        raise ArgumentError(
            f"viz.out: the file's name must end in one of {', '.join(_SUFFIXES)}; got {path.name}."
        )
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "viz: figures need matplotlib, which is not installed; "
            "run `pip install neurospike[train]`."
        ) from error
    with matplotlib.rc_context(_STYLE):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
        yield drawing
        content = io.BytesIO()
        kind = path.suffix.lower().removeprefix(".")
        # Without a date in it, equal figures are equal files.
        stamp = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        drawing.savefig(content, format=kind, dpi=_DPI, metadata=stamp[kind])
    write_atomically(path, content.getvalue())
