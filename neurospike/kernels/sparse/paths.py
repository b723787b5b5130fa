"""Whether a GPU's convolution skips zeros, by what was measured on that card.

The density of spikes is known on the device alone, and asking for it would stop the host at every
layer. So ``auto`` multiplies zeros; who knows how dense the spikes are, from training or from a
first look, can ask here for the backend to name.
"""

from __future__ import annotations

from typing import Literal

import torch

from neurospike.kernels.sparse.gpu_tiles import kind
from neurospike.kernels.tuning.classes import density_class, shape_class
from neurospike.kernels.tuning.table import lookup

OP = "sparse.path"


def fastest(
    rows: int, c_in: int, c_out: int, *, dtype: torch.dtype, device: torch.device, density: float
) -> Literal["triton", "triton-events"]:
    """The backend for ``rows`` output sites whose inputs are non-zero with this density.

    "triton" where ``neurospike tune`` found nothing else.

    Examples
    --------
    >>> where = torch.device("cpu")
    >>> fastest(40000, 64, 64, dtype=torch.bfloat16, device=where, density=0.05)
    'triton'
    """
    key = (shape_class(rows), f"{c_in}x{c_out}", kind(dtype), density_class(density))
    found = lookup(OP, device, key)
    return "triton" if found is None else found["backend"]
