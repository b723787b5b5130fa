"""Adapters to and from the neighbouring projects."""

__all__: list[str] = []
