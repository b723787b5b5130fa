"""ConViT: a vision transformer whose attention starts out as a convolution."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

from neurospike.baselines.initial_weights import draw_weights
from neurospike.baselines.registry import Baseline, add
from neurospike.baselines.transformer import (
    EPSILON,
    Block,
    SelfAttention,
    feed_forward,
    join_heads,
    split_heads,
)
from neurospike.errors import ArgumentError


class GatedPositionalAttention(nn.Module):
    """Each head mixes attention by content with attention by place; a trained gate says how much.

    At first the heads look at the places of a square kernel, one head a place, and the gate of
    every head lets sigmoid(1) = 73 % of that through.

    Parameters
    ----------
    heads
        A square number that divides ``width``.
    strength
        How sharply a head looks at its place at first: the weight of a patch falls by e for each
        1 / ``strength`` of squared distance to it.

    Shape
    -----
    in:  tokens (B, N, width), offsets (N, N, 3) as ``offsets_of`` gives
    out: (B, N, width)

    Cost
    ----
    Per sample: 4 N width² products for projections, 2 N² width for attention, N² heads for the
    gates; once for all samples 3 N² heads for the places.

    Source
    ------
    d'Ascoli et al., arXiv:2103.10697, section 3; github.com/facebookresearch/convit.
    Departures: what the gate mixes are distributions, so that the mix is not normed again.
    """

    def __init__(self, width: int, heads: int, *, strength: float = 1.0) -> None:
        super().__init__()
        self.heads = heads
        self.query_key = nn.Linear(width, 2 * width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.place = nn.Linear(3, heads)
        self.project = nn.Linear(width, width)
        self.gate = nn.Parameter(torch.ones(heads))
        self.strength = strength
        draw_weights(self)
        self.start_local()

    def start_local(self) -> None:
        """Turn the layer into a convolution: values pass, and each head looks at one place."""
        edge = math.isqrt(self.heads)
        middle = (edge - 1) / 2
        nn.init.eye_(self.value.weight)
        with torch.no_grad():
            for head in range(self.heads):
                column, row = divmod(head, edge)
                # -|offset - place|² but for a constant, on which a softmax does not depend.
                weight = (2 * (column - middle), 2 * (row - middle), -1.0)
                self.place.weight[head] = self.strength * torch.tensor(weight)

    def attention(self, tokens: Tensor, offsets: Tensor) -> Tensor:
        """Shares (B, heads, N, N): how much each token takes of every other."""
        query, key = (split_heads(p, self.heads) for p in self.query_key(tokens).chunk(2, -1))
        content = (query @ key.mT * query.shape[-1] ** -0.5).softmax(-1)
        place = self.place(offsets).movedim(-1, 0).softmax(-1)
        # Autocast leaves a parameter wide, and lerp wants one type.
        gate = self.gate.sigmoid().to(content.dtype)
        return torch.lerp(content, place, gate[:, None, None])

    def forward(self, tokens: Tensor, offsets: Tensor) -> Tensor:
        mixed = self.attention(tokens, offsets) @ split_heads(self.value(tokens), self.heads)
        out: Tensor = self.project(join_heads(mixed))
        return out


def offsets_of(grid: tuple[int, int]) -> Tensor:
    """From every patch to every other: columns, rows and squared distance, (N, N, 3).

    Examples
    --------
    >>> offsets_of((1, 2))[0].tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
    """
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in grid), indexing="ij")
    places = torch.stack((columns.flatten(), rows.flatten()), -1).to(torch.get_default_dtype())
    apart = places - places[:, None]
    return torch.cat((apart, apart.square().sum(-1, keepdim=True)), -1)


class ConViT(nn.Module):
    """A vision transformer: local layers first, then a class token and layers of plain attention.

    Parameters
    ----------
    image_size
        Height and width, multiples of ``patch``.
    local
        How many of the ``depth`` layers have gated positional attention.
    strength
        As in ``GatedPositionalAttention``.

    Shape
    -----
    in:  (B, in_channels, H, W)
    out: logits (B, num_classes)

    Raises
    ------
    ArgumentError
        Sides that are no multiples of the patch, heads that are no square number or do not divide
        the width, more local layers than layers, or images of another size than it was built for.

    Source
    ------
    d'Ascoli et al., arXiv:2103.10697, figure 3 and table 1; github.com/facebookresearch/convit.
    Departures: images need not be square; no stochastic depth, which is a matter of training.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        image_size: tuple[int, int],
        *,
        width: int = 192,
        heads: int = 4,
        depth: int = 12,
        local: int = 10,
        patch: int = 16,
        strength: float = 1.0,
    ) -> None:
        super().__init__()
        _check(image_size, width, heads, depth, local, patch)
        self.image_size = image_size
        grid = image_size[0] // patch, image_size[1] // patch
        self.patches = nn.Conv2d(in_channels, width, patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, math.prod(grid), width))
        self.register_buffer("offsets", offsets_of(grid), persistent=False)
        norm = partial(nn.LayerNorm, eps=EPSILON)
        self.blocks = nn.ModuleList(
            Block(
                width,
                GatedPositionalAttention(width, heads, strength=strength)
                if layer < local
                else SelfAttention(width, heads),
                feed_forward(width, nn.GELU()),
                norm=norm,
            )
            for layer in range(depth)
        )
        self.local = local
        self.norm = norm(width)
        self.head = nn.Linear(width, num_classes)
        self._start()

    def _start(self) -> None:
        for embedding in (self.class_token, self.positions):
            nn.init.trunc_normal_(embedding, std=0.02)
        for part in (self.blocks, self.head):
            draw_weights(part)
        for layer in self.blocks.modules():
            if isinstance(layer, GatedPositionalAttention):
                layer.start_local()

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-2:] != self.image_size:
            raise ArgumentError(
                f"ConViT.x: images must be {self.image_size[0]} x {self.image_size[1]}, for which "
                f"the network was built; got {x.shape[-2]} x {x.shape[-1]}."
            )
        tokens = self.patches(x).flatten(2).mT + self.positions
        # Weights loaded as they were stored may be wider or narrower than a new network's.
        offsets = self.offsets.to(self.positions.dtype)
        for block in self.blocks[: self.local]:
            tokens = block(tokens, offsets)
        tokens = torch.cat((self.class_token.expand(len(x), -1, -1), tokens), 1)
        for block in self.blocks[self.local :]:
            tokens = block(tokens)
        logits: Tensor = self.head(self.norm(tokens[:, 0]))
        return logits


def _check(
    image_size: tuple[int, int], width: int, heads: int, depth: int, local: int, patch: int
) -> None:
    if image_size[0] % patch or image_size[1] % patch:
        raise ArgumentError(
            f"convit.image_size: each side must be a multiple of the patch, {patch}; got "
            f"{image_size[0]} x {image_size[1]}."
        )
    if math.isqrt(heads) ** 2 != heads or width % heads:
        raise ArgumentError(
            "convit.heads: must be a square number, the places of a kernel, and divide the width, "
            f"{width}; got {heads}."
        )
    if not 0 <= local < depth:
        raise ArgumentError(
            f"convit.local: must be at least 0 and less than depth, {depth}, since the class token "
            f"needs a layer of plain attention; got {local}."
        )


add(
    Baseline(
        "convit",
        ConViT,
        parameters=5.7e6,  # "6M" in the paper's table 1
        source="arXiv:2103.10697",
        # Patches of 8 leave 16 to 144 tokens of images of 32 to 96 pixels.
        cpu={"width": 96, "heads": 4, "depth": 7, "local": 5, "patch": 8},
        multiple=8,
    )
)
