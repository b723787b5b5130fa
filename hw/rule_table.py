"""Rules by class of layer: the table behind ``counts`` and ``lowers``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from torch import nn

from neurospike.errors import ArgumentError

R = TypeVar("R", bound=Callable[..., Any])
S = TypeVar("S", bound=Callable[..., Any])


class RuleTable(Generic[R]):
    """Rules by class, or by the name of a class that would be dear to import.

    Parameters
    ----------
    name
        Of the decorator, for errors.
    methods
        Methods that say what a layer computes: a subclass with its own is another layer.
    """

    def __init__(self, name: str, methods: Sequence[str] = ("forward",)) -> None:
        self._name = name
        self._methods = tuple(methods)
        self._rules: dict[type[nn.Module], R] = {}
        self._named: dict[str, R] = {}

    def registering(self, kinds: Sequence[type[nn.Module] | str]) -> Callable[[S], S]:
        """The decorator that registers a rule for classes, "module.Class" or "module.*"."""
        for kind in kinds:
            if not isinstance(kind, str) and not (
                isinstance(kind, type) and issubclass(kind, nn.Module)
            ):
                raise ArgumentError(
                    f"hw.{self._name}.kinds: must be subclasses of torch.nn.Module or their names; "
                    f"got {kind!r}. Write @{self._name}(MyLayer)."
                )

        def register(rule: S) -> S:
            for kind in kinds:
                if isinstance(kind, str):
                    self._named[kind] = cast(R, rule)
                else:
                    self._rules[kind] = cast(R, rule)
            return rule

        return register

    def find(self, layer: nn.Module) -> R | None:
        """The rule of a layer's class, or of the class whose methods it inherits."""
        kind = type(layer)
        for base in kind.__mro__:
            if not issubclass(base, nn.Module) or base is nn.Module:
                continue
            # A subclass that computes something else is another layer.
            if base is not kind and any(
                getattr(kind, method, None) is not getattr(base, method, None)
                for method in self._methods
            ):
                continue
            if base in self._rules:
                return self._rules[base]
            named = self._named.get(f"{base.__module__}.{base.__qualname__}")
            named = named or self._named.get(f"{base.__module__}.*")
            if named is not None:
                return named
        return None
