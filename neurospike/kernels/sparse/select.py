"""Chooses the backend of the sparse kernels, and binds them to autograd."""

from __future__ import annotations

from torch import Tensor

from neurospike.kernels.sparse import reference
from neurospike.kernels.sparse.geometry import Geometry
from neurospike.kernels.sparse.rules import Rules


def output_coords(coords: Tensor, geometry: Geometry) -> Tensor:
    """int32 (M, 4): every site that at least one input reaches, ascending."""
    return reference.output_coords(coords, geometry)


def build_rules(coords_in: Tensor, coords_out: Tensor, geometry: Geometry) -> Rules:
    """Find which input row meets which output row at every kernel offset."""
    return reference.build_rules(coords_in, coords_out, geometry)


def convolve(features: Tensor, weight: Tensor, bias: Tensor | None, rules: Rules) -> Tensor:
    """([T,] n_in, C_in) and (K, C_in, C_out) -> ([T,] n_out, C_out), differentiable."""
    out = reference.convolve(features, weight, rules)
    return out if bias is None else out + bias
