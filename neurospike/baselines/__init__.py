"""Conventional opponents by name."""

__all__: list[str] = []
