"""The detector as a network of neurons: counted, lowered, and held against torch."""

import pytest
import torch

from neurospike import hw, nn
from neurospike.models import E3DSNNDetector, e3dsnn_detector
from neurospike.sparse import VoxelTensor
from tests.models.detection.scans import CLASSES, SMALL, batch


def settled(**changes: object) -> tuple[E3DSNNDetector, VoxelTensor]:
    """A detector whose norms have seen the scan, so that spikes reach the head."""
    torch.manual_seed(0)
    x, _, _ = batch(1)
    model = e3dsnn_detector(CLASSES, 4, **{**SMALL, **changes})
    with torch.no_grad():
        for _ in range(3):
            model(x)
    return model.eval(), x


def test_only_the_first_layer_and_the_head_multiply() -> None:
    model, x = settled()
    counts = hw.count(model, x)
    multiply = [layer.name for layer in counts.layers if layer.macs]
    assert multiply == ["backbone.stem.convs.0", "head.convs.0", "head.convs.1"]
    # 1x1 on 16 channels a scale to 60 numbers, at 16 x 16 cells.
    heads = [layer.macs for layer in counts.layers if layer.name.startswith("head.convs")]
    assert heads == [16 * 60 * 256] * 2
    assert counts.synops > 1e6


def test_twin_multiplies_everywhere() -> None:
    model, x = settled()
    torch.manual_seed(0)
    twin = e3dsnn_detector(CLASSES, 4, **{**SMALL, "spiking": False}).eval()
    twin.load_state_dict(model.state_dict())
    counted = hw.count(twin, x)
    assert counted.synops == 0
    assert counted.macs == hw.count(hw.ann_twin(model), x).macs


FINE = {"steps": 2, "output_stride": 4, "fine_channels": 8, "head_layers": 1}


@pytest.mark.parametrize("changes", [{}, FINE])
def test_emulation_is_torch_neuron_by_neuron(changes: dict[str, object]) -> None:
    model, x = settled(**changes)
    network = hw.lower(model, x)
    assert network.population(network.output.population).space.channels == 60
    assert network.output.over_time == ("mean" if changes else None)
    found = hw.verify(model, network, x)
    assert found.floats_passed, found.table()
    assert found.integers_passed, found.table()


def test_binary_events_give_the_same_maps() -> None:
    model, x = settled(steps=2)
    integers = model(x).numbers
    events = nn.spike_mode(model, "unary")(x).numbers
    assert torch.isclose(events, integers, rtol=1e-3, atol=1e-3).float().mean() > 0.99
