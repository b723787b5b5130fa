"""Families that the library transformers has, built from configurations; nothing is downloaded."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from neurospike.baselines.registry import Baseline, add
from neurospike.errors import ArgumentError, MissingExtraError

EXTRA = "baselines"


class Logits(nn.Module):
    """A network of transformers that takes images and gives plain logits.

    Shape
    -----
    in:  (B, in_channels, H, W)
    out: logits (B, num_classes)
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images).logits
        return logits


class SpectrogramLogits(Logits):
    """The same for networks that take sound as (B, frames, mel bands).

    Shape
    -----
    in:  (B, 1, mel bands, frames)
    out: logits (B, num_classes)
    """

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.squeeze(1).transpose(1, 2))


@dataclass(frozen=True)
class Classes:
    """Where transformers keeps a family, and what its configuration calls the image's sides.

    Attributes
    ----------
    module, stem
        transformers.models.<module> holds <stem>Config and the network.
    task
        What the network's name has after the stem.
    """

    module: str
    stem: str
    task: str = "ForImageClassification"

    def build(
        self, in_channels: int, num_classes: int, image_size: tuple[int, int], **arguments: Any
    ) -> nn.Module:
        """A network with new weights; ``arguments`` are fields of its configuration.

        Raises
        ------
        ArgumentError
            A field that the configuration has not, or a value that it refuses.
        MissingExtraError
            transformers is not installed.
        """
        try:
            found = importlib.import_module(f"transformers.models.{self.module}")
        except ImportError as error:
            raise MissingExtraError(
                f"transformers not installed: pip install 'neurospike[{EXTRA}]'."
            ) from error
        config = getattr(found, f"{self.stem}Config")
        network = getattr(found, f"{self.stem}{self.task}")
        _check_fields(config, arguments)
        sides = self._sides(in_channels, image_size, arguments)
        try:
            return self._finish(
                network(config(num_labels=num_classes, **sides, **arguments)), image_size
            )
        except Exception as error:
            # The configuration's validation and the layers raise errors of many classes.
            reason = " ".join(str(error).split())
            raise ArgumentError(
                f"baselines.create: {self.module} refuses {arguments}: {reason}"
            ) from error

    def _sides(
        self, in_channels: int, image_size: tuple[int, int], _arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the configuration is told of the images."""
        return {"num_channels": in_channels}

    def _finish(self, network: nn.Module, _image_size: tuple[int, int]) -> nn.Module:
        return Logits(network)


class Sized(Classes):
    """A family whose embeddings know the image's size."""

    def _sides(
        self, in_channels: int, image_size: tuple[int, int], _arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"num_channels": in_channels, "image_size": image_size}


class Pyramid(Classes):
    """PVT: positions for every stage, which transformers has for square images and its strides."""

    def _sides(
        self, in_channels: int, image_size: tuple[int, int], _arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"num_channels": in_channels, "image_size": max(image_size)}

    def _finish(self, network: Any, image_size: tuple[int, int]) -> nn.Module:
        height, width = image_size
        for embedding in network.pvt.encoder.patch_embeddings:
            height, width = (side // embedding.patch_size[0] for side in (height, width))
            old = embedding.position_embeddings
            first = 0 if embedding.cls_token is None else 1
            positions = torch.empty(1, first + height * width, old.shape[-1], device=old.device)
            nn.init.trunc_normal_(positions, std=network.config.initializer_range)
            embedding.position_embeddings = nn.Parameter(positions)
        return Logits(network)


class Convolutional(Classes):
    """CvT, without the stochastic depth of transformers, which drops shortcuts with branches: a
    sample that it hits goes on as zeros."""

    def _sides(
        self, in_channels: int, image_size: tuple[int, int], arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        if any(arguments.get("drop_path_rate", ())):
            raise ArgumentError(
                "baselines.create.drop_path_rate: must be 0 for cvt, since transformers drops its "
                f"shortcuts too; got {arguments['drop_path_rate']}."
            )
        return super()._sides(in_channels, image_size, arguments)


class Windows(Sized):
    """Swin: windows no larger than a stage's map, which transformers leaves with tables of another
    size."""

    def _finish(self, network: Any, _image_size: tuple[int, int]) -> nn.Module:
        for stage in network.swin.encoder.layers:
            for block in stage.blocks:
                side = min(block.input_resolution)
                if side < block.window_size:
                    bias = block.attention.relative_position_bias
                    heads = bias.relative_position_bias_table.shape[1]
                    block.attention.relative_position_bias = type(bias)(heads, (side, side))
                    block.window_size, block.shift_size = side, 0
        return Logits(network)


class Spectrograms(Classes):
    """AST: one channel, mel bands by frames."""

    def _sides(
        self, in_channels: int, image_size: tuple[int, int], arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        if in_channels != 1:
            raise ArgumentError(
                "baselines.create.in_channels: must be 1 for ast, a spectrogram; got "
                f"{in_channels}."
            )
        patch = arguments.get("patch_size", 16)
        if min(image_size) < patch:
            raise ArgumentError(
                f"baselines.create.image_size: ast needs {patch} mel bands and frames or more; got "
                f"{image_size}."
            )
        return {"num_mel_bins": image_size[0], "max_length": image_size[1]}

    def _finish(self, network: Any, _image_size: tuple[int, int]) -> nn.Module:
        # All zeros in transformers, for weights that are loaded: two tokens would learn the same.
        found = network.audio_spectrogram_transformer.embeddings
        for start in (found.cls_token, found.distillation_token, found.position_embeddings):
            nn.init.trunc_normal_(start, std=network.config.initializer_range)
        return SpectrogramLogits(network)


def _check_fields(config: Any, arguments: Mapping[str, Any]) -> None:
    """Configurations keep any name they are given: a slip would change nothing, in silence."""
    own = {f.name for f in fields(config) if f.name in config.__annotations__}
    unknown = sorted(set(arguments) - own)
    if unknown:
        raise ArgumentError(
            f"baselines.create: {config.model_type} has no argument {', '.join(unknown)}; it takes "
            f"{', '.join(sorted(n for n in own if not n.startswith('_')))}."
        )


def _add(name: str, classes: Classes, parameters: float, source: str, **others: Any) -> None:
    add(Baseline(name, classes.build, parameters, source, needs=EXTRA, **others))


_add(
    "convnext",
    Classes("convnext", "ConvNext"),
    28_589_128,
    "arXiv:2201.03545, ConvNeXt-T",
    # A stem of stride 2 leaves small images room; a layer scale of 1e-6 would need more steps
    # than small data sets give.
    cpu={
        "patch_size": 2,
        "hidden_sizes": [24, 48, 96, 192],
        "depths": [1, 1, 3, 1],
        "layer_scale_init_value": 0.1,
    },
    multiple=32,
)
_add(
    "convnextv2",
    Classes("convnextv2", "ConvNextV2"),
    3_708_400,
    "arXiv:2301.00808, ConvNeXt V2-A (Atto)",
    published={"hidden_sizes": [40, 80, 160, 320], "depths": [2, 2, 6, 2]},
    cpu={"patch_size": 2, "hidden_sizes": [24, 48, 96, 192], "depths": [1, 1, 3, 1]},
    multiple=32,
)
_add(
    "vit",
    Sized("vit", "ViT"),
    5_717_416,
    "arXiv:2010.11929; size Ti/16 of arXiv:2106.10270",
    published={"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768},
    cpu={
        "patch_size": 8,
        "hidden_size": 96,
        "num_attention_heads": 3,
        "intermediate_size": 384,
        "num_hidden_layers": 6,
    },
    multiple=16,
)
_add(
    "swin",
    Windows("swin", "Swin"),
    28_288_354,
    "arXiv:2103.14030, Swin-T",
    cpu={
        "embed_dim": 32,
        "depths": [2, 2, 2],
        "num_heads": [2, 4, 8],
        "window_size": 4,
        "drop_path_rate": 0.0,
    },
    multiple=32,
)
_add(
    "pvt",
    Pyramid("pvt", "Pvt"),
    13.2e6,
    "arXiv:2102.12122, PVT-Tiny",
    # Strides and reductions that leave small images something to attend to.
    cpu={
        "patch_sizes": [2, 2, 2, 2],
        "strides": [2, 2, 2, 2],
        "sequence_reduction_ratios": [4, 2, 1, 1],
        "hidden_sizes": [24, 48, 96, 160],
        "num_attention_heads": [1, 2, 3, 5],
        "depths": [1, 1, 2, 1],
        "mlp_ratios": [4, 4, 4, 4],
    },
    multiple=32,
)
_add(
    "pvt_v2",
    Sized("pvt_v2", "PvtV2"),
    3_666_760,
    "arXiv:2106.13797, PVT v2-B0 (3.4 M in the paper; 3.67 M as transformers builds it)",
    cpu={
        "strides": [2, 2, 2, 2],
        "sr_ratios": [4, 2, 1, 1],
        "hidden_sizes": [16, 32, 80, 128],
        "num_attention_heads": [1, 2, 5, 8],
    },
    multiple=32,
)
_add(
    "cvt",
    Convolutional("cvt", "Cvt"),
    20.0e6,
    "arXiv:2103.15808, CvT-13",
    published={"drop_path_rate": [0.0, 0.0, 0.0]},
    cpu={
        "embed_dim": [32, 64, 128],
        "num_heads": [1, 2, 4],
        "depth": [1, 2, 3],
        "drop_path_rate": [0.0, 0.0, 0.0],
    },
)
_add(
    "poolformer",
    Classes("poolformer", "PoolFormer"),
    11_915_176,
    "arXiv:2111.11418, PoolFormer-S12",
    cpu={
        "strides": [2, 2, 2, 2],
        "hidden_sizes": [24, 48, 96, 192],
        "depths": [1, 1, 3, 1],
        "layer_scale_init_value": 0.1,
    },
)
_add(
    "resnet",
    Classes("resnet", "ResNet"),
    11_689_512,
    "arXiv:1512.03385, ResNet-18",
    published={
        "layer_type": "basic",
        "hidden_sizes": [64, 128, 256, 512],
        "depths": [2, 2, 2, 2],
    },
    cpu={
        "layer_type": "basic",
        "embedding_size": 32,
        "hidden_sizes": [32, 64, 128, 256],
        "depths": [1, 1, 1, 1],
    },
)
_add(
    "ast",
    Spectrograms("audio_spectrogram_transformer", "AST", "ForAudioClassification"),
    86.6e6,
    "arXiv:2104.01778, base, AudioSet",
    cpu={
        "patch_size": 8,
        "frequency_stride": 6,
        "time_stride": 6,
        "hidden_size": 96,
        "num_attention_heads": 3,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
    },
    example=(1, 527, (128, 1024)),
    least=(16, 8),
)
