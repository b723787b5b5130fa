"""Draw the figures of docs/addressing.md: ``python tools/addressing_figures.py [SCAN.bin]``.

Equal inputs give equal files. Without a scan, of x, y, z and intensity as KITTI has them, a
generated one is used.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from neurospike import hw, models, viz
from neurospike.bench.voxels import POINT_RANGE_M, VOXEL_SIZE_M, scan
from neurospike.encoders import Voxelizer
from neurospike.hw import addressing
from neurospike.hw.pairs import pairs_of
from neurospike.hw.sites import active_sets
from neurospike.hw.tally import rebuild
from neurospike.nn import SparseConv3d, SubmanifoldConv3d
from neurospike.sparse import VoxelTensor

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
EDGES = (15, 11)
EVENT = (3, 9)

log = logging.getLogger("addressing_figures")


def draw_slice(out: Path) -> None:
    """One event in a slice of a surface, under three ways to address its targets."""
    cells = surface()
    event = np.array(EVENT)
    spikes = np.random.default_rng(3).random(len(cells)) < 0.5
    spiking = cells[spikes | (cells == event).all(1)]
    window = reached(event[None])
    hits, gated = common(window, cells), common(window, spiking)
    viz.event_targets(
        cells,
        event,
        {
            f"vanilla: {len(window)} targets": (window, ()),
            f'submanifold, gate "voxel": {len(hits)}': (hits, without(window, cells)),
            f'submanifold, gate "spike": {len(gated)}': (gated, without(window, spiking)),
        },
        out / "addressing_slice.svg",
        spiking=spiking,
        title="Targets of one event, 3 x 3 window",
    )


def surface() -> np.ndarray:
    """(N, 2) sites of a slice: the outline of an ellipse, one voxel thick."""
    angle = np.linspace(0, 2 * np.pi, 4000)
    centre = (np.array(EDGES) - 1) / 2
    points = centre + np.stack([np.cos(angle), np.sin(angle)], 1) * centre
    return np.unique(np.round(points).astype(np.int64), axis=0)


def reached(sites: np.ndarray) -> np.ndarray:
    """(M, 2) sites inside the slice that events at ``sites`` reach."""
    coords = torch.from_numpy(np.pad(sites, ((0, 0), (1, 0))))
    return addressing.output_sites(coords, EDGES, 3)[:, 1:].numpy()


def common(sites: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The rows of ``sites`` that are rows of ``others``."""
    return sites[(sites[:, None] == others[None]).all(-1).any(1)]


def without(sites: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The rows of ``sites`` that are no rows of ``others``."""
    return sites[~(sites[:, None] == others[None]).all(-1).any(1)]


def draw_layers(points: np.ndarray, name: str, out: Path) -> None:
    """Targets and sites of every convolution of E-3DSNN-T, one event a voxel."""
    voxels, _ = Voxelizer(VOXEL_SIZE_M, POINT_RANGE_M)(points[:, :3], points[:, 3:])
    model = models.e3dsnn("T", num_classes=10, in_features=voxels.features.shape[1])
    met: list[tuple[str, nn.Module, VoxelTensor]] = []
    for path, layer in model.named_modules():
        if isinstance(layer, (SubmanifoldConv3d, SparseConv3d)):
            layer.register_forward_hook(
                lambda layer, args, _, path=path: met.append((path, layer, args[0]))
            )
    with torch.inference_mode():
        model.eval()(voxels)
    log.info("%s: %d voxels of %s", name, len(voxels.coords), tuple(voxels.spatial_shape))
    viz.count_bars(
        [targets_of(*one) for one in met],
        out / "addressing_layers.svg",
        label="targets, if every voxel sends one event (per input and output channel)",
        title=f"Vanilla against submanifold: E-3DSNN-T, {name}",
    )
    draw_indices(model, voxels, name, out)
    levels = {tuple(x.spatial_shape): x for _, _, x in met}
    viz.count_bars(
        [sites_of(x) for x in levels.values()],
        out / "addressing_sites.svg",
        label="sites with neurons",
        title=f"Sites of each level: E-3DSNN-T, {name}",
    )


def draw_indices(model: nn.Module, voxels: VoxelTensor, name: str, out: Path) -> None:
    """Bits that the index of every level takes, by generator."""
    network = hw.lower(model.eval(), voxels)
    sets = active_sets(network, voxels)
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    rows: dict[int, dict[str, object]] = {}
    strided: dict[int, int] = {}
    for cost in rebuild(network, sets, pairs):
        edges = " x ".join(str(edge) for edge in network.levels[cost.level].shape)
        row = rows.setdefault(cost.level, {"name": f"{edges}, {cost.sites:,} voxels"})
        # Stored pairs of strided windows are the same with every generator: not shown.
        strided.setdefault(cost.level, cost.counts["table_bits"])
        bits = sum(cost.counts[key] for key in ("index_bits", "rank_bits", "table_bits"))
        row[cost.generator] = bits - strided[cost.level]
    viz.count_bars(
        list(rows.values()),
        out / "addressing_indices.svg",
        label="bits of the index",
        title=f"Index of each level: E-3DSNN-T, {name}",
    )


def targets_of(path: str, layer: nn.Module, x: VoxelTensor) -> dict[str, object]:
    """Targets of one event a voxel; a strided window makes its own sites, so has one number."""
    if isinstance(layer, SubmanifoldConv3d):
        vanilla, submanifold = (
            int(addressing.targets(x.coords, x.spatial_shape, layer.kernel_size, mode=mode).sum())
            for mode in ("vanilla", "submanifold")
        )
        return {"name": path, "vanilla": vanilla, "submanifold": submanifold}
    strided = addressing.targets(
        x.coords, x.spatial_shape, layer.kernel_size, mode="vanilla", stride=layer.stride, padding=0
    )
    return {"name": path, "vanilla": int(strided.sum()), "submanifold": None}


def sites_of(x: VoxelTensor) -> dict[str, object]:
    """Occupied sites of a level, those that one vanilla convolution makes of them, the grid."""
    edges = tuple(x.spatial_shape)
    return {
        "name": " x ".join(str(edge) for edge in edges),
        "occupied (compact)": len(x.coords),
        "after one vanilla 3 x 3 x 3": len(addressing.output_sites(x.coords, edges, 3)),
        "whole grid (static)": int(np.prod(edges)),
    }


def main(arguments: list[str]) -> None:
    """Draw everything."""
    torch.manual_seed(0)
    if arguments:
        points, name = np.fromfile(arguments[0], np.float32).reshape(-1, 4), Path(arguments[0]).name
    else:
        points, name = scan(), "a generated LiDAR scan"
    draw_slice(FIGURES)
    draw_layers(points, name, FIGURES)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1:])
