"""Signals as events where they change."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospike.encoders._arrays import Values, alike, finite, positive
from neurospike.errors import ArgumentError

__all__ = ["decode_delta", "delta"]

_LARGEST = 2.0**24  # float32 counts no further by ones


def delta(signal: Values, threshold: float, *, start: float = 0.0) -> Any:
    """Send-on-delta: events whenever the signal has moved by a threshold since the last ones.

    In each step as many events are sent as whole thresholds lie between the signal and what the
    receiver knows, which begins at ``start``: positive upwards, negative downwards.

    Parameters
    ----------
    signal
        Time first; numpy or torch.

    Shape
    -----
    in:  (steps, ...)
    out: the same, float32 whole numbers, numpy or torch as the signal

    Raises
    ------
    ArgumentError
        A signal that is not finite or has no time axis, a threshold that is not above 0, or one
        so small that a count passes 2^24.

    Cost
    ----
    One event a threshold of change.

    Source
    ------
    Send-on-delta sampling, Miskowicz, Sensors 6 (2006) 49. ``decode_delta`` follows the signal to
    within one threshold at every step.

    Examples
    --------
    >>> import numpy as np
    >>> delta(np.array([0.0, 0.25, 0.6, 0.5, -0.1]), 0.25).tolist()
    [0.0, 1.0, 1.0, 0.0, -2.0]
    """
    array = _timed("delta", "signal", signal)
    threshold = positive("delta", "threshold", threshold)
    places = (array - float(finite("delta", "start", start))) / threshold
    if places.size and np.abs(places).max() > _LARGEST:
        raise ArgumentError(
            f"delta.threshold: must be coarser, or counts pass 2^24; got {threshold:g} for a "
            f"signal of up to {np.abs(array).max():g}."
        )
    events = np.empty(array.shape, np.float32)
    level = np.zeros(array.shape[1:])
    for step, place in enumerate(places):
        sent = np.trunc(place - level)
        level = level + sent
        events[step] = sent
    return alike(events, signal)


def decode_delta(events: Values, threshold: float, *, start: float = 0.0) -> Any:
    """The signal (steps, ...) float32 that a receiver of ``delta``'s events knows."""
    array = _timed("decode_delta", "events", events)
    threshold = positive("decode_delta", "threshold", threshold)
    begin = float(finite("decode_delta", "start", start))
    return alike((begin + threshold * np.cumsum(array, axis=0)).astype(np.float32), events)


def _timed(owner: str, name: str, values: Values) -> Any:
    array = finite(owner, name, values)
    if array.ndim == 0:
        raise ArgumentError(f"{owner}.{name}: must have time as its first axis; got one number.")
    return array
