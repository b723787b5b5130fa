"""Side-by-side benchmarks behind `neurospike bench`."""

__all__: list[str] = []
