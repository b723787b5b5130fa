"""What convolutions with learnable delays share: windows over space as rows of a linear layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike.errors import ArgumentError, StateError
from neurospike.functional.delays import Spread
from neurospike.kernels.delays import select
from neurospike.nn.delay_linear import Per
from neurospike.nn.delayed import Delayed
from neurospike.nn.stateful import State

if TYPE_CHECKING:
    from neurospike.kernels.delays.line import Packed

Edges = int | Sequence[int]


class DelayConvNd(Delayed):
    """A convolution over space whose every synapse has a delay in time.

    The windows of all positions are laid out as rows, on which the convolution is the linear
    layer with delays that ``DelayLinear`` is.
    """

    axes: ClassVar[int]
    """Spatial axes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Edges,
        max_delay: int,
        *,
        stride: Edges = 1,
        padding: Edges = 0,
        dilation: Edges = 1,
        groups: int = 1,
        taps: int = 1,
        per: Per = "synapse",
        spread: Spread = "gaussian",
        tail: int = 0,
        sigma: float | None = None,
    ) -> None:
        super().__init__(max_delay, spread, sigma)
        counts = {"in_channels": in_channels, "out_channels": out_channels, "taps": taps}
        for name, value in {**counts, "groups": groups}.items():
            self._check_count(name, value, least=1)
        self._check_count("tail", tail, least=0)
        self._check_choice("per", per, get_args(Per))
        for name in ("in_channels", "out_channels"):
            if counts[name] % groups:
                raise ArgumentError(
                    f"{self._name}.groups: must divide {name} = {counts[name]}; got {groups}."
                )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = self._edges("kernel_size", kernel_size, least=1)
        self.stride = self._edges("stride", stride, least=1)
        self.padding = self._edges("padding", padding, least=0)
        self.dilation = self._edges("dilation", dilation, least=1)
        self.groups = groups
        self.taps = taps
        self.per: Per = per
        self.tail = tail
        shape = (out_channels, in_channels // groups, *self.kernel_size, taps)
        delays = {"synapse": shape, "axon": (in_channels, taps), "dendrite": (out_channels, taps)}
        self.weight = nn.Parameter(torch.empty(shape))
        self.delay = nn.Parameter(torch.empty(delays[per]))
        self._packed: dict[int, Packed] = {}
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and delays anew."""
        nn.init.kaiming_uniform_(self.weight.flatten(1, -2).detach(), nonlinearity="relu")
        nn.init.uniform_(self.delay, 0.0, self.max_delay - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Run a whole sequence from rest; nothing is kept."""
        x = self._cast(x)
        self._check_input(x, steps=True)
        if torch.compiler.is_compiling():
            return self._laid_out(self._in_graph(x, self.tail), x)
        rule, whole = self.rule(self.tail), self._event_driven(x)
        rows, delay = self.windows(x), self.settled()
        outs = []
        for group in range(self.groups):
            part, (weight, late) = self._inputs(rows, group), self.synapses(group, delay)
            if whole:
                packed = self._pack(group, weight, late)
                outs.append(select.sequence(part, weight, late, rule, packed))
            else:
                outs.append(select.convolve(part, weight, late, rule))
        return self._laid_out(torch.cat(outs, -1), x)

    def init_state(self, example: Tensor | Sequence[int]) -> State:
        """Nothing on its way, for one step's input or its full shape such as (B, C, L)."""
        like = example if isinstance(example, Tensor) else self.weight
        shape = tuple(example.shape if isinstance(example, Tensor) else example)
        if len(shape) != 2 + self.axes or shape[1] != self.in_channels:
            raise ArgumentError(
                f"{self._name}.example: must be one step's input, (B, {self.in_channels}, "
                f"{self._space_names}), or its shape; got {shape}."
            )
        positions = math.prod(self.out_space(shape[2:]))
        pending = like.new_zeros(shape[0], positions, self.max_delay, self.out_channels)
        return (pending.detach(),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one time step: x is (B, in_channels, *space)."""
        x = self._cast(x)
        self._check_input(x, steps=False)
        pending = self._check_state(x, state).flatten(0, 1)
        rule, whole = self.rule(self.max_delay - 1), self._event_driven(x)
        rows, delay = self.windows(x[None]), self.settled()
        parts = []
        for group in range(self.groups):
            part, (weight, late) = self._inputs(rows, group), self.synapses(group, delay)
            before = pending[..., self._channels(group, self.out_channels)]
            if whole:
                packed = self._pack(group, weight, late)
                parts.append(select.arrive(part[0], before, weight, late, rule, packed))
            else:
                arriving = select.convolve(part, weight, late, rule).transpose(0, 1)
                parts.append(before + arriving)
        due = torch.cat(parts, -1)
        left = torch.cat([due[:, 1:], torch.zeros_like(due[:, :1])], 1)
        return self._laid_out(due[None, :, 0], x[None])[0], (left.reshape(state[0].shape),)

    def windows(self, x: Tensor) -> Tensor:
        """(T, B, in_channels, *space) -> (T, B * positions, in_channels * offsets).

        A row holds what the kernel meets at one position, channel by channel.
        """
        steps, batch, channels = x.shape[:3]
        found = F.pad(x, [pad for edge in reversed(self.padding) for pad in (edge, edge)])
        for axis in range(self.axes):
            d, k = self.dilation[axis], self.kernel_size[axis]
            found = found.unfold(3 + axis, d * (k - 1) + 1, self.stride[axis])[..., ::d]
        space = range(3, 3 + self.axes)
        offsets = range(3 + self.axes, 3 + 2 * self.axes)
        rows = found.permute(0, 1, *space, 2, *offsets)
        positions = math.prod(rows.shape[2 : 2 + self.axes])
        return rows.reshape(steps, batch * positions, channels * math.prod(self.kernel_size))

    def synapses(self, group: int, delay: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (out, windows' columns, taps) of a group, and delays that broadcast to them."""
        mine = self._channels(group, self.out_channels)
        weight = self.weight[mine].flatten(1, -2)
        if self.per == "synapse":
            return weight, delay[mine].flatten(1, -2)
        if self.per == "dendrite":
            return weight, delay[mine][:, None]
        axons = delay[self._channels(group, self.in_channels)]
        return weight, axons.repeat_interleave(math.prod(self.kernel_size), 0)[None]

    def out_space(self, space: Sequence[int]) -> tuple[int, ...]:
        """Edges of the output for an input of these edges."""
        edges = zip(space, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        found = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in edges)
        if min(found) < 1:
            raise ArgumentError(
                f"{self._name}.x: must be at least as large as the kernel {self.kernel_size}; got "
                f"edges {tuple(space)} with padding {self.padding}."
            )
        return found

    def extra_repr(self) -> str:
        """What the representation shows: sizes, and what differs from the defaults."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        parts.append(f"max_delay={self.max_delay}")
        usual = {"stride": (1,) * self.axes, "padding": (0,) * self.axes}
        usual |= {"dilation": (1,) * self.axes}
        rest = {**usual, "groups": 1, "taps": 1, "per": "synapse", "tail": 0}
        for name, value in rest.items():
            if getattr(self, name) != value:
                parts.append(f"{name}={getattr(self, name)!r}")
        return ", ".join([*parts, *self._spread_repr("gaussian")])

    def _in_graph(self, x: Tensor, tail: int) -> Tensor:
        """A sequence from rest as a compiler takes it: (T + tail, B * positions, out)."""
        rows = self.windows(x)
        outs = []
        for group in range(self.groups):
            weight, late = self.synapses(group, self.delay)
            part, shares = self._inputs(rows, group), self.shares_in_graph(late)
            outs.append(select.convolve_in_graph(part, weight, shares, tail))
        return torch.cat(outs, -1)

    def _laid_out(self, rows: Tensor, x: Tensor) -> Tensor:
        """(T', B * positions, out) -> (T', B, out, *space), x being the input."""
        space = self.out_space(x.shape[3:])
        y = rows.reshape(len(rows), x.shape[1], math.prod(space), self.out_channels)
        return y.transpose(2, 3).reshape(len(rows), x.shape[1], self.out_channels, *space)

    def _inputs(self, rows: Tensor, group: int) -> Tensor:
        columns = self._channels(group, self.in_channels * math.prod(self.kernel_size))
        return rows if self.groups == 1 else rows[..., columns].contiguous()

    def _channels(self, group: int, total: int) -> slice:
        each = total // self.groups
        return slice(group * each, (group + 1) * each)

    def _event_driven(self, x: Tensor) -> bool:
        return self.is_rounded and select.takes_events(x)

    def _pack(self, group: int, weight: Tensor, delay: Tensor) -> Packed:
        """A group's synapses sorted for events; kept until weights or delays change."""
        kept = self._packed.get(group)
        if kept is None or not kept.holds(weight, delay):
            kept = self._packed[group] = select.pack(weight, delay, self.max_delay)
        return kept

    @property
    def _space_names(self) -> str:
        return ", ".join(("X", "Y")[: self.axes]) if self.axes > 1 else "L"

    def _edges(self, name: str, value: Edges, *, least: int) -> tuple[int, ...]:
        edges = tuple(value) if isinstance(value, Sequence) else (value,) * self.axes
        if len(edges) != self.axes:
            raise ArgumentError(
                f"{self._name}.{name}: must be one number or {self.axes}; got {value!r}."
            )
        for edge in edges:
            self._check_count(name, edge, least=least)
        return edges

    def _check_input(self, x: Tensor, *, steps: bool) -> None:
        names = f"({'T, ' if steps else ''}B, in_channels, {self._space_names})"
        self._check_dense(x, axes=2 + self.axes + steps, shape=names)
        channels = x.shape[1 + steps]
        if channels != self.in_channels:
            raise ArgumentError(
                f"{self._name}.x: must be {names} with in_channels = {self.in_channels}; got "
                f"{tuple(x.shape)}."
            )
        self.out_space(x.shape[2 + steps :])

    def _check_state(self, x: Tensor, state: State) -> Tensor:
        if len(state) != 1:
            raise StateError(
                f"{self._name}: state must be (pending,); got {len(state)} tensors; "
                "start from init_state(example)."
            )
        positions = math.prod(self.out_space(x.shape[2:]))
        expected = (x.shape[0], positions, self.max_delay, self.out_channels)
        found = tuple(state[0].shape)
        if found == expected:
            return state[0].to(x.dtype)
        fits = len(found) == len(expected) and found[1:] == expected[1:]
        what, had, got = ("batch", found[0], expected[0]) if fits else ("shape", found, expected)
        raise StateError(
            f"{self._name}: state has {what} {had}, input has {got}; "
            "start from init_state(example)."
        )
