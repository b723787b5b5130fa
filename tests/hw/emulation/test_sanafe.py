"""Small networks side by side with the installed SANA-FE, delays and loops included.

Its membranes are multiples of 1/64 that lose their fraction when they leak; so the comparison is
in integers of that unit. Its spikes arrive a step after they were sent, and d steps later where a
synapse has delay d: the pipelined schedule.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurospike.hw import emulate
from neurospike.hw.network import Network, Population, Projection, Quantisation, Space
from neurospike.hw.neuron_models import LIFModel
from neurospike.hw.placement import Mesh, Placement
from neurospike.hw.wiring import Taps

sanafe = pytest.importorskip("sanafe", reason="SANA-FE is not installed")

UNIT = 64  # of SANA-FE's membranes in 1.0
PRICES = {"synapse": 35.5, "access": 51.2, "update": 21.6, "fire": 69.3, "packet": 111.0}
HOPS = {"x": 3.0, "y": 4.2}
MESH = Mesh(width=2, height=2, cores_per_tile=2)

ARCHITECTURE = """
architecture:
  name: small
  attributes: {{link_buffer_size: 16, width: 2, height: 2, topology: mesh}}
  tile:
    - name: tile[0..3]
      attributes:
        {{energy_north_hop: {y}e-12, latency_north_hop: 0.0, energy_east_hop: {x}e-12,
         latency_east_hop: 0.0, energy_south_hop: {y}e-12, latency_south_hop: 0.0,
         energy_west_hop: {x}e-12, latency_west_hop: 0.0}}
      core:
        - name: core[0..1]
          attributes:
            {{buffer_position: dendrite, buffer_inside_unit: true, max_neurons_supported: 1024}}
          axon_in:
            - {{name: in, attributes: {{energy_message_in: 0.0, latency_message_in: 0.0}}}}
          synapse:
            - name: synapse
              attributes:
                {{model: current_based, energy_process_spike: {synapse}e-12,
                 latency_process_spike: 0.0}}
          dendrite:
            - name: dendrite
              attributes: {{model: accumulator_with_delay, energy_update: 0.0, latency_update: 0.0}}
          soma:
            - name: soma
              attributes:
                {{model: leaky_integrate_fire, energy_access_neuron: {access}e-12,
                 latency_access_neuron: 0.0, energy_update_neuron: {update}e-12,
                 latency_update_neuron: 0.0, energy_spike_out: {fire}e-12, latency_spike_out: 0.0}}
          axon_out:
            - name: out
              attributes: {{energy_message_out: {packet}e-12, latency_message_out: 0.0}}
"""


class Small:
    """Groups of neurons, dense synapses with delays, and cores that groups have or share.

    SANA-FE sends one packet from a neuron to a core, whichever groups sit there.
    """

    def __init__(
        self, sizes: list[int], edges: list[tuple[int, int]], seed: int, *, shared: bool = False
    ) -> None:
        rng = np.random.default_rng(seed)
        self.sizes = sizes
        self.threshold = rng.integers(60, 100, len(sizes)).tolist()
        self.decay = rng.choice([4096, 2048, 3072], len(sizes)).tolist()
        self.soft = rng.integers(0, 2, len(sizes)).astype(bool).tolist()
        self.bias = [rng.integers(20, 80, n) * (i == 0) for i, n in enumerate(sizes)]
        self.core = [rng.integers(2 * i, 2 * i + 2, n) for i, n in enumerate(sizes)]
        if shared:
            self.core = [rng.integers(0, 3, n) for n in sizes]
        self.edges = [
            (
                a,
                b,
                rng.integers(-40, 60, (sizes[a], sizes[b])),
                rng.integers(0, 6, (sizes[a], sizes[b])),
            )
            for a, b in edges
        ]

    def ours(self, steps: int) -> Any:
        populations = tuple(
            Population(
                f"group{i}",
                Space(n),
                LIFModel(self.decay[i], self.threshold[i], soft=self.soft[i], strict=True),
                self.bias[i],
            )
            for i, n in enumerate(self.sizes)
        )
        projections = tuple(
            Projection(
                f"edge{i}", f"group{a}", f"group{b}", Taps(),
                weight[:, None].astype(np.int32), delay=delay[:, None].astype(np.int32),
            )
            for i, (a, b, weight, delay) in enumerate(self.edges)
        )  # fmt: skip
        network = Network(
            populations,
            projections,
            steps=steps,
            quantised=Quantisation(16, 24, {p.name: 1 / UNIT for p in populations}),
        )
        core = {f"group{i}": c.astype(np.int32) for i, c in enumerate(self.core)}
        placement = Placement(core, cores=8, mesh=MESH)
        return emulate(network, None, placement, schedule="pipelined")

    def theirs(self, steps: int, folder: Path) -> tuple[list[Any], dict[str, Any]]:
        path = folder / "small.yaml"
        path.write_text(ARCHITECTURE.format(**PRICES, **HOPS))
        arch = sanafe.load_arch(str(path))
        net, cores = sanafe.Network(), arch.cores()
        groups = []
        for i, n in enumerate(self.sizes):
            group = net.create_neuron_group(
                f"group{i}",
                n,
                model_attributes={
                    "threshold": self.threshold[i] / UNIT,
                    "leak_decay": self.decay[i] / 4096,
                    "reset_mode": "soft" if self.soft[i] else "hard",
                },
            )
            for j in range(n):
                group[j].set_attributes(
                    log_spikes=True, model_attributes={"bias": self.bias[i][j] / UNIT}
                )
                group[j].map_to_core(cores[int(self.core[i][j])])
            groups.append(group)
        for a, b, weight, delay in self.edges:
            for j, k in np.ndindex(weight.shape):
                groups[a][j].connect_to_neuron(
                    groups[b][k],
                    {"weight": float(weight[j, k]) / UNIT, "delay": int(delay[j, k])},
                )
        chip = sanafe.SpikingChip(arch)
        chip.load(net)
        results = chip.sim(steps, timing_model="simple", spike_trace=True)
        spikes = [np.zeros((steps, n), int) for n in self.sizes]
        for t, fired in enumerate(results["spike_trace"]):
            for neuron in fired:
                group, _, offset = str(neuron).partition(".")
                spikes[int(group.removeprefix("group"))][t, int(offset)] = 1
        return spikes, results


def assert_same(small: Small, steps: int, folder: Path) -> list[Any]:
    """Spikes neuron by neuron and step by step, every count, and the energy they cost."""
    trace = small.ours(steps)
    spikes, results = small.theirs(steps, folder)
    for i, expected in enumerate(spikes):
        np.testing.assert_array_equal(trace.spikes[f"group{i}"], expected, err_msg=f"group{i}")
    total = trace.total
    assert total("fired") == results["neurons_fired"]
    assert total("updates") == results["neurons_updated"]
    assert total("synops") == results["spikes"]
    assert total("packets") == results["packets_sent"]
    assert total("accesses") == steps * sum(small.sizes)
    joules = {part: 1e12 * value for part, value in results["energy"].items()}
    assert joules["synapse"] == pytest.approx(PRICES["synapse"] * total("synops"), rel=1e-12)
    assert joules["soma"] == pytest.approx(
        PRICES["access"] * total("accesses")
        + PRICES["update"] * total("updates")
        + PRICES["fire"] * total("fired"),
        rel=1e-12,
    )
    assert joules["network"] == pytest.approx(
        PRICES["packet"] * total("packets")
        + HOPS["x"] * total("hops_x")
        + HOPS["y"] * total("hops_y"),
        rel=1e-12,
    )
    return spikes


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_random_network_with_loops_and_delays(seed, tmp_path) -> None:
    small = Small([12, 20, 7], [(0, 1), (1, 1), (1, 2), (2, 0)], seed)
    assert all(s.any() for s in assert_same(small, 60, tmp_path))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_packet_serves_all_groups_of_a_core(seed, tmp_path) -> None:
    edges = [(0, 1), (0, 2), (1, 1), (1, 2), (2, 0), (0, 0)]
    small = Small([12, 20, 7], edges, seed, shared=True)
    assert all(s.any() for s in assert_same(small, 60, tmp_path))


@pytest.mark.parametrize("delay", [0, 1, 4])
def test_a_spike_arrives_a_step_and_its_delay_later(delay, tmp_path) -> None:
    small = Small([1, 1], [(0, 1)], seed=0)
    small.threshold, small.decay, small.soft = [40, 20], [4096, 4096], [False, False]
    small.bias = [np.array([20]), np.array([0])]
    small.edges = [(0, 1, np.array([[30]]), np.array([[delay]]))]
    source, target = assert_same(small, 20, tmp_path)
    first = int(np.argmax(source))
    assert first == 2
    assert int(np.argmax(target)) == first + 1 + delay
