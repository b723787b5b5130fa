"""The labels of all tensors of a forward pass, by storage: views of a tensor share them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from neurospike.hw.origins import address_of, weak_of

ZERO = -1
"""Label of a number that is zero whatever the input."""

UNKNOWN = -2
"""Label of a number that does not come from the input, or from it by an unknown way."""


class LabelStore:
    """Label tables of all storages that are alive and hold something known."""

    def __init__(self) -> None:
        # The weak reference keeps the storage's address from being given to another one.
        self._tables: dict[int, tuple[StorageWeakRef, Tensor]] = {}
        self._limit = 32

    def knows(self, tensor: Tensor) -> bool:
        """Whether anything is known of the tensor's storage."""
        return tensor.layout == torch.strided and address_of(tensor) in self._tables

    def of(self, tensor: Tensor) -> Tensor:
        """int64 labels of the tensor's shape, on the CPU."""
        if not self.knows(tensor):
            return torch.full(tensor.shape, UNKNOWN)
        table = self._tables[address_of(tensor)][1]
        return table.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    def of_constant(self, tensor: Tensor) -> Tensor:
        """Labels of a tensor that nobody tracked: zeros stay zeros, all else is unknown."""
        if self.knows(tensor):
            return self.of(tensor)
        return torch.where(tensor.detach().cpu() == 0, ZERO, UNKNOWN)

    def put(self, tensor: Tensor, labels: Tensor) -> None:
        """Set the labels of a tensor, and with it of that part of its storage."""
        address = address_of(tensor)
        if address not in self._tables:
            self._forget_dead()
            storage: Any = tensor.untyped_storage()
            table = torch.full((storage.nbytes() // tensor.element_size(),), UNKNOWN)
            self._tables[address] = (weak_of(storage), table)
        self.of(tensor).copy_(labels.reshape(tensor.shape))

    def adopt(self, tensor: Tensor) -> None:
        """Track the storage of a tensor from now on; zeros in it are known to be zeros."""
        if self.knows(tensor):
            return
        everything = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
        everything.set_(tensor.untyped_storage())
        self.put(everything, self.of_constant(everything))

    def _forget_dead(self) -> None:
        if len(self._tables) < self._limit:
            return
        self._tables = {
            address: entry
            for address, entry in self._tables.items()
            if not entry[0].expired()  # type: ignore[no-untyped-call]
        }
        self._limit = 32 + 2 * len(self._tables)
