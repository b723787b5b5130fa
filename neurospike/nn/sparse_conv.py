"""Sparse convolutions on occupied voxels: submanifold, strided and inverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.kernels import autocast
from neurospike.kernels.sparse import select
from neurospike.kernels.sparse.rules import Rules
from neurospike.nn.unary import collapse
from neurospike.sparse.active_set import Shape3
from neurospike.sparse.kernel_map import KernelMap, strided_map, submanifold_map
from neurospike.sparse.voxel_tensor import VoxelTensor

Edges = int | Sequence[int]


class _SparseConv(nn.Module):
    """What the three convolutions share: parameters, checks, and the sum over the kernel map."""

    synaptic: ClassVar[bool] = True
    """Each (non-zero input, occupied tap, output channel) is one synaptic operation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Shape3, bias: bool) -> None:
        super().__init__()
        owner = type(self).__name__
        for name, value in (("in_channels", in_channels), ("out_channels", out_channels)):
            if value < 1:
                raise ArgumentError(f"{owner}.{name}: must be 1 or more; got {value}.")
        self.in_channels = int(in_channels)
        self.out_channels = int(out_channels)
        self.kernel_size = kernel
        self.weight = nn.Parameter(torch.empty(math.prod(kernel), in_channels, out_channels))
        self.bias: nn.Parameter | None
        self.register_parameter("bias", nn.Parameter(torch.empty(out_channels)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly within 1 / sqrt(fan-in), as torch's convolutions do."""
        bound = 1.0 / math.sqrt(self.in_channels * self.weight.shape[0])
        with torch.no_grad():
            self.weight.uniform_(-bound, bound)
            if self.bias is not None:
                self.bias.uniform_(-bound, bound)

    def kernel_map(self, x: VoxelTensor) -> KernelMap:
        """The map that ``forward`` sums over, from the cache of the input's active set."""
        raise NotImplementedError(f"{type(self).__name__} defines no kernel_map")

    def forward(self, x: VoxelTensor) -> VoxelTensor:
        """Convolve one step (N, C) or a sequence (T, N, C); unary events are summed per step."""
        self._check(x)
        features, weight, bias = self._cast(x.features)
        found = self.kernel_map(x)
        if x.virtual_steps == 1 and not x.one_step:
            y = _convolve(features, weight, bias, found.rules)
            return VoxelTensor.on(found.out_active, y)
        y = _convolve(features, weight, None, found.rules)
        events = VoxelTensor.on(
            found.out_active, y, virtual_steps=x.virtual_steps, one_step=x.one_step
        )
        whole = collapse(events)
        return whole if bias is None else whole.replace(whole.features + bias)

    def _cast(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """What is multiplied: inside ``torch.autocast`` all of it in its dtype, else as it is."""
        if not autocast.is_on(features):
            return features, self.weight, self.bias
        dtype = autocast.cast_dtype(features)
        bias = None if self.bias is None else self.bias.to(dtype)
        return features.to(dtype), self.weight.to(dtype), bias

    def _check(self, x: VoxelTensor) -> None:
        owner = type(self).__name__
        if x.features.shape[-1] != self.in_channels:
            raise ArgumentError(
                f"{owner}.in_channels: the input must have {self.in_channels} channels; "
                f"got {x.features.shape[-1]}. Build the layer for the input's channels."
            )
        if x.features.dtype != self.weight.dtype and not autocast.is_on(x.features):
            raise ArgumentError(
                f"{owner}.weight: must have the dtype of the features; got {self.weight.dtype} "
                f"and {x.features.dtype}. Bring one to the other with .to(dtype)."
            )


class SubmanifoldConv3d(_SparseConv):
    """Convolve at occupied voxels only; the occupied set is unchanged.

    Parameters
    ----------
    kernel_size
        Odd window edge(s), in voxels, in the order of the coordinate columns.
    dilation
        Distance(s) between neighbouring taps, in voxels.
    bias
        Whether to add one number per output channel.

    Shape
    -----
    in:  features (N, C_in) or (T, N, C_in), coords (N, 4) int32 as (batch, i, j, k)
    out: features (N, C_out) or (T, N, C_out), the same active set
    weight (prod(kernel_size), C_in, C_out), offsets row-major, cross-correlation as in
    ``torch.nn.functional.conv3d``; bias (C_out,). With unary events the virtual steps of a step
    are summed, and the bias is added once.

    Raises
    ------
    ArgumentError
        An even edge, or C_in or dtype different from the input's.

    Cost
    ----
    One synaptic operation per (non-zero input, occupied tap, output channel). Sparse inputs take
    an event-driven path, chosen by measured density, with the same bits.

    Source
    ------
    Graham et al., CVPR 2018, arXiv:1711.10275. Departures: none.

    Examples
    --------
    >>> coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 3, 3, 3]])
    >>> x = VoxelTensor(coords, torch.ones(3, 2), (4, 4, 4), batch_size=1)
    >>> conv = SubmanifoldConv3d(2, 1)
    >>> _ = torch.nn.init.ones_(conv.weight)
    >>> conv(x).features.flatten().tolist()
    [4.0, 4.0, 2.0]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Edges = 3,
        *,
        dilation: Edges = 1,
        bias: bool = False,
    ) -> None:
        kernel = _triple("SubmanifoldConv3d", "kernel_size", kernel_size, least=1)
        if any(edge % 2 == 0 for edge in kernel):
            raise ArgumentError(
                "SubmanifoldConv3d.kernel_size: edges must be odd (the window needs a centre); "
                f"got {kernel}. For even windows use SparseConv3d."
            )
        super().__init__(in_channels, out_channels, kernel, bias)
        self.dilation = _triple("SubmanifoldConv3d", "dilation", dilation, least=1)

    def kernel_map(self, x: VoxelTensor) -> KernelMap:
        """Pairs of occupied voxels within the window of each other."""
        return submanifold_map(x.active, self.kernel_size, self.dilation)

    def extra_repr(self) -> str:
        """What the representation shows."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, bias={self.bias is not None}"
        )


class SparseConv3d(_SparseConv):
    """Convolve with a stride; every site that a voxel reaches becomes occupied.

    Parameters
    ----------
    kernel_size, stride, padding, dilation
        One integer, or three in the order of the coordinate columns, in voxels.
    bias
        Whether to add one number per output channel, at occupied output sites only.

    Shape
    -----
    in:  features (N, C_in) or (T, N, C_in)
    out: features (M, C_out) or (T, M, C_out) on the reached sites, ascending; grid edges
    floor((X + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, as in
    ``torch.nn.functional.conv3d``. With kernel 2 and stride 2 an odd edge loses its last plane:
    pad spatial_shape to a multiple of the stride.
    weight (prod(kernel_size), C_in, C_out), offsets row-major; bias (C_out,)

    Raises
    ------
    ArgumentError
        A window that does not fit the grid, or C_in or dtype different from the input's.

    Cost
    ----
    One synaptic operation per (non-zero input, reached output, output channel).

    Source
    ------
    Graham, arXiv:1505.02890. Departures: none.

    Examples
    --------
    >>> coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 3, 3, 3]])
    >>> x = VoxelTensor(coords, torch.ones(3, 2), (4, 4, 4), batch_size=1)
    >>> SparseConv3d(2, 5, kernel_size=2, stride=2)(x)
    VoxelTensor(voxels=2, features=(2, 5), spatial_shape=(2, 2, 2), batch_size=1)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Edges,
        *,
        stride: Edges,
        padding: Edges = 0,
        dilation: Edges = 1,
        bias: bool = False,
    ) -> None:
        owner = "SparseConv3d"
        super().__init__(
            in_channels, out_channels, _triple(owner, "kernel_size", kernel_size, least=1), bias
        )
        self.stride = _triple(owner, "stride", stride, least=1)
        self.padding = _triple(owner, "padding", padding, least=0)
        self.dilation = _triple(owner, "dilation", dilation, least=1)

    def kernel_map(self, x: VoxelTensor) -> KernelMap:
        """Pairs of an occupied voxel and a site that it reaches."""
        return strided_map(x.active, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """What the representation shows."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"bias={self.bias is not None}"
        )


class SparseInverseConv3d(_SparseConv):
    """Undo the geometry of a strided convolution: back onto the voxels that it came from.

    Parameters
    ----------
    of
        The SparseConv3d whose pairs are walked the other way. It is held without being
        registered: its parameters belong to the module that registers it.
    bias
        Whether to add one number per output channel.

    Shape
    -----
    in:  features (M, C_in) or (T, M, C_in) on a set that ``of`` made
    out: features (N, C_out) or (T, N, C_out) on the parent set that the tensor carries
    weight (prod(of.kernel_size), C_in, C_out); the values are those of
    ``torch.nn.functional.conv_transpose3d`` at the parent's voxels.

    Raises
    ------
    ArgumentError
        A tensor that does not come from ``of``, or C_in or dtype different from the input's.

    Cost
    ----
    As ``of``: one synaptic operation per (non-zero input, pair, output channel).

    Source
    ------
    Graham et al., CVPR 2018, arXiv:1711.10275. Departures: none.

    Examples
    --------
    >>> coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 3, 3, 3]])
    >>> x = VoxelTensor(coords, torch.ones(3, 2), (4, 4, 4), batch_size=1)
    >>> down = SparseConv3d(2, 5, kernel_size=2, stride=2)
    >>> up = SparseInverseConv3d(5, 2, of=down)
    >>> up(down(x)).active is x.active
    True
    """

    of: SparseConv3d

    def __init__(
        self, in_channels: int, out_channels: int, *, of: SparseConv3d, bias: bool = False
    ) -> None:
        if not isinstance(of, SparseConv3d):
            raise ArgumentError(
                f"SparseInverseConv3d.of: must be a SparseConv3d; got {type(of).__name__}."
            )
        super().__init__(in_channels, out_channels, of.kernel_size, bias)
        self.__dict__["of"] = of  # past nn.Module.__setattr__, which would register it

    def kernel_map(self, x: VoxelTensor) -> KernelMap:
        """The pairs of ``of`` with their sides exchanged."""
        parent = x.active.parent
        if parent is not None:
            of = self.of
            down = strided_map(parent, of.kernel_size, of.stride, of.padding, of.dilation)
            if down.out_active.same_voxels(x.active):
                return down.transposed()
        raise ArgumentError(
            "SparseInverseConv3d.x: must lie on the voxels that the SparseConv3d given as 'of' "
            f"made; got {x!r}. Apply the inverse to a tensor at the stride of that layer's output."
        )

    def extra_repr(self) -> str:
        """What the representation shows."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.of.stride}, bias={self.bias is not None}"
        )


def _convolve(features: Tensor, weight: Tensor, bias: Tensor | None, rules: Rules) -> Tensor:
    """As a GPU has it: half precision is what is multiplied, sums are float32."""
    if features.device.type != "cpu" or features.dtype not in autocast.HALVES:
        return select.convolve(features, weight, bias, rules)
    wide = None if bias is None else bias.float()
    return select.convolve(features.float(), weight.float(), wide, rules).to(features.dtype)


def _triple(owner: str, name: str, value: Edges, *, least: int) -> Shape3:
    edges = (value,) * 3 if isinstance(value, int) else tuple(int(edge) for edge in value)
    if len(edges) != 3 or min(edges) < least:
        raise ArgumentError(
            f"{owner}.{name}: must be one integer or three, each {least} or more; got {value}."
        )
    return edges
