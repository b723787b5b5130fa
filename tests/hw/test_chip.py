"""Chip files: what is in them, and what is refused."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import ValidationError

from neurospike import hw
from neurospike.errors import ArgumentError, DataError
from neurospike.hw.datasheet import entries
from neurospike.hw.figures import EVIDENCE, weakest
from neurospike.hw.prices import HOROWITZ45, memory_access_pj

FIRST = [
    "horowitz45",
    "loihi1_davies2018",
    "loihi1_sanafe",
    "loihi2_candidate",
    "odin",
    "speck2f",
    "truenorth_akopyan",
]

OWN = """
name = "mine"
title = "My chip"
node = "22 nm"
packing = "flat"
shares_kernels = true

[mesh]
width = 2
height = 2
source = "my data sheet"
evidence = "measured"

[prices.synop]
value = 5.0
high = 6.0
unit = "pJ"
source = "my data sheet, page 3"
evidence = "measured"
scope = "per_op"
"""


SOURCED = """
source = "my data sheet"
evidence = "measured"

[prices.synop]"""
LIMIT = '[limits.{}]\nvalue = {}\nunit = "{}"' + SOURCED
POWER = '[{}]\nvalue = 1.0\nunit = "{}"\nscope = "per_op"' + SOURCED


def write(folder: Path, old: str = "", new: str = "") -> Path:
    path = folder / "mine.toml"
    assert old in OWN
    path.write_text(OWN.replace(old, new), "utf-8")
    return path


def test_the_first_chips_are_there() -> None:
    assert hw.list_chips() == FIRST
    folder = files("neurospike.hw") / "chips"
    for name in FIRST:
        assert hw.load_chip(name).name == name
        assert (folder / f"{name}.toml").is_file()


@pytest.mark.parametrize("name", FIRST)
def test_every_number_says_where_it_is_from(name: str) -> None:
    rows = entries(hw.load_chip(name))
    assert rows
    for row in rows:
        assert row.source
        assert row.evidence in EVIDENCE
        assert row.unit or row.section == "mesh"
        assert row.meaning or row.section == "arithmetic"
        if row.section in ("prices", "times", "static_power", "affine"):
            assert row.scope in ("per_op", "all_in")
    # All numbers of the file are in the rows.
    content = tomllib.loads((files("neurospike.hw") / "chips" / f"{name}.toml").read_text("utf-8"))
    sections = [part for part in content.values() if isinstance(part, dict)]
    numbers = sum(1 if "source" in part else len(part) for part in sections)
    assert len(rows) == numbers


def test_figures_of_the_table() -> None:
    loihi = hw.load_chip("loihi1_sanafe")
    assert loihi.mesh.cores_per_chip == loihi.limits.cores.value == 128
    assert loihi.mesh.as_mesh().cores_per_chip == 128
    assert loihi.prices.synop_dense.range == (23.6, 35.5, 35.5)
    assert loihi.prices.synop_dense.evidence == "derived"
    assert loihi.static_power.value == 104.4
    assert loihi.times.barrier.by_tiles[-1] == (29, 1800.0)
    davies = hw.load_chip("loihi1_davies2018")
    assert (davies.prices.neuron_update.value, davies.prices.neuron_idle.value) == (81, 52)
    speck = hw.load_chip("speck2f")
    assert sum(speck.limits.neuron_words.value) == 320 * 1024
    assert sum(speck.limits.kernel_words.value) == 272 * 1024
    assert hw.load_chip("truenorth_akopyan").prices.synop.scope == "all_in"


def test_loihi_2_has_its_own_structure_and_inherited_energies() -> None:
    chip, older = hw.load_chip("loihi2_candidate"), hw.load_chip("loihi1_sanafe")
    assert chip.limits.neurons_per_core.evidence == "measured"
    assert chip.limits.neurons_per_core.value == 8 * older.limits.neurons_per_core.value
    for row in entries(chip):
        if row.section == "prices":
            assert row.evidence == "estimated"
    assert chip.prices.synop_dense.value == older.prices.synop_dense.value


def test_own_file_by_path(tmp_path: Path) -> None:
    chip = hw.load_chip(write(tmp_path))
    assert chip.prices.synop.range == (5.0, 5.0, 6.0)
    assert hw.load_chip(str(tmp_path / "mine.toml")) == chip


def test_a_chip_does_not_change() -> None:
    chip = hw.load_chip("odin")
    with pytest.raises(ValidationError, match="frozen"):
        chip.prices.synop.value = 1.0


@pytest.mark.parametrize(
    ("old", "new", "key", "rule"),
    [
        ('source = "my data sheet, page 3"\n', "", "prices.synop.source", "is missing"),
        ('"my data sheet, page 3"', '"  "', "prices.synop.source", "without a source is refused"),
        ('source = "my data sheet"\n', "", "mesh.source", "is missing"),
        ('unit = "pJ"\n', "", "prices.synop.unit", "is missing"),
        ('unit = "pJ"', 'unit = "nJ"', "prices.synop.unit", "should be 'pJ'"),
        ('scope = "per_op"\n', "", "prices.synop.scope", "is missing"),
        ('scope = "per_op"', 'scope = "some"', "prices.synop.scope", "'per_op' or 'all_in'"),
        ("value = 5.0", "value = -5.0", "prices.synop.value", "must not be negative; got -5.0"),
        ("value = 5.0", 'value = "5"', "prices.synop.value", "valid number"),
        ("value = 5.0", "value = nan", "prices.synop.value", "finite number"),
        ("value = 5.0", "value = 7.0", "prices.synop", "low <= value <= high is broken"),
        ("value = 5.0", "value = 5.0\nvalu = 5.0", "prices.synop.valu", "unknown key"),
        (
            "value = 5.0",
            'value = 5.0\ncovers = ["reads"]',
            "prices.synop",
            "covers: 'reads' is no count of a trace",
        ),
        ("[prices.synop]", "[prices.synopp]", "prices.synopp", "unknown key"),
        ('node = "22 nm"', 'node = "22 nm"\nvolt = 1.0', "volt", "unknown key"),
        ('"flat"', '"round"', "packing", "'loihi', 'crossbar', 'speck' or 'flat'"),
        ("width = 2", "width = 0", "mesh.width", "must be 1 or more; got 0"),
        ("[mesh]", "[mesh", "", "not valid TOML"),
        ("[prices.synop]", LIMIT.format("cores", 5, "cores"), "file", "must be the mesh's 4: 5"),
        ("[prices.synop]", LIMIT.format("cores", 4.5, "cores"), "limits.cores", "whole number"),
        ("[prices.synop]", LIMIT.format("max_delay", 4, "ms"), "limits.max_delay.unit", "steps"),
        (
            "[prices.synop]",
            LIMIT.format("synapse_bits_per_core", 128, "KB"),
            "limits.synapse_bits_per_core.unit",
            "should be 'bit'; got 'KB'",
        ),
        (
            "[prices.synop]",
            LIMIT.format("neuron_words", [8, 8, 8], "words"),
            "file",
            "limits.neuron_words: must be 4, a core each",
        ),
        (
            "[prices.synop]",
            POWER.format("static_power", "mW/MHz"),
            "static_power.unit",
            "should be 'mW'",
        ),
        ("[prices.synop]", POWER.format("clock_power", "mW"), "clock_power.unit", "'mW/MHz'"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, old: str, new: str, key: str, rule: str) -> None:
    path = write(tmp_path, old, new)
    with pytest.raises(DataError) as caught:
        hw.load_chip(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {key}")
    assert rule in message
    assert "\n" not in message


def test_missing_files_and_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as a chip file"):
        hw.load_chip(tmp_path / "none.toml")
    with pytest.raises(ArgumentError, match=r"must be one of horowitz45.*; got 'loihi'"):
        hw.load_chip("loihi")


def test_barriers_rise_with_the_tiles(tmp_path: Path) -> None:
    barrier = """
[times.barrier]
value = 2.0
unit = "ns"
source = "my data sheet"
evidence = "measured"
scope = "per_op"
by_tiles = [[4, 1.0], [2, 2.0]]
"""
    path = tmp_path / "mine.toml"
    path.write_text(OWN + barrier, "utf-8")
    with pytest.raises(DataError, match=r"times.barrier: by_tiles: numbers of tiles must rise"):
        hw.load_chip(path)


def test_weakest_evidence() -> None:
    assert weakest("simulated", "derived", "measured") == "derived"
    assert weakest() == "measured"


def test_horowitz_is_the_same_wherever_it_stands() -> None:
    chip = hw.load_chip("horowitz45")
    assert chip.prices.mac.value == HOROWITZ45.mac_pj
    assert chip.prices.synop.value == chip.prices.add.value == HOROWITZ45.ac_pj
    adds, products = chip.arithmetic.add_fp32.value, chip.arithmetic.mul_fp32.value
    assert chip.prices.mac.value == pytest.approx(adds + products)
    sizes = (chip.memory.sram_8k, chip.memory.sram_32k, chip.memory.sram_1m)
    for kib, price in zip((8, 32, 1024), sizes, strict=True):
        assert memory_access_pj(1024 * kib) == price.value
