"""Values as firing rates."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospike.encoders._arrays import Values, alike, finite, real, whole
from neurospike.errors import ArgumentError

__all__ = ["decode_rate", "rate"]


def rate(values: Values, steps: int, *, seed: int = 0) -> Any:
    """Spikes whose probability in each step is the value.

    Parameters
    ----------
    values
        In [0, 1]; numpy or torch, any shape.
    seed
        The same values, steps and seed give the same spikes.

    Shape
    -----
    in:  any
    out: (steps, *shape of values) float32 of 0 and 1, numpy or torch as the values

    Raises
    ------
    ArgumentError
        Values outside [0, 1] or not finite; fewer steps than one.

    Cost
    ----
    One random number a value and step; ``value`` spikes a step.

    Source
    ------
    Bernoulli rate coding. ``decode_rate`` gives the value back in expectation, with variance
    value * (1 - value) / steps.

    Examples
    --------
    >>> import numpy as np
    >>> rate(np.array([0.0, 1.0]), 2).tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    probability = unit_interval("rate", values)
    steps = whole("rate", "steps", steps, 1)
    random = np.random.default_rng(whole("rate", "seed", seed, 0))
    # Uniforms lie in [0, 1): a value of 0 never fires and a value of 1 always does.
    spikes = random.random((steps, *probability.shape)) < probability
    return alike(spikes.astype(np.float32), values)


def decode_rate(spikes: Values) -> Any:
    """The values behind (steps, ...) spikes: the share of steps with a spike, float32."""
    array = real("decode_rate", "spikes", spikes)
    if array.ndim == 0 or len(array) == 0:
        raise ArgumentError(
            f"decode_rate.spikes: must hold a step or more, time first; got shape {array.shape}."
        )
    return alike(array.mean(axis=0, dtype=np.float64).astype(np.float32), spikes)


def unit_interval(owner: str, values: Values) -> Any:
    """Finite float64 values of 0 to 1."""
    array = finite(owner, "values", values)
    if array.size and (array.min() < 0 or array.max() > 1):
        raise ArgumentError(
            f"{owner}.values: must lie in [0, 1]; got {array.min():g} .. {array.max():g}. Scale "
            "them first."
        )
    return array
