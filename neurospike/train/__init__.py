"""Training on Lightning: modules and recipes."""

__all__: list[str] = []
