"""Adapters to and from the neighbouring projects."""

from neurospike.interop.dcls import from_dcls
from neurospike.interop.spikingjelly import from_spikingjelly

__all__ = ["from_dcls", "from_spikingjelly"]
