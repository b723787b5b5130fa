"""Events into frames of fixed length."""

from __future__ import annotations

import logging
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from neurospike.encoders._arrays import Values, alike, finite, positive, real, whole
from neurospike.errors import ArgumentError

__all__ = ["bin_events"]

_log = logging.getLogger(__name__)


@overload
def bin_events(
    times_s: Values,
    units: Values,
    *,
    units_total: int,
    dt_ms: float,
    steps: int,
    group: int = 1,
    count_late: Literal[False] = False,
) -> Any: ...


@overload
def bin_events(
    times_s: Values,
    units: Values,
    *,
    units_total: int,
    dt_ms: float,
    steps: int,
    group: int = 1,
    count_late: Literal[True],
) -> tuple[Any, int]: ...


def bin_events(
    times_s: Values,
    units: Values,
    *,
    units_total: int,
    dt_ms: float,
    steps: int,
    group: int = 1,
    count_late: bool = False,
) -> Any:
    """Count the events of each group of units in bins that are fixed in time.

    Bin k holds ``k * dt_ms <= 1000 * t < (k + 1) * dt_ms``, counted from time zero and not from
    the first event; a time that its own type cannot tell from an edge lies on it, as 0.29 s does,
    which is 28.999999999999996 bins of 10 ms in binary. Several events in a bin add up, and they
    may come in any order. Those at or after ``steps * dt_ms`` are dropped, and how many is logged,
    or returned with ``count_late``.

    Parameters
    ----------
    times_s, units
        Seconds, and whole numbers in 0 .. units_total - 1; numpy or torch.
    group
        Neighbouring units that share a column; divides ``units_total``.
    count_late
        Return the counts and the number of events dropped as late.

    Shape
    -----
    in:  times_s (events,), units (events,)
    out: (steps, units_total // group) float32, numpy or torch as ``times_s``

    Raises
    ------
    ArgumentError
        Negative or non-finite times, units out of range, unequal lengths, a group that does not
        divide the units, or a bin length or number of steps that is not above 0.

    Cost
    ----
    A few ns an event and a pass over the output.

    Examples
    --------
    >>> import numpy as np
    >>> bin_events(np.array([0.0, 0.012, 0.013]), np.array([0, 3, 2]),
    ...            units_total=4, dt_ms=10, steps=2, group=2).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    units_total = whole("bin_events", "units_total", units_total, 1)
    steps = whole("bin_events", "steps", steps, 1)
    group = whole("bin_events", "group", group, 1)
    dt_ms = positive("bin_events", "dt_ms", dt_ms)
    if units_total % group:
        raise ArgumentError(
            f"bin_events.group: must divide the {units_total} units; got {group}, which leaves "
            f"{units_total % group} over."
        )
    times = finite("bin_events", "times_s", times_s)
    channels = _units(units, units_total)
    if times.ndim != 1 or times.shape != channels.shape:
        raise ArgumentError(
            "bin_events.units: must be one unit an event, in one dimension; got "
            f"{channels.shape} for times of shape {times.shape}."
        )
    if times.size and times.min() < 0:
        raise ArgumentError(
            f"bin_events.times_s: must be 0 or more; got {times.min()}. Shift the clip to start "
            "at 0."
        )
    places = _bins(times * (1000.0 / dt_ms), real("bin_events", "times_s", times_s).dtype)
    kept = places < steps
    columns = units_total // group
    at = places[kept].astype(np.int64) * columns + channels[kept] // group
    counts = np.bincount(at, minlength=steps * columns).astype(np.float32)
    late = int(times.size - kept.sum())
    frames = alike(counts.reshape(steps, columns), times_s)
    if count_late:
        return frames, late
    if late:
        _log.info(
            "bin_events: dropped %d of %d events at or after %g ms.",
            late,
            times.size,
            steps * dt_ms,
        )
    return frames


def _bins(places: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
    """Whole bins below; what ``dtype`` rounds to the same number as an edge lies on the edge."""
    own = float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0
    reach = places * max(0.5 * own, 2.0 * float(np.finfo(np.float64).eps))
    nearest = np.rint(places)
    return np.where(np.abs(places - nearest) <= reach, nearest, np.floor(places))


def _units(units: Values, units_total: int) -> NDArray[np.int64]:
    array = real("bin_events", "units", units)
    if array.dtype.kind == "f":
        array = finite("bin_events", "units", array)
    channels = array.astype(np.int64) if array.size else np.zeros(array.shape, np.int64)
    if array.dtype.kind == "f" and array.size and not (channels == array).all():
        raise ArgumentError("bin_events.units: must be whole numbers; got fractions.")
    if channels.size and (channels.min() < 0 or channels.max() >= units_total):
        raise ArgumentError(
            f"bin_events.units: must lie in 0 .. {units_total - 1}; got {channels.min()} .. "
            f"{channels.max()}. Say how many units there are with units_total."
        )
    return channels
