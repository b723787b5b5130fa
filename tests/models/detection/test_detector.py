"""The whole detector: shapes, learning, the twin, checkpoints, refusals."""

from pathlib import Path

import pytest
import torch

from neurospike import models
from neurospike.errors import ArgumentError
from neurospike.kernels.boxes import select
from neurospike.nn import ILIF
from neurospike.sparse import VoxelTensor
from tests.models.detection.scans import CLASSES, SMALL, batch


def small(**changes: object) -> models.E3DSNNDetector:
    torch.manual_seed(0)
    return models.e3dsnn_detector(CLASSES, 4, **{**SMALL, **changes})


def test_published_backbone_has_its_widths_and_strides() -> None:
    with torch.device("meta"):
        model = models.e3dsnn_detector()
    assert model.spatial_shape == (1408, 1600, 40)
    stages = [stage[0][1] for stage in model.backbone.stages]
    assert [(s.in_channels, s.out_channels) for s in stages] == [(16, 32), (32, 64), (64, 64)]
    assert all(s.kernel_size == (3, 3, 3) and s.stride == (2, 2, 2) for s in stages)
    last = model.backbone.squeeze[1]
    assert (last.in_channels, last.out_channels) == (64, 128)
    assert (last.kernel_size, last.stride) == ((1, 1, 3), (1, 1, 2))
    assert model.bev.downs[0][0].in_channels == 2 * 128  # 41 -> 21 -> 11 -> 6 -> 2 planes
    assert model.grid.cell == pytest.approx((0.4, 0.4))


@pytest.mark.parametrize(("output_stride", "edge"), [(None, 16), (8, 16), (4, 32)])
def test_maps_cover_the_range(output_stride: int | None, edge: int) -> None:
    x, _, _ = batch(2)
    maps = small(output_stride=output_stride)(x)
    assert maps.logits.shape == (2, 6, edge, edge)
    assert maps.boxes.shape == (2, 6, 7, edge, edge)
    assert maps.directions.shape == (2, 6, 2, edge, edge)


def test_edges_that_are_no_multiple_of_the_strides_are_padded() -> None:
    model = small(point_range=(0.0, -6.4, -3.0, 12.5, 6.1, 1.0))
    coords = torch.tensor([[0, 124, 124, 19]], dtype=torch.int32)
    x = VoxelTensor(coords, torch.ones(1, 4), (125, 125, 20), 1)
    assert model(x).logits.shape == (1, 6, 16, 16)


def test_every_score_starts_near_the_prior() -> None:
    x, _, _ = batch(1)
    logits = small().eval()(x).logits.detach()
    assert float(logits.sigmoid().mean()) == pytest.approx(0.01, abs=0.005)


FINE = {"output_stride": 4, "fine_channels": 8, "head_layers": 1, "overlap": True}


@pytest.mark.parametrize("changes", [{}, {"steps": 2}, {"spiking": False}, FINE])
def test_gradients_reach_every_parameter(changes: dict[str, object]) -> None:
    x, boxes, labels = batch(2)
    model = small(**changes)
    model.loss(model(x), boxes, labels)["loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.abs().sum() > 0), name


def test_four_scans_are_learnt_to_the_box() -> None:
    x, boxes, labels = batch(4)
    model = small()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    # At 150 steps the scores still lie beside the threshold, and rounding decides.
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, 300)
    for _ in range(300):
        loss = model.loss(model(x), boxes, labels)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        rate.step()
    model.eval()
    with torch.no_grad():
        found = model.decode(model(x), score=0.5)  # more likely than not
    overlaps, turns = [], []
    for one, wanted, kinds in zip(found, boxes, labels, strict=True):
        assert len(one) == len(wanted)
        table = torch.from_numpy(
            select.iou(wanted.numpy(), one.boxes.double().numpy(), volume=True)
        )
        best = table.max(1)
        assert one.labels[best.indices].tolist() == kinds.tolist()
        overlaps += best.values.tolist()
        turns += (one.boxes[best.indices, 6] - wanted[:, 6]).cos().tolist()
    # An anchor between the two thresholds may win, whose box nobody trained.
    assert sum(overlap > 0.7 for overlap in overlaps) >= 15
    assert sum(overlaps) / 16 > 0.85
    assert min(turns) > 0.9  # they look the right way


def test_evaluation_sees_the_trained_network_from_the_first_batches_on() -> None:
    x, boxes, labels = batch(2)
    model = small()
    for _ in range(3):
        trained = model.loss(model(x), boxes, labels)["loss"].item()
    evaluated = model.loss(model.eval()(x), boxes, labels)["loss"].item()
    assert evaluated == pytest.approx(trained, rel=0.05)


def test_twin_has_the_same_weights_and_no_neurons() -> None:
    spiking, twin = small(), small(spiking=False, steps=3)
    assert not any(isinstance(module, ILIF) for module in twin.modules())
    for (name, one), (other_name, other) in zip(
        spiking.named_parameters(), twin.named_parameters(), strict=True
    ):
        assert name == other_name
        assert torch.equal(one, other)
    x, _, _ = batch(1)
    assert twin(x).logits.shape == spiking(x).logits.shape


def test_checkpoint_gives_the_same_maps(tmp_path: Path) -> None:
    x, _, _ = batch(1)
    model = small(output_stride=4).eval()
    models.save(model, tmp_path / "net.safetensors")
    again = models.load(tmp_path / "net.safetensors", factory="e3dsnn_detector")
    assert torch.equal(model(x).numbers, again(x).numbers)


def test_a_scan_without_voxels_is_legal() -> None:
    model = small()
    x = VoxelTensor(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 4), (128, 128, 20), 2)
    maps = model(x)
    nothing = [torch.zeros(0, 7)] * 2, [torch.zeros(0, dtype=torch.long)] * 2
    losses = model.loss(maps, *nothing)
    losses["loss"].backward()
    assert losses["box"].item() == 0.0
    assert [len(found) for found in model.eval().decode(model(x), score=0.5)] == [0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stem": 0}, "stem: must be 1 or more"),
        ({"bev_layers": (1,)}, "bev_layers: must hold a number"),
        ({"output_stride": 2}, "output_stride: must be 8, or 4"),
        ({"fine_channels": 8}, "fine_channels: needs output_stride=4"),
        ({"head_layers": -1}, "must be 0 or more"),
        ({"voxel_size": (0.1, 0.1, 2.0)}, "voxels of height are too few"),
    ],
)
def test_refusals(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        small(**changes)


def test_unknown_class_is_refused() -> None:
    with pytest.raises(ArgumentError, match="classes: must be among Car"):
        models.e3dsnn_detector(("Tram",))


def test_voxels_of_another_grid_are_refused() -> None:
    x = VoxelTensor(torch.zeros(1, 4, dtype=torch.int32), torch.ones(1, 4), (64, 64, 20), 1)
    with pytest.raises(ArgumentError, match="must lie on the grid"):
        small()(x)
