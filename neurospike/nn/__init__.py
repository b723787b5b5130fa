"""Layers: neurons, sparse convolutions, norms, containers."""

__all__: list[str] = []
