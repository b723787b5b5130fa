"""spconv on a GPU: the algorithm that it takes there by itself, with weights like ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor

from neurospike.bench import spconv_peer
from neurospike.sparse import ActiveSet


def name(dtype: torch.dtype = torch.float32) -> str:
    """spconv's version, and the dtype where it is half precision."""
    half = ", fp16" if dtype == torch.float16 else ""
    for package in ("spconv-cu126", "spconv-cu124", "spconv-cu121", "spconv-cu120", "spconv"):
        with suppress(PackageNotFoundError):
            return f"{package} {version(package)}{half}"
    return f"spconv{half}"


def build_map(active: ActiveSet) -> None:
    """What spconv builds for the algorithm that it takes by itself."""
    spconv = spconv_peer.load()
    if active.coords.device.type == "cpu":
        spconv_peer.kernel_map(active)
        return
    from spconv.pytorch import ops

    ops.get_indice_pairs_implicit_gemm(
        active.coords, active.batch_size, list(active.spatial_shape),
        spconv.ConvAlgo.MaskImplicitGemm, ksize=[3] * 3, stride=[1] * 3, padding=[1] * 3,
        dilation=[1] * 3, out_padding=[0] * 3, subm=True,
    )  # fmt: skip


@torch.no_grad()
def take_weight(theirs: Any, weight: Tensor) -> None:
    """Ours (offsets, in, out) into spconv's (out, three edges, in)."""
    theirs.weight.copy_(weight.permute(2, 0, 1).reshape(theirs.weight.shape))


def training(
    device: torch.device,
    active: ActiveSet,
    weight: Tensor,
    spikes: Tensor,
    upstream: Tensor,
    dtype: torch.dtype,
) -> Callable[[], tuple[Tensor, ...]]:
    """spconv's layer with the same weights; its map is in the tensor's cache."""
    volume, c_in, c_out = weight.shape
    layer = spconv_peer.to_device(spconv_peer.submanifold(c_in, c_out), device).to(dtype)
    take_weight(layer, weight)
    x, g = spikes.to(dtype).requires_grad_(), upstream.to(dtype)
    ready = layer(spconv_peer.tensor(active, x.detach()))

    def train() -> tuple[Tensor, ...]:
        y = layer(ready.replace_feature(x)).features
        gx, gw = torch.autograd.grad(y, (x, layer.weight), g)
        return y.detach(), gx, gw.reshape(c_out, volume, c_in).permute(1, 2, 0)

    return train
