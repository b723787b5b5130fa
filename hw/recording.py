"""What a torch model's neurons send, as an emulation has it: (steps, neurons), site by site."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network
from neurospike.hw.neuron_models import Membrane, Source
from neurospike.hw.sites import samples_of
from neurospike.nn import RecurrentDelay, Stateful, spike_mode
from neurospike.nn.unary import collapse
from neurospike.sparse import VoxelTensor

Array = NDArray[Any]


def single_samples(network: Network, inputs: Any) -> list[Any]:
    """Batches, or a list of them, as samples of a batch of one each.

    Raises
    ------
    ArgumentError
        Something else than what the network takes.
    """
    if isinstance(inputs, (list, tuple)):
        return [sample for part in inputs for sample in single_samples(network, part)]
    if network.layout == "voxels":
        if not isinstance(inputs, VoxelTensor):
            raise _misfit("a VoxelTensor", inputs)
        return samples_of(inputs if inputs.features.device.type == "cpu" else inputs.to("cpu"))
    if not isinstance(inputs, Tensor):
        raise _misfit("a tensor", inputs)
    axis = 1 if network.layout == "sequence" else 0
    x = inputs.detach().cpu()
    return [x.narrow(axis, at, 1) for at in range(x.shape[axis])]


def evaluated_copy(model: nn.Module) -> nn.Module:
    """On the CPU, in evaluation mode, integer spikes as integers; the original is untouched."""
    twin = copy.deepcopy(model).cpu().eval()
    return spike_mode(twin, "integer")


def record(model: nn.Module, network: Network, sample: Any) -> tuple[dict[str, Array], Any]:
    """Run one sample; what every population with neurons sent, and what the model gave out.

    Shape
    -----
    out: population -> (steps, neurons), spikes or a readout's membranes; the model's output
    Populations that stand for a maximum over windows are left out.

    Raises
    ------
    ArgumentError
        A model without neurons where the network has them.
    """
    found: dict[str, Array] = {}
    handles = []
    timeless = without_time(network)
    for population in network.populations:
        if isinstance(population.neuron, (Source, Membrane)):
            continue
        layer = neurons_at(model, population.name)
        if not isinstance(layer, Stateful) and not timeless:
            continue  # a maximum over windows: it may not see time first, and is no neuron

        def keep(_layer: nn.Module, _x: Any, y: Any, name: str = population.name) -> None:
            found[name] = by_site(y[None] if timeless else y)

        handles.append(layer.register_forward_hook(keep))
    try:
        with torch.no_grad():
            output = model(sample)
    finally:
        for handle in handles:
            handle.remove()
    return found, output


def neurons_at(model: nn.Module, name: str) -> nn.Module:
    """The layer whose output is what a population sends.

    Raises
    ------
    ArgumentError
        A path that the model has not.
    """
    above = name.rpartition(".")[0]
    try:
        parent, layer = model.get_submodule(above), model.get_submodule(name)
    except AttributeError:
        raise ArgumentError(
            f"verify.model: must have neurons at {name!r}, as the network says; got none there. "
            "Lower this very model."
        ) from None
    return parent if isinstance(parent, RecurrentDelay) else layer


def without_time(network: Network) -> bool:
    """Whether the model's layers see (B, ...): one step, and no axis for it."""
    return network.layout == "static" and network.steps == 1


def by_site(y: Tensor | VoxelTensor) -> Array:
    """One sample's (T, 1, C, *space), (N, C) or (T, N, C) as (T, sites * channels)."""
    if isinstance(y, VoxelTensor):
        features = collapse(y).features
        steps = features if features.ndim == 3 else features[None]
    else:
        steps = y[:, 0].movedim(1, -1)
    return np.asarray(steps.detach().flatten(1).numpy())


def _misfit(wanted: str, got: Any) -> ArgumentError:
    return ArgumentError(
        f"verify.inputs: must be {wanted}, as the network was lowered with; got "
        f"{type(got).__name__}."
    )
