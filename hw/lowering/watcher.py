"""Watch one forward pass: rules turn layers into a network, functions between them move labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.errors import UnloweredLayerError
from neurospike.hw.functional_ops import flat
from neurospike.hw.lowering.builder import Builder
from neurospike.hw.lowering.functions import CONSTANTS, FunctionCall, marked_unknown
from neurospike.hw.lowering.labels import UNKNOWN, ZERO, LabelStore
from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.registry import TABLE, unlowered, unruled
from neurospike.hw.origins import tensors_in
from neurospike.hw.watching import PassWatcher
from neurospike.nn import ILIF, UnarySpikes


class _RefusedError(RuntimeError):
    """Carries a refusal out of torch's operators; never seen outside of ``watching``."""


class Watcher(PassWatcher):  # type: ignore[no-untyped-call]
    """Hands every call of a layer with a rule to the rule."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch's hook: to keep the compiler out would import it first, for seconds."""
        return False

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.builder = Builder()
        self.store = LabelStore()
        self._layer = model
        self._refusal: UnloweredLayerError | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Route every layer's ``forward`` and ``step`` through this watcher."""
        try:
            with _integers(self._model), super().watching():
                yield
        except _RefusedError:
            raise (self._refusal or unlowered("the model", "was refused")) from None

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
        if self._muted:
            return original(*args, **kwargs)
        if method == "init_state":
            with self._mute():
                return original(*args, **kwargs)
        rule = TABLE.find(layer)
        if method == "step" and (rule is not None or not any(layer.children())):
            raise unlowered(
                f"'{type(layer).__name__}' at {path or 'the root'}",
                "is stepped by the model's own loop; call it once on the whole sequence",
            )
        if isinstance(layer, UnarySpikes):
            return args[0]  # unary events or graded packets are the emulator's choice
        if rule is None:
            if any(layer.children()) or isinstance(layer, nn.Sequential):
                with self._inside(path, layer):
                    return original(*args, **kwargs)
            raise unruled(layer, path)
        with self._mute():
            out = original(*args, **kwargs)
            call = LayerCall(
                self.builder,
                self.store,
                layer=layer,
                path=path,
                args=args,
                kwargs=kwargs,
                output=out,
            )
            self._put(rule(call), out, call.where)
        return out

    def _put(self, labels: Any, out: Any, where: str) -> None:
        found = list(tensors_in(out))
        if len(found) != 1:
            raise unlowered(where, f"returns {len(found)} tensors; rules are for layers with one")
        labels = torch.as_tensor(labels)
        if labels.numel() != found[0].numel():
            raise unlowered(
                where,
                f"returns {tuple(found[0].shape)}, but its rule made {tuple(labels.shape)}",
            )
        self.store.put(found[0], labels)

    def _function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        try:
            self._follow(func, args, kwargs, out)
        except UnloweredLayerError as error:
            # Torch takes a TypeError inside an operator for one that does not know its operands.
            self._refusal = error
            raise _RefusedError from error

    def _follow(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        results = flat(out)
        given = flat((*args, *kwargs.values()))
        if not results or not any(self.store.knows(tensor) for tensor in given):
            return
        name = func._schema.name.rpartition("::")[2]
        in_place = name.endswith("_") and not name.endswith("__")
        base = name[:-1] if in_place else name
        storages = {tensor.untyped_storage()._cdata for tensor in given}
        if not in_place and all(t.untyped_storage()._cdata in storages for t in results):
            return  # views share the labels of what they are views of
        if base in CONSTANTS:
            return
        if in_place and base in ("copy", "zero", "fill"):
            self._overwrite(base, args, results[0])
            return
        if not any(t.is_floating_point() for t in results):
            marked_unknown(results, self.store)
            return
        call = FunctionCall(
            self.builder,
            self.store,
            name=base,
            path=self._path,
            layer=self._layer,
            args=args,
            kwargs=kwargs,
            output=out,
        )
        labels = call.lowered(func) if len(results) == 1 else None
        if labels is None:
            raise UnloweredLayerError(
                f"no lowering rule for the function '{name}' at {self._path or 'the root'}; move "
                "it into a layer of its own and register one with @lowers(ThatLayer), or leave it "
                "to whoever reads the network's output."
            )
        self._put(labels, out, call.where)

    def _overwrite(self, base: str, args: tuple[Any, ...], target: Tensor) -> None:
        self.store.adopt(target)
        if base == "copy":
            labels = self.store.of_constant(args[1]).expand(target.shape)
        else:
            zero = base == "zero" or args[1] == 0
            labels = torch.full(target.shape, ZERO if zero else UNKNOWN)
        self.store.put(target, labels)

    @contextmanager
    def _inside(self, path: str, layer: nn.Module) -> Iterator[None]:
        before = self._path, self._layer
        self._path, self._layer = path, layer
        try:
            yield
        finally:
            self._path, self._layer = before


@contextmanager
def _integers(model: nn.Module) -> Iterator[None]:
    """Integer spikes in place of unary events, in which a spike is many numbers."""
    modes = [(part, part.mode) for part in model.modules() if isinstance(part, ILIF)]
    depths = [(part, part.max_spikes) for part in model.modules() if isinstance(part, UnarySpikes)]
    try:
        for neuron, _ in modes:
            neuron.mode = "integer"
        for layer, _ in depths:
            layer.max_spikes = 1
        yield
    finally:
        for neuron, mode in modes:
            neuron.mode = mode
        for layer, depth in depths:
            layer.max_spikes = depth
