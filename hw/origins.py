"""Where a tensor came from: spikes of a neuron, or real numbers.

Origins are kept by storage, not by tensor object, so that views share them and a write into a
part of a buffer (``out[t] = spikes``) reaches the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from neurospike.sparse import VoxelTensor


class Kind(IntEnum):
    """What the numbers of a tensor are; the larger one wins where two meet."""

    BLANK = 0
    """Zeros, or memory not yet written: takes the kind of whatever is written into it."""
    SPIKES = 1
    REAL = 2


class Trail(IntEnum):
    """What a tensor comes straight out of, as far as folding and summing depend on it."""

    NONE = 0
    WEIGHTS = 1
    """A layer of synapses without bias: a norm behind it folds, and leaves a bias."""
    BIASED = 2
    """A layer of synapses with bias: a norm behind it folds into that bias."""


class Origin(NamedTuple):
    """Kind and trail of one storage."""

    kind: Kind
    trail: Trail = Trail.NONE
    events: bool = False
    """Whether the numbers are sums of spike events: adding them up is the membrane's work."""
    stored: bool = False
    """Whether they are weights or made of weights alone, and so the same for every sample."""


UNKNOWN = Origin(Kind.REAL, stored=True)
"""Of what nobody saw being made: parameters, buffers and constants."""


class Origins:
    """The origins of all storages that are alive."""

    def __init__(self) -> None:
        # The weak reference keeps the storage's address from being given to another one.
        self._known: dict[int, tuple[StorageWeakRef, Origin]] = {}
        self._limit = 4096

    def of(self, tensor: Tensor) -> Origin:
        """The origin of one tensor; a boolean one is spikes, an unknown one real and stored."""
        if tensor.dtype == torch.bool:
            return Origin(Kind.SPIKES)
        found = self._known.get(address_of(tensor))
        return UNKNOWN if found is None else found[1]

    def kind(self, value: Any) -> Kind:
        """The kind of everything inside a value; REAL where it holds no tensor."""
        return max((self.of(t).kind for t in tensors_in(value)), default=Kind.REAL)

    def stored(self, value: Any) -> bool:
        """Whether everything inside a value is the same for every sample."""
        return all(self.of(t).stored for t in tensors_in(value))

    def mark(self, value: Any, origin: Origin) -> None:
        """Set the origin of every floating-point tensor inside a value."""
        for tensor in tensors_in(value):
            if len(self._known) > self._limit:
                self._forget_dead()
            storage = tensor.untyped_storage()
            self._known[storage._cdata] = (weak_of(storage), origin)

    def _forget_dead(self) -> None:
        alive = {}
        for address, (reference, origin) in self._known.items():
            if not reference.expired():  # type: ignore[no-untyped-call]
                alive[address] = (reference, origin)
        self._known = alive
        self._limit = 4096 + 2 * len(self._known)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor of numbers inside tuples, lists, mappings, dataclasses and VoxelTensors."""
    if isinstance(value, Tensor):
        if value.layout == torch.strided:
            yield value
    elif isinstance(value, VoxelTensor):
        yield value.features
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from tensors_in(getattr(value, field.name))


def weak_of(storage: Any) -> StorageWeakRef:
    """A reference that keeps a storage's address from being given to another one."""
    return StorageWeakRef(storage)  # type: ignore[no-untyped-call]


def address_of(tensor: Tensor) -> int:
    """Where a tensor's numbers are kept; views share it."""
    address: int = tensor.untyped_storage()._cdata
    return address
