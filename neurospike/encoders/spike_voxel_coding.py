"""Spike Voxel Coding: the stem that turns voxel features into spikes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from neurospike.errors import ArgumentError, StateError
from neurospike.nn import ILIF, SparseBatchNorm, State, Stateful, SubmanifoldConv3d
from neurospike.sparse import VoxelTensor

WEIGHT_STD = 0.02
BN_EPS = 1e-3
BN_MOMENTUM = 0.01


class SpikeVoxelCoding(Stateful):
    """Turn real voxel features into integer spikes with three submanifold convolutions.

    Three times convolution 3x3x3 without bias, BatchNorm and I-LIF. The input is one time step;
    with more steps its current, after the first BatchNorm, is computed once and repeated.

    As a container it leaves ``emits_spikes`` to the neurons inside it.

    Parameters
    ----------
    in_channels
        Features of a voxel, for instance x, y, z and intensity.
    steps, max_spikes
        Time steps T, and the largest spike value D of a step.

    Shape
    -----
    in:  VoxelTensor, features (N, in_channels)
    out: VoxelTensor on the same voxels, spikes 0..D, features (N, channels) where T = 1 and
         (T, N, channels) otherwise. In unary mode (``nn.spike_mode``) binary, D virtual steps
         per time step.
    state: three membranes (N, channels). ``step`` takes the same voxels at every step.

    Raises
    ------
    ArgumentError
        A number below 1, or features of another shape.
    StateError
        In ``step``, a state of other voxels than the input's.

    Cost
    ----
    The first convolution meets real numbers and is counted in multiplications; the other two
    are event-driven. 27 * in_channels * channels + 54 * channels^2 + 6 * channels parameters.

    Source
    ------
    arXiv:2412.07360, stem. Departures: the spike that opens the first stage there closes the
    stem here, which is the same function; T > 1, which the published code has not.

    Examples
    --------
    >>> sum(p.numel() for p in SpikeVoxelCoding(6, 16).parameters())
    16512
    """

    def __init__(
        self, in_channels: int, channels: int, steps: int = 1, max_spikes: int = 4
    ) -> None:
        super().__init__()
        numbers = {
            "in_channels": in_channels,
            "channels": channels,
            "steps": steps,
            "max_spikes": max_spikes,
        }
        for name, value in numbers.items():
            if value < 1:
                raise ArgumentError(f"SpikeVoxelCoding.{name}: must be 1 or more; got {value}.")
        self.in_channels = in_channels
        self.channels = channels
        self.steps = steps
        self.max_spikes = max_spikes
        inputs = (in_channels, channels, channels)
        self.convs = nn.ModuleList(SubmanifoldConv3d(n, channels, kernel_size=3) for n in inputs)
        self.norms = nn.ModuleList(
            SparseBatchNorm(channels, eps=BN_EPS, momentum=BN_MOMENTUM) for _ in inputs
        )
        self.neurons = nn.ModuleList(ILIF(max_spikes) for _ in inputs)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights from a normal distribution of deviation 0.02, cut at plus-minus 2."""
        for conv in self.convs:
            weight = conv.weight
            if isinstance(weight, Tensor):
                nn.init.trunc_normal_(weight, std=WEIGHT_STD)

    def forward(self, x: VoxelTensor) -> VoxelTensor:
        """Code one cloud or batch, from rest."""
        current = self.current(x)
        if self.steps > 1:
            repeated = current.features.expand(self.steps, *current.features.shape)
            current = current.replace(repeated.contiguous())
        spikes: VoxelTensor = self.neurons[0](current)
        for conv, norm, neuron in zip(
            self.convs[1:], self.norms[1:], self.neurons[1:], strict=True
        ):
            spikes = neuron(norm(conv(spikes)))
        return spikes

    def init_state(self, example: VoxelTensor | Sequence[int]) -> State:
        """Three membranes at rest, for a VoxelTensor (N, in_channels) or that shape."""
        if isinstance(example, VoxelTensor):
            self._check(example)
            rows = len(example.coords)
        else:
            rows = int(example[0])
        rest = next(self.parameters()).new_zeros(rows, self.channels)
        return tuple(part for neuron in self._firing() for part in neuron.init_state(rest))

    def step(self, x: VoxelTensor, state: State) -> tuple[VoxelTensor, State]:
        """Advance by one time step; ``steps`` of them on one input equal ``forward``."""
        firing = self._firing()
        # The ReLU of a conventional twin carries no membrane.
        sizes = [int(isinstance(neuron, ILIF)) for neuron in firing]
        if len(state) != sum(sizes):
            raise StateError(
                f"SpikeVoxelCoding: state must be {sum(sizes)} membranes; got {len(state)} "
                "tensors; start from init_state(example)."
            )
        y = self.current(x)
        after: State = ()
        for layer, (neuron, size) in enumerate(zip(firing, sizes, strict=True)):
            if layer > 0:
                y = self.norms[layer](self.convs[layer](y))
            y, kept = neuron.step(y, state[len(after) : len(after) + size])
            after += kept
        return y, after

    def current(self, x: VoxelTensor) -> VoxelTensor:
        """What drives the first neurons at every time step: (N, channels), real."""
        self._check(x)
        current: VoxelTensor = self.norms[0](self.convs[0](x))
        return current

    def _firing(self) -> list[Stateful]:
        return [neuron for neuron in self.neurons if isinstance(neuron, Stateful)]

    def _check(self, x: VoxelTensor) -> None:
        if x.features.ndim != 2 or x.features.shape[1] != self.in_channels:
            raise ArgumentError(
                f"SpikeVoxelCoding.x: features must be (N, {self.in_channels}), one time step; "
                f"got {tuple(x.features.shape)}. Set in_channels to match, and give steps here."
            )

    def extra_repr(self) -> str:
        """What the representation shows."""
        return (
            f"{self.in_channels}, {self.channels}, steps={self.steps}, max_spikes={self.max_spikes}"
        )
