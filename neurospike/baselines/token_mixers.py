"""Ways to mix the tokens of an image, from none to attention."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from neurospike.baselines.star_relu import StarReLU
from neurospike.baselines.transformer import SelfAttention
from neurospike.errors import ArgumentError

HEAD_WIDTH = 32
"""Channels of an attention head."""


class RandomMixing(nn.Module):
    """Every token becomes a fixed random mean of all tokens.

    The matrix is saved and loaded, but never trained.

    Shape
    -----
    in:  (B, H, W, C) with H · W = tokens
    out: the same

    Raises
    ------
    ArgumentError
        Another number of tokens than it was built for.

    Cost
    ----
    tokens² · C products per sample.

    Source
    ------
    Yu et al., arXiv:2210.13452, figure 2: a softmax over uniform random numbers, as in
    github.com/sail-sg/metaformer.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.mix = nn.Linear(tokens, tokens, bias=False).requires_grad_(False)
        self.draw_shares()

    def draw_shares(self) -> None:
        """Start from other means."""
        self.mix.weight.copy_(torch.rand_like(self.mix.weight).softmax(-1))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] * x.shape[2] != self.tokens:
            raise ArgumentError(
                f"RandomMixing.x: must have {self.tokens} tokens; got {x.shape[1]} x {x.shape[2]}. "
                "Build the network for this image size."
            )
        return torch.reshape(self.mix(x.flatten(1, 2).mT).mT, x.shape)


class SeparableConv(nn.Module):
    """Twice the channels, a convolution within each of them, and back.

    Shape
    -----
    in:  (B, H, W, C)
    out: the same

    Cost
    ----
    4 C² + 2 · 49 C products per token.

    Source
    ------
    Sandler et al., arXiv:1801.04381, as in Yu et al., arXiv:2210.13452, figure 2: kernel 7,
    no biases.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, 2 * width, bias=False)
        self.activation = StarReLU()
        self.depthwise = nn.Conv2d(2 * width, 2 * width, 7, padding=3, groups=2 * width, bias=False)
        self.narrow = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.widen(x))
        x = self.depthwise(x.movedim(-1, 1)).movedim(1, -1)
        out: Tensor = self.narrow(x)
        return out


MIXERS: dict[str, Callable[[int, tuple[int, int]], nn.Module]] = {
    "identity": lambda width, grid: nn.Identity(),
    "random": lambda width, grid: RandomMixing(math.prod(grid)),
    "conv": lambda width, grid: SeparableConv(width),
    "attention": lambda width, grid: SelfAttention(width, width // HEAD_WIDTH, bias=False),
}
"""A mixer by name, of a width and of a grid of tokens."""
