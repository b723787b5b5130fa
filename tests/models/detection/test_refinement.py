"""The second stage: frames, proposals, learning, the twin, checkpoints, refusals."""

import math
from pathlib import Path

import pytest
import torch

from neurospike import hw, models
from neurospike.errors import ArgumentError, UnloweredLayerError
from neurospike.kernels.boxes import select
from neurospike.models.detection import refinement
from neurospike.models.detection.maps import Maps
from neurospike.models.detection.proposals import FOREGROUND, TESTED, propose, sample
from neurospike.models.detection.refinement import COPIES, corner_loss
from neurospike.models.detection.roi_coding import corners, decode_in, encode_in, grid_points
from neurospike.nn import ILIF, spike_mode
from neurospike.sparse import VoxelTensor
from tests.models.detection.scans import CLASSES, SMALL, batch

REFINED = {**SMALL, "refine": True, "refine_stages": (0, 1), "refine_channels": (8, 32)}
CAR = torch.tensor([[10.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.5]])


def small(**changes: object) -> models.E3DSNNDetector:
    torch.manual_seed(0)
    return models.e3dsnn_detector(CLASSES, 4, **{**REFINED, **changes})


def some_boxes(count: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(count)
    low = torch.tensor([2.0, -4.0, -1.5, 1.0, 0.5, 0.8, -math.pi])
    high = torch.tensor([10.0, 4.0, 0.0, 4.0, 2.0, 2.0, math.pi])
    return low + (high - low) * torch.rand(count, 7, generator=rng)


def overlaps(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    pairs = [part.detach().double().numpy() for part in (a, b)]
    return torch.from_numpy(select.iou(*pairs, volume=True, paired=True))


def test_a_box_comes_back_from_its_frame() -> None:
    rois = some_boxes(50)
    boxes = rois + 0.2 * some_boxes(51)[:50].sin()
    back = decode_in(encode_in(boxes, rois), rois)
    torch.testing.assert_close(back[:, :6], boxes[:, :6], rtol=1e-4, atol=1e-4)
    assert bool((torch.sin(back[:, 6] - boxes[:, 6]).abs() < 1e-4).all())


def test_residuals_are_along_the_proposal() -> None:
    ahead = CAR.clone()
    ahead[0, :2] += torch.tensor([math.cos(0.5), math.sin(0.5)])  # a metre along its length
    residual = encode_in(ahead, CAR)[0]
    diagonal = math.hypot(4.0, 2.0)
    torch.testing.assert_close(residual, torch.tensor([1 / diagonal, 0, 0, 0, 0, 0, 0]))


def test_a_box_that_looks_the_other_way_is_the_same_box() -> None:
    behind = CAR + torch.tensor([0, 0, 0, 0, 0, 0, math.pi])
    assert encode_in(behind, CAR).abs().max().item() < 1e-5
    assert corner_loss(CAR, behind).item() == pytest.approx(0.0, abs=1e-5)


def test_corners_that_are_off_by_two_metres_cost_what_they_should() -> None:
    moved = CAR + torch.tensor([0.0, 0, 2.0, 0, 0, 0, 0])
    assert corner_loss(moved, CAR).item() == pytest.approx(1.5)  # 2 - 1 / 2


def test_grid_points_fill_the_box() -> None:
    points = grid_points(CAR, 2)[0]
    middle = torch.cat([points, corners(CAR)[0]]).mean(0)
    torch.testing.assert_close(middle, CAR[0, :3])
    inner = CAR.clone()
    inner[:, 3:6] /= 2
    torch.testing.assert_close(points, corners(inner)[0])


def test_proposals_that_are_trained_stand_on_objects_or_beside_them() -> None:
    model = small()
    x, boxes, labels = batch(2)
    chosen = sample(model.grid, model(x), boxes, labels, copies=8)
    assert chosen.scan.tolist() == sorted(chosen.scan.tolist())
    on = chosen.overlap >= FOREGROUND
    assert 8 <= int(on.sum()) <= 128
    assert int((~on).sum()) >= 32
    torch.testing.assert_close(
        overlaps(chosen.rois[on], chosen.objects[on]).float(), chosen.overlap[on], atol=1e-3, rtol=0
    )


def test_proposals_in_regions_without_training_are_left_out() -> None:
    model = small()
    x, _, _ = batch(1)
    maps = model(x)
    everywhere = torch.tensor([[6.4, 0.0, -1.0, 20.0, 20.0, 6.0, 0.0]], dtype=torch.float64)
    chosen = sample(model.grid, maps, [everywhere], [torch.tensor([-1])], copies=8)
    assert len(chosen.rois) == 0
    losses = model.loss(maps, [everywhere], [torch.tensor([-1])])
    losses["loss"].backward()
    assert losses["refined"].item() == losses["confidence"].item() == 0.0


@pytest.mark.parametrize(
    "changes", [{}, {"steps": 2}, {"spiking": False}, {"refine_stages": (-1,)}]
)
def test_gradients_reach_every_parameter(changes: dict[str, object]) -> None:
    x, boxes, labels = batch(2)
    model = small(**changes)
    losses = model.loss(model(x), boxes, labels)
    assert {"confidence", "refined", "corners"} < set(losses)
    parts = torch.stack([value for name, value in losses.items() if name != "loss"]).sum()
    assert losses["loss"].item() == pytest.approx(parts.item())
    losses["loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.abs().sum() > 0), name


def test_refined_boxes_are_better_than_their_proposals() -> None:
    x, boxes, labels = batch(4)
    model = small(refine_channels=(16, 128))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, 60)
    for _ in range(60):
        loss = model.loss(model(x), boxes, labels)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        rate.step()
    for part in model.modules():  # so that few batches settle the norms
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            part.reset_running_stats()
    with torch.no_grad():
        for _ in range(3):
            model.loss(model(x), boxes, labels)
        maps = model.eval()(x)
        # The first stage has learnt these scans by heart: proposals are set beside their objects.
        chosen = sample(model.grid, maps, boxes, labels, copies=COPIES)
        assert model.refiner is not None
        numbers = model.refiner(maps.stages, chosen.rois, chosen.scan)
    on = chosen.overlap >= FOREGROUND
    moved = decode_in(numbers[:, 1:], chosen.rois)
    before, after = chosen.overlap[on], overlaps(moved[on], chosen.objects[on])
    assert int(on.sum()) >= 60
    assert float(after.mean()) > float(before.mean()) + 0.03
    both = torch.stack([numbers[:, 0].sigmoid(), chosen.overlap])
    assert float(torch.corrcoef(both)[0, 1]) > 0.8  # it knows which boxes are well placed


def test_evaluation_refines_in_forward_and_training_in_decode() -> None:
    model = small()
    x, _, _ = batch(2)
    model(x)  # moves the running statistics
    model.eval()
    maps = model(x)
    assert maps.refined is not None
    assert len(maps.refined) == len(propose(model.grid, maps, nms=0.7, limit=TESTED))
    assert maps.refined.scan.bincount().tolist() == [TESTED, TESTED]
    found = model.decode(maps, score=0.0, nms=0.1, limit=5)
    assert [len(one) for one in found] == [5, 5]
    late = Maps(maps.numbers, maps.each, maps.stages)
    for one, other in zip(found, model.train().decode(late, score=0.0, limit=5), strict=True):
        assert torch.equal(one.boxes, other.boxes)
        assert torch.equal(one.scores, other.scores)
    assert all(norm.training for norm in model.refiner.modules())
    assert model(x).refined is None


def test_twin_has_the_same_weights_and_no_neurons() -> None:
    spiking, twin = small(), small(spiking=False)
    assert not any(isinstance(module, ILIF) for module in twin.modules())
    for one, other in zip(spiking.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)


def test_one_switch_leaves_the_first_stage_as_it_was() -> None:
    one, two = small(refine=False), small()
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    assert one.refiner is None


def test_checkpoint_gives_the_same_boxes(tmp_path: Path) -> None:
    x, _, _ = batch(1)
    model = small().eval()
    models.save(model, tmp_path / "net.safetensors")
    again = models.load(tmp_path / "net.safetensors", factory="e3dsnn_detector")
    first, second = (net(x).refined for net in (model, again))
    assert torch.equal(first.boxes, second.boxes)
    assert torch.equal(first.scores, second.scores)


def test_scans_without_voxels_or_objects_are_legal() -> None:
    model = small()
    x = VoxelTensor(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 4), (128, 128, 20), 2)
    nothing = [torch.zeros(0, 7)] * 2, [torch.zeros(0, dtype=torch.long)] * 2
    losses = model.loss(model(x), *nothing)
    losses["loss"].backward()
    assert losses["refined"].item() == losses["corners"].item() == 0.0
    assert bool(losses["loss"].isfinite())
    found = model.eval().decode(model(x), score=0.99)
    assert [len(one) for one in found] == [0, 0]


def test_no_proposals_give_no_boxes() -> None:
    model = small().eval()
    x, _, _ = batch(1)
    maps = model(x)
    lost = Maps(torch.full_like(maps.numbers, math.nan), maps.each, maps.stages)
    assert len(refinement.refine(model.refiner, model.grid, lost)) == 0
    assert [len(one) for one in model.decode(lost)] == [0]


def test_unary_events_give_the_same_boxes() -> None:
    model = small().eval()
    x, _, _ = batch(1)
    whole = model(x).refined
    events = spike_mode(model, "unary")(x).refined
    torch.testing.assert_close(whole.scores, events.scores, atol=1e-4, rtol=1e-3)


def test_counting_sees_the_second_stage() -> None:
    model = small()
    x, _, _ = batch(1)
    model(x)
    counted = hw.count(model, x)
    names = {layer.name for layer in counted.layers if layer.synops > 0}
    assert {"refiner.layers.1", "refiner.layers.4", "refiner.views.0.code.1"} <= names
    assert hw.count(small(refine=False), x).energy_pj < counted.energy_pj


def test_chips_take_no_second_stage() -> None:
    x, _, _ = batch(1)
    with pytest.raises(UnloweredLayerError, match="no lowering rule"):
        hw.lower(small().eval(), x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"refine_stages": ()}, r"refine_stages: must be in -3\.\.2, one or more"),
        ({"refine_stages": (0, 3)}, r"got \(0, 3\)"),
        ({"refine_channels": (16,)}, "refine_channels: must be two numbers"),
        ({"refine_channels": (16, 0)}, "refine_channels: must be two numbers, 1 or more"),
    ],
)
def test_refusals(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        small(**changes)


def test_maps_of_another_kind_are_refused() -> None:
    one, two = small(refine=False), small()
    x, boxes, labels = batch(1)
    with pytest.raises(ArgumentError, match="stages: must be 2 of the 3D backbone; got 0"):
        two.loss(one(x), boxes, labels)
    with pytest.raises(ArgumentError, match="stages: must be 2 of the 3D backbone; got 0"):
        two.decode(one(x))


def test_evaluated_losses_draw_nothing_at_random() -> None:
    x, boxes, labels = batch(2)
    model = small().eval()
    first, second = (model.loss(model(x), boxes, labels)["loss"] for _ in range(2))
    assert torch.equal(first, second)
