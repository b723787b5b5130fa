"""Chips of a few large cores that hold one convolution each, as Speck does.

Kernel words of a layer are c * 2^(ceil(log2(kx * ky)) + ceil(log2 f)), neuron words
f * 2^(ceil(log2 fx) + ceil(log2 fy)), for c input channels and f output channels of fx x fy sites.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.chip import Chip
from neurospike.hw.network import Network, Population, Projection
from neurospike.hw.neuron_models import Source
from neurospike.hw.placement import Placement, Use
from neurospike.hw.placing.limits import fullest, limit_of, refuse
from neurospike.hw.wiring import Pointwise, Pooled, Whole, Window

MEMORIES = ("kernel_words", "neuron_words", "bias_words")


@dataclass(frozen=True)
class Layer:
    """One convolution and the population behind it, in words.

    Attributes
    ----------
    name
        The population.
    layer
        The projection, as errors name it.
    words
        Kernel, neuron and bias words.
    """

    name: str
    layer: str
    words: tuple[int, int, int]


def kernel_words(channels: int, kernel: tuple[int, int], features: int) -> int:
    """Words of a kernel.

    Examples
    --------
    >>> kernel_words(2, (3, 3), 64), kernel_words(64, (3, 3), 65)
    (2048, 131072)
    """
    return int(channels * 2 ** (_log2(math.prod(kernel)) + _log2(features)))


def neuron_words(features: int, edges: tuple[int, int]) -> int:
    """Words of the membranes of a layer.

    Examples
    --------
    >>> neuron_words(64, (8, 8))
    4096
    """
    return int(features * 2 ** sum(_log2(edge) for edge in edges))


def place_layers(network: Network, chip: Chip) -> Placement:
    """Give every layer a core that holds it; one layer a core, one chip.

    Raises
    ------
    ChipLimitError
        A layer that no core holds, more layers than cores, or a shape that the chip has not.
    """
    layers = [
        _layer(network, chip, population)
        for population in network.populations
        if not isinstance(population.neuron, Source)
    ]
    _check_network(network, chip, layers)
    memories = [getattr(chip.limits, name) for name in MEMORIES]
    cores = limit_of(chip, "cores") or len(layers)
    holds = np.ones((len(layers), cores), bool)
    for row, layer in enumerate(layers):
        for name, memory, words in zip(MEMORIES, memories, layer.words, strict=True):
            if memory is None:
                continue
            fits = np.array(memory.value) >= words
            if not fits.any():
                raise _too_many_words(chip, layer, name, words, max(memory.value))
            holds[row] &= fits
    chosen = _match(holds, memories)
    if chosen is None:
        raise refuse(
            chip, "cores", layers[-1].layer,
            f"as {len(layers)} layers do not find {len(layers)} cores that hold them",
            f"At most {cores} layers, the large ones smaller, would fit.",
        )  # fmt: skip
    core = {
        layer.name: np.full(_neurons(network.population(layer.name)), at, np.int32)
        for layer, at in zip(layers, chosen, strict=True)
    }
    use = {
        name: _use(chip, name, index, layers, chosen, cores) for index, name in enumerate(MEMORIES)
    }
    return Placement(
        core, cores, chip.mesh.as_mesh(), chip.name, use,
        binding=fullest(use), lower_bound=len(layers),
    )  # fmt: skip


def _log2(value: int) -> int:
    """Bits to count to ``value``: its logarithm, rounded up."""
    return max(value - 1, 0).bit_length()


def _neurons(population: Population) -> int:
    return population.space.grid_sites * population.space.channels


def _layer(network: Network, chip: Chip, population: Population) -> Layer:
    """The words of one layer; raises where its shape is none of the chip's."""
    into = network.into(population.name)
    space = population.space
    if len(into) != 1 or space.level is not None or len(space.shape) > 2:
        layer = into[0].name if into else population.name
        what = "which is no convolution on a plane" if into else "which has no input"
        if len(into) > 1:
            what = f"as {len(into)} layers end in one population"
        raise refuse(
            chip, "geometry", layer, what, "One 2-D convolution or linear layer a core would fit."
        )
    projection = into[0]
    source = network.population(projection.source).space
    kernel, stride, padding, pool = _geometry(chip, projection, source.shape)
    _check_shape(
        chip, projection.name, source.shape, space.shape, kernel, stride, padding, pool,
        (source.channels, space.channels),
    )  # fmt: skip
    edges = _plane(space.shape)
    words = (
        kernel_words(source.channels // projection.groups, kernel, space.channels),
        neuron_words(space.channels, edges),
        0 if population.bias is None else space.channels,
    )
    return Layer(population.name, projection.name, words)


Plane = tuple[int, int]


def _plane(edges: tuple[int, ...], fill: int = 1) -> Plane:
    first, second = ((fill,) * 2 + tuple(edges))[-2:]
    return first, second


def _geometry(
    chip: Chip, projection: Projection, shape: tuple[int, ...]
) -> tuple[Plane, Plane, Plane, Plane]:
    """Kernel, stride, padding and pool of a layer."""
    wiring, pool = projection.wiring, (1, 1)
    if isinstance(wiring, Pooled):
        shape = tuple(edge // w for edge, w in zip(shape, wiring.window, strict=True))
        pool, wiring = _plane(wiring.window), wiring.then
    if isinstance(wiring, Window) and max(wiring.dilation, default=1) == 1:
        return _plane(wiring.kernel), _plane(wiring.stride), _plane(wiring.padding, 0), pool
    if isinstance(wiring, Whole):
        return _plane(shape), (1, 1), (0, 0), pool
    if isinstance(wiring, Pointwise):
        return (1, 1), (1, 1), (0, 0), pool
    raise refuse(
        chip, "geometry", projection.name, f"as no core does {type(wiring).__name__}",
        "A 2-D convolution without dilation, or a linear layer, would fit.",
    )  # fmt: skip


def _check_shape(
    chip: Chip,
    layer: str,
    source: tuple[int, ...],
    target: tuple[int, ...],
    kernel: Plane,
    stride: Plane,
    padding: Plane,
    pool: Plane,
    channels: tuple[int, int],
) -> None:
    most = (
        ("input_edge", max(source, default=1), "an input of edge {}", "An edge of at most {}"),
        ("output_edge", max(target, default=1), "an output of edge {}", "An edge of at most {}"),
        ("channels", max(channels), "{} channels", "At most {} channels"),
        ("kernel_edge", max(kernel), "a kernel of edge {}", "An edge of at most {}"),
        ("padding", max(padding), "a padding of {}", "A padding of at most {}"),
    )
    for name, value, what, fits in most:
        limit = limit_of(chip, name)
        if limit is not None and value > limit:
            raise refuse(
                chip,
                name,
                layer,
                f"which has {what.format(value)}",
                f"{fits.format(limit)} would fit.",
            )
    for name, edges in (("strides", stride), ("pools", pool)):
        allowed = getattr(chip.limits, name)
        if allowed is not None and not set(edges) <= set(allowed.value):
            names = ", ".join(str(value) for value in allowed.value)
            raise refuse(
                chip, name, layer, f"which has {name} {edges}", f"One of {names} would fit."
            )


def _check_network(network: Network, chip: Chip, layers: list[Layer]) -> None:
    cores = limit_of(chip, "cores")
    if cores is not None and len(layers) > cores:
        raise refuse(
            chip, "cores", layers[cores].layer, f"the first of {len(layers)} that has no core",
            f"At most {cores} layers would fit.",
        )  # fmt: skip
    if network.shortcuts:
        raise refuse(
            chip, "geometry", network.shortcuts[0].name, "as no core adds currents of another",
            "A network without membrane shortcuts would fit.",
        )  # fmt: skip
    limit = limit_of(chip, "destinations")
    for population in network.populations:
        out = network.out_of(population.name)
        if limit is not None and len(out) > limit:
            raise refuse(
                chip, "destinations", out[limit].name, f"as {population.name!r} feeds {len(out)}",
                f"At most {limit} layers after one would fit.",
            )  # fmt: skip


def _match(holds: NDArray[np.bool_], memories: list[object]) -> list[int] | None:
    """A core for every layer, each another, or None: augmenting paths, small cores first."""
    taken: dict[int, int] = {}
    sizes = np.zeros(holds.shape[1], np.int64)
    for memory in memories:
        sizes += np.array(getattr(memory, "value", sizes), np.int64)
    order = np.argsort(sizes, kind="stable").tolist()

    def assign(layer: int, seen: set[int]) -> bool:
        for core in order:
            if holds[layer, core] and core not in seen:
                seen.add(core)
                if core not in taken or assign(taken[core], seen):
                    taken[core] = layer
                    return True
        return False

    if not all(assign(layer, set()) for layer in range(len(holds))):
        return None
    by_layer = {layer: core for core, layer in taken.items()}
    return [by_layer[layer] for layer in range(len(holds))]


def _use(
    chip: Chip, name: str, index: int, layers: list[Layer], chosen: list[int], cores: int
) -> Use:
    used = np.zeros(cores, np.int64)
    for layer, at in zip(layers, chosen, strict=True):
        used[at] = layer.words[index]
    memory = getattr(chip.limits, name)
    limit = None if memory is None else np.array(memory.value, np.int64)
    return Use(used, limit, "words")


def _too_many_words(chip: Chip, layer: Layer, name: str, words: int, most: int) -> Exception:
    fits = {
        "kernel_words": f"A kernel of {most} words would fit: fewer channels, "
        "their number a power of two.",
        "neuron_words": f"Neurons of {most} words would fit: fewer channels or a larger stride.",
        "bias_words": f"At most {most} channels would fit.",
    }
    return refuse(chip, name, layer.layer, f"which needs {words} words", fits[name])
