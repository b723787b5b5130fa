"""Upright boxes that turn about z: overlaps, and suppression of the weaker of two."""

__all__: list[str] = []
