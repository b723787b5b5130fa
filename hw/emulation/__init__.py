"""Emulation: what a network does, event by event, step by step."""

__all__: list[str] = []
