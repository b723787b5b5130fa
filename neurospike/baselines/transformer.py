"""Parts that transformers share: self-attention, and blocks of a mixer and a feed-forward."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6
"""Of the norms, in both families' published code."""


class SelfAttention(nn.Module):
    """Every token asks every token, in several heads; queries, keys and values have no bias.

    Parameters
    ----------
    heads
        Must divide ``width``.
    bias
        Whether the projection after the heads has one.

    Shape
    -----
    in:  (B, ..., width), tokens along all the axes between
    out: the same

    Cost
    ----
    Per sample of N tokens: 4 N width² products for projections, 2 N² width for attention.

    Source
    ------
    Vaswani et al., arXiv:1706.03762, section 3.2.2.
    """

    def __init__(self, width: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            split_heads(part.flatten(1, -2), self.heads)
            for part in self.query_key_value(x).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.project(join_heads(mixed).reshape(x.shape))
        return out


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """(B, N, width) as (B, heads, N, width / heads)."""
    batch, length, width = tokens.shape
    return tokens.view(batch, length, heads, width // heads).transpose(1, 2)


def join_heads(tokens: Tensor) -> Tensor:
    """(B, heads, N, width of a head) as (B, N, width)."""
    return tokens.transpose(1, 2).flatten(2)


def feed_forward(width: int, activation: nn.Module, *, bias: bool = True) -> nn.Sequential:
    """Each token to four times its width and back."""
    return nn.Sequential(
        nn.Linear(width, 4 * width, bias=bias), activation, nn.Linear(4 * width, width, bias=bias)
    )


class Block(nn.Module):
    """A shortcut around a norm and a mixer of tokens, and one around a norm and a feed-forward.

    Parameters
    ----------
    norm
        Makes a norm of a width.
    scaled
        Whether each shortcut has a trained scale per channel, at first 1.

    Shape
    -----
    in:  (B, ..., width), and what else the mixer takes
    out: (B, ..., width)

    Source
    ------
    Pre-norm blocks; scaled shortcuts (ResScale): Shleifer et al., arXiv:2110.09456.
    """

    def __init__(
        self,
        width: int,
        mixer: nn.Module,
        feed: nn.Module,
        *,
        norm: Callable[[int], nn.Module],
        scaled: bool = False,
    ) -> None:
        super().__init__()
        self.norm1, self.mixer = norm(width), mixer
        self.norm2, self.feed = norm(width), feed
        self.scale1 = nn.Parameter(torch.ones(width)) if scaled else None
        self.scale2 = nn.Parameter(torch.ones(width)) if scaled else None

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        kept = x if self.scale1 is None else x * self.scale1
        x = kept + self.mixer(self.norm1(x), *context)
        kept = x if self.scale2 is None else x * self.scale2
        out: Tensor = kept + self.feed(self.norm2(x))
        return out
