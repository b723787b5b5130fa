"""Watch one forward pass: which layer was called on what, and what happened between layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.errors import UncountedLayerError
from neurospike.hw.accesses import Memory, by_events, by_products, held
from neurospike.hw.conventions import Convention, Place
from neurospike.hw.functional_ops import (
    Operands,
    Stray,
    count_function,
    flat,
    numbers_in,
    pointwise,
)
from neurospike.hw.ledger import Ledger
from neurospike.hw.operations import Call, Operations, Synapses, total
from neurospike.hw.origins import Kind, Origin, Origins, Trail, address_of, tensors_in
from neurospike.hw.registry import Rule, find_rule, uncounted
from neurospike.hw.rules_spiking import membranes
from neurospike.hw.watching import PassWatcher
from neurospike.nn import Stateful


class Tracer(PassWatcher):  # type: ignore[no-untyped-call]
    """Books every layer with a rule, and every function that a forward computes by itself.

    Layers are watched at their ``forward`` and, if stateful, their ``step``; functions are seen
    below autograd, where no product of matrices can hide.
    """

    def __init__(self, model: nn.Module, convention: Convention, *, batch: int, steps: int) -> None:
        super().__init__(model)
        self.origins = Origins()
        self.ledger = Ledger()
        self._convention = convention
        self._place = Place(True, batch, steps)
        self._neuron = False
        self._touched: set[int] = set()

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
        if self._muted or self._neuron:
            return original(*args, **kwargs)
        if method == "init_state":
            with self._mute():  # a trial step that learns shapes is no work
                return original(*args, **kwargs)
        rule = find_rule(layer)
        if rule is not None:
            return self._ruled(rule, path, layer, method, original, args, kwargs)
        if isinstance(layer, Stateful) and layer.emits_spikes and not any(layer.children()):
            return self._fired(path, layer, method, original, args, kwargs)
        if any(layer.children()) or isinstance(layer, nn.Sequential):
            return self._contained(path, layer, method, original, args, kwargs)
        raise uncounted(layer, path)

    def _ruled(
        self,
        rule: Rule,
        path: str,
        layer: nn.Module,
        method: str,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        first = args[0] if args else next(iter(kwargs.values()), None)
        before = max(map(self.origins.of, tensors_in(first)), default=Origin(Kind.REAL))
        spikes = before.kind == Kind.SPIKES
        with self._mute():
            out = original(*args, **kwargs)
            result = out[0] if method == "step" else out
            call = Call(layer, args, kwargs, result, spikes, before.trail, self._biased(layer))
            found = rule(call)
            operations = self._judged(found, call)
            sends = isinstance(found, Operations) and found.emits == "spikes"
            values = found.values if isinstance(found, Synapses) else next(tensors_in(first), None)
            self.ledger.add(
                path,
                type(layer).__name__,
                operations,
                spikes=spikes or sends,
                values=next(tensors_in(result)) if sends else values,
                sends=sends,
            )
        stored = self.origins.stored((args, kwargs))
        self.origins.mark(result, _after(found, operations, before)._replace(stored=stored))
        return out

    def _biased(self, layer: nn.Module) -> bool:
        bias = getattr(layer, "bias", None)
        # A container that adds the bias by itself calls the layer with zeros in its place.
        return isinstance(bias, Tensor) and self.origins.of(bias).kind != Kind.BLANK

    def _judged(self, found: Operations | Synapses, call: Call) -> Operations:
        if isinstance(found, Operations):
            return self._convention.others(_reading(found, call), self._place)
        place = self._place
        self._place = replace(place, first=False)
        return self._convention.judge(found, place)

    def _fired(
        self,
        path: str,
        layer: nn.Module,
        method: str,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call a neuron: one update per number it reads, and spikes come out."""
        current = membranes(args[0] if args else next(iter(kwargs.values())))
        with self._inside(path, neuron=True):
            out = original(*args, **kwargs)
        result = out[0] if method == "step" else out
        self._check_own_parameters(path, layer, matrices_only=True)
        self.origins.mark(result, Origin(Kind.SPIKES))
        with self._mute():
            operations = self._convention.others(Operations(updates=current), self._place)
            self.ledger.add(
                path,
                type(layer).__name__,
                operations,
                spikes=True,
                values=next(tensors_in(result)),
                sends=True,
            )
        return out

    def _contained(
        self,
        path: str,
        layer: nn.Module,
        method: str,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call a layer of layers: its parts are counted, and what it computes between them."""
        with self._inside(path):
            out = original(*args, **kwargs)
        if isinstance(layer, Stateful) and layer.emits_spikes:
            self.origins.mark(out[0] if method == "step" else out, Origin(Kind.SPIKES))
        if method == "forward":
            self._check_own_parameters(path, layer)
        return out

    def _check_own_parameters(
        self, path: str, layer: nn.Module, *, matrices_only: bool = False
    ) -> None:
        """Raise where parameters were used behind this tracer's back, or nobody knows for what."""
        for name, own in layer.named_parameters(recurse=False):
            if matrices_only and own.ndim < 2:
                continue
            if own.untyped_storage()._cdata not in self._touched:
                raise uncounted(
                    layer, path, f" (its own parameter '{name}' meets nothing that can be counted)"
                )

    def _function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        namespace, _, name = func._schema.name.partition("::")
        in_place = name.endswith("_") and not name.endswith("__")
        base = name[:-1] if in_place else name
        results = numbers_in(out, base)
        if torch.Tag.inplace_view in func.tags:
            return  # a tensor seen in another shape
        if not results:
            self._index((args, kwargs), out)
            return
        storages = {t.untyped_storage()._cdata for t in flat((*args, *kwargs.values()))}
        if not in_place and "out" not in kwargs and _only_views(results, storages):
            return
        self._touched |= storages
        if base in ("zero", "fill") and in_place:
            self._overwrite(results[0], args)
            return
        operands = Operands(args, kwargs, out)
        stray = self._stray(func, namespace, base, operands)
        if in_place and _partly(results[0]):
            kind = max(self.origins.of(results[0]).kind, stray.origin.kind)
            stray = Stray(stray.operations, Origin(kind))
        self.origins.mark(results, stray.origin._replace(stored=operands.stored(self.origins)))
        self._book(base, stray, operands)

    def _index(self, operands: Any, out: Any) -> None:
        """Indices, masks and sizes cost nothing; but each sample may have its own."""
        storages = {address_of(t) for t in tensors_in(operands)}
        made = list(tensors_in(out))
        if not _only_views(made, storages) and not self.origins.stored(operands):
            self.origins.mark(made, Origin(Kind.REAL))

    def _stray(self, func: Any, namespace: str, base: str, operands: Operands) -> Stray:
        if namespace in ("aten", "prims"):
            found = count_function(base, operands, self.origins)
            if found is None and torch.Tag.pointwise in func.tags:
                found = pointwise(base, operands, self.origins)
            if found is not None:
                return found
        raise UncountedLayerError(
            f"no synaptic-operation rule for the function '{namespace}.{base}' at "
            f"{self._path or 'the root'}; move it into a layer of its own and register one with "
            "@counts(ThatLayer)."
        )

    def _overwrite(self, target: Tensor, args: tuple[Any, ...]) -> None:
        blank = len(args) < 2 or args[1] == 0
        if blank and not _partly(target):
            self.origins.mark(target, Origin(Kind.BLANK))
        elif not blank:
            self.origins.mark(target, Origin(Kind.REAL))

    def _book(self, name: str, stray: Stray, operands: Operands) -> None:
        found = stray.operations
        if self._neuron:
            # Sums and products of single numbers are the neuron's update.
            found = replace(found, acs=0.0, note="")
            if not stray.origin.trail:
                return
        if found.macs and found.accesses is None:
            reads = by_products(found.macs, *operands.memories(self.origins))
            found = replace(found, accesses=reads)
        kept = self._convention.others(found, self._place)
        if kept.macs or kept.acs or kept.synops:
            spikes = any(self.origins.of(t).kind == Kind.SPIKES for t in operands.tensors)
            self.ledger.add(self._path, name, kept, spikes=spikes, values=None)

    @contextmanager
    def _inside(self, path: str, *, neuron: bool = False) -> Iterator[None]:
        before = self._path, self._neuron
        self._path, self._neuron = path, neuron
        try:
            yield
        finally:
            self._path, self._neuron = before


def _reading(found: Operations, call: Call) -> Operations:
    """With what a layer reads and writes, where its rule does not say so."""
    if found.accesses is not None or found.memory_pj or not (found.macs or found.synops):
        return found
    results = [*tensors_in(call.output)]
    values = [*tensors_in((call.args, call.kwargs)), *results][:1]
    if not values:
        return found
    source, out = (held(part[0]) for part in (values, results or values))
    own = sum(weight.numel() for weight in call.layer.parameters())
    weights = Memory(own, stored=True)
    accesses = by_products(found.macs, (source, weights) if own else (source,), out)
    if found.synops:
        events = total(values[0])
        accesses += by_events(events, found.synops, source, weights=weights, sums=out)
    return replace(found, accesses=accesses)


def _after(found: Operations | Synapses, operations: Operations, before: Origin) -> Origin:
    if isinstance(found, Synapses):
        trail = Trail.BIASED if found.bias_adds else Trail.WEIGHTS
        return Origin(Kind.REAL, trail, events=found.spikes)
    if operations.emits == "sums":
        return Origin(Kind.REAL, events=True)
    if operations.emits == "spikes":
        return Origin(Kind.SPIKES)
    return before if operations.emits == "same" else Origin(Kind.REAL)


def _only_views(results: list[Tensor], storages: set[int]) -> bool:
    return all(t.untyped_storage()._cdata in storages for t in results)


def _partly(target: Tensor) -> bool:
    return target.numel() * target.element_size() < target.untyped_storage().nbytes()
