"""Spikes of every layer under one another, on one time axis."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, figure


def layer_rasters(
    spikes: Mapping[str, ArrayLike],
    out: str | os.PathLike[str],
    *,
    dt_ms: float | None = None,
    title: str = "Spikes",
) -> Path:
    """Draw input and hidden layers of one sample: a panel a layer, a dot an event.

    Parameters
    ----------
    spikes
        (T, neurons) by the name of the layer, from the input on; layers may have different T.
        Where a number is above 1 its dot is larger.
    dt_ms
        Length of a step; without it time is counted in steps.

    Raises
    ------
    ArgumentError
        No layers, another shape, or negative or non-finite values.
    """
    values = {name: _checked(name, given) for name, given in spikes.items()}
    if not values:
        raise ArgumentError("layer_rasters.spikes: must hold one layer or more; got none.")
    unit = 1.0 if dt_ms is None else dt_ms
    steps = max(len(part) for part in values.values())
    heights = [float(np.clip(part.shape[1] / 90, 0.9, 2.2)) for part in values.values()]
    with figure(out, 8.0, 1.2 + 0.95 * sum(heights)) as drawing:
        drawing.suptitle(title, x=0.01, ha="left", fontweight="bold")
        panels = drawing.subplots(len(values), 1, sharex=True, height_ratios=heights, squeeze=False)
        for index, (axes, (name, part)) in enumerate(
            zip(panels[:, 0], values.items(), strict=True)
        ):
            step, neuron = np.nonzero(part)
            count = part.shape[1]
            dot = float(np.clip(500 / count, 1.0, 9.0))
            axes.scatter(
                (step + 0.5) * unit,
                neuron,
                s=dot * np.sqrt(part[step, neuron]),
                color=COLOURS[6] if index == 0 else COLOURS[0],
                linewidths=0,
            )
            density = 100 * float((part > 0).mean())
            axes.set_title(
                f"{name} · {count:,} rows, {int(part.sum()):,} events, density {density:.1f} %",
                fontsize=9,
                fontweight="normal",
            )
            axes.set(ylabel="row", ylim=(-0.5, count - 0.5), xlim=(0, steps * unit))
            axes.yaxis.get_major_locator().set_params(integer=True, nbins=4)
            axes.grid(axis="y", visible=False)
        panels[-1, 0].set_xlabel("time step" if dt_ms is None else "time (ms)")
    return Path(out)


def _checked(name: str, given: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(given, np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ArgumentError(
            f"layer_rasters.spikes: {name!r} must be (T, neurons) with at least one of each; got "
            f"{values.shape}."
        )
    if not np.isfinite(values).all() or values.min() < 0:
        raise ArgumentError(f"layer_rasters.spikes: {name!r} must be finite and 0 or more.")
    return values
