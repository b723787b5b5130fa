"""One step of a network as a CUDA graph: launched whole, where a stream waits for each answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError, StateError
from neurospike.nn.stateful import State, Stateful
from neurospike.runtime.devices import device_of

Run = Callable[[], None]
Capture = Callable[[Run], Run]

WARM_UP = 3
"""Runs before the capture: kernels compile there, and libraries allocate what they keep."""


class GraphedStream:
    """Stream through a network with one launch a step: its step, captured once, is replayed.

    A step of a small batch is over before Python has launched its next kernel; a CUDA graph
    launches them all at once. Input, output and state have fixed places in memory, into which the
    step was captured: a call copies the input there, replays, and gives a copy of the output. The
    state stays in its place from call to call. On the CPU there are no graphs: there the step is
    run as it is, with the same results, and ``graphed`` is False.

    Parameters
    ----------
    model
        A dense network in evaluation mode with ``step`` and ``init_state``, such as
        ``nn.SpikingSequential``, whose step gives one tensor.
    example
        One step's input, or its full shape such as (B, features), taken as float32 where the
        network is.
    capture
        Records a function of no arguments and returns what replays it. Left out: CUDA's graphs
        for CUDA tensors, nothing for others.

    Shape
    -----
    in:  what ``model.step`` takes, always the example's shape, dtype and device
    out: what ``model.step`` gives

    Raises
    ------
    ArgumentError
        A network in training mode, without ``step``, with sparse convolutions (the shapes of
        voxels change from scan to scan), or whose step asks the device for a number while it is
        captured; an input of another shape, dtype or device than the example.
    StateError
        ``restore`` with a state of other shapes.

    Cost
    ----
    Two copies and one launch a step; memory of the step's intermediate results, kept. Weights
    changed in place are seen. Weights replaced or moved elsewhere are not, nor is what a step
    decides in Python, such as the width of a delay's spread: make another stream.

    Examples
    --------
    >>> import neurospike.nn as spiking
    >>> net = spiking.SpikingSequential(spiking.LIF(tau=2.0)).eval()
    >>> stream = GraphedStream(net, (1, 1))
    >>> [float(stream(torch.tensor([[0.75]]))) for _ in range(3)]
    [0.0, 1.0, 0.0]
    >>> stream.graphed
    False
    >>> stream.reset()
    """

    def __init__(
        self,
        model: nn.Module,
        example: Tensor | Sequence[int],
        *,
        capture: Capture | None = None,
    ) -> None:
        _check_model(model)
        self._model = cast(Stateful, model)
        self._x = _input_like(model, example)
        if capture is None and self._x.is_cuda:
            capture = CudaCapture(self._x.device)
        self.graphed = capture is not None
        with torch.no_grad():
            self._rest: State = tuple(
                part.to(self._x.device) for part in self._model.init_state(self._x)
            )
            self._state: State = tuple(part.clone() for part in self._rest)
            self._y = _one_tensor(self._model.step(self._x, self._state)[0]).clone()
            self._replay = self._advance if capture is None else self._captured(capture)
        self.reset()

    def __call__(self, x: Tensor) -> Tensor:
        """Advance by one time step; the output is the caller's own."""
        _check_like(x, self._x)
        with torch.no_grad():
            self._x.copy_(x)
            self._replay()
            return self._y.clone()

    def reset(self) -> None:
        """Start from rest."""
        self.restore(self._rest)

    @property
    def state(self) -> State:
        """A copy of the state as it is now, as ``model.step`` has it."""
        return tuple(part.clone() for part in self._state)

    def restore(self, state: State) -> None:
        """Go on from another state, for instance one that was read here before."""
        shapes, wanted = _shapes(state), _shapes(self._state)
        if shapes != wanted:
            raise StateError(
                f"GraphedStream.restore: the state must be tensors of shapes {wanted}; got "
                f"{shapes}. Take one from .state, or from init_state of the same input."
            )
        with torch.no_grad():
            for place, part in zip(self._state, state, strict=True):
                place.copy_(part)

    def _captured(self, capture: Capture) -> Run:
        try:
            return capture(self._advance)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise ArgumentError(
                "GraphedStream.model: its step cannot be captured, as it does more than launch "
                f"kernels ({reason}). Run it with model.step."
            ) from error

    def _advance(self) -> None:
        """One step from place to place. All is computed before any of it is overwritten."""
        y, state = self._model.step(self._x, self._state)
        places = {_memory(part) for part in self._state}
        new = [part.clone() if _memory(part) in places else part for part in state]
        self._y.copy_(y)
        for place, part in zip(self._state, new, strict=True):
            place.copy_(part)


class CudaCapture:
    """Records a function as a CUDA graph, after some runs of it on a stream of their own.

    Source
    ------
    The order of warming up and capturing is that of ``torch.cuda.make_graphed_callables``.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, run: Run) -> Run:
        """Warm up, capture; replaying allocates nothing."""
        with torch.cuda.device(self.device):
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP):
                    run()
            torch.cuda.current_stream().wait_stream(aside)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=aside):
                run()
        return graph.replay


def _check_model(model: nn.Module) -> None:
    if model.training:
        raise ArgumentError(
            "GraphedStream.model: must be in evaluation mode, so that a step does not change it; "
            "call model.eval() first."
        )
    if not all(callable(getattr(model, name, None)) for name in ("step", "init_state")):
        raise ArgumentError(
            f"GraphedStream.model: needs step and init_state; got {type(model).__name__}. "
            "Make it an nn.SpikingSequential, or derive it from nn.Stateful."
        )
    for name, module in model.named_modules():
        if hasattr(module, "kernel_map"):
            raise ArgumentError(
                "GraphedStream.model: must be dense, a graph has fixed shapes and voxels change "
                f"from scan to scan; got {type(module).__name__} at {name or 'the top'}. Use "
                "runtime.ScanSession."
            )


def _input_like(model: nn.Module, example: Tensor | Sequence[int]) -> Tensor:
    """The place of the input: the example's values in memory that nobody else has."""
    if isinstance(example, Tensor):
        return example.detach().clone()
    if not isinstance(example, Sequence):
        raise ArgumentError(
            "GraphedStream.example: must be one step's tensor or its shape; got "
            f"{type(example).__name__}. For voxels use runtime.ScanSession."
        )
    return torch.zeros(tuple(example), device=device_of(model))


def _one_tensor(y: Any) -> Tensor:
    if not isinstance(y, Tensor):
        raise ArgumentError(
            f"GraphedStream.model: its step must give one tensor; got {type(y).__name__}. Run it "
            "with model.step."
        )
    return y


def _check_like(x: Tensor, place: Tensor) -> None:
    if (x.shape, x.dtype, x.device) != (place.shape, place.dtype, place.device):
        raise ArgumentError(
            f"GraphedStream.x: must be {_said(place)}, as the example was; got {_said(x)}. Make "
            "another stream for it."
        )


def _said(x: Tensor) -> str:
    return f"{tuple(x.shape)} {str(x.dtype).removeprefix('torch.')} on {x.device}"


def _memory(x: Tensor) -> int:
    """What tells whether two tensors lie in the same memory."""
    return int(x.untyped_storage()._cdata)


def _shapes(state: State) -> list[tuple[int, ...]]:
    return [tuple(part.shape) for part in state]
