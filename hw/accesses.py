"""What operations read and write: how often, and in which memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from torch import Tensor


class Memory(NamedTuple):
    """A memory that holds one tensor.

    Attributes
    ----------
    numbers
        Real numbers that it holds, over the whole batch and every step.
    stored
        Whether all samples share them, as they share weights; else each sample has its own part.
    """

    numbers: float
    stored: bool = False


class Access(NamedTuple):
    """Numbers read from a memory, or written to it, over the whole batch and every step."""

    times: float
    memory: Memory


Accesses = tuple[Access, ...]


def words(tensor: Tensor) -> int:
    """Real numbers in one number of a tensor."""
    return 2 if tensor.is_complex() else 1


def held(tensor: Tensor, *, stored: bool = False) -> Memory:
    """The memory of a tensor; what was expanded is held once."""
    distinct = tensor.untyped_storage().nbytes() // tensor.element_size()
    return Memory(min(tensor.numel(), distinct) * words(tensor), stored)


def by_products(products: float, factors: Sequence[Memory], out: Memory) -> Accesses:
    """Each product reads its two factors; a sum stays in a register until it is written.

    Two numbers of one memory where one factor is given.
    """
    first, second = (*factors, *factors)[:2]
    return Access(products, first), Access(products, second), Access(out.numbers, out)


def by_events(
    events: float, reached: float, source: Memory, *, weights: Memory, sums: Memory
) -> Accesses:
    """An event is read once; each synapse that it reaches reads a weight, and updates a sum."""
    return Access(events, source), Access(reached, weights), Access(2 * reached, sums)


def energy_pj(
    accesses: Iterable[Access], access_pj: Callable[[float], float], *, samples: int
) -> float:
    """Energy over the whole batch, where one access to so many bytes costs ``access_pj(bytes)``.

    Words have 32 bits. A memory is as large as one of the ``samples`` needs it.
    """
    return sum(
        times * access_pj(4.0 * memory.numbers / (1 if memory.stored else samples))
        for times, memory in accesses
    )
