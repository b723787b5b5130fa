"""The rules: which layer is counted how, and users' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from torch import nn

from neurospike.errors import UncountedLayerError
from neurospike.hw.operations import Call, Operations, Synapses
from neurospike.hw.rule_table import RuleTable

Rule: TypeAlias = Callable[[Call], Operations | Synapses]
R = TypeVar("R", bound=Rule)

_TABLE: RuleTable[Rule] = RuleTable("counts")


def counts(*kinds: type[nn.Module] | str) -> Callable[[R], R]:
    """Register a rule that counts the operations of layers of these classes.

    The rule takes a ``hw.Call`` and returns ``hw.Operations``, summed over the batch. It holds
    for subclasses that inherit ``forward``; one with its own ``forward`` needs its own rule. A
    class may also be named as "module.Class", or "module.*", where importing it would be dear.

    Raises
    ------
    ArgumentError
        Something that is neither a module class nor a name.

    Examples
    --------
    >>> import torch
    >>> class Scale(torch.nn.Module):
    ...     def forward(self, x):
    ...         return 3.0 * x
    >>> @counts(Scale)
    ... def scale(call: Call) -> Operations:
    ...     return Operations(macs=call.values.numel())
    """
    return _TABLE.registering(kinds)


def find_rule(layer: nn.Module) -> Rule | None:
    """The rule of a layer's class, or of the class whose ``forward`` it inherits."""
    return _TABLE.find(layer)


def uncounted(layer: nn.Module, path: str, because: str = "") -> UncountedLayerError:
    """The error for a layer without a rule."""
    name = type(layer).__name__
    return UncountedLayerError(
        f"no synaptic-operation rule for '{name}' at {path or 'the root'}{because}; "
        f"register one with @counts({name})."
    )
