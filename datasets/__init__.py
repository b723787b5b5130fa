"""Real formats, and generators that need no download. Installed as ``neurospike.datasets``."""

if __name__ != "neurospike.datasets":  # a bare `datasets` would shadow Hugging Face's package
    raise ImportError("import this package as neurospike.datasets, not as datasets")

from neurospike.datasets.solids import Solids

__all__ = ["Solids"]
