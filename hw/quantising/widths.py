"""Widths of weights and membranes: from a chip, or given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from neurospike.errors import ArgumentError

if TYPE_CHECKING:
    from neurospike.hw.chip import Chip

Bits: TypeAlias = "Chip | str | Path | tuple[int, int]"

_MOST_WEIGHT_BITS = 32
_MOST_MEMBRANE_BITS = 48  # a membrane times 4096 stays inside 64 bits


@dataclass(frozen=True)
class Widths:
    """Signed widths of weights and membranes, in bits.

    Both ends have one magnitude: the most negative code is left out, as on Loihi.
    """

    weight: int
    membrane: int

    @property
    def weight_limit(self) -> int:
        """Largest magnitude of a weight."""
        return int(2 ** (self.weight - 1) - 1)

    @property
    def membrane_limit(self) -> int:
        """Largest magnitude of a membrane."""
        return int(2 ** (self.membrane - 1) - 1)


def widths_of(bits: Bits) -> Widths:
    """Widths of a chip, by name or path too, or of a pair (weight_bits, membrane_bits).

    Raises
    ------
    ArgumentError
        A chip without one of the widths; no pair; numbers out of range.

    Examples
    --------
    >>> widths_of((8, 24)).weight_limit
    127
    """
    weight, membrane = _pair(bits)
    _check("weight_bits", weight, most=_MOST_WEIGHT_BITS)
    _check("membrane_bits", membrane, most=_MOST_MEMBRANE_BITS)
    return Widths(int(weight), int(membrane))


def _pair(bits: Any) -> tuple[Any, Any]:
    if isinstance(bits, (str, Path)):
        from neurospike.hw.chip import load_chip

        bits = load_chip(bits)
    limits = getattr(bits, "limits", None)
    if limits is None:
        if isinstance(bits, (tuple, list)) and len(bits) == 2:
            return bits[0], bits[1]
        raise ArgumentError(
            f"quantise.bits: must be a chip or (weight_bits, membrane_bits); got {bits!r}."
        )
    missing = [name for name in ("weight_bits", "membrane_bits") if _limit(limits, name) is None]
    if missing:
        raise ArgumentError(
            f"quantise.bits: chip {bits.name!r} states no {' and no '.join(missing)}; give "
            "(weight_bits, membrane_bits)."
        )
    return _limit(limits, "weight_bits"), _limit(limits, "membrane_bits")


def _limit(limits: Any, name: str) -> Any:
    figure = getattr(limits, name)
    return None if figure is None else figure.value


def _check(name: str, value: Any, *, most: int) -> None:
    if isinstance(value, bool) or value != int(value) or not 2 <= value <= most:
        raise ArgumentError(
            f"quantise.{name}: must be a whole number of 2 to {most}, sign included; got {value!r}."
        )
