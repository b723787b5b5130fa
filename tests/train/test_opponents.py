"""Recipes with a conventional network: the same samples, as images."""

import numpy as np
import pytest
import torch

from neurospike import baselines
from neurospike.cli.main import main
from neurospike.encoders.projections import create_projection
from neurospike.errors import ArgumentError, DataError
from neurospike.train import load_recipe, parse_recipe
from neurospike.train.images import ImageSamples
from neurospike.train.opponents import with_baseline
from neurospike.train.run import build_model
from neurospike.train.samples import First, build_source
from neurospike.train.tasks import build_task


@pytest.mark.parametrize(
    ("name", "model", "channels"),
    [
        ("solids", "metaformer:identity", 4),
        ("solids", "pointnet", 6),
        ("spoken-tones", "convit", 1),
    ],
)
def test_a_baseline_sees_the_samples_of_the_recipe(name: str, model: str, channels: int) -> None:
    recipe = with_baseline(load_recipe(name), model)
    own = load_recipe(name)
    kept = ("data", "augment", "augment_sequence", "every_sample", "voxels")
    assert all(getattr(recipe, part) == getattr(own, part) for part in kept)
    assert recipe.training.epochs == own.training.epochs
    assert recipe.name == f"{name}-{model.replace(':', '-')}"
    assert parse_recipe(recipe.model_dump(mode="json"), origin="again") == recipe
    source = build_source(recipe.data, "val")
    task = build_task(recipe)
    samples = task.samples(First(source, 3), augmented=True, seed=0)
    batch = task.collate([samples[(0, index)] for index in range(3)])
    assert task.model_arguments(source)["in_channels"] == channels
    images = task.encode(batch)
    assert images.dtype == torch.float32
    assert batch["label"].tolist() == [int(source[index]["label"]) for index in range(3)]
    again = task.samples(First(source, 3), augmented=True, seed=0)[(0, 1)]
    assert np.array_equal(again["image"], images[1].numpy())
    net = baselines.create(
        model,
        in_channels=channels,
        num_classes=4,
        image_size=tuple(task.model_arguments(source)["image_size"]),
        size="cpu",
    ).eval()
    with torch.no_grad():
        assert net(images).shape == (3, 4)


def test_a_mosaic_is_half_as_wide_again_as_high_and_what_the_network_takes() -> None:
    sizes = {
        ("convit", None): (64, 96),
        ("convit", 32): (32, 48),
        ("convnext", 32): (32, 64),
    }
    for (model, side), expected in sizes.items():
        image = with_baseline(load_recipe("solids"), model, image_size=side).image
        assert image is not None
        assert (image.projection, image.size) == ("mosaic", expected)
        assert image.options == {"point_range": 1.25, "normals": True}
    depth = with_baseline(load_recipe("solids"), "convit", projection="depth").image
    assert depth is not None
    assert depth.size == (64, 64)


def test_sound_becomes_energies_and_events_stay() -> None:
    digits = with_baseline(load_recipe("fsdd"), "convit")
    assert digits.sequence is not None
    assert digits.sequence.frontend == "mel"
    spikes = with_baseline(load_recipe("fsdd"), "convit", projection="sequence")
    assert spikes.sequence == load_recipe("fsdd").sequence
    for events in ("shd", "spoken-tones"):
        own = load_recipe(events)
        assert with_baseline(own, "convit").sequence == own.sequence


def test_clouds_and_sequences_do_not_mix() -> None:
    for name, projection, message in (
        ("solids", "sequence", "takes sequences; solids-convit has clouds"),
        ("spoken-tones", "depth", "takes clouds; spoken-tones-convit has sequences"),
    ):
        with pytest.raises(ArgumentError, match=message):
            build_task(with_baseline(load_recipe(name), "convit", projection=projection))


def test_widths_follow_a_number_of_parameters() -> None:
    recipe = with_baseline(load_recipe("solids"), "vanillanet", parameters=400_000)
    net = build_model(recipe, build_task(recipe), build_source(recipe.data, "val"))
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(400_000, rel=0.1)


def test_late_shares_are_those_of_the_sequences() -> None:
    class Late:
        late_share = 0.25

        def __len__(self) -> int:
            return 7

    samples = ImageSamples(Late(), create_projection("sequence", size=32))  # type: ignore[arg-type]
    assert samples.late_share == 0.25
    assert len(samples) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["solids", "--model", "goliath"], "must be one of"),
        (["spoken-tones", "--model", "pointnet"], "takes points"),
        (["solids", "--model", "pointnet", "--projection", "depth"], "takes points"),
        (["streets-detect", "--model", "convit"], "finds objects or labels points"),
        (["solids", "--projection", "depth"], "add --model"),
        (["solids", "--model", "convit", "--projection", "sideways"], "must be one of"),
        (["solids", "--model", "convit", "--projection", "sequence"], "takes sequences"),
        (["solids", "--model", "ann-twin", "--projection", "depth"], "leave it out"),
        (["solids", "--model", "vit", "--macs", "1", "--parameters", "2"], "one of the two"),
        (["solids", "--model", "vit", "--macs", "1"], "cannot have 1 MACs"),
        (["solids", "--macs", "1"], "add --model"),
    ],
)
def test_bad_opponents_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path_factory.mktemp("bad") / "run"
    assert main(["train", *arguments, "--out", str(out)]) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert message in error
    assert not out.exists()


def test_images_are_of_clouds_and_sequences_alone() -> None:
    content = load_recipe("streets-detect").model_dump(mode="json")
    with pytest.raises(DataError, match="image needs one of the sections"):
        parse_recipe({**content, "image": {"projection": "depth"}}, origin="test")
