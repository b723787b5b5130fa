"""Watch one forward pass: layers as they are called, and functions between them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from neurospike.nn import Stateful


class PassWatcher(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Routes every layer's methods and every function through itself.

    A leaf gives ``_called``, which stands in the place of each layer's ``forward``, and of
    stateful layers' ``step`` and ``init_state``; and ``_function``, which sees each function below
    autograd, after it ran. Neither is watched while it works.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._model = model
        self._path = ""
        self._muted = False

    def _called(
        self,
        path: str,
        layer: nn.Module,
        method: str,
        original: Callable[..., Any],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no _called")

    def _function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _function")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch; every layer is put back as it was."""
        replaced: list[tuple[nn.Module, str, Any]] = []
        try:
            for path, layer in self._model.named_modules():
                stateful = isinstance(layer, Stateful)
                for method in ("forward", "step", "init_state")[: 3 if stateful else 1]:
                    replaced.append((layer, method, layer.__dict__.get(method)))
                    original = getattr(layer, method)
                    layer.__dict__[method] = functools.partial(
                        self._called, path, layer, method, original
                    )
            with self:
                yield
        finally:
            for layer, method, before in replaced:
                if before is None:
                    layer.__dict__.pop(method, None)
                else:
                    layer.__dict__[method] = before

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run one function between layers, then look at it; composed ones by their parts."""
        kwargs = kwargs or {}
        if self._muted:
            return func(*args, **kwargs)
        if func.name().partition("::")[0] == "aten" and func.has_kernel_for_dispatch_key(
            torch._C.DispatchKey.CompositeImplicitAutograd
        ):
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        out = func(*args, **kwargs)
        with self._mute():
            self._function(func, args, kwargs, out)
        return out

    @contextmanager
    def _mute(self) -> Iterator[None]:
        before, self._muted = self._muted, True
        try:
            yield
        finally:
            self._muted = before
