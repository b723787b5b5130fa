"""Real data into spikes."""

__all__: list[str] = []
