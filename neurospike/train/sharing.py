"""Which samples of an epoch each process of a distributed run takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import ArgumentError

Places = NDArray[np.int64]


def share_of_batch(batch_size: int, processes: int) -> int:
    """Samples of a batch that each process takes.

    Raises
    ------
    ArgumentError
        A batch that cannot be divided.

    Examples
    --------
    >>> share_of_batch(16, 4)
    4
    """
    if batch_size % processes:
        less = batch_size // processes * processes
        near = " or ".join(str(size) for size in (less, less + processes) if size)
        raise ArgumentError(
            f"recipe.training.batch_size: {processes} processes share a batch, so it must be a "
            f"multiple of {processes}; got {batch_size}. Take {near}."
        )
    return batch_size // processes


def sample_sizes(source: Any) -> NDArray[np.float64] | None:
    """How large each sample is, where the data set says so in ``sizes()``.

    Raises
    ------
    ArgumentError
        Sizes that are not one number, 0 or more, for each sample.
    """
    tell = getattr(source, "sizes", None)
    found = tell() if callable(tell) else None
    if found is None:
        return None
    sizes = np.asarray(found, np.float64)
    if sizes.shape != (len(source),) or not (sizes >= 0).all():
        raise ArgumentError(
            f"{type(source).__name__}.sizes: must be a number, 0 or more, for each of "
            f"{len(source)} samples; got an array {sizes.shape}."
        )
    return sizes


def deal(sizes: Sequence[float] | NDArray[np.float64], parts: int) -> list[Places]:
    """Deal samples to so many parts, as many to each, so that their total sizes are near.

    The largest comes first, each to the part that has least so far and room for one more. Samples
    that no part has room for are left out.

    Cost
    ----
    samples * parts.

    Source
    ------
    Graham, Bounds on multiprocessing timing anomalies, SIAM J. Appl. Math. 17, 1969: the longest
    first. Departure: as many to each.

    Examples
    --------
    >>> [part.tolist() for part in deal([9, 1, 8, 2, 5, 5], 2)]
    [[0, 1, 5], [2, 3, 4]]
    """
    each = len(sizes) // parts
    numbers = np.asarray(sizes, np.float64)[: each * parts]
    loads = [0.0] * parts
    dealt: list[list[int]] = [[] for _ in range(parts)]
    for place in np.argsort(-numbers, kind="stable").tolist():
        open_to = [part for part in range(parts) if len(dealt[part]) < each]
        taker = min(open_to, key=lambda part: (loads[part], part))
        dealt[taker].append(place)
        loads[taker] += float(numbers[place])
    return [np.array(sorted(part), np.int64) for part in dealt]
