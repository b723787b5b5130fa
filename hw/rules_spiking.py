"""Rules of this package's own layers; neurons are known by ``nn.Stateful.emits_spikes``."""

from __future__ import annotations

from typing import Any

import torch

from neurospike import nn as spiking
from neurospike.hw.operations import Call, Operations, Synapses, voxel_steps
from neurospike.hw.origins import tensors_in
from neurospike.hw.registry import counts
from neurospike.hw.rules_stateless import folded_norm
from neurospike.hw.rules_weights import bias_adds, effective_pairs, stored_biases
from neurospike.sparse import VoxelTensor


@counts(spiking.SubmanifoldConv3d, spiking.SparseConv3d, spiking.SparseInverseConv3d)
def sparse_convolution(call: Call) -> Synapses:
    """The pairs of the kernel map: each joins an occupied input to an occupied output."""
    layer, x = call.layer, call.input
    if not isinstance(layer, Sparse) or not isinstance(x, VoxelTensor):
        raise TypeError(f"a sparse convolution takes a VoxelTensor; got {type(x).__name__}")
    found = layer.kernel_map(x)
    ins, outs = layer.in_channels, layer.out_channels

    def synops() -> float:
        per_site = x.features.abs().sum(-1, dtype=torch.float64)
        per_site = per_site if per_site.ndim == 1 else per_site.sum(0)
        return float((per_site * found.fan_out()).sum()) * outs

    steps = voxel_steps(x)
    return Synapses(
        values=x.features,
        spikes=call.spikes,
        dense_macs=steps * found.pairs * ins * outs,
        synops=synops,
        effective=effective_pairs(call),
        fan_out=found.volume * outs,
        weights=layer.weight.numel(),
        bias_adds=bias_adds(call),
        biases=stored_biases(call),
        outputs=call.out_values.numel(),
        spatial=True,
        steps=steps // x.virtual_steps,
        virtual_steps=x.virtual_steps,
    )


def membranes(x: Any) -> int:
    """Neuron-steps that an input drives: one per number and integer step."""
    if isinstance(x, VoxelTensor):
        return x.features.numel() // x.virtual_steps
    return next(tensors_in(x)).numel()


Sparse = (spiking.SubmanifoldConv3d, spiking.SparseConv3d, spiking.SparseInverseConv3d)


@counts(spiking.SparseBatchNorm)
def sparse_batch_norm(call: Call) -> Operations:
    """Folded; a bias stays at every occupied site and every step."""
    return folded_norm(call.values.numel(), call.trail)


@counts(spiking.SparseGlobalPool)
def sparse_pool(call: Call) -> Operations:
    """An addition per occupied site and channel; for spikes, one per event."""
    mode = getattr(call.layer, "mode", "mean")
    if mode == "max":
        return Operations(emits="same")
    values = call.values
    adds = float(values.abs().double().sum()) if call.spikes else float(values.numel())
    return Operations(acs=adds, emits="same" if mode == "sum" else "real")


@counts(spiking.LeakyReadout)
def readout(call: Call) -> Operations:
    """A membrane that never fires: updates, and real numbers out."""
    return Operations(updates=membranes(call.input), note="membrane")


@counts(spiking.ToDense, spiking.ToBEV)
def to_dense(_call: Call) -> Operations:
    """Writes what is there; zeros stay zeros."""
    return Operations(emits="same")


@counts(spiking.UnarySpikes)
def unary_spikes(_call: Call) -> Operations:
    """The same events, one at a time."""
    return Operations(emits="same")
