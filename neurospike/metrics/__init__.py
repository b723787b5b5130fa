"""Metrics on plain arrays."""

__all__: list[str] = []
