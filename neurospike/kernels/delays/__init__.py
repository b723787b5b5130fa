"""Weighted sums of delayed inputs: dense in training, event-driven with whole delays."""

__all__: list[str] = []
