"""Assertions about layers with a state, for any Stateful of your own too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurospike.nn.evaluating import evaluating
from neurospike.nn.spike_mode import spike_mode
from neurospike.nn.stateful import Stateful
from neurospike.sparse.voxel_tensor import VoxelTensor


def assert_step_equals_sequence(
    layer: Stateful, x: Tensor | VoxelTensor, *, relative: float = 0.0
) -> None:
    """Looping ``step`` from ``init_state`` gives what ``forward`` gives, in evaluation mode.

    Where ``forward`` lasts longer than its input, by the tails of delay layers, as many steps of
    zeros follow.

    Parameters
    ----------
    layer
        Any Stateful.
    x
        A sequence (T, B, ...), or a VoxelTensor with features (T, N, C).
    relative
        Allowed difference, relative to the largest output; 0 asks for the same bits.

    Raises
    ------
    AssertionError
        Where they differ, with the first step and the largest difference.
    """
    with evaluating(layer):
        whole = _features(layer(x))
        looped = _loop(layer, x, len(whole))
    _compare("step and forward", looped, whole, relative)


def assert_unary_equals_integer(
    model: nn.Module, x: Tensor | VoxelTensor, *, relative: float = 0.0
) -> None:
    """A model gives the same with binary events as with integer spikes, in evaluation mode.

    Exact (``relative=0``) with dyadic weights and inputs; floats may differ in the last bits, and
    a spike that flips cascades: compare such networks layer by layer. The model is left in
    "integer" mode.

    Raises
    ------
    AssertionError
        Where they differ, with the largest difference.
    """
    with evaluating(model):
        integer = _features(spike_mode(model, "integer")(x))
        unary = _features(spike_mode(model, "unary")(x))
        spike_mode(model, "integer")
    _compare("unary and integer spikes", unary, integer, relative)


def _loop(layer: Stateful, x: Tensor | VoxelTensor, length: int) -> Tensor:
    if isinstance(x, VoxelTensor):
        steps: list[Tensor | VoxelTensor] = [x.replace(f) for f in x.features]
    else:
        steps = [*x, *x.new_zeros(max(length - len(x), 0), *x.shape[1:])]
    if not steps:
        return _features(layer(x))
    state = layer.init_state(steps[0])
    outputs = []
    for one in steps:
        y, state = layer.step(one, state)
        outputs.append(_features(y))
    return torch.stack(outputs)


def _features(y: Tensor | VoxelTensor) -> Tensor:
    return y.features if isinstance(y, VoxelTensor) else y


def _compare(what: str, got: Tensor, expected: Tensor, relative: float) -> None:
    if got.shape != expected.shape:
        raise AssertionError(
            f"{what}: shapes differ, {tuple(got.shape)} and {tuple(expected.shape)}"
        )
    same = torch.equal(torch.nan_to_num(got), torch.nan_to_num(expected))
    if same and torch.equal(got.isnan(), expected.isnan()):
        return
    difference = (got - expected).abs()
    largest = float(difference.max())
    allowed = relative * float(expected.abs().max())
    if not largest <= allowed:
        first = int((difference.flatten(1).amax(1) > allowed).nonzero()[0, 0])
        raise AssertionError(
            f"{what}: differ by up to {largest:.3g} (allowed {allowed:.3g}), "
            f"first at index {first} of the first axis"
        )
