"""Figures from plain arrays."""

__all__: list[str] = []
