"""Values as the time of one spike."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospike.encoders._arrays import Values, alike, real, whole
from neurospike.encoders.rate import unit_interval
from neurospike.errors import ArgumentError

__all__ = ["decode_latency", "latency"]


def latency(values: Values, steps: int) -> Any:
    """One spike a value: the larger, the sooner; 1 in the first step, 0 in the last.

    Parameters
    ----------
    values
        In [0, 1]; numpy or torch, any shape.
    steps
        Two or more.

    Shape
    -----
    in:  any
    out: (steps, *shape of values) float32 of 0 and 1, numpy or torch as the values

    Raises
    ------
    ArgumentError
        Values outside [0, 1] or not finite; fewer steps than two.

    Cost
    ----
    One spike a value.

    Source
    ------
    Time-to-first-spike coding, linear in time. ``decode_latency`` gives the value back to within
    half a step, 0.5 / (steps - 1).

    Examples
    --------
    >>> import numpy as np
    >>> latency(np.array([1.0, 0.5, 0.0]), 3).argmax(axis=0).tolist()
    [0, 1, 2]
    """
    array = unit_interval("latency", values)
    steps = whole("latency", "steps", steps, 2)
    at = np.rint((1.0 - array) * (steps - 1)).astype(np.int64)
    spikes = np.zeros((steps, *array.shape), np.float32)
    np.put_along_axis(spikes, at[None], 1.0, axis=0)
    return alike(spikes, values)


def decode_latency(spikes: Values) -> Any:
    """The values behind (steps, ...) spikes, float32: by the first spike of each, 0 without one."""
    array = real("decode_latency", "spikes", spikes)
    if array.ndim == 0 or len(array) < 2:
        raise ArgumentError(
            f"decode_latency.spikes: must hold two steps or more, time first; got shape "
            f"{array.shape}."
        )
    fired = array != 0
    first = np.where(fired.any(axis=0), fired.argmax(axis=0), len(array) - 1)
    return alike((1.0 - first / (len(array) - 1)).astype(np.float32), spikes)
