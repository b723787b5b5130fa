"""Route every layer's calls through a function, and put everything back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from neurospike.nn import Stateful


@contextmanager
def watched(model: nn.Module, called: Callable[..., Any]) -> Iterator[None]:
    """Have ``called(path, layer, method, original, *args, **kwargs)`` in place of each method.

    The methods are ``forward``, and of stateful layers ``step`` and ``init_state``.
    """
    replaced: list[tuple[nn.Module, str, Any]] = []
    try:
        for path, layer in model.named_modules():
            stateful = isinstance(layer, Stateful)
            for method in ("forward", "step", "init_state")[: 3 if stateful else 1]:
                replaced.append((layer, method, layer.__dict__.get(method)))
                original = getattr(layer, method)
                layer.__dict__[method] = functools.partial(called, path, layer, method, original)
        yield
    finally:
        for layer, method, before in replaced:
            if before is None:
                layer.__dict__.pop(method, None)
            else:
                layer.__dict__[method] = before
