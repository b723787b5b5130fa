"""The `neurospike` command."""

__all__: list[str] = []
