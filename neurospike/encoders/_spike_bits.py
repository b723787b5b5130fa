"""Spikes 0..D as bits: planes of binary digits, or a bitmap of who fired and planes of how much.

Of the two the shorter is taken. Bit b of value v stands in plane b at v's place.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import DataError

Values = NDArray[np.integer[Any]]


def pack_spikes(values: Values, max_spikes: int) -> tuple[str, bytes]:
    """Name of the coding and the bytes of flat values in 0..max_spikes."""
    fired = values != 0
    events = int(np.count_nonzero(fired))
    plain = _plane_bytes(len(values), max_spikes)
    split = _plane_bytes(len(values), 1) + _plane_bytes(events, max_spikes - 1)
    if plain <= split:
        return "planes", _planes(values, max_spikes)
    return "bitmap", _planes(fired, 1) + _planes(values[fired] - 1, max_spikes - 1)


def unpack_spikes(coding: str, content: bytes, count: int, max_spikes: int) -> NDArray[np.int32]:
    """Flat values again.

    Raises
    ------
    DataError
        Bytes of another length, or values beyond max_spikes.
    """
    data = np.frombuffer(content, np.uint8)
    if coding == "planes":
        values = _values(data, count, max_spikes)
    elif coding == "bitmap":
        head = _plane_bytes(count, 1)
        fired = _values(data[:head], count, 1).astype(bool)
        values = np.zeros(count, np.int32)
        values[fired] = 1 + _values(data[head:], int(fired.sum()), max_spikes - 1)
    else:
        raise DataError(f"svc.spikes: the coding must be 'planes' or 'bitmap'; got {coding!r}.")
    if count and int(values.max()) > max_spikes:
        raise DataError(
            f"svc.spikes: a value is above max_spikes = {max_spikes}; the file is damaged."
        )
    return values


def _plane_bytes(count: int, largest: int) -> int:
    return largest.bit_length() * -(-count // 8)


def _planes(values: NDArray[Any], largest: int) -> bytes:
    digits = range(largest.bit_length())
    return b"".join(np.packbits((values >> digit & 1).astype(bool)).tobytes() for digit in digits)


def _values(data: NDArray[np.uint8], count: int, largest: int) -> NDArray[np.int32]:
    if len(data) != _plane_bytes(count, largest):
        raise DataError(
            f"svc.spikes: {_plane_bytes(count, largest)} bytes were announced and {len(data)} are "
            "there; the file is damaged."
        )
    values = np.zeros(count, np.int32)
    for digit, plane in enumerate(data.reshape(largest.bit_length(), -(-count // 8))):
        values |= np.unpackbits(plane, count=count).astype(np.int32) << digit
    return values
