"""A network evaluated step by step in float64, by loops of its own: the tests' oracle."""

import numpy as np

from neurospike.hw.network import Network
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    ReadoutModel,
    Source,
)
from neurospike.hw.pairs import pairs_of
from neurospike.hw.sites import active_sets, site_count
from neurospike.sparse import VoxelTensor


def given(network: Network, x) -> np.ndarray:
    """(steps, sites, channels) of one sample in the layout of torch."""
    if isinstance(x, VoxelTensor):
        features = x.features.detach().double().numpy()
        return features if features.ndim == 3 else features[None]
    values = x.detach().double().numpy()
    if network.layout == "sequence":
        values = values[:, 0]
    channels = network.populations[0].space.channels
    flat = values.reshape(len(values), channels, -1)
    return np.moveaxis(flat, 1, 2)


def run(network: Network, x) -> dict[str, np.ndarray]:
    """Population -> values sent, (steps, sites, channels)."""
    values = given(network, x)
    sets = active_sets(network, x) if isinstance(x, VoxelTensor) else []
    steps = len(values) if network.steps is None else network.steps
    pairs = {p.name: pairs_of(p, network, sets) for p in network.projections}
    longest = steps + max(p.extra_steps for p in network.populations)
    late = 1 + max([p.max_delay for p in network.projections], default=0)
    current, sent, state = {}, {}, {}
    for p in network.populations:
        sites = site_count(p.space, sets)
        current[p.name] = np.zeros((longest + late, sites, p.space.channels))
        sent[p.name] = np.zeros((longest, sites, p.space.channels))
        state[p.name] = Cell(p.neuron, (sites, p.space.channels))
    sent["input"][: len(values)] = values
    total = {name: c.copy() for name, c in current.items()}
    for t in range(longest):
        for p in network.populations:
            if t >= steps + p.extra_steps:
                continue
            if p.name != "input":
                x_t = current[p.name][t] + (0 if p.bias is None else p.bias)
                for s in network.shortcuts:
                    if s.target == p.name:
                        x_t = x_t + total[s.source][t]
                total[p.name][t] = x_t
                sent[p.name][t] = state[p.name].step(x_t)
            for out in network.out_of(p.name):
                if out.once and t > 0:
                    continue
                arrive(out, pairs[out.name], sent[p.name][t], current[out.target], t)
    return {p.name: sent[p.name][: steps + p.extra_steps] for p in network.populations}


def arrive(projection, pairs, values, current, t) -> None:
    weight, groups = projection.weight, projection.groups
    inputs, _, each = weight.shape
    delay = np.zeros(weight.shape, int) if projection.delay is None else projection.delay
    times = range(len(current) - t) if projection.once else [0]
    for k in range(weight.shape[1]):
        source = np.repeat(np.arange(pairs.sources), np.diff(pairs.offsets))
        mine = pairs.tap == k
        p, q = source[mine], pairs.target[mine]
        if not len(p):
            continue
        for c in range(inputs):
            if not values[p, c].any():
                continue
            first = c * groups // inputs * each
            for d in np.unique(delay[c, k]):
                here = np.where(delay[c, k] == d, weight[c, k], 0.0)
                for later in times:
                    if t + d + later < len(current):
                        target = current[t + d + later, :, first : first + each]
                        np.add.at(target, q, values[p, c][:, None] * here)


class Cell:
    """One population's dynamics, written from the layers' docstrings."""

    def __init__(self, neuron, shape) -> None:
        self.neuron = neuron
        rest = getattr(neuron, "v_reset", 0.0)
        self.v = np.zeros(shape) + rest
        self.w = np.zeros(shape)
        self.late = np.zeros(shape)

    def step(self, x):
        n = self.neuron
        if isinstance(n, (Membrane, Source)):
            return x
        if isinstance(n, ReadoutModel):
            self.v = n.decay * self.v + n.gain * x
            return self.v
        if isinstance(n, LIFModel):
            self.v = n.v_reset + n.decay * (self.v - n.v_reset) + n.gain * x
            s = (self.v >= n.threshold).astype(float)
            self.v = self.v - s * n.threshold if n.soft else np.where(s > 0, n.v_reset, self.v)
            return s
        if isinstance(n, ILIFModel):
            u = n.beta * self.v + x
            s = np.floor(np.clip(u, 0, n.max_spikes) + 0.5)
            self.v = u - s
            return s
        p = n.parameters
        if isinstance(n, CubaModel):
            if p["scale"]:
                unit, top = p["scale"], 2.0**23 - 1
                x = np.round(x * unit)
                self.w = np.clip(np.trunc(self.w * p["keep_syn"]) + x, -top, top)
                self.v = np.clip(np.trunc(self.v * p["keep_mem"]) + self.w, -top, top)
                threshold = p["threshold"] * unit
            else:
                self.w = p["keep_syn"] * self.w + x
                self.v = p["keep_mem"] * self.v + self.w
                threshold = p["threshold"]
            s = (self.v >= threshold).astype(float)
            self.v = self.v - s * threshold if p["soft"] else self.v * (1 - s)
            return s
        if not isinstance(n, AdLIFModel):
            raise TypeError(type(n).__name__)
        felt = self.late if p["euler"] else self.w
        h = p["alpha"] * self.v + (1 - p["alpha"]) * (x - felt)
        s = (h >= p["threshold"]).astype(float)
        self.v = h - s * p["threshold"] if p["soft"] else h * (1 - s)
        self.late = self.w
        self.w = p["beta"] * self.w + p["a"] * self.v + p["b"] * s
        return s


def watched(model, x) -> tuple[dict, object]:
    """What every layer of a model gave, by path, and what the model gave."""
    import torch

    found, hooks = {}, []
    for path, layer in model.named_modules():

        def keep(_layer, _args, out, path=path) -> None:
            if isinstance(out, (torch.Tensor, VoxelTensor)):
                found[path] = out

        hooks.append(layer.register_forward_hook(keep))
    with torch.no_grad():
        out = model.eval()(x)
    for hook in hooks:
        hook.remove()
    return found, out


def in_torch(sent: np.ndarray, like) -> np.ndarray:
    """Values (steps, sites, channels) in the order of one of torch's tensors of one sample."""
    if isinstance(like, VoxelTensor):
        return sent.reshape(like.features.shape)
    return np.moveaxis(sent, 2, 1).reshape(like.shape)


def assert_equal(network: Network, model, x, *, exact=True, quiet=()) -> dict[str, np.ndarray]:
    """Every population gives what the layer at its path gives, and something fires."""
    sent = run(network, x)
    layers, _ = watched(model, x)
    for p in network.populations:
        if p.name not in layers:
            continue
        like = layers[p.name]
        values = like.features if isinstance(like, VoxelTensor) else like
        got, expected = in_torch(sent[p.name], like), values.double().numpy()
        if isinstance(p.neuron, (Membrane, ReadoutModel)):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)
            continue
        assert (got == expected).all(), (p.name, np.abs(got - expected).sum())
        assert p.name in quiet or 0 < expected.mean() < 0.9 * expected.max(), (
            p.name,
            expected.mean(),
        )
    return sent
