"""Spikes over time, a row a neuron."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, INK, SEQUENTIAL, figure

_CELLS = 64  # up to so many steps each spike fills its cell, beyond it is a tick


def spike_raster(
    spikes: ArrayLike,
    out: str | os.PathLike[str],
    *,
    virtual_steps: int = 1,
    dt_ms: float | None = None,
    title: str = "Spikes",
) -> Path:
    """Draw who fires when, and below it the share of neurons that fire in each step.

    Parameters
    ----------
    spikes
        (T, neurons), binary or integer; integers are coloured by value.
    virtual_steps
        Unary events per integer step: a line is drawn between integer steps.
    dt_ms
        Length of a step; without it time is counted in steps.

    Raises
    ------
    ArgumentError
        Another shape, an empty array, or negative or non-finite values.
    """
    values = np.asarray(spikes, np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ArgumentError(
            f"spike_raster.spikes: must be (T, neurons) with at least one of each; "
            f"got {values.shape}."
        )
    if not np.isfinite(values).all() or values.min() < 0:
        raise ArgumentError("spike_raster.spikes: must be finite and 0 or more.")
    if virtual_steps < 1:
        raise ArgumentError(f"spike_raster.virtual_steps: must be 1 or more; got {virtual_steps}.")
    steps, neurons = values.shape
    unit = 1.0 if dt_ms is None else dt_ms
    with figure(out, 8.0, 4.8) as drawing:
        top, below = drawing.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        shown = _cells(top, values, unit) if steps <= _CELLS else _ticks(top, values, unit)
        top.set(ylabel="neuron", title=f"{title} · {_summary(values)}", ylim=(-0.5, neurons - 0.5))
        top.grid(visible=False)
        if values.max() > 1:
            levels = np.unique(values[values > 0]).astype(int)
            bar = drawing.colorbar(shown, ax=top, label="spike value", pad=0.01)
            bar.set_ticks(levels if len(levels) <= 8 else levels[:: len(levels) // 8 + 1])
        share = 100 * (values > 0).mean(axis=1)
        below.bar(
            np.arange(steps) * unit,
            share,
            width=unit * (0.9 if steps <= 200 else 1.0),
            color=COLOURS[0],
        )
        below.set(
            xlabel="virtual step" if virtual_steps > 1 else "time step",
            ylabel="firing (%)",
            ylim=(0, max(1.0, 1.15 * float(share.max()))),
            xlim=(-0.5 * unit, (steps - 0.5) * unit),
        )
        if dt_ms is not None:
            below.set_xlabel("time (ms)")
        else:
            below.xaxis.get_major_locator().set_params(integer=True)
        for axes in (top, below):
            for step in range(virtual_steps, steps, virtual_steps) if virtual_steps > 1 else ():
                axes.axvline((step - 0.5) * unit, color=INK, linewidth=0.8, linestyle=":")
    return Path(out)


def _summary(values: NDArray[np.float64]) -> str:
    density = 100 * float((values > 0).mean())
    return f"{values.shape[1]:,} neurons, {int(values.sum()):,} events, density {density:.1f} %"


def _cells(axes: Any, values: NDArray[np.float64], unit: float) -> Any:
    steps, neurons = values.shape
    for step in range(1, steps):
        axes.axvline((step - 0.5) * unit, color="white", linewidth=1.5)
    return axes.imshow(
        np.ma.masked_equal(values.T, 0),
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        extent=(-0.5 * unit, (steps - 0.5) * unit, -0.5, neurons - 0.5),
        **_colours(values),
    )


def _ticks(axes: Any, values: NDArray[np.float64], unit: float) -> Any:
    step, neuron = np.nonzero(values)
    few = values.shape[1] <= 300
    return axes.scatter(
        step * unit,
        neuron,
        c=values[step, neuron],
        marker="|" if few else "s",
        s=float(np.clip(4e3 / values.shape[1], 8.0, 60.0)) if few else 0.8,
        linewidths=0.9 if few else 0.0,
        **_colours(values),
    )


def _colours(values: NDArray[np.float64]) -> dict[str, Any]:
    """One dark colour for binary spikes, a scale without its palest end for integers."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    if values.max() <= 1:
        return {"cmap": ListedColormap([COLOURS[0]]), "vmin": 0.0, "vmax": 1.0}
    scale = colormaps[SEQUENTIAL](np.linspace(0.9, 0.0, 256))
    return {"cmap": ListedColormap(scale), "vmin": 1.0, "vmax": float(values.max())}
