"""Raw-tensor kernels, a folder an operation, each with its oracle in reference.py."""

__all__: list[str] = []
