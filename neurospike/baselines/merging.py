"""Structural re-parameterisation: branches and norms of training become one layer each."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from neurospike.errors import ArgumentError

M = TypeVar("M", bound=nn.Module)


def fold_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution, with a bias, that does what a convolution and its norm do at inference.

    Both inputs stay what they are.

    Raises
    ------
    ArgumentError
        A norm that keeps no running statistics.

    Source
    ------
    Ding et al., RepVGG, arXiv:2101.03697, section 3.3, equation 3.
    """
    if norm.running_mean is None or norm.running_var is None:
        raise ArgumentError(
            "fold_norm.norm: must keep running statistics; got track_running_stats=False. Build "
            "the network with track_running_stats=True."
        )
    folded = copy.deepcopy(conv)
    folded.weight, folded.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    return folded


def deployed(model: M) -> M:
    """A copy of a network in the form that is deployed, in evaluation mode.

    ``merge()`` is called on every part that has one, on parts inside a part before the part
    itself. The copy computes what the network computes in evaluation mode; save the network, not
    the copy: a checkpoint knows how to build the form of training only.

    Examples
    --------
    >>> class Normed(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.conv, self.norm = nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2)
    ...     def merge(self):
    ...         self.conv, self.norm = fold_norm(self.conv, self.norm), nn.Identity()
    >>> deployed(Normed())
    Normed(
      (conv): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
      (norm): Identity()
    )
    """
    merged = copy.deepcopy(model).eval()
    with torch.no_grad():
        for part in reversed(list(merged.modules())):
            merge = getattr(part, "merge", None)
            if callable(merge):
                merge()
    # A checkpoint would claim weights that its factory does not build.
    if hasattr(merged, "_neurospike_origin"):
        del merged._neurospike_origin
    return merged
