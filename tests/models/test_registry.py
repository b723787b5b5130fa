from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from neurospike import models
from neurospike.errors import ArgumentError, DataError


@models.register
def little(width: int = 3) -> nn.Module:
    return nn.Linear(width, width)


def test_a_checkpoint_restores_weights_arguments_and_extra(tmp_path: Path) -> None:
    model = little(5)
    models.save(model, tmp_path / "a" / "m.safetensors", extra={"classes": ["x", "y"]})
    loaded = models.load(tmp_path / "a" / "m.safetensors")
    info = models.read_info(tmp_path / "a" / "m.safetensors")
    assert not loaded.training
    assert info.factory == "little"
    assert info.arguments == {"width": 5}
    assert info.extra == {"classes": ["x", "y"]}
    for ours, theirs in zip(model.state_dict().values(), loaded.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_weights_keep_their_dtype_and_train_on(tmp_path: Path) -> None:
    models.save(little().double(), tmp_path / "m.safetensors")
    loaded = models.load(tmp_path / "m.safetensors")
    assert all(p.dtype == torch.float64 and p.requires_grad for p in loaded.parameters())


def test_saving_leaves_no_other_file(tmp_path: Path) -> None:
    models.save(little(), tmp_path / "m.safetensors")
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_model_from_no_factory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="must come from a registered factory"):
        models.save(nn.Linear(2, 2), tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_another_model_is_refused(tmp_path: Path) -> None:
    models.save(little(), tmp_path / "m.safetensors")
    with pytest.raises(DataError, match="holds a model of 'little', not of 'e3dsnn'"):
        models.load(tmp_path / "m.safetensors", factory="e3dsnn")


@pytest.mark.parametrize("cut", [0, 3, 9, 100])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "m.safetensors"
    models.save(little(), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"m\.safetensors"):
        models.load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such checkpoint"):
        models.load(tmp_path / "none.safetensors")


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(2)}, tmp_path / "m.safetensors")
    with pytest.raises(DataError, match="no neurospike checkpoint"):
        models.load(tmp_path / "m.safetensors")


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    model = little(4)
    model._neurospike_origin = ("little", {"width": 5})  # type: ignore[assignment]
    models.save(model, tmp_path / "m.safetensors")
    with pytest.raises(DataError, match="do not fit"):
        models.load(tmp_path / "m.safetensors")


def test_create_names_what_it_knows() -> None:
    with pytest.raises(ArgumentError, match="e3dsnn"):
        models.create("resnet")
    with pytest.raises(ArgumentError, match="takes"):
        models.create("little", height=3)


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        models.save(little(), tmp_path / "file" / "m.safetensors")
