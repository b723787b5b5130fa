"""The rules: which layer is counted how, and users' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from torch import nn

from neurospike.errors import ArgumentError, UncountedLayerError
from neurospike.hw.operations import Call, Operations, Synapses

Rule: TypeAlias = Callable[[Call], Operations | Synapses]
R = TypeVar("R", bound=Rule)

_RULES: dict[type[nn.Module], Rule] = {}
_NAMED: dict[str, Rule] = {}


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
    for kind in kinds:
        if not isinstance(kind, str) and not (
            isinstance(kind, type) and issubclass(kind, nn.Module)
        ):
            raise ArgumentError(
                f"hw.counts.kinds: must be subclasses of torch.nn.Module or their names; got "
                f"{kind!r}. Write @counts(MyLayer)."
            )

    def register(rule: R) -> R:
        for kind in kinds:
            if isinstance(kind, str):
                _NAMED[kind] = rule
            else:
                _RULES[kind] = rule
        return rule

    return register


def find_rule(layer: nn.Module) -> Rule | None:
    """The rule of a layer's class, or of the class whose ``forward`` it inherits."""
    kind = type(layer)
    for base in kind.__mro__:
        if not issubclass(base, nn.Module) or base is nn.Module:
            continue
        # A subclass that computes something else is another layer.
        if base is not kind and kind.forward is not base.forward:
            continue
        if base in _RULES:
            return _RULES[base]
        named = _NAMED.get(f"{base.__module__}.{base.__qualname__}")
        named = named or _NAMED.get(f"{base.__module__}.*")
        if named is not None:
            return named
    return None


def uncounted(layer: nn.Module, path: str, because: str = "") -> UncountedLayerError:
    """The error for a layer without a rule."""
    name = type(layer).__name__
    return UncountedLayerError(
        f"no synaptic-operation rule for '{name}' at {path or 'the root'}{because}; "
        f"register one with @counts({name})."
    )
