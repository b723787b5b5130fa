"""The Lovasz-softmax loss: the mean IoU of classes, made smooth."""

from __future__ import annotations

import torch
from torch import Tensor

from neurospike.nn.together import is_together, summed, total

_BINS = 1 << 14


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
    A few passes over N numbers for each class in ``label``. Within ``nn.together.together()`` the
    rows are those of all processes: 16,384 counts a class are then summed over them.

    Source
    ------
    Berman et al., CVPR 2018, arXiv:1705.08790: classes that are there, all samples of a batch
    together. Departures: errors that round to the same 16,384th are made at once, so that nothing
    is sorted.

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
    present = _present(label, logits.shape[1])
    if not len(present):
        return logits.sum() * 0.0
    belongs = label[None] == present[:, None]
    errors = (belongs.to(probabilities.dtype) - probabilities.T[present]).abs()
    with torch.no_grad():
        slopes = _slopes(errors, belongs)
    return total((errors * slopes).sum(1).mean())


def _present(label: Tensor, classes: int) -> Tensor:
    """Classes that are there, on any process where losses are of several."""
    if is_together():
        label = summed(torch.bincount(label, minlength=classes)).nonzero()[:, 0]
    found: Tensor = torch.unique(label)
    return found


def _slopes(errors: Tensor, belongs: Tensor) -> Tensor:
    """(classes, N) how much each error adds to 1 - IoU, after all larger ones have been made.

    Errors in one bin share what their bin adds, so that counting stands in for sorting.
    """
    classes = len(errors)
    bins = ((1 - errors) * _BINS).long().clamp_(0, _BINS - 1)  # the largest errors first
    places = bins + torch.arange(classes, device=errors.device)[:, None] * _BINS
    counts = torch.bincount(places.flatten(), minlength=classes * _BINS).view(classes, _BINS)
    own = torch.bincount(places[belongs], minlength=classes * _BINS).view(classes, _BINS)
    if is_together():
        counts, own = summed(torch.stack([counts, own]))
    size = own.sum(1, keepdim=True)
    missed, made = own.cumsum(1), counts.cumsum(1)
    losses = 1 - (size - missed).double() / (size + made - missed)
    added = torch.diff(losses, dim=1, prepend=losses.new_zeros(classes, 1))
    each = (added / counts.clamp(min=1)).to(errors.dtype)
    return each.flatten()[places]
