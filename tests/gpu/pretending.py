"""A GPU that is only pretended: tensors say cuda:0, compute on the CPU, and refuse to be mixed.

What a real card would refuse is refused: operations on tensors of two devices, ``numpy()``. What a
real card would wait for is written down: every value that the host reads back. Data-dependent
shapes work, unlike in torch's FakeTensorMode, which on a build without CUDA cannot go backward
either.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

CARD = torch.device("cuda", 0)

WAITING = {
    "_local_scalar_dense", "nonzero", "unique_consecutive", "unique_dim", "_unique2", "equal",
    "masked_select", "bincount", "repeat_interleave",
}  # fmt: skip
"""Operations whose kernels on CUDA end by reading a value or a size back."""

INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_"}
"""What takes indices from the CPU; a mask among them is counted first."""

ACROSS = {"_to_copy", "copy_"}


class OnCard(Tensor):
    """A tensor on the pretended card; ``held`` has its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnCard:
        made: OnCard = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype,
        )  # fmt: skip
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"OnCard({self.held!r})"

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = CARD  # type: ignore[assignment]
    is_cuda = True  # type: ignore[assignment]
    is_cpu = False  # type: ignore[assignment]

    def numpy(self, **_: Any) -> Any:  # type: ignore[override]
        raise TypeError(f"can't convert {CARD} device type tensor to numpy; use Tensor.cpu()")

    __array__ = data_ptr = numpy  # type: ignore[assignment]

    def tolist(self) -> Any:  # type: ignore[override]
        return self.cpu().tolist()

    def cpu(self, *_: Any, **__: Any) -> Tensor:
        return self.to("cpu")

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        if _leaves(*args, **kwargs):
            return _copied(self, *args, **kwargs)
        return super().to(*args, **kwargs)

    def get_device(self) -> int:
        return int(CARD.index)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} outside of a pretended card")


def _copied(x: Tensor, *args: Any, device: Any = None, dtype: Any = None, **_: Any) -> Tensor:
    for arg in args:
        if isinstance(arg, Tensor):
            device, dtype = arg.device, arg.dtype
        elif isinstance(arg, torch.dtype):
            dtype = arg
        elif isinstance(arg, str | torch.device):
            device = arg
    made: Tensor = torch.ops.aten._to_copy.default(
        x, device=torch.device(device), dtype=x.dtype if dtype is None else dtype
    )
    return made


def _leaves(*args: Any, device: Any = None, **_: Any) -> bool:
    """Whether ``to(...)`` leads away from the card."""
    targets = [arg for arg in (*args, device) if isinstance(arg, str | torch.device)]
    targets += [arg.device for arg in args if isinstance(arg, Tensor)]
    return any(torch.device(target).type == "cpu" for target in targets)


class Card(TorchDispatchMode):
    """Runs every operation where its tensors are; ``waits`` and ``uploads`` tell what crossed.

    Attributes
    ----------
    waits
        Operation and place in the package of whatever makes the host wait for the card.
    uploads
        The same, of copies from the host: torch waits for these too where their memory is not
        pinned, but for no result.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[tuple[str, str]] = []
        self.uploads: list[tuple[str, str]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = func.overloadpacket.__name__
        tensors = [a for a in tree_leaves((args, kwargs)) if isinstance(a, Tensor)]
        cards = [a for a in tensors if isinstance(a, OnCard)]
        target = kwargs.get("device")
        there = bool(cards) if target is None else torch.device(target).type == "cuda"
        if name == "copy_":
            there = isinstance(args[0], OnCard)
        elif target is not None and not there and _of_the_engine():
            there = True
        self._check(name, tensors, there, args)
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        kwargs.pop("pin_memory", None)
        same = {id(card.held): card for card in cards}
        out = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        if not there:
            return out

        def wrapped(value: Any) -> Any:
            if not isinstance(value, Tensor) or isinstance(value, OnCard):
                return value
            known = same.get(id(value))
            return OnCard(value) if known is None else known

        return tree_map(wrapped, out)

    def _check(self, name: str, tensors: list[Tensor], there: bool, args: Any) -> None:
        cards = [isinstance(a, OnCard) for a in tensors]
        if name in ACROSS:
            if any(cards) and not there:
                self.waits.append((name, _place()))
            elif there and not all(cards):
                self.uploads.append((name, _place()))
            return
        if not any(cards):
            return
        masks = name in INDEXED and any(
            part is not None and part.dtype in (torch.bool, torch.uint8) for part in args[1]
        )
        if name in WAITING or masks:
            self.waits.append((name, _place()))
        if all(cards) or name in INDEXED:
            return
        apart = [t for t, on in zip(tensors, cards, strict=True) if not on and t.ndim]
        if apart:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{CARD} and cpu: {name} with {[tuple(t.shape) for t in apart]} on the CPU"
            )


class _Moves(TorchFunctionMode):
    """What comes to the card past the dispatcher: ``x.to(other)``, and numbers of Python's."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.to and any(isinstance(arg, OnCard) for arg in args[1:]):
            return _copied(*args, **kwargs)
        if func is Tensor.new_tensor and isinstance(args[0], OnCard):
            data = torch.tensor(*args[1:], **{"dtype": args[0].dtype, **kwargs})
            return _copied(data, device=CARD)
        target = kwargs.get("device")
        if (
            func in (torch.tensor, torch.as_tensor)
            and target is not None
            and torch.device(target).type == "cuda"
            and not isinstance(args[0], OnCard)
        ):
            return _copied(func(*args, **{**kwargs, "device": "cpu"}), device=target)
        return func(*args, **kwargs)


@contextlib.contextmanager
def card() -> Iterator[Card]:
    """A pretended card for the length of a block; tensors come to it with ``.to(CARD)``."""
    initialise, overwrite = torch.cuda._lazy_init, torch.__future__
    torch.cuda._lazy_init = lambda: None
    before = overwrite.get_overwrite_module_params_on_conversion()
    overwrite.set_overwrite_module_params_on_conversion(True)  # model.to() makes new parameters
    try:
        with _Moves(), Card() as found:
            yield found
    finally:
        torch.cuda._lazy_init = initialise
        overwrite.set_overwrite_module_params_on_conversion(before)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnCard) else value


def _frames(*skipped: str) -> Iterator[FrameType]:
    """The callers, nearest first, but for files whose names contain one of these."""
    frame = inspect.currentframe()
    while frame is not None:
        if not any(part in frame.f_code.co_filename for part in ("pretending.py", *skipped)):
            yield frame
        frame = frame.f_back


def _of_the_engine() -> bool:
    """Whether autograd itself asks: to its C++ a tensor on this card is one of the CPU."""
    nearest = next(_frames("_compile.py", "eval_frame.py"))
    return nearest.f_code.co_name == "_engine_run_backward"


def _place() -> str:
    """Where in the package, or else in a test, this comes from."""
    frames = list(_frames("/torch/"))
    package = [f for f in frames if "/neurospike/" in f.f_code.co_filename]
    nearest = (package or frames)[0]
    name = nearest.f_code.co_filename.rpartition("/neurospike/")[2].rpartition("/gpu/")[2]
    return f"{name}:{nearest.f_lineno} {nearest.f_code.co_name}"
