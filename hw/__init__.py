"""Operations counted, and, from sourced chip files, priced. Installed as ``neurospike.hw``."""

__all__: list[str] = []
