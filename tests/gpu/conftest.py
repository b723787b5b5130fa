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


@pytest.fixture(autouse=True)
def products_of_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton 3.6 interprets ``tl.dot`` on the integers that NumPy holds bfloat16 as."""
    from triton import language as tl
    from triton.runtime import interpreter

    builder = interpreter.InterpreterBuilder
    own = builder.create_dot

    def create_dot(self: Any, a: Any, b: Any, *args: Any) -> Any:
        if a.dtype.scalar == tl.bfloat16:
            a, b = (
                self.create_fp_ext(one, tl.block_type(tl.float32, list(one.data.shape)))
                for one in (a, b)
            )
        return own(self, a, b, *args)

    monkeypatch.setattr(builder, "create_dot", create_dot)
