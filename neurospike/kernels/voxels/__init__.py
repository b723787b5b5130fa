"""Points into voxels: bounds, keys, grouping by key and reduction of each group."""

__all__: list[str] = []
