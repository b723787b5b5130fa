"""Points into voxels."""

__all__: list[str] = []
