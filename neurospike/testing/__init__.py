"""Assertions and generators for users' own tests."""

__all__: list[str] = []
