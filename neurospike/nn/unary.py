"""Unary events: an integer spike of value v as v binary events in D virtual steps.

Layers that take voxels use ``collapse``; ``SpikingSequential`` does the same for dense
sequences. Whatever is not a plain sum over inputs (bias, BatchNorm, shortcuts, a neuron) meets
integers, once per integer step.
"""

from __future__ import annotations

from typing import Any, overload

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.sparse.voxel_tensor import VoxelTensor


class UnarySpikes(nn.Module):
    """Expand integer spikes into binary events: value v becomes v ones, then zeros.

    It lengthens time, so it has no ``step``; ``SpikingSequential`` streams through it and brings
    the events back to integers behind the next layer of synapses.

    Parameters
    ----------
    max_spikes
        Virtual steps D per integer step; values lie in 0..D.

    Shape
    -----
    in:  (T, ...), or a VoxelTensor with features (N, C) or (T, N, C)
    out: (T * D, ...), D consecutive steps per integer step; features (D, N, C) or (T * D, N, C)

    Raises
    ------
    ArgumentError
        A value that is not an integer in 0..D.

    Source
    ------
    arXiv:2412.07360, inference with binary events.

    Examples
    --------
    >>> UnarySpikes(3)(torch.tensor([[2.0, 0.0]]))
    tensor([[1., 0.],
            [1., 0.],
            [0., 0.]])
    """

    def __init__(self, max_spikes: int) -> None:
        super().__init__()
        if max_spikes < 1:
            raise ArgumentError(f"UnarySpikes.max_spikes: must be 1 or more; got {max_spikes}.")
        self.max_spikes = int(max_spikes)

    def forward(self, s: Any) -> Any:
        """Expand a sequence or a VoxelTensor."""
        if isinstance(s, VoxelTensor):
            s = collapse(s)
        events = expand(s, self.max_spikes)
        before = s.features if isinstance(s, VoxelTensor) else s
        after = events.features if isinstance(events, VoxelTensor) else events
        if not torch.equal(_sum_groups(after, self.max_spikes).reshape(before.shape), before):
            raise ArgumentError(
                f"UnarySpikes.s: values must be integers in 0..{self.max_spikes}; got values in "
                f"[{float(before.min())}, {float(before.max())}]. Give max_spikes of the neuron "
                "that sent them."
            )
        return events

    def extra_repr(self) -> str:
        """What the representation shows."""
        return str(self.max_spikes)


@overload
def expand(s: Tensor, max_spikes: int) -> Tensor: ...
@overload
def expand(s: VoxelTensor, max_spikes: int) -> VoxelTensor: ...
def expand(s: Tensor | VoxelTensor, max_spikes: int) -> Tensor | VoxelTensor:
    """Integer spikes as binary events; value v fills the first v of ``max_spikes`` steps.

    Tensors go from (T, ...) to (T * D, ...). A VoxelTensor goes from (N, C) to (D, N, C), or from
    (T, N, C) to (T * D, N, C), and carries ``virtual_steps = D``. Gradients are the mean over the
    D events: what the integer would have received.
    """
    if isinstance(s, Tensor):
        return _expand(s, max_spikes)
    one_step = s.features.ndim == 2
    features = s.features[None] if one_step else s.features
    return VoxelTensor.on(
        s.active, _expand(features, max_spikes), virtual_steps=max_spikes, one_step=one_step
    )


@overload
def collapse(y: Tensor, virtual_steps: int) -> Tensor: ...
@overload
def collapse(y: VoxelTensor) -> VoxelTensor: ...
def collapse(y: Tensor | VoxelTensor, virtual_steps: int = 1) -> Tensor | VoxelTensor:
    """Sum each group of D consecutive steps: integer spikes again, or whole pre-activations.

    A VoxelTensor knows its own number of virtual steps, and whether it came from one step (N, C);
    one without virtual steps is returned as it is.
    """
    if isinstance(y, Tensor):
        return _sum_groups(y, virtual_steps)
    if y.virtual_steps == 1 and not y.one_step:
        return y
    features = _sum_groups(y.features, y.virtual_steps)
    return VoxelTensor.on(y.active, features[0] if y.one_step else features)


class _Expand(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, s: Tensor, max_spikes: int) -> Tensor:
        ctx.max_spikes = max_spikes
        levels = torch.arange(max_spikes, dtype=s.dtype, device=s.device)
        levels = levels.reshape(1, max_spikes, *[1] * (s.ndim - 1))
        events = (s.unsqueeze(1) > levels).to(s.dtype)
        return events.reshape(s.shape[0] * max_spikes, *s.shape[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        depth: int = ctx.max_spikes
        return _sum_groups(grads[0], depth) / depth, None


def _expand(s: Tensor, max_spikes: int) -> Tensor:
    events: Tensor = _Expand.apply(s, max_spikes)  # type: ignore[no-untyped-call]
    return events


def _sum_groups(y: Tensor, depth: int) -> Tensor:
    if y.shape[0] % depth:
        raise ArgumentError(
            f"unary.collapse.y: steps must be a multiple of {depth} virtual steps; "
            f"got {y.shape[0]}."
        )
    return y.reshape(y.shape[0] // depth, depth, *y.shape[1:]).sum(1)
