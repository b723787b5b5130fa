"""A conventional machine: number formats, arithmetic and memory, priced alike for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from neurospike.hw.chip import Arithmetic, load_chip
from neurospike.hw.prices import memory_access_pj

CHIP = "horowitz45"
_PORT_BITS = 64
"""Bits of one access in Horowitz's table of memories."""


@dataclass(frozen=True)
class Format:
    """Widths of the numbers that a network works in, and what its arithmetic costs.

    Attributes
    ----------
    name
        For tables.
    weight_bits, state_bits, input_bits
        Widths of weights, of membranes or partial sums, and of real inputs.
    add_pj
        Addition to a membrane or a partial sum.
    multiply_pj
        Product of two numbers; for integers of one bit of each.
    whole
        Whether they are integers, whose activations are as wide as they need to be.
    """

    name: str
    weight_bits: int
    state_bits: int
    input_bits: int
    add_pj: float
    multiply_pj: float
    whole: bool

    def width(self, bits: int) -> int:
        """Width of an activation that needs so many bits."""
        return bits if self.whole else self.input_bits

    def product_pj(self, bits: int) -> float:
        """Energy of a product of a weight and a number of so many bits."""
        return self.multiply_pj * (bits * self.weight_bits if self.whole else 1)

    @property
    def leak_pj(self) -> float:
        """Energy of a product of a membrane and its decay."""
        return self.product_pj(self.state_bits)


def float32() -> Format:
    """Every number in float32."""
    prices = _arithmetic()
    add, multiply = _of(prices, "add_fp32"), _of(prices, "mul_fp32")
    return Format("float32", 32, 32, 32, add, multiply, whole=False)


def integers(weight_bits: int, state_bits: int, *, input_bits: int = 8) -> Format:
    """Integers of the given widths.

    A product costs in proportion to the product of its widths, from 0.2 pJ for 8 x 8 bits (for
    32 x 32 that gives 3.2 pJ, and Horowitz has 3.1); an addition lies on the line between 8 and 32
    bits.

    Examples
    --------
    >>> form = integers(8, 32)
    >>> round(form.product_pj(3), 3), form.add_pj
    (0.075, 0.1)
    """
    prices = _arithmetic()
    low, high = _of(prices, "add_int8"), _of(prices, "add_int32")
    add = max(low + (high - low) * (state_bits - 8) / 24, 0.0)
    name = f"{weight_bits}-bit weights, {state_bits}-bit sums"
    bit = _of(prices, "mul_int8") / 64
    return Format(name, weight_bits, state_bits, input_bits, add, bit, whole=True)


def access_pj(bits: float, size_bits: float) -> float:
    """Energy of reading or writing ``bits`` in a memory of ``size_bits``, in pJ.

    A memory gives 64 bits at once, of which neighbours use their own; larger ones cost more, see
    ``memory_access_pj``, but no more than DRAM.

    Examples
    --------
    >>> access_pj(64, 8 * 32768), access_pj(8, 8 * 32768), access_pj(64, 8 * 2**30)
    (20.0, 2.5, 1950.0)
    """
    return min(memory_access_pj(size_bits / 8), _dram_pj()) * bits / _PORT_BITS


def bits_of(steps: int, depth: int) -> int:
    """Bits of an activation that tells as much as ``steps`` x ``depth`` spikes.

    Source
    ------
    arXiv:2409.08290: T steps against ceil(log2(T + 1)) bits.

    Examples
    --------
    >>> bits_of(1, 4), bits_of(5, 1), bits_of(1, 1)
    (3, 3, 1)
    """
    return (steps * depth).bit_length()


@lru_cache(maxsize=1)
def _dram_pj() -> float:
    memory = load_chip(CHIP).memory
    dram = None if memory is None else memory.dram
    return float("inf") if dram is None else dram.value


@lru_cache(maxsize=1)
def _arithmetic() -> Arithmetic:
    found = load_chip(CHIP).arithmetic
    return found if found is not None else Arithmetic()


def _of(prices: Arithmetic, name: str) -> float:
    found = getattr(prices, name)
    return float(found.value)
