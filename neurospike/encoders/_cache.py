"""Tables that take seconds to compute, kept in the user's cache folder; losing them costs time."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import DataError
from neurospike.files import user_cache_folder, write_atomically


def load(name: str, dtype: type[np.generic]) -> NDArray[Any] | None:
    """A kept array, or None where there is none that can be read."""
    try:
        kept = np.load(user_cache_folder() / f"{name}.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError, RuntimeError):
        return None
    return kept if isinstance(kept, np.ndarray) and kept.dtype == dtype else None


def keep(name: str, array: NDArray[Any]) -> None:
    """Keep an array; a folder that cannot be written is no error."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    try:
        write_atomically(user_cache_folder() / f"{name}.npy", content.getvalue())
    except (DataError, RuntimeError):
        return
