"""``hw.lower``: watch a model on one sample, and give the network behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError, NeurospikeError
from neurospike.hw.lowering import (
    rules_delays,
    rules_neurons,
    rules_pooling,
    rules_sparse,
    rules_weights,
)
from neurospike.hw.lowering.builder import Builder
from neurospike.hw.lowering.nodes import Current, Node, Reduced, Sent
from neurospike.hw.lowering.reading import block
from neurospike.hw.lowering.registry import unlowered
from neurospike.hw.lowering.watcher import Watcher
from neurospike.hw.network import Layout, Network, Output, Population, Space
from neurospike.hw.neuron_models import Membrane, Source
from neurospike.hw.origins import tensors_in
from neurospike.hw.sites import samples_of
from neurospike.nn import Stateful
from neurospike.nn.evaluating import evaluating
from neurospike.sparse import VoxelTensor

INPUT = "input"
OUTPUT = "output"

RULE_MODULES = (rules_delays, rules_neurons, rules_pooling, rules_sparse, rules_weights)
"""Importing them registers their rules."""

DenseLayout = Literal["sequence", "static"]


def lower(
    model: nn.Module,
    example: Tensor | VoxelTensor,
    *,
    inputs_are_spikes: bool | None = None,
    layout: DenseLayout | None = None,
) -> Network:
    """Turn a trained model into populations of neurons and the synapses between them.

    The model runs once, in evaluation mode, on the first sample of ``example``; modes are put
    back. Populations are named by the paths of their neurons, projections by those of their
    layers; what the host gives is "input".

    Parameters
    ----------
    model
        Layers of this package and torch's own; others' with a rule (``lowers``).
    example
        What the model takes: a VoxelTensor; a sequence (T, B, C, ...); or (B, C, ...) for a model
        that makes time itself. It says which shapes inputs have, and how many steps such a model
        makes.
    inputs_are_spikes
        Whether inputs are spikes, which meet weights as events, or real numbers. None: a sequence
        is spikes if all its values are whole and not below 0, all else is real.
    layout
        Of a tensor: "sequence" or "static". None: a sequence if the model has a layer with a
        state.

    Raises
    ------
    UnloweredLayerError
        A layer, a function between layers, or a use of them that has no rule.
    ArgumentError
        An example that is empty, has too few axes or does not fit the model; delays that
        are not rounded.

    Cost
    ----
    One forward pass, and eight bytes for each number in it.

    Examples
    --------
    >>> import torch
    >>> from neurospike import nn as snn
    >>> net = snn.SpikingSequential(torch.nn.Linear(3, 5), snn.LIF(tau=2.0))
    >>> network = lower(net, torch.ones(10, 1, 3))
    >>> [p.name for p in network.populations], network.projections[0].weight.shape
    (['input', '1'], (3, 1, 5))
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    if not isinstance(model, nn.Module):
        raise ArgumentError(
            f"hw.lower.model: must be a torch module; got {type(model).__name__}. Load a "
            "checkpoint with models.load first."
        )
    watcher = Watcher(model)
    builder = watcher.builder
    sample, kind = _first_sample(model, example, layout)
    values = sample.features if isinstance(sample, VoxelTensor) else sample
    steps, sites, space = _placed(sample, kind)
    sequence = kind == "sequence" or (kind == "voxels" and values.ndim == 3)
    spikes = _are_spikes(values, inputs_are_spikes, sequence=sequence)
    builder.claim(INPUT)
    builder.populations.append(Population(INPUT, space, Source(real=not spikes)))
    most = int(values.max()) if spikes and values.numel() else None
    node = builder.add(Sent, steps=steps, sites=sites, space=space, population=INPUT, most=most)
    labels = torch.from_numpy(node.labels())
    if not isinstance(sample, VoxelTensor):
        labels = labels.transpose(1, 2)
    watcher.store.put(values, labels)
    out = _watched(model, sample, watcher)
    output = _output(watcher, out)
    return _finished(builder, sample, output, kind, sequence=sequence)


def _watched(model: nn.Module, sample: Tensor | VoxelTensor, watcher: Watcher) -> Any:
    """What the model gives for the sample."""
    try:
        with torch.inference_mode(False), evaluating(model), watcher.watching():
            return model(sample)
    except NeurospikeError:
        raise
    except RuntimeError as error:
        given = sample.features if isinstance(sample, VoxelTensor) else sample
        sentence = " ".join(str(error).split())
        raise ArgumentError(
            "hw.lower.example: must be a sample that the model runs on; got one of shape "
            f"{tuple(given.shape)}, and torch says: {sentence}"
        ) from error


def _first_sample(
    model: nn.Module, example: Any, layout: DenseLayout | None
) -> tuple[Tensor | VoxelTensor, Layout]:
    if isinstance(example, VoxelTensor):
        if example.batch_size < 1 or len(samples_of(example)[0].active) == 0:
            raise ArgumentError(
                "hw.lower.example: must hold a voxel at least in its first sample; got "
                f"{example!r}."
            )
        cloud = samples_of(example)[0]
        return cloud.replace(cloud.features.detach().clone()), "voxels"
    if not isinstance(example, Tensor):
        raise ArgumentError(
            f"hw.lower.example: must be a tensor or a VoxelTensor; got {type(example).__name__}."
        )
    if layout is not None and layout not in get_args(DenseLayout):
        raise ArgumentError(f"hw.lower.layout: must be 'sequence' or 'static'; got {layout!r}.")
    if layout is None:
        stateful = any(isinstance(part, Stateful) for part in model.modules())
        layout = "sequence" if stateful else "static"
    least = 3 if layout == "sequence" else 2
    if example.ndim < least or 0 in example.shape:
        shape = "(T, B, C, ...)" if layout == "sequence" else "(B, C, ...)"
        raise ArgumentError(
            f"hw.lower.example: must be {shape} and not empty for layout {layout!r}; got "
            f"{tuple(example.shape)}. Give layout='sequence' or 'static' if that is not what "
            "the model takes."
        )
    first = example[:, :1] if layout == "sequence" else example[:1]
    return first.detach().clone(), layout


def _placed(sample: Tensor | VoxelTensor, kind: Layout) -> tuple[int, int, Space]:
    """Steps, sites and space of the input."""
    if isinstance(sample, VoxelTensor):
        features = sample.features
        steps = features.shape[0] if features.ndim == 3 else 1
        return steps, len(sample.active), Space(features.shape[-1], sample.spatial_shape, 0)
    steps = sample.shape[0] if kind == "sequence" else 1
    channels, *shape = sample.shape[2 if kind == "sequence" else 1 :]
    space = Space(channels, tuple(shape))
    return steps, space.grid_sites, space


def _are_spikes(values: Tensor, said: bool | None, *, sequence: bool) -> bool:
    whole = bool((values >= 0).all()) and bool((values == values.round()).all())
    if said and not whole:
        raise ArgumentError(
            "hw.lower.inputs_are_spikes: spikes must be whole numbers, 0 or more; the example has "
            "others. Encode it first, or give inputs_are_spikes=False."
        )
    return (sequence and whole) if said is None else said


def _output(watcher: Watcher, out: Any) -> Output:
    """What the host reads, made of what the model returned."""
    found = list(tensors_in(out))
    where = "the model's output"
    if len(found) != 1:
        raise unlowered(where, f"must be one tensor; got {len(found)}")
    builder = watcher.builder
    labels = watcher.store.of(found[0]).numpy()
    node = builder.node_of(labels, where)
    block(node, labels, where)
    over_sites = over_time = None
    empty: tuple[float, ...] = ()
    if isinstance(node, Reduced):
        over_sites, over_time = node.over_sites, node.over_time
        if over_sites is not None and node.empty is not None:
            empty = tuple(node.empty.tolist())
        node = node.of
    return Output(_read(builder, node, where), over_sites, over_time, empty)


def _read(builder: Builder, node: Node, where: str) -> str:
    if isinstance(node, Sent) and node.window is None and node.population != INPUT:
        own = next(p.space for p in builder.populations if p.name == node.population)
        if own == node.space:
            return node.population
    current = node if isinstance(node, Current) else builder.current(node, OUTPUT, where)
    if current.value is not None:
        return current.value.population
    return builder.integrate(current, Membrane(), OUTPUT).population


def _finished(
    builder: Builder,
    sample: Tensor | VoxelTensor,
    output: Output,
    kind: Layout,
    *,
    sequence: bool,
) -> Network:
    given = sample.spatial_shape if isinstance(sample, VoxelTensor) else None
    if isinstance(sample, VoxelTensor) and not builder.levels:
        builder.level_of(sample.active, "the input")
    # The grid of the input's level was not known until a layer met it.
    populations = tuple(
        replace(p, space=replace(p.space, shape=builder.levels[p.space.level].shape))
        if p.space.level is not None
        else p
        for p in builder.populations
    )
    padded = given is not None and given != builder.levels[0].shape
    return Network(
        populations,
        tuple(builder.projections),
        tuple(builder.shortcuts),
        output,
        tuple(builder.levels),
        kind,
        None if sequence else builder.steps,
        input_shape=given if padded else None,
        example=tuple(builder.sets),
    )
