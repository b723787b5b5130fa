"""A chain of layers with and without memory that runs sequences and streams alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError, StateError
from neurospike.nn.evaluating import evaluating
from neurospike.nn.flow import Flow, apply_stateless
from neurospike.nn.ilif import ILIF
from neurospike.nn.stateful import State, Stateful
from neurospike.nn.time_checkpoint import run_chunks, stretches, worth_chunks
from neurospike.nn.unary import UnarySpikes
from neurospike.sparse.voxel_tensor import VoxelTensor


class SpikingSequential(nn.Sequential, Stateful):
    """Run layers one after the other: neurons see time, all others see one step at a time.

    Layers without memory get (T * B, ...), in ``step`` (B, ...). Torch's own layers take the
    features of a VoxelTensor as rows. With unary events, Linear and convolutions, and modules
    that say ``synaptic = True``, are applied to every virtual step, summed, and add their bias
    once per integer step; all others meet integers, and so does whoever reads the output. (A
    synaptic module of your own has ``bias`` (out,) on the last axis, or None.)

    Shape
    -----
    in:  (T, B, ...), or a VoxelTensor with features (N, C) or (T, N, C)
    out: what the last layer gives, time first as the input; in ``step`` without the time axis
    state: the states of all stateful layers, in order, one flat tuple

    Raises
    ------
    ArgumentError
        A layer that hides a stateful layer without being Stateful itself.
    StateError
        In ``step``, a state that does not fit the layers or the input.

    Cost
    ----
    The layers' own; ``init_state`` runs one step in evaluation mode to learn the shapes.

    Examples
    --------
    >>> import torch
    >>> from neurospike.nn.lif import LIF
    >>> net = SpikingSequential(nn.Linear(3, 4), LIF(tau=2.0)).eval()
    >>> net(torch.ones(5, 2, 3)).shape
    torch.Size([5, 2, 4])
    >>> state = net.init_state((2, 3))
    >>> y, state = net.step(torch.ones(2, 3), state)
    >>> y.shape
    torch.Size([2, 4])
    """

    checkpoint_steps: int | None = None
    """Time steps of a chunk that is computed again in the backward pass: ``checkpoint_time``."""

    def __init__(self, *layers: Any) -> None:
        self._state_sizes: dict[str, int] = {}
        super().__init__(*layers)

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Add a layer; one that hides a stateful layer could not be streamed and is refused."""
        if module is not None and not isinstance(module, Stateful):
            hidden = next((m for m in module.modules() if isinstance(m, Stateful)), None)
            if hidden is not None:
                raise ArgumentError(
                    f"SpikingSequential.layers: {type(module).__name__} at {name} holds a "
                    f"{type(hidden).__name__} but is not Stateful itself; make it a "
                    "SpikingSequential or derive it from nn.Stateful."
                )
        super().add_module(name, module)

    def forward(self, input: Any) -> Any:
        """Run a whole sequence from rest; nothing is kept."""
        if isinstance(input, Flow):
            return self._run(input)
        return self._run(Flow.of_sequence(input)).result()

    def init_state(self, example: Tensor | VoxelTensor | Sequence[int] | Flow) -> State:
        """All layers' states at rest, for one step's input or its full shape."""
        if isinstance(example, Flow):
            flow = example
        elif isinstance(example, Tensor | VoxelTensor):
            flow = Flow.of_step(example)
        else:
            flow = Flow.of_step(self._zeros(example))
        states: list[Tensor] = []
        with evaluating(self):  # a trial step leaves no trace
            for name, layer in self.named_children():
                if isinstance(layer, Stateful):
                    state = layer.init_state(_one_step(layer, flow))
                    self._state_sizes[name] = len(state)
                    states += state
                    flow, _ = _step_stateful(layer, flow, state)
                else:
                    flow = _stateless(layer, flow)
        return tuple(states)

    def step(self, x: Any, state: State) -> tuple[Any, State]:
        """Advance by one time step."""
        flow = x if isinstance(x, Flow) else Flow.of_step(x)
        left = tuple(state)
        states: list[Tensor] = []
        for name, layer in self.named_children():
            if not isinstance(layer, Stateful):
                flow = _stateless(layer, flow)
                continue
            size = self._state_size(name, layer, flow)
            if len(left) < size:
                raise _misfit(len(state))
            flow, new = _step_stateful(layer, flow, left[:size])
            left = left[size:]
            states += new
        if left:
            raise _misfit(len(state))
        return (flow if isinstance(x, Flow) else flow.result()), tuple(states)

    def _run(self, flow: Flow) -> Flow:
        if not self._chunk_steps(flow):
            for layer in self:
                flow = _whole(layer, flow)
            return flow
        for stretch in stretches(list(self)):
            steps, x = self._chunk_steps(flow), flow.value
            if steps and isinstance(x, Tensor) and worth_chunks(stretch):
                flow = Flow(run_chunks(stretch, x, steps))
                continue
            for layer in stretch:
                flow = _whole(layer, flow)
        return flow

    def _chunk_steps(self, flow: Flow) -> int:
        """Steps of a chunk of this sequence; 0 to run it whole. See ``checkpoint_time``."""
        steps, x = self.checkpoint_steps, flow.value
        dense = isinstance(x, Tensor) and flow.depth == 1 and not flow.single
        if steps is None or not dense or not torch.is_grad_enabled():
            return 0
        return steps if isinstance(x, Tensor) and len(x) > steps else 0

    def _state_size(self, name: str, layer: Stateful, flow: Flow) -> int:
        """Tensors in a layer's state: fixed for a layer, so asked once."""
        if name not in self._state_sizes:
            self._state_sizes[name] = len(layer.init_state(_one_step(layer, flow)))
        return self._state_sizes[name]

    def _zeros(self, shape: Sequence[int]) -> Tensor:
        if any(hasattr(module, "kernel_map") for module in self.modules()):
            raise ArgumentError(
                "SpikingSequential.init_state: sparse convolutions need to know the voxels; got "
                f"the shape {tuple(shape)}. Give one step's VoxelTensor."
            )
        like = next((p for p in self.parameters() if p.is_floating_point()), torch.empty(0))
        return torch.zeros(tuple(shape), dtype=like.dtype, device=like.device)


def _whole(layer: nn.Module, flow: Flow) -> Flow:
    """A layer over a whole sequence."""
    if isinstance(layer, SpikingSequential):
        after: Flow = layer(flow)
        return after
    if isinstance(layer, Stateful):
        flow = flow.integers()
        return flow.then(layer(flow.value), _depth_after(layer))
    return _stateless(layer, flow)


def _stateless(layer: nn.Module, flow: Flow) -> Flow:
    if isinstance(layer, UnarySpikes):
        flow = flow.integers()
        return flow.then(layer(flow.value), layer.max_spikes)
    return apply_stateless(layer, flow)


def _one_step(layer: Stateful, flow: Flow) -> Any:
    """What ``layer`` takes in ``init_state`` and ``step``."""
    if isinstance(layer, SpikingSequential):
        return flow
    return flow.integers().result()


def _step_stateful(layer: Stateful, flow: Flow, state: State) -> tuple[Flow, State]:
    x = _one_step(layer, flow)
    y, state = layer.step(x, state)
    if isinstance(y, Flow):
        return y, state
    depth = _depth_after(layer)
    if isinstance(y, Tensor) and depth == 1:
        y = y[None]
    return Flow(y, depth if isinstance(y, Tensor) else 1, single=True), state


def _depth_after(layer: Stateful) -> int:
    return layer.max_spikes if isinstance(layer, ILIF) and layer.mode == "unary" else 1


def _misfit(got: int) -> StateError:
    return StateError(
        f"SpikingSequential: state has {got} tensors, which is not what the layers need; "
        "start from init_state(example)."
    )
