"""The detector: its 3D backbone beside the same network on spconv, and where its time goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from torch import nn

from neurospike.bench import clouds, spconv_peer
from neurospike.bench.harness import Timing, interleave, row
from neurospike.bench.voxels import POINT_RANGE_M, VOXEL_SIZE_M
from neurospike.encoders import Voxelizer
from neurospike.errors import MissingExtraError
from neurospike.models import E3DSNNDetector, e3dsnn_detector
from neurospike.models.norm_pace import pace_norms
from neurospike.sparse import ActiveSet, VoxelTensor

OURS = "neurospike"
WHOLE = "the whole detector"


def run(repeats: int = 9) -> list[dict[str, Any]]:
    """The backbone beside spconv's, then a row a part of the detector, beside the whole.

    Both networks are the published ones at one time step, with norms that have seen the frame, so
    that spikes fire at every depth; each call meets voxels without any cached map. The ratio of a
    part is how many times the whole takes longer.
    """
    case, active = clouds.lidar()
    model = e3dsnn_detector()
    features = torch.rand(len(active), 4, generator=torch.Generator().manual_seed(0))
    settle(model, lambda: model(fresh(model, active, features)))
    parts = profile(model, repeats)
    whole = parts.pop(WHOLE)
    shares = [row(f"detector, {name}", WHOLE, timing, whole) for name, timing in parts.items()]
    try:
        beside = [_beside_spconv(model, active, features, case, repeats)]
    except MissingExtraError:
        beside = []
    return [*beside, *shares]


def _beside_spconv(
    model: E3DSNNDetector, active: ActiveSet, features: torch.Tensor, case: str, repeats: int
) -> dict[str, Any]:
    grid = model.padded_shape
    twin = BackboneTwin()
    on_grid = ActiveSet(active.coords, grid, active.batch_size)
    settle(twin, lambda: twin(spconv_peer.tensor(on_grid, features)))
    candidates: dict[str, Callable[[], object]] = {
        OURS: lambda: model.backbone(fresh(model, active, features), grid),
        spconv_peer.NAME: lambda: twin(spconv_peer.tensor(on_grid, features)),
    }
    with torch.no_grad():
        timings = interleave(candidates, repeats, warmup=2)
    name = f"detector's 3D backbone, evaluation, {case}, {len(active):,} voxels"
    return row(name, spconv_peer.NAME, timings[OURS], timings[spconv_peer.NAME])


def profile(model: E3DSNNDetector, repeats: int) -> dict[str, Timing]:
    """Seconds of each part of the detector on a frame, voxeliser and boxes included."""
    points = torch.from_numpy(clouds.lidar_points()[1])
    voxelizer = Voxelizer(VOXEL_SIZE_M, POINT_RANGE_M)
    seconds: dict[str, list[float]] = {}
    named = {
        "stem": model.backbone.stem,
        "entry": model.backbone.entry,
        **{f"stage {place + 1}": stage for place, stage in enumerate(model.backbone.stages)},
        "height to channels": model.backbone.squeeze,
        "map": model.to_bev,
        "bird's-eye view": model.bev,
        "head": model.head,
        **({} if model.refiner is None else {"second stage": model.refiner}),
    }
    for turn in range(repeats + 2):
        taken: dict[str, float] = {}
        with torch.no_grad(), clocked(named, taken), clock(WHOLE, taken):
            with clock("voxels", taken):
                voxels, _ = voxelizer(points[:, :3], points[:, 3:])
            maps = model(voxels)
            with clock("boxes", taken):
                model.decode(maps, score=0.3)
        for name, spent in taken.items() if turn >= 2 else ():
            seconds.setdefault(name, []).append(spent)
    return {name: Timing.of(spent) for name, spent in seconds.items()}


@contextmanager
def clock(name: str, taken: dict[str, float]) -> Iterator[None]:
    """Add the seconds of the block."""
    start = perf_counter()
    yield
    taken[name] = taken.get(name, 0.0) + perf_counter() - start


@contextmanager
def clocked(named: dict[str, nn.Module], taken: dict[str, float]) -> Iterator[None]:
    """Add the seconds of every call of the named modules."""
    hooks = []
    for name, module in named.items():

        def before(_module: nn.Module, _inputs: Any, name: str = name) -> None:
            taken[name] = taken.get(name, 0.0) - perf_counter()

        def after(_module: nn.Module, _inputs: Any, _output: Any, name: str = name) -> None:
            taken[name] += perf_counter()

        hooks += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def fresh(model: E3DSNNDetector, active: ActiveSet, features: torch.Tensor) -> VoxelTensor:
    """The voxels without any cached map."""
    return VoxelTensor.on(
        ActiveSet(active.coords, model.spatial_shape, active.batch_size), features
    )


def settle(model: nn.Module, run_once: Callable[[], object]) -> None:
    """Let every norm see the frame, then evaluate."""
    with torch.no_grad():
        for _ in range(2):
            pace_norms(model)
            run_once()
    model.eval()


class BackboneTwin(nn.Module):
    """The published 3D backbone as its code builds it: spconv layers, torch norms, I-LIF."""

    def __init__(
        self, in_features: int = 4, stem: int = 16, channels: tuple[int, ...] = (32, 64, 64)
    ) -> None:
        super().__init__()
        peer = spconv_peer
        layers: list[Any] = [peer.submanifold(in_features, stem, "stem"), peer.Norm(stem)]
        for _ in range(3):
            layers += [peer.Spike(), peer.submanifold(stem, stem, "stem"), peer.Norm(stem)]
        inputs = stem
        for place, outputs in enumerate(channels):
            layers += [peer.Spike(), peer.strided(inputs, outputs, f"down{place}", 3, 2, 1)]
            layers += [peer.Norm(outputs)]
            layers += [peer.Block(outputs, f"stage{place}") for _ in range(2)]
            inputs = outputs
        layers += [peer.Spike(), peer.strided(inputs, 128, "squeeze", [1, 1, 3], [1, 1, 2], 0)]
        self.body = nn.Sequential(*layers, peer.Norm(128), peer.Spike())

    def forward(self, x: Any) -> Any:
        """Spikes on the grid of the bird's-eye view."""
        return self.body(x)
