"""Emulation against torch on real scans, solids and speech: both facts that make it trusted.

Real numbers: layer by layer on the model's own spikes, at most one neuron-step of a million
differs, each within 1e-5 of its threshold. Integers: spike for spike, from input to output.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike import hw, models, train
from neurospike import nn as snn
from neurospike.encoders import Voxelizer
from neurospike.models.delay_net import delay_net_scores
from neurospike.train.deploying import deployed
from neurospike.train.evaluation import first_batch
from neurospike.train.samples import build_source
from neurospike.train.tasks import build_task

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
FRAMES = DATA / "kitti" / "training"
SIZE = (0.05, 0.05, 0.1)
LIMITS = (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


def needs(folder):
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=f"needs shared/data/{folder}")


def scan(frame):
    table = np.fromfile(FRAMES / "velodyne" / f"{frame}.bin", np.float32).reshape(-1, 4)
    voxels, _ = Voxelizer(SIZE, LIMITS)(table[:, :3], table[:, 3])
    return voxels.replace(voxels.features.float())


def with_statistics_of(x, steps):
    """E-3DSNN-T whose norms have the statistics of these voxels, so that its neurons fire."""
    torch.manual_seed(0)
    model = models.e3dsnn("T", num_classes=4, in_features=4, steps=steps)
    for part in model.modules():
        if isinstance(part, snn.SparseBatchNorm):
            part.momentum = 1.0
            torch.nn.init.normal_(part.bias, -0.5, 0.3)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    with torch.no_grad():
        model.train()(x)
    return model.eval()


def trained(name, folder, out, **changes):
    """A checkpoint of a recipe cut short, its recipe, and the test set."""
    recipe = train.load_recipe(name)
    epochs = recipe.training.model_copy(update={"epochs": changes.pop("epochs")})
    arguments = {**recipe.model.arguments, **changes}
    network = recipe.model.model_copy(update={"arguments": arguments})
    recipe = recipe.model_copy(update={"training": epochs, "model": network})
    result = train.fit(recipe, out=out, root=DATA / folder, seed=0, progress=False)
    model = deployed(models.load(result.checkpoint), recipe).eval()
    task = build_task(recipe, root=DATA / folder)
    return model, task, build_source(recipe.data, "test", root=DATA / folder, seed=0)


def shares(model, network, x):
    """Share of neuron-steps that fire, of each population, in the first sample."""
    return [
        float((np.asarray(row) > 0).mean())
        for name, row in hw.emulate(network, x).spikes.items()
        if name not in ("input", "head.membrane", "output")
    ]


@needs("kitti")
@pytest.mark.parametrize(("frame", "steps"), [("000000", 1), ("000001", 1), ("000001", 2)])
def test_e3dsnn_on_kitti_frames(frame, steps, capsys):
    x = scan(frame)
    model = with_statistics_of(x, steps)
    network = hw.lower(model, x)
    assert all(0.01 < share < 0.5 for share in shares(model, network, x))
    found = hw.verify(model, network, x, bits=hw.load_chip("loihi1_sanafe"))
    with capsys.disabled():
        print(f"\nKITTI {frame}, T x D = {steps} x 4\n{found.table()}")
    assert found.floats_passed
    assert found.integers_passed
    assert found.saturations == 0
    assert sum(row.compared for row in found.floats) > 6_000_000 * steps
    assert found.integers[-1].population == "(output)"


@needs("kitti")
def test_narrow_membranes_that_saturate_are_still_one_network(capsys):
    x = scan("000000")
    model = with_statistics_of(x, 1)
    found = hw.verify(model, hw.lower(model, x), x, bits=(4, 8))
    with capsys.disabled():
        print(f"\nKITTI 000000 in 4 and 8 bits: {found.saturations} saturated")
    assert found.passed


@needs("modelnet10_voxels")
def test_e3dsnn_on_chairs_and_monitors(tmp_path, capsys):
    model, task, source = trained("chairs-monitors", "modelnet10_voxels", tmp_path, epochs=1)
    x = first_batch(task, source, 40)
    found = hw.verify(model, hw.lower(model, x), x)
    with capsys.disabled():
        print(f"\nChairs and monitors\n{found.table()}")
    assert found.passed
    assert found.samples == 40
    assert sum(row.compared for row in found.integers) > 1_500_000


@needs("fsdd")
def test_a_delay_net_on_spoken_digits(tmp_path, capsys):
    model, task, source = trained("fsdd", "fsdd", tmp_path, epochs=4, hidden=64)
    x = first_batch(task, source, 200)
    network = hw.lower(model, x)
    assert max(p.max_delay for p in network.projections) == 12
    assert all(0.01 < share < 0.9 for share in shares(model, network, x)[:2])
    found = hw.verify(model, network, x)
    labels = [int(source[index]["label"]) for index in range(200)]
    told = {
        bits: hw.predict_both(model, network, x, labels, bits=bits, score=delay_net_scores)
        for bits in ((8, 24), (4, 16))
    }
    with capsys.disabled():
        print(f"\nSpoken digits\n{found.table()}")
        for bits, one in told.items():
            print(bits, one.to_dict())
    assert found.passed
    assert told[8, 24].agreement > 0.8
    before, after = told[8, 24].accuracy_before, told[8, 24].accuracy_after
    assert min(before, after) > 0.3
    assert abs(before - after) < 0.1
