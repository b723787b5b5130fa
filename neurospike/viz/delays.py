"""What becomes of delays in training: where they lie, and how wide they spread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, figure

_MOST_BINS = 64


def delay_histograms(
    before: Mapping[str, ArrayLike],
    after: Mapping[str, ArrayLike],
    out: str | os.PathLike[str],
    *,
    dt_ms: float | None = None,
    title: str = "Delays",
) -> Path:
    """Draw each layer's delays before and after training, as shares of its synapses.

    Parameters
    ----------
    before, after
        Delays in steps by the name of the layer, of any shape; the same layers in both.
    dt_ms
        Length of a step, for a second axis in milliseconds.

    Raises
    ------
    ArgumentError
        Other layers before than after, none at all, a layer without delays, or delays that are
        not finite.
    """
    if not before or list(before) != list(after):
        raise ArgumentError(
            "delay_histograms.after: must hold the layers of before, one or more; got "
            f"{list(after)} for {list(before)}."
        )
    values = {name: (_flat(name, before[name]), _flat(name, after[name])) for name in before}
    # The layers side by side share one scale.
    top = max(float(part.max()) for pair in values.values() for part in pair)
    edges = np.arange(np.ceil(top) + 2) - 0.5
    if len(edges) > _MOST_BINS:
        edges = np.linspace(-0.5, np.ceil(top) + 0.5, _MOST_BINS)
    with figure(out, max(3.1 * len(values) + 0.6, 5.0), 3.4) as drawing:
        drawing.suptitle(title, x=0.01, ha="left", fontweight="bold")
        panels = np.atleast_1d(drawing.subplots(1, len(values), sharey=True))
        for axes, (name, (start, end)) in zip(panels, values.items(), strict=True):
            _draw(axes, start, end, edges)
            axes.set(title=name, xlabel="delay (steps)")
            if dt_ms is not None:
                above = axes.secondary_xaxis(-0.24, functions=_scales(dt_ms))
                above.set_xlabel("delay (ms)")
                above.spines["bottom"].set_visible(False)
        panels[0].set_ylabel("share of synapses (%)")
        handles = panels[-1].get_legend_handles_labels()
        drawing.legend(*handles, loc="outside upper right", ncols=2)
    return Path(out)


def sigma_curve(
    history: Mapping[str, ArrayLike],
    out: str | os.PathLike[str],
    *,
    title: str = "Spread of delays",
) -> Path:
    """Draw the width of the spread over the epochs, on a logarithmic scale.

    Parameters
    ----------
    history
        Columns ``epoch``, and ``sigma`` in steps.

    Raises
    ------
    ArgumentError
        A column that is missing or empty, or widths that are not above 0.
    """
    missing = [name for name in ("epoch", "sigma") if name not in history]
    if missing:
        raise ArgumentError(
            f"sigma_curve.history: must hold the columns epoch and sigma; got {sorted(history)}."
        )
    epoch, sigma = (np.asarray(history[name], np.float64) for name in ("epoch", "sigma"))
    if not sigma.size or epoch.shape != sigma.shape or not (sigma > 0).all():
        raise ArgumentError(
            "sigma_curve.history: sigma must be above 0, one for each of one or more epochs; got "
            f"{sigma.size} widths for {epoch.size} epochs."
        )
    with figure(out, 4.8, 3.2) as drawing:
        axes = drawing.subplots()
        axes.step(epoch, sigma, where="post", color=COLOURS[0])
        axes.plot(epoch, sigma, "o", color=COLOURS[0], markersize=3 if len(epoch) <= 60 else 0)
        axes.set_yscale("log")
        axes.set(title=title, xlabel="epoch", ylabel="sigma (steps)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(_few(sigma))
    return Path(out)


def _few(sigma: NDArray[np.float64]) -> Any:
    """Labels between powers of ten where there are few of those."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    if sigma.max() / sigma.min() > 100:
        return NullFormatter()
    return FuncFormatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "125" else "")


def _draw(
    axes: Any, start: NDArray[np.float64], end: NDArray[np.float64], edges: NDArray[Any]
) -> None:
    for values, colour, label, filled in (
        (start, COLOURS[6], "before", False),
        (end, COLOURS[0], "after", True),
    ):
        axes.hist(
            values,
            edges,
            weights=np.full(len(values), 100 / len(values)),
            histtype="stepfilled" if filled else "step",
            color=colour,
            alpha=0.55 if filled else 1.0,
            linewidth=1.4,
            label=label,
            zorder=1 if filled else 2,
        )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.margins(x=0.02)


def _flat(name: str, delays: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(delays, np.float64).ravel()
    if not values.size or not np.isfinite(values).all():
        raise ArgumentError(
            f"delay_histograms: the delays of {name!r} must be finite, one or more."
        )
    return values


def _scales(dt_ms: float) -> tuple[Any, Any]:
    return (lambda steps: steps * dt_ms, lambda ms: ms / dt_ms)
