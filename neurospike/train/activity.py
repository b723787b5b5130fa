"""What spikes cost, as terms of a loss: firing rates held in a band, synaptic operations priced.

Both terms are differentiable through the spikes, by their surrogate gradients, and serve dense
sequences (T, B, ...) and VoxelTensors alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from neurospike import hw
from neurospike.hw.operations import Synapses
from neurospike.hw.registry import find_rule
from neurospike.nn import (
    RecurrentDelay,
    SparseConv3d,
    SparseInverseConv3d,
    Stateful,
    SubmanifoldConv3d,
)
from neurospike.nn.together import weighted_mean
from neurospike.train.sections import ActivityPart

_SPARSE = (SubmanifoldConv3d, SparseConv3d, SparseInverseConv3d)
_MILLION = 1e6

Spikes = Any
"""A tensor, or a VoxelTensor."""


@dataclass(frozen=True)
class ActivityTerms:
    """What a pass adds to the loss, and what was seen in it.

    Attributes
    ----------
    loss
        A scalar, to be added.
    seen
        ``rate``, spikes a neuron and step, and ``synops`` a sample where they are priced.
    """

    loss: Tensor
    seen: dict[str, Tensor]


@dataclass
class _Seen:
    rates: list[tuple[Tensor, int]] = field(default_factory=list)
    synops: list[Tensor] = field(default_factory=list)


class ActivityLoss:
    """Watch a network's forward pass and say what its spikes cost.

    Parameters
    ----------
    model
        Any network whose neurons are ``nn.Stateful`` with ``emits_spikes``.
    part
        The band, and the weights of both terms: rate_weight · mean over neurons of
        (distance of the rate from the band)², plus synops_weight · synops a sample / 10⁶.

    Cost
    ----
    A sum over each layer's spikes. Pricing synops counts the network's operations once, with
    ``hw.count`` on the first batch, to learn which layers spikes reach and how far they fan out.
    Sparse convolutions are counted exactly, from their kernel maps; dense ones as if they had no
    border. Operations on the network's own input are left out: no weight changes them.

    Examples
    --------
    >>> from neurospike.nn import LIF, SpikingSequential
    >>> net = SpikingSequential(LIF(tau=2.0), nn.Linear(3, 5, bias=False))
    >>> loss = ActivityLoss(net, ActivityPart(rate_high=0.1, rate_weight=1.0, synops_weight=1.0))
    >>> x = torch.tensor([[[2.0, 0.0, 2.0]]], requires_grad=True)
    >>> with loss.watching(x, batch_dim=1):
    ...     _ = net(x)
    >>> terms = loss.terms(batch_size=1)
    >>> round(float(terms.seen["rate"]), 3), float(terms.seen["synops"])
    (0.667, 10.0)
    """

    def __init__(self, model: nn.Module, part: ActivityPart) -> None:
        self.model = model
        self.part = part
        self._seen = _Seen()
        self._fan_out: dict[str, float] | None = None

    @property
    def active(self) -> bool:
        """Whether either term has a weight."""
        return bool(self.part.rate_weight or self.part.synops_weight)

    @contextmanager
    def watching(self, inputs: Any, **counting: Any) -> Iterator[None]:
        """Record the passes inside; ``counting`` are keywords of ``hw.count``."""
        if not self.active:
            yield
            return
        if self.part.synops_weight and self._fan_out is None:
            self._fan_out = _fan_outs(self.model, inputs, **counting)
        self._seen = _Seen()
        with ExitStack() as hooks:
            for layer in emitters(self.model):
                handle = layer.register_forward_hook(self._take_rate)
                hooks.callback(handle.remove)
            for name, fan_out in (self._fan_out or {}).items():
                layer = self.model.get_submodule(name)
                handle = layer.register_forward_hook(self._take_synops(fan_out))
                hooks.callback(handle.remove)
            yield

    def terms(self, batch_size: int) -> ActivityTerms:
        """The terms of what was just watched, for a batch of so many samples."""
        part = self.part
        seen = self._seen
        # Of all processes: the square of a mean is no mean of squares.
        means = [weighted_mean(rates, rows) for rates, rows in seen.rates]
        rates = torch.cat(means) if means else torch.zeros(1)
        outside = (part.rate_low - rates).relu() + (rates - part.rate_high).relu()
        loss = part.rate_weight * outside.square().mean()
        values = {"rate": rates.detach().mean()}
        if part.synops_weight:
            synops = sum(seen.synops, torch.zeros(())) / batch_size
            loss = loss + part.synops_weight * synops / _MILLION
            values["synops"] = synops.detach()
        return ActivityTerms(loss, values)

    def _take_rate(self, _layer: nn.Module, _inputs: Any, output: Any) -> None:
        self._seen.rates.append((neuron_rates(output), _rows(output)))

    def _take_synops(self, fan_out: float) -> Any:
        def take(layer: nn.Module, inputs: Any, output: Any) -> None:
            found = layer_synops(layer, output if _emits(layer) else inputs[0], fan_out)
            if found.requires_grad:
                self._seen.synops.append(found)

        return take


def neuron_rates(spikes: Spikes) -> Tensor:
    """Mean spikes a step of each neuron, a spike of value v counting v.

    Shape
    -----
    in:  (T, B, ...), or a VoxelTensor with features (N, C) or (T, N, C)
    out: (neurons,); channels are the neurons of voxels
    """
    if isinstance(spikes, Tensor):
        return spikes.flatten(0, 1).mean(0).flatten()
    features: Tensor = spikes.features
    if not features.shape[-2]:
        return features.new_zeros(features.shape[-1])
    return features.reshape(-1, features.shape[-1]).mean(0)


def _rows(spikes: Spikes) -> int:
    """How many numbers the rate of a neuron is the mean of."""
    if isinstance(spikes, Tensor):
        return len(spikes) * spikes.shape[1]
    return int(spikes.features[..., 0].numel())


def layer_synops(layer: nn.Module, spikes: Spikes, fan_out: float) -> Tensor:
    """Synaptic operations that a layer's input spikes cause, as a scalar with a gradient."""
    values: Tensor = spikes if isinstance(spikes, Tensor) else spikes.features
    if isinstance(layer, _SPARSE):
        reached = layer.kernel_map(spikes).fan_out()
        return (values.sum(-1) * reached).sum() * layer.out_channels
    return values.sum() * fan_out


def emitters(model: nn.Module) -> list[nn.Module]:
    """The neurons that fire; of nested ones the outermost."""
    found: list[nn.Module] = []

    def visit(module: nn.Module) -> None:
        if _emits(module):
            found.append(module)
            return
        for child in module.children():
            visit(child)

    visit(model)
    return found


def _emits(layer: nn.Module) -> bool:
    return isinstance(layer, Stateful) and layer.emits_spikes


def _fan_outs(model: nn.Module, inputs: Any, **counting: Any) -> dict[str, float]:
    """Synapses of one input spike, for every layer of synapses that spikes reach, by name."""
    found: dict[str, float] = {}
    with ExitStack() as hooks:
        for name, layer in model.named_modules():

            def ask(layer: nn.Module, x: Any, y: Any, name: str = name) -> None:
                if isinstance(layer, RecurrentDelay):
                    found[name] = float(layer.features)
                    return
                rule = find_rule(layer)
                said = rule(hw.Call(layer, x, {}, y, spikes=True)) if rule and x else None
                if isinstance(said, Synapses):
                    found[name] = said.fan_out

            hooks.callback(layer.register_forward_hook(ask).remove)
        rows = hw.count(model, inputs, **counting).layers
    # By where a tensor came from, not by its values: an untrained network may not fire at all.
    reached = {row.name for row in rows if row.input == "spikes"}
    return {name: fan_out for name, fan_out in found.items() if name in reached}
