"""Layers whose neurons hear each other after learnt delays."""

__all__: list[str] = []
