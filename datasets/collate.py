"""Clouds of any length, joined to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurospike.datasets._common import Sample
from neurospike.errors import ArgumentError


def collate_points(samples: Sequence[Sample]) -> dict[str, Any]:
    """Join clouds end to end; ``batch`` says whose each point is.

    Made for ``DataLoader(..., collate_fn=collate_points)``: plain numpy and no parallel kernel,
    so that workers may be forked or spawned. Take
    ``multiprocessing_context="spawn"`` all the same: the parent of forked workers must not have
    run a parallel kernel before, or they abort at their first.

    Shape
    -----
    in:  samples with points (P_i, C), a ``label``, and any further arrays of P_i rows
    out: tensors points (P, C) and every other array that all samples have with P_i rows, joined;
         batch int64 (P,), ascending; label int64 (B,), or the list where labels are no integers;
         and batch_size B; name, a list. A cloud without points is legal and has no row.

    Raises
    ------
    ArgumentError
        No samples, or clouds of different widths.

    Examples
    --------
    >>> import numpy as np
    >>> clouds = [{"points": np.zeros((n, 3), np.float32), "label": n} for n in (2, 0, 1)]
    >>> joined = collate_points(clouds)
    >>> joined["batch"].tolist(), joined["label"].tolist(), joined["batch_size"]
    ([0, 0, 2], [2, 0, 1], 3)
    """
    import torch

    if not samples:
        raise ArgumentError("collate_points.samples: at least one; got none")
    lengths = [len(sample["points"]) for sample in samples]
    out: dict[str, Any] = {}
    for key in samples[0]:
        if all(
            _is_row_array(sample.get(key), n) for sample, n in zip(samples, lengths, strict=True)
        ):
            try:
                joined = np.concatenate([sample[key] for sample in samples])
            except ValueError as error:
                widths = sorted({sample[key].shape[1:] for sample in samples})
                raise ArgumentError(
                    f"collate_points.samples: {key} must be equally wide; got {widths}"
                ) from error
            out[key] = torch.from_numpy(joined)
    out["batch"] = torch.repeat_interleave(torch.arange(len(samples)), torch.tensor(lengths))
    labels = [sample["label"] for sample in samples]
    integers = all(isinstance(label, (int, np.integer)) for label in labels)
    out["label"] = torch.tensor([int(label) for label in labels]) if integers else labels
    out["batch_size"] = len(samples)
    if all("name" in sample for sample in samples):
        out["name"] = [sample["name"] for sample in samples]
    return out


def _is_row_array(value: object, rows: int) -> bool:
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return False
    return len(value) == rows and value.dtype.kind in "fiub"  # what a tensor can hold
