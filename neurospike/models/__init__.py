"""Networks by name."""

__all__: list[str] = []
