"""Switch a model between integer spikes and binary events."""

from __future__ import annotations

from typing import Literal, TypeVar, get_args

from torch import nn

from neurospike.errors import ArgumentError
from neurospike.nn.container import SpikingSequential
from neurospike.nn.ilif import ILIF

Mode = Literal["integer", "unary"]
Model = TypeVar("Model", bound=nn.Module)


def spike_mode(model: Model, mode: Mode) -> Model:
    """Make every ILIF in ``model`` send integers, or binary events in virtual steps; return it.

    Both modes compute the same function: layers of synapses sum the events of an integer step
    before bias, BatchNorm, shortcuts and the next neuron, which then fires once. Sums of floats
    may differ in the last bits; with dyadic weights they do not. A VoxelTensor knows its virtual
    steps; for dense sequences SpikingSequential does, so an ILIF elsewhere refuses to send dense
    events, which the next layer would take for time steps. ``model`` may be an ILIF itself.

    Raises
    ------
    ArgumentError
        Any other mode.

    Examples
    --------
    >>> spike_mode(ILIF(), "unary")
    ILIF(max_spikes=4, beta=0.25, mode='unary')
    """
    if mode not in get_args(Mode):
        raise ArgumentError(
            f"spike_mode.mode: must be one of {', '.join(get_args(Mode))}; got {mode!r}."
        )
    summed = {
        id(layer)
        for container in model.modules()
        if isinstance(container, SpikingSequential)
        for layer in container.children()
    }
    for module in model.modules():
        if isinstance(module, ILIF):
            module.mode = mode
            module.sends_dense_events = module is model or id(module) in summed
    return model
