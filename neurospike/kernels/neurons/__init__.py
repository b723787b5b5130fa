"""Fused multi-step neurons."""

__all__: list[str] = []
