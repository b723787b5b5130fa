"""Kernel maps and submanifold convolutions on a GPU, beside plain torch and beside spconv."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

from neurospike.bench import clouds, gpu_spconv, spconv_peer
from neurospike.bench.gpu_rig import OURS, Candidates, Rig, Row
from neurospike.kernels.sparse import select
from neurospike.kernels.sparse.gpu_tiles import products
from neurospike.nn import SubmanifoldConv3d
from neurospike.sparse import ActiveSet, VoxelTensor, submanifold_map

TORCH = "torch, gather-GEMM-scatter"
KERNEL = (3, 3, 3)
CHANNELS = (32, 64, 128)
PRECISIONS = ("ieee", "tf32", "bf16")
DENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
PATHS = {"triton": "every channel, by tiles", "triton-events": "channels that fire, one by one"}
"""Backends that compete over the density of spikes."""

DENSITY = 0.2
"""Share of non-zero features where the precisions are compared."""

TOLERANCES = {"ieee": 1e-5, "tf32": 5e-3, "bf16": 1e-2}
"""Of the largest value; the reference multiplies the same numbers exactly, in float32."""

PEERS_TOLERANCES = {"ieee": 1e-3, "tf32": 1e-2, "bf16": 1e-1}
"""A peer that scatters in bfloat16 rounds at every tap."""

Clouds = dict[str, ActiveSet]
Pairs = list[tuple[Tensor, Tensor]]


def run(repeats: int = 15) -> list[Row]:
    """A row a case and peer: how many times ours is faster, or smaller."""
    return measure(Rig.cuda(repeats), default_clouds())


def default_clouds() -> Clouds:
    """The clouds of the CPU's tables: a LiDAR frame, and sixteen surfaces."""
    name, frame = clouds.lidar()
    batch = clouds.surfaces()
    return {name: frame, f"{batch.batch_size} surfaces": batch}


def measure(
    rig: Rig,
    found: Clouds,
    *,
    channels: Sequence[int] = CHANNELS,
    precisions: Sequence[str] = PRECISIONS,
    densities: Sequence[float] = DENSITIES,
    paths: Mapping[str, str] = PATHS,
) -> list[Row]:
    """Maps, training at each precision and width, and evaluation over the density of spikes."""
    rows: list[Row] = []
    for where, on_cpu in found.items():
        active = on_cpu.to(rig.device)
        case = f"kernel map 3x3x3, {where}, {len(active):,} voxels"
        rows += rig.guarded(case, partial(_maps, rig, case, active))
        case = f"kernel map and one SubM forward, C = {channels[0]}, {where}"
        rows += rig.guarded(case, partial(_first, rig, case, active, channels[0]))
        for precision, width in product(precisions, channels):
            case = f"SubM forward + backward, {precision}, C = {width}, {where}"
            rows += rig.guarded(case, partial(_training, rig, case, active, width, precision))
        for width, density in product(channels, densities):
            case = f"SubM forward, bf16, C = {width}, {density:.0%} non-zero, {where}"
            part = partial(_forward, rig, case, active, width, density, paths)
            rows += rig.guarded(case, part)
    return rows


def gather_gemm_scatter(x: Tensor, weight: Tensor, pairs: Pairs) -> Tensor:
    """(N, C_in), (K, C_in, C_out) -> (N, C_out): what torch alone offers, differentiable."""
    out = x.new_zeros(len(x), weight.shape[2])
    for offset, (source, target) in enumerate(pairs):
        out.index_add_(0, target, x.index_select(0, source) @ weight[offset])
    return out


def _maps(rig: Rig, case: str, active: ActiveSet) -> list[Row]:
    def ours() -> Tensor:
        return submanifold_map(clouds.fresh(active), KERNEL, (1, 1, 1)).rules.table()

    def plain() -> Tensor:
        with select.backend("reference"):
            return ours()

    candidates: dict[str, Callable[[], Any]] = {OURS: ours, "torch, binary search": plain}
    if spconv_peer.runs_on(rig.device):
        candidates[gpu_spconv.name()] = lambda: gpu_spconv.build_map(active)
    return rig.race(case, candidates, right=plain, whole=True, memory=True)


@torch.no_grad()
def _first(rig: Rig, case: str, active: ActiveSet, width: int) -> list[Row]:
    """A layer that meets new voxels: the map, what is worked out from it, and the product."""
    layer = SubmanifoldConv3d(width, width).to(rig.device)
    _draw(rig, layer, torch.float32)
    x = clouds.spikes(len(active), width, DENSITY).to(rig.device)

    def ours() -> Tensor:
        y: Tensor = layer(VoxelTensor.on(clouds.fresh(active), x)).features
        return y

    candidates: dict[str, Callable[[], Any]] = {
        OURS: ours,
        TORCH: lambda: gather_gemm_scatter(x, layer.weight, _pairs(active)),
    }
    if spconv_peer.runs_on(rig.device):
        theirs = spconv_peer.to_device(spconv_peer.submanifold(width, width), rig.device)
        gpu_spconv.take_weight(theirs, layer.weight)
        candidates[gpu_spconv.name()] = lambda: theirs(spconv_peer.tensor(active, x)).features
        spconv_peer.round_to_tf32(False)
    with products("ieee"):
        right = _reference_of(layer, active)(x)
        return rig.race(
            case, candidates, right=lambda: right, tolerance=TOLERANCES["ieee"],
            peers_tolerance=PEERS_TOLERANCES["ieee"], whole=True,
        )  # fmt: skip


def _training(rig: Rig, case: str, active: ActiveSet, width: int, precision: str) -> list[Row]:
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with products("ieee"):
        spikes = clouds.spikes(len(active), width, DENSITY).to(rig.device)
        layer = SubmanifoldConv3d(width, width).to(rig.device)
        _draw(rig, layer, dtype)
        upstream = rig.normal(len(active), width, seed=2).to(dtype).float()
        right = _graded(_reference_of(layer, active), spikes, layer.weight, upstream)()
    candidates = _candidates(rig, active, layer, spikes, upstream, dtype)
    if spconv_peer.runs_on(rig.device):
        spconv_peer.round_to_tf32(precision == "tf32")
    with products("tf32" if precision == "tf32" else "ieee"):
        return rig.race(
            case,
            candidates,
            right=lambda: right,
            tolerance=TOLERANCES[precision],
            peers_tolerance=PEERS_TOLERANCES[precision],
            memory=True,
        )


def _candidates(
    rig: Rig,
    active: ActiveSet,
    layer: SubmanifoldConv3d,
    spikes: Tensor,
    upstream: Tensor,
    dtype: torch.dtype,
) -> Candidates:
    """Forward and backward: outputs, gradients of the features and of the weights."""
    low = SubmanifoldConv3d(layer.in_channels, layer.out_channels).to(rig.device, dtype)
    with torch.no_grad():
        low.weight.copy_(layer.weight)
    pairs = _pairs(active)

    def ours(x: Tensor) -> Tensor:
        y: Tensor = low(VoxelTensor.on(active, x)).features
        return y

    def plain(x: Tensor) -> Tensor:
        return gather_gemm_scatter(x, low.weight, pairs)

    x, g = spikes.to(dtype), upstream.to(dtype)
    found = {OURS: _graded(ours, x, low.weight, g), TORCH: _graded(plain, x, low.weight, g)}
    if spconv_peer.runs_on(rig.device):
        half = torch.float16 if dtype == torch.bfloat16 else dtype  # which spconv has no kernels of
        found[gpu_spconv.name(half)] = gpu_spconv.training(
            rig.device, active, layer.weight, spikes, upstream, half
        )
    return found


def _forward(
    rig: Rig, case: str, active: ActiveSet, width: int, density: float, paths: Mapping[str, str]
) -> list[Row]:
    """Evaluation in bfloat16, of which integer spikes lose nothing: ours beside its own paths."""
    layer = SubmanifoldConv3d(width, width).to(rig.device)
    _draw(rig, layer, torch.bfloat16)
    spikes = clouds.spikes(len(active), width, density).to(rig.device)
    pairs = _pairs(active)
    low, x = layer.weight.detach().bfloat16(), spikes.bfloat16()
    narrow = SubmanifoldConv3d(width, width).to(rig.device, torch.bfloat16)
    with torch.no_grad():
        narrow.weight.copy_(low)

        def ours() -> Tensor:
            y: Tensor = narrow(VoxelTensor.on(active, x)).features
            return y

        def by(backend: Any) -> Tensor:
            with select.backend(backend):
                return ours()

        candidates: dict[str, Callable[[], Any]] = {OURS: ours}
        candidates |= {f"{OURS}, {said}": partial(by, name) for name, said in paths.items()}
        candidates[TORCH] = lambda: gather_gemm_scatter(x, low, pairs)
        with products("ieee"):
            right = _reference_of(layer, active)(spikes)
        return rig.race(
            case,
            candidates,
            right=lambda: right,
            tolerance=TOLERANCES["bf16"],
            peers_tolerance=PEERS_TOLERANCES["bf16"],
        )


def _draw(rig: Rig, layer: SubmanifoldConv3d, dtype: torch.dtype) -> None:
    """Weights that are the same on every device, and that a dtype holds exactly."""
    weight = rig.normal(*layer.weight.shape, seed=1) / layer.in_channels**0.5
    with torch.no_grad():
        layer.weight.copy_(weight.to(dtype))


def _reference_of(layer: SubmanifoldConv3d, active: ActiveSet) -> Callable[[Tensor], Tensor]:
    own = clouds.fresh(active)  # whose map is the reference's own too

    def convolve(x: Tensor) -> Tensor:
        with select.backend("reference"):
            y: Tensor = layer(VoxelTensor.on(own, x)).features
        return y

    return convolve


def _graded(
    convolve: Callable[[Tensor], Tensor], x: Tensor, weight: Tensor, upstream: Tensor
) -> Callable[[], tuple[Tensor, ...]]:
    leaf = x.detach().clone().requires_grad_()

    def train() -> tuple[Tensor, ...]:
        y = convolve(leaf)
        return y.detach(), *torch.autograd.grad(y, (leaf, weight), upstream)

    return train


def _pairs(active: ActiveSet) -> Pairs:
    """Of each offset, rows of the input and of the output, ready to index with."""
    with select.backend("reference"):
        found = submanifold_map(clouds.fresh(active), KERNEL, (1, 1, 1))
    return [(source.long(), target.long()) for source, target in map(found.at, range(found.volume))]
