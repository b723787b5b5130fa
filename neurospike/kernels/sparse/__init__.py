"""Kernel maps and sparse convolution."""

__all__: list[str] = []
