"""Names, sizes and channels that a baseline cannot take: one clear line each."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from neurospike import baselines, models
from neurospike.baselines import Baseline
from neurospike.errors import ArgumentError

NAMES = (
    "ann-twin", "ann-twin:delay_net", "ann-twin:e3dsnn", "ann-twin:e3dsnn_detector",
    "ann-twin:e3dsnn_segmenter", "ast", "convit", "convnext", "convnextv2", "cvt", "hornet",
    "inceptionnext", "metaformer:ca", "metaformer:conv", "metaformer:identity", "metaformer:rand",
    "point_transformer", "pointnet", "poolformer", "pvt", "pvt_v2", "resnet", "swin",
    "unireplknet", "vanillanet", "vit",
)  # fmt: skip


def test_every_promised_family_is_there() -> None:
    assert set(NAMES) <= set(baselines.list())
    assert baselines.list() == sorted(baselines.list())


@pytest.mark.parametrize("name", NAMES)
def test_every_family_says_where_it_comes_from(name: str) -> None:
    family = baselines.find(name)
    assert family.name == name
    assert "arXiv:" in family.source or "neurospike.models" in family.source
    assert family.takes in ("images", "points", "model")
    assert family.multiple >= 1


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", ["ast", "hornet", "inceptionnext", "vanillanet"])
def test_the_smallest_side_is_the_one_that_is_told(name: str, place: int) -> None:
    if name == "ast":
        pytest.importorskip("transformers")
    family, size = baselines.find(name), ("published", "cpu")[place]
    least = family.least[place]
    shape = {"in_channels": family.example[0], "num_classes": 2, "size": size}
    with torch.device("meta"):
        baselines.create(name, image_size=least, **shape)
        with pytest.raises(ArgumentError, match=f"image_size: .*{least}"):
            baselines.create(name, image_size=least - 1, **shape)


BAD = {
    "name": ("convnet", {}, r"name: must be one of .*convnext, .*, timm:NAME; got 'convnet'"),
    "empty": ("", {}, "name: must be one of .*; got ''"),
    "channels": ("convnext", {"in_channels": 0}, "in_channels: must be .* at least 1, .*; got 0"),
    "half": ("convnext", {"in_channels": 1.5}, "in_channels: must be a whole number"),
    "points": ("pointnet", {"in_channels": 2}, "in_channels: .* at least 3, for pointnet; got 2"),
    "classes": ("convnext", {"num_classes": 0}, "num_classes: must be .* at least 1, .*; got 0"),
    "multiple": ("convnext", {"image_size": 50}, "must be a multiple of 32 for convnext; got 50"),
    "one side": ("convnext", {"image_size": (64, 48)}, r"multiple of 32 .*; got \[64, 48\]"),
    "three": ("convnext", {"image_size": (32, 32, 32)}, r"image_size: .*; got \[32, 32, 32\]"),
    "small": ("resnet", {"image_size": 0}, "must be a whole number above 0 for resnet; got 0"),
    "negative": ("vit", {"image_size": -16}, "must be a multiple of 16 for vit; got -16"),
    "half a pixel": ("vit", {"image_size": 64.0}, "must be a multiple of 16 for vit; got 64.0"),
    "no size": ("vit", {"image_size": None}, "must be a multiple of 16 for vit; got None"),
    "size": ("convnext", {"size": "huge"}, "size: must be published or cpu; got 'huge'"),
    "argument": ("hornet", {"depht": 3}, "hornet: got an unexpected keyword argument 'depht'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_family_cannot_take_is_one_line(case: str) -> None:
    name, arguments, message = BAD[case]
    given = {"in_channels": 3, "num_classes": 2, "image_size": 64, **arguments}
    with pytest.raises(ArgumentError, match=message) as error:
        baselines.create(name, **given)
    assert "\n" not in str(error.value)


def test_no_library_is_imported_and_a_missing_one_is_named() -> None:
    # Another process, in which transformers cannot be imported from the first line on.
    code = (
        "import sys; sys.modules['transformers'] = None\n"
        "from neurospike import baselines\n"
        "assert 'swin' in baselines.list()\n"
        "heavy = {'timm', 'matplotlib', 'scipy', 'open3d'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "try:\n"
        "    baselines.create('swin', in_channels=3, num_classes=2, image_size=32)\n"
        "except ImportError as error:\n"
        "    sys.stdout.write(str(error))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "transformers not installed: pip install 'neurospike[baselines]'."


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_have_channels_last_in_memory_also_after_loading(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    shape = {"in_channels": 4, "num_classes": 2, "image_size": 32}
    model = baselines.create("inceptionnext", **shape, size="cpu").to(dtype)
    models.save(model, tmp_path / "net.safetensors")
    loaded = models.load(tmp_path / "net.safetensors")
    for name, weight in model.named_parameters():
        other = loaded.get_parameter(name)
        assert weight.dim() != 4 or weight.is_contiguous(memory_format=torch.channels_last)
        assert other.stride() == weight.stride()
        assert other.dtype == dtype
        torch.testing.assert_close(other, weight, rtol=0.0, atol=0.0)


def test_users_add_families_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines.registry, "_KNOWN", dict(baselines.registry._KNOWN))

    def build(channels: int, classes: int, size: tuple[int, int], *, width: int = 4) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(channels * size[0] * size[1], width), nn.Linear(width, classes)
        )

    baselines.add(Baseline("mine", build, None, "this test", cpu={"width": 2}))
    assert "mine" in baselines.list()
    model = baselines.create("mine", in_channels=1, num_classes=3, image_size=(4, 5), size="cpu")
    assert model(torch.zeros(2, 1, 4, 5)).shape == (2, 3)
    assert sum(p.numel() for p in model.parameters()) == 21 * 2 + 9
