"""Networks of spikingjelly, taken over with their parameters."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from neurospike.errors import ArgumentError
from neurospike.nn import surrogate
from neurospike.nn.container import SpikingSequential
from neurospike.nn.lif import LIF
from neurospike.nn.sequence_dropout import SequenceDropout

_PACKAGE = "spikingjelly.activation_based."
_SURROGATES: dict[str, Any] = {
    "ATan": surrogate.ATan,
    "PiecewiseQuadratic": surrogate.Triangle,
    "Rect": surrogate.Rectangle,
    "Sigmoid": surrogate.Sigmoid,
}
"""SoftSign is another multiple of FastSigmoid for every alpha, so that it is not among them."""

_FOLDING = ("SeqToANNContainer",)
_PLAIN = ("Sequential", "MultiStepContainer", "StepModeContainer", *_FOLDING)


def from_spikingjelly(net: nn.Module) -> SpikingSequential:
    """A SpikingSequential that computes what a sequential network of spikingjelly computes.

    ``LIFNode``, ``ParametricLIFNode`` and ``IFNode`` become ``LIF``; layers of torch, and
    spikingjelly's own versions of them, become torch's; containers become SpikingSequentials.
    Names of layers stay, so that ``hw.lower`` names populations by them.

    Parameters
    ----------
    net
        An ``nn.Sequential``, nested ones and spikingjelly's containers included, or one layer.

    Shape
    -----
    in, out: (T, B, ...), as of the network in step mode "m" after ``reset_net``

    Raises
    ------
    ArgumentError
        Another neuron, container or surrogate; a layer of spikingjelly that torch has not.

    Cost
    ----
    A copy of the parameters; the network is left as it is and shares nothing.

    Source
    ------
    spikingjelly 2.0.0, ``activation_based``. Departures: states are not kept from one call to the
    next; in step mode "s" dropout draws one mask for a sequence, as its "m" does.

    Examples
    --------
    >>> import torch
    >>> from_spikingjelly(torch.nn.Sequential(torch.nn.Linear(3, 4)))
    SpikingSequential(
      (0): Linear(in_features=3, out_features=4, bias=True)
    )
    """
    layers: list[Any] = list(net.modules())
    stepped = any(_is_theirs(part) and getattr(part, "step_mode", "m") == "s" for part in layers)
    found = _converted(net, "net", folded=stepped)
    return found if isinstance(found, SpikingSequential) else SpikingSequential(found)


def _converted(layer: nn.Module, path: str, *, folded: bool) -> nn.Module:
    """``folded``: whether the layer meets (T * B, ...) there, as it does here."""
    name = type(layer).__name__
    if isinstance(layer, nn.Sequential) and name in _PLAIN:
        inner = SpikingSequential()
        for child, part in layer.named_children():
            inside = folded or name in _FOLDING
            inner.add_module(child, _converted(part, f"{path}.{child}", folded=inside))
        return inner
    if _is_theirs(layer):
        if name in ("LIFNode", "ParametricLIFNode", "IFNode"):
            return _neuron(layer, path)
        if name == "Dropout":
            dropout: Any = layer
            return SequenceDropout(float(dropout.p))
        return _torch_layer(layer, path)
    if isinstance(layer, nn.Flatten) and not folded:
        if layer.start_dim < 2:
            raise _refusal(path, "must leave time and batch alone", f"Flatten({layer.start_dim})")
        return nn.Flatten(layer.start_dim - 1, layer.end_dim - (layer.end_dim > 0))
    if type(layer).__module__.startswith("torch.nn.") and not any(layer.children()):
        return copy.deepcopy(layer)
    raise _refusal(path, "must be a layer of torch or spikingjelly, or an nn.Sequential", name)


def _neuron(layer: Any, path: str) -> LIF:
    theirs = layer.surrogate_function
    kind = _SURROGATES.get(type(theirs).__name__)
    if kind is None:
        raise _refusal(
            f"{path}.surrogate_function",
            f"must be one of {', '.join(_SURROGATES)}",
            type(theirs).__name__,
        )
    learnt = getattr(layer, "w", None)
    is_if = type(layer).__name__ == "IFNode"
    tau = float("inf") if is_if else float(getattr(layer, "tau", 2.0))
    if learnt is not None:
        tau = 1 / float(learnt.detach().sigmoid())
    made = LIF(
        tau,
        threshold=float(layer.v_threshold),
        v_reset=float(layer.v_reset or 0.0),
        reset="soft" if layer.v_reset is None else "hard",
        decay_input=not is_if and bool(layer.decay_input),
        detach_reset=bool(layer.detach_reset),
        surrogate=kind(alpha=float(theirs.alpha)),
        learnable_tau=learnt is not None,
    )
    if learnt is not None and made.rate_logit is not None:
        made.to(learnt)
        with torch.no_grad():
            made.rate_logit.copy_(learnt)
    return made


def _torch_layer(layer: nn.Module, path: str) -> nn.Module:
    """The layer of torch that one of spikingjelly's adds a step mode to."""
    base = next((k for k in type(layer).__mro__ if k.__module__.startswith("torch.nn.mod")), None)
    if base is None or base is nn.Module or base.__name__ != type(layer).__name__:
        raise _refusal(path, "must be a layer that torch has too", type(layer).__name__)
    made: nn.Module = object.__new__(base)
    made.__dict__.update(copy.deepcopy(layer).__dict__)
    made.__dict__.pop("_step_mode", None)
    return made


def _is_theirs(layer: nn.Module) -> bool:
    return type(layer).__module__.startswith(_PACKAGE)


def _refusal(where: str, rule: str, got: str) -> ArgumentError:
    return ArgumentError(
        f"from_spikingjelly.{where}: {rule}; got {got}. Convert the parts that are, and write the "
        "rest with layers of this package."
    )
