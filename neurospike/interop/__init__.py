"""Adapters to and from the neighbouring projects."""

from neurospike.interop.dcls import from_dcls

__all__ = ["from_dcls"]
