"""spconv on the CPU, patched so that its backward runs there.

spconv's CPU backward asks CUDA for a stream that it then does not use, which raises without CUDA:
the question is answered with 0 here. Its CPU scatter also adds from several threads into the same
rows, so its sums may be wrong: it is timed, never compared with.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.encoders.spike_voxel_coding import BN_EPS, BN_MOMENTUM
from neurospike.errors import MissingExtraError
from neurospike.models.e3dsnn import SIZES
from neurospike.sparse import ActiveSet

NAME = "spconv CPU, patched"


@cache
def load() -> Any:
    """spconv.pytorch with its backward made to run without CUDA.

    Raises
    ------
    MissingExtraError
        spconv is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import spconv.pytorch as spconv
            from spconv.pytorch import ops
    except ImportError as error:
        raise MissingExtraError(
            "bench.sparse: compares with spconv, which is not installed; pip install spconv."
        ) from error
    if not torch.cuda.is_available():
        ops.get_current_stream = lambda: 0
    return spconv


def runs_on(device: torch.device) -> bool:
    """Whether spconv is installed, and built for a device."""
    try:
        load()
        from spconv.cppconstants import CPU_ONLY_BUILD
    except ImportError:
        return False
    return device.type == "cpu" or not CPU_ONLY_BUILD


def to_device(layers: Any, device: torch.device) -> Any:
    """The same layers on a device, with the algorithm that spconv itself would take there."""
    if device.type == "cuda":
        for module in layers.modules():
            if hasattr(module, "indice_key"):
                module.algo = load().ConvAlgo.MaskImplicitGemm
    return layers.to(device)


def round_to_tf32(allowed: bool) -> None:
    """Whether spconv's float32 products on a GPU may round to tf32, from now on."""
    from spconv import constants

    constants.SPCONV_ALLOW_TF32 = allowed


def tensor(active: ActiveSet, features: Tensor) -> Any:
    """Features on the same voxels, as spconv holds them."""
    return load().SparseConvTensor(
        features, active.coords, list(active.spatial_shape), active.batch_size
    )


def kernel_map(active: ActiveSet) -> Any:
    """The pairs of a 3x3x3 submanifold convolution."""
    from spconv.pytorch import ops

    return ops.get_indice_pairs(
        active.coords, active.batch_size, list(active.spatial_shape), load().ConvAlgo.Native,
        ksize=[3] * 3, stride=[1] * 3, padding=[1] * 3, dilation=[1] * 3, out_padding=[0] * 3,
        subm=True,
    )  # fmt: skip


def strided(
    c_in: int, c_out: int, key: str, kernel: int | list[int], stride: int | list[int], pad: int
) -> Any:
    """A strided convolution without bias, whose map is kept under ``key``."""
    spconv = load()
    return spconv.SparseConv3d(
        c_in, c_out, kernel, stride=stride, padding=pad, bias=False, indice_key=key,
        algo=spconv.ConvAlgo.Native,
    )  # fmt: skip


def submanifold(c_in: int, c_out: int, key: str = "map") -> Any:
    """A 3x3x3 submanifold convolution whose map is shared under ``key``."""
    spconv = load()
    return spconv.SubMConv3d(
        c_in, c_out, 3, bias=False, indice_key=key, algo=spconv.ConvAlgo.Native
    )


class _Level(torch.autograd.Function):
    """I-LIF at one time step: the nearest level in 0..4, gradient 1 inside."""

    @staticmethod
    def forward(ctx: Any, u: Tensor) -> Tensor:
        ctx.save_for_backward(u)
        return torch.floor(torch.clamp(u, 0, 4) + 0.5)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (u,) = ctx.saved_tensors
        inside: Tensor = (u > 0) & (u < 4)
        return grads[0] * inside


class Spike(nn.Module):
    """I-LIF on every feature."""

    def forward(self, x: Any) -> Any:
        apply: Any = _Level.apply
        return x.replace_feature(apply(x.features))


class Norm(nn.Module):
    """Torch's BatchNorm over the voxels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)

    def forward(self, x: Any) -> Any:
        return x.replace_feature(self.norm(x.features))


class Block(nn.Module):
    """E-3DSNN's block: one convolution, then two, with membrane shortcuts."""

    def __init__(self, channels: int, key: str) -> None:
        super().__init__()

        def unit() -> list[nn.Module]:
            return [Spike(), submanifold(channels, channels, key), Norm(channels)]

        self.local = nn.Sequential(*unit())
        self.mix = nn.Sequential(*unit(), *unit())

    def forward(self, x: Any) -> Any:
        x = x.replace_feature(x.features + self.local(x).features)
        return x.replace_feature(x.features + self.mix(x).features)


class E3DSNNTwin(nn.Module):
    """E-3DSNN-T as the published code builds it: spconv layers, torch norms, I-LIF in torch."""

    def __init__(self, num_classes: int = 40, in_features: int = 6) -> None:
        super().__init__()
        size = SIZES["T"]
        layers: list[Any] = [submanifold(in_features, size.stem, "stem"), Norm(size.stem)]
        for _ in range(2):
            layers += [Spike(), submanifold(size.stem, size.stem, "stem"), Norm(size.stem)]
        inputs = size.stem
        for stage, outputs in enumerate(size.stages):
            down = strided(inputs, outputs, f"down{stage}", 2, 2, 0)
            layers += [Spike(), down, Norm(outputs)]
            layers += [Block(outputs, f"stage{stage}") for _ in range(size.blocks)]
            inputs = outputs
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, x: Any) -> Tensor:
        """Logits (batch_size, num_classes)."""
        x = self.body(x)
        sample = x.indices[:, 0].long()
        logits: Tensor = self.head(x.features)
        total = logits.new_zeros(x.batch_size, logits.shape[1]).index_add(0, sample, logits)
        count = torch.bincount(sample, minlength=x.batch_size).clamp(min=1)
        return total / count[:, None]
