"""Chips as data: what one holds, and what its operations cost and take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from neurospike.errors import DataError
from neurospike.files import Shipped
from neurospike.hw.figures import (
    Barrier,
    Bits,
    ClockPower,
    Figures,
    Frequency,
    Limit,
    Part,
    Power,
    Price,
    Sourced,
    Steps,
    Text,
    Time,
)
from neurospike.hw.placement import Mesh

Edge = Annotated[int, Field(strict=True, ge=1)]

_SHIPPED = Shipped("neurospike.hw", "chips", argument="load_chip.name_or_path", kind="a chip file")


class MeshPart(Sourced):
    """Tiles of a chip along x and y, and the cores that share a router: see ``Mesh``."""

    width: Edge
    height: Edge
    cores_per_tile: Edge = 1

    @property
    def cores_per_chip(self) -> int:
        """Cores of one chip."""
        return self.width * self.height * self.cores_per_tile

    def as_mesh(self) -> Mesh:
        """The numbers without their source, as a placement holds them."""
        return Mesh(self.width, self.height, self.cores_per_tile)


class Limits(Part):
    """What a chip holds; None where it has no such limit, or none is published."""

    cores: Limit | None = Field(None, description="cores of a chip")
    neurons_per_core: Limit | None = Field(None, description="neurons of a core")
    synapse_bits_per_core: Bits | None = Field(None, description="synapse memory of a core")
    weight_bits: Bits | None = Field(None, description="width of a stored weight")
    membrane_bits: Bits | None = Field(None, description="width of a membrane, signed")
    axons_in_per_core: Limit | None = Field(None, description="axons that may enter a core")
    axons_out_per_core: Limit | None = Field(None, description="axons that may leave a core")
    axon_types: Limit | None = Field(None, description="different weights a neuron tells apart")
    fan_in: Limit | None = Field(None, description="synapses of a neuron")
    fan_out: Limit | None = Field(None, description="axons that a neuron sends to")
    max_delay: Steps | None = Field(None, description="longest delay; 0 where it has none")
    delay_slots_per_core: Limit | None = Field(None, description="delay slots of a core")
    delay_bits: Bits | None = Field(None, description="delay field of a stored synapse")
    kernel_words: Figures | None = Field(None, description="kernel memory of each core")
    neuron_words: Figures | None = Field(None, description="neuron memory of each core")
    bias_words: Figures | None = Field(None, description="bias memory of each core")
    input_edge: Limit | None = Field(None, description="longest edge of a layer's input")
    output_edge: Limit | None = Field(None, description="longest edge of a layer's output")
    channels: Limit | None = Field(None, description="channels of a layer")
    kernel_edge: Limit | None = Field(None, description="longest edge of a kernel")
    strides: Figures | None = Field(None, description="strides of a convolution")
    padding: Limit | None = Field(None, description="largest padding")
    pools: Figures | None = Field(None, description="edges of a sum pool")
    destinations: Limit | None = Field(None, description="layers that a layer sends to")


class Prices(Part):
    """Energy of one operation; None where no source gives it."""

    synop: Price | None = Field(None, description="synaptic operation of any kind")
    synop_dense: Price | None = Field(None, description="... through a dense axon")
    synop_sparse: Price | None = Field(None, description="... through a sparse axon")
    synop_conv: Price | None = Field(None, description="... through a shared kernel")
    graded_synop: Price | None = Field(None, description="... of a graded event: a product")
    mac: Price | None = Field(None, description="multiply-accumulate of a real input")
    neuron_access: Price | None = Field(None, description="neuron looked at, every step")
    neuron_update: Price | None = Field(None, description="neuron with work to do")
    neuron_idle: Price | None = Field(None, description="neuron without")
    spike_fire: Price | None = Field(None, description="neuron that fires")
    packet_out: Price | None = Field(None, description="packet sent")
    packet_in: Price | None = Field(None, description="packet received")
    hop_x: Price | None = Field(None, description="link passed along x")
    hop_y: Price | None = Field(None, description="link passed along y")
    chip_crossing: Price | None = Field(None, description="border between chips passed")
    add: Price | None = Field(None, description="addition of a shortcut")
    message: Price | None = Field(None, description="current of a shortcut sent to another core")
    bias_add: Price | None = Field(None, description="bias added")
    delay_write: Price | None = Field(None, description="accumulation into a delay line")
    delay_read: Price | None = Field(None, description="sum taken out of a delay line")
    address: Price | None = Field(None, description="address generated")
    probe: Price | None = Field(None, description="occupancy probe")
    index_read: Price | None = Field(None, description="read of an index of voxels")
    mark: Price | None = Field(None, description="flag set for a site that spiked")
    weight_read: Price | None = Field(None, description="weight read")
    membrane_read: Price | None = Field(None, description="membrane read")
    membrane_write: Price | None = Field(None, description="membrane written")
    insert: Price | None = Field(None, description="voxel put into an index")
    table_write: Price | None = Field(None, description="entry of a stored pair list written")
    voxelise: Price | None = Field(None, description="voxel made from points, on the host")
    host_input: Price | None = Field(None, description="value sent from the host")


class Times(Part):
    """Time of one operation in its core or link; None where no source gives it."""

    synop: Time | None = Field(None, description="synaptic operation of any kind")
    synop_dense: Time | None = Field(None, description="... through a dense axon")
    synop_sparse: Time | None = Field(None, description="... through a sparse axon")
    synop_conv: Time | None = Field(None, description="... through a shared kernel")
    neuron_access: Time | None = Field(None, description="neuron looked at, every step")
    neuron_update: Time | None = Field(None, description="neuron with work to do")
    neuron_idle: Time | None = Field(None, description="neuron without")
    spike_fire: Time | None = Field(None, description="neuron that fires")
    packet_out: Time | None = Field(None, description="packet sent")
    packet_in: Time | None = Field(None, description="packet received")
    add: Time | None = Field(None, description="addition of a shortcut")
    hop_x: Time | None = Field(None, description="link passed along x")
    hop_y: Time | None = Field(None, description="link passed along y")
    barrier: Barrier | None = Field(None, description="all cores synchronised")
    step_least: Time | None = Field(None, description="shortest step, synchronising included")
    tick: Time | None = Field(None, description="fixed step, however little there is to do")


class Affine(Part):
    """Energy that each operation adds to a chip's idle power: a fit to the whole chip.

    Each entry holds what comes with its operation (neurons, packets, hops), so that none of
    ``prices`` is ever added to it.
    """

    synops: Price | None = Field(None, description="synaptic operation, of any kind")
    updates: Price | None = Field(None, description="neuron updated")
    fired: Price | None = Field(None, description="neuron that fires")


class Arithmetic(Part):
    """Energy of one operation of arithmetic, for conventional opponents."""

    add_fp32: Price | None = None
    mul_fp32: Price | None = None
    add_fp16: Price | None = None
    mul_fp16: Price | None = None
    add_int32: Price | None = None
    mul_int32: Price | None = None
    add_int8: Price | None = None
    mul_int8: Price | None = None


class Memory(Part):
    """Energy of one access of 64 bits, by the size of the memory."""

    sram_8k: Price | None = Field(None, description="8 KiB")
    sram_32k: Price | None = Field(None, description="32 KiB")
    sram_1m: Price | None = Field(None, description="1 MiB")
    dram: Price | None = Field(None, description="outside the chip")


class Chip(Part):
    """One chip, all of its numbers with their sources.

    Attributes
    ----------
    name, title, node
        Name of the file, what it is, and in which process it is made.
    packing
        How synapses take memory: "loihi" (axons in 64-bit words), "crossbar", "speck" (kernels in
        words), "flat" (bits of the weights).
    shares_kernels
        Whether a kernel is stored once a core, however many sites use it.
    mesh, limits, prices, times
        What it holds, costs and takes.
    static_power
        Of one chip that does nothing, mW.
    clock_power, frequency
        mW for each MHz, and the clock, where the idle power depends on it.
    affine
        A fit to the whole chip, for the convention of that name.
    arithmetic, memory
        What conventional opponents are priced with.

    Source
    ------
    docs/chips.md shows all files as tables.

    Examples
    --------
    >>> from neurospike.hw import load_chip
    >>> chip = load_chip("loihi1_sanafe")
    >>> chip.prices.synop_dense.value, chip.prices.synop_dense.unit
    (35.5, 'pJ')
    """

    name: Text
    title: Text
    node: Text
    packing: Literal["loihi", "crossbar", "speck", "flat"]
    shares_kernels: bool
    note: str = ""
    mesh: MeshPart
    limits: Limits = Limits()
    prices: Prices = Prices()
    times: Times = Times()
    static_power: Power | None = None
    clock_power: ClockPower | None = None
    frequency: Frequency | None = None
    affine: Affine | None = None
    arithmetic: Arithmetic | None = None
    memory: Memory | None = None

    @model_validator(mode="after")
    def _one_number_of_cores(self) -> Chip:
        cores, placed = self.limits.cores, self.mesh.cores_per_chip
        if cores is not None and cores.value != placed:
            raise ValueError(f"limits.cores: must be the mesh's {placed}: {cores.value:g}")
        for name in ("kernel_words", "neuron_words", "bias_words"):
            words: Figures | None = getattr(self.limits, name)
            if words is not None and len(words.value) != placed:
                raise ValueError(f"limits.{name}: must be {placed}, a core each: {words.value}")
        return self


def list_chips() -> list[str]:
    """Names of the chips that ship with the package.

    Examples
    --------
    >>> "loihi1_sanafe" in list_chips()
    True
    """
    return _SHIPPED.names()


def load_chip(name_or_path: str | Path) -> Chip:
    """Read a chip that ships with the package, by name, or a TOML file, by path.

    Raises
    ------
    ArgumentError
        An unknown name.
    DataError
        A file that is missing or no TOML; a number without its source, unit or evidence; a
        negative number; an unknown key. One line that names file, key and rule.

    Examples
    --------
    >>> load_chip("speck2f").limits.cores.value
    9.0
    """
    content = _SHIPPED.read(name_or_path)
    try:
        return Chip.model_validate(content)
    except ValidationError as error:
        raise DataError(f"{name_or_path}: {_first_problem(error)}") from error


def chip_of(chip: Chip | str | Path) -> Chip:
    """A chip as it is, or read by name or path."""
    return chip if isinstance(chip, Chip) else load_chip(chip)


_RULES = {
    "missing": "is missing; docs/chips.md lists what a chip file and each of its numbers must hold",
    "extra_forbidden": "unknown key; docs/chips.md lists what a chip file holds",
    "string_too_short": "is empty; a figure without a source is refused",
}


def _first_problem(error: ValidationError) -> str:
    """The first problem as key, rule and value, and how many there are."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "file"
    rule = _RULES.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "greater_than_equal":
        least = first["ctx"]["ge"]
        rule = f"must be {least:g} or more" if least else "must not be negative"
    value = first.get("input")
    got = f"; got {value!r}" if isinstance(value, (str, int, float)) else ""
    return f"{where}: {rule}{got} ({error.error_count()} problem(s) in all)."
