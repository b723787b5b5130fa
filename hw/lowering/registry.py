"""The rules: which layer is lowered how, and users' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from neurospike.errors import UnloweredLayerError
from neurospike.hw.rule_table import RuleTable

R = TypeVar("R", bound=Callable[..., Any])

# What a neuron computes may be in any of these: a subclass with its own is another neuron.
TABLE: RuleTable[Callable[..., Any]] = RuleTable("lowers", ("forward", "multi_step", "run"))


def lowers(*kinds: type[nn.Module] | str) -> Callable[[R], R]:
    """Register a rule that turns layers of these classes into neurons or synapses.

    The rule takes a ``hw.LayerCall`` and returns what one of its methods returns. It holds for
    subclasses that compute the same; one with its own ``forward``, ``multi_step`` or ``run``
    needs its own rule. A class may also be named as "module.Class", or "module.*".

    Raises
    ------
    ArgumentError
        Something that is neither a module class nor a name.

    Examples
    --------
    >>> import torch
    >>> from neurospike.hw import lower
    >>> class Doubled(torch.nn.Linear):
    ...     def forward(self, x):
    ...         return 2.0 * super().forward(x)
    >>> @lowers(Doubled)
    ... def doubled(call):
    ...     return call.linear(2.0 * call.layer.weight, bias=2.0 * call.layer.bias)
    >>> network = lower(torch.nn.Sequential(Doubled(3, 2)), torch.rand(1, 3))
    >>> [p.name for p in network.projections]
    ['0']
    """
    return TABLE.registering(kinds)


def unruled(layer: nn.Module, path: str) -> UnloweredLayerError:
    """The error for a layer without a rule."""
    name = type(layer).__name__
    return UnloweredLayerError(
        f"no lowering rule for '{name}' at {path or 'the root'}; register one with @lowers({name})."
    )


def unlowered(where: str, because: str) -> UnloweredLayerError:
    """The error for a layer, or a use of one, that no network on a chip can have."""
    return UnloweredLayerError(f"hw.lower: {where} {because}")
