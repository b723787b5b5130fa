"""Sparse convolution in plain torch: the oracle of the fast kernels, and the path on any device."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from neurospike.kernels.sparse.geometry import Geometry, Triple
from neurospike.kernels.sparse.rules import Rules


def linear_keys(coords: Tensor, shape: Triple) -> Tensor:
    """int64 (N,) row-major keys of (batch, i, j, k)."""
    c = coords.long()
    return ((c[:, 0] * shape[0] + c[:, 1]) * shape[1] + c[:, 2]) * shape[2] + c[:, 3]


def output_coords(coords: Tensor, geometry: Geometry) -> Tensor:
    """int32 (M, 4): every site that at least one input reaches, ascending."""
    shape = torch.tensor(geometry.out_shape, device=coords.device)
    stride = torch.tensor(geometry.stride, device=coords.device)
    found = []
    for offset in _offsets(geometry, coords.device):
        reach = coords[:, 1:].long() - offset
        site = torch.div(reach, stride, rounding_mode="floor")
        valid = ((site * stride == reach) & (site >= 0) & (site < shape)).all(1)
        site = torch.cat([coords[:, :1].long(), site], 1)[valid]
        found.append(linear_keys(site, geometry.out_shape))
    return unravel(torch.unique(torch.cat(found)), geometry.out_shape)


def build_rules(coords_in: Tensor, coords_out: Tensor, geometry: Geometry) -> Rules:
    """Find the pairs of every offset by binary search among the input keys."""
    keys = linear_keys(coords_in, geometry.in_shape)
    shape = torch.tensor(geometry.in_shape, device=keys.device)
    stride = torch.tensor(geometry.stride, device=keys.device)
    inputs, outputs, bounds = [], [], [0]
    for offset in _offsets(geometry, keys.device):
        site = coords_out[:, 1:].long() * stride + offset
        inside = ((site >= 0) & (site < shape)).all(1)
        wanted = linear_keys(torch.cat([coords_out[:, :1].long(), site], 1), geometry.in_shape)
        at = torch.searchsorted(keys, wanted)
        hit = inside & (at < keys.shape[0])
        hit[hit.clone()] = keys[at[hit]] == wanted[hit]
        inputs.append(at[hit].int())
        outputs.append(hit.nonzero()[:, 0].int())
        bounds.append(bounds[-1] + inputs[-1].shape[0])
    return Rules(
        torch.cat(inputs),
        torch.cat(outputs),
        torch.tensor(bounds),
        n_in=coords_in.shape[0],
        n_out=coords_out.shape[0],
    )


def convolve(features: Tensor, weight: Tensor, rules: Rules) -> Tensor:
    """Gather, multiply and add, offset by offset; autograd differentiates it.

    Steps are convolved one by one, so that a sequence has the bits of its single steps.

    Shape
    -----
    features ([T,] n_in, C_in), weight (K, C_in, C_out) -> ([T,] n_out, C_out)
    """
    if features.ndim == 3 and features.shape[0]:
        return torch.stack([convolve(step, weight, rules) for step in features])
    out = features.new_zeros(*features.shape[:-2], rules.n_out, weight.shape[2])
    for offset in range(rules.volume):
        source, target = rules.at(offset)
        part = features.index_select(-2, source) @ weight[offset]
        out = out.index_add(out.ndim - 2, target, part)
    return out


def _offsets(geometry: Geometry, device: torch.device) -> list[Tensor]:
    """Where each kernel tap lies from ``stride * output``, row-major."""
    taps = itertools.product(*(range(edge) for edge in geometry.kernel))
    dilation = torch.tensor(geometry.dilation, device=device)
    padding = torch.tensor(geometry.padding, device=device)
    return [torch.tensor(tap, device=device) * dilation - padding for tap in taps]


def unravel(keys: Tensor, shape: Triple) -> Tensor:
    """int32 (N, 4) rows (batch, i, j, k) of row-major keys: ``linear_keys`` undone."""
    columns = []
    for edge in (shape[2], shape[1], shape[0]):
        columns.append(keys % edge)
        keys = torch.div(keys, edge, rounding_mode="floor")
    return torch.stack([keys, *columns[::-1]], 1).int()
