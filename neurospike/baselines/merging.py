"""Structural re-parameterisation: branches and norms of training become one layer each."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
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
    weight, bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    # A bias that was not there before would be left out of further training.
    folded.weight, folded.bias = weight, bias.requires_grad_(weight.requires_grad)
    return folded


class NormedConv(nn.Module):
    """A convolution and its norm, which ``merge`` makes one.

    Shape
    -----
    in:  (B, C_in, H, W)
    out: (B, C_out, H', W'), as of the convolution
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.norm: nn.BatchNorm2d | nn.Identity = nn.BatchNorm2d(conv.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, then normalise."""
        out: Tensor = self.norm(self.conv(x))
        return out

    def merge(self) -> None:
        """Fold the norm into the convolution, once."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fold_norm(self.conv, self.norm)
            self.norm = nn.Identity()


def merges(model: nn.Module) -> bool:
    """Whether a network has parts that ``deployed`` makes one.

    Examples
    --------
    >>> merges(NormedConv(nn.Conv2d(1, 2, 3))), merges(nn.Linear(1, 2))
    (True, False)
    """
    return any(callable(getattr(part, "merge", None)) for part in model.modules())


def deployed(model: M) -> M:
    """A copy of a network in the form that is deployed, in evaluation mode.

    ``merge()`` is called on every part that has one, on parts inside a part before the part
    itself. The copy computes what the network computes in evaluation mode; save the network, not
    the copy: a checkpoint knows how to build the form of training only.

    Examples
    --------
    >>> deployed(NormedConv(nn.Conv2d(1, 2, 3, bias=False)))
    NormedConv(
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
