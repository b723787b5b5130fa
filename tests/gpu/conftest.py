"""Triton's kernels, on a GPU where there is one; else interpreted, which is slow but the same."""

from typing import Any

import pytest
import torch

pytest.importorskip("triton")


@pytest.fixture
def device() -> torch.device:
    """Where the kernels run here."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(autouse=True)
def numbers_as_numpy_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton 3.6 interprets loop bounds as arrays of one, which NumPy 2.4 takes for no numbers."""
    from triton.runtime import interpreter

    own = interpreter._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        own(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())

    monkeypatch.setattr(interpreter, "_patch_lang_tensor", patched)
