"""The Lovasz-softmax loss: the mean IoU of classes, made smooth."""

from __future__ import annotations

import torch
from torch import Tensor


def lovasz_softmax(logits: Tensor, label: Tensor) -> Tensor:
    """Mean over the classes in ``label`` of the Lovasz extension of 1 - IoU, at the softmax.

    Parameters
    ----------
    logits
        Real numbers, a column a class.
    label
        Classes; rows with a negative one are left out.

    Shape
    -----
    in:  logits (N, classes), label (N,) int64
    out: a scalar from 0 to 1; 0 where no row has a class

    Cost
    ----
    A sort of N numbers for each class in ``label``.

    Source
    ------
    Berman et al., CVPR 2018, arXiv:1705.08790: classes that are there, all samples of a batch
    together. Departures: none.

    Examples
    --------
    >>> sure = torch.tensor([[9.0, -9.0], [-9.0, 9.0]])
    >>> round(float(lovasz_softmax(sure, torch.tensor([0, 1]))), 4)
    0.0
    >>> round(float(lovasz_softmax(sure, torch.tensor([1, 0]))), 4)
    1.0
    """
    known = label >= 0
    probabilities = logits[known].softmax(1)
    label = label[known]
    present = torch.unique(label)
    if not len(present):
        return logits.sum() * 0.0
    # A row a class from here on: sorting and summing run along contiguous memory.
    belongs = (label[None] == present[:, None]).to(probabilities.dtype)
    errors = (belongs - probabilities.T[present]).abs()
    with torch.no_grad():
        slopes = _slopes(errors, belongs)
    loss: Tensor = (errors * slopes).sum(1).mean()
    return loss


def _slopes(errors: Tensor, belongs: Tensor) -> Tensor:
    """(classes, N) how much each error adds to 1 - IoU, after all larger ones have been made."""
    order = errors.argsort(1, descending=True)
    sorted_belongs = belongs.gather(1, order)
    size = belongs.sum(1, keepdim=True)
    missed = sorted_belongs.cumsum(1)
    union = size + (1 - sorted_belongs).cumsum(1)
    losses = 1 - (size - missed) / union
    steps = torch.diff(losses, dim=1, prepend=torch.zeros_like(size))
    return torch.empty_like(steps).scatter_(1, order, steps)
