"""Activations fade over the first epochs, and the network that is left can be deployed."""

import lightning
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from neurospike import baselines
from neurospike.baselines.merging import deployed
from neurospike.errors import ArgumentError
from neurospike.train.fading import FadeActivations, fading_buffers
from neurospike.train.trainer import quiet_lightning


def network() -> nn.Module:
    torch.manual_seed(0)
    return baselines.create(
        "vanillanet", in_channels=1, num_classes=2, image_size=32, widths=(4, 8, 8, 8)
    )


def test_the_published_schedule() -> None:
    faded = [FadeActivations().at(epoch, 300) for epoch in range(300)]
    assert faded[:3] == [0.0, 0.01, 0.02]
    assert set(faded[100:]) == {1.0}


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_run_too_short_to_fade_starts_faded(epochs: int) -> None:
    assert FadeActivations().at(0, epochs) == 1.0


def test_every_activation_is_set() -> None:
    model = network()
    assert FadeActivations(0.5).apply(model, 1, 8) == 0.25
    assert [float(faded) for faded in fading_buffers(model)] == [0.25] * 5
    assert model.act_learn == 0.25
    assert fading_buffers(nn.Linear(2, 2)) == []


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_leaves_no_epoch_is_refused(share: float) -> None:
    with pytest.raises(ArgumentError, match="share: must be at least 0 and below 1"):
        FadeActivations(share)


class Learner(lightning.LightningModule):
    """Trains a network and writes down how far its activations had faded."""

    def __init__(self) -> None:
        super().__init__()
        self.model = network()
        self.seen: list[float] = []

    def training_step(self, batch: list[Tensor], _index: int) -> Tensor:
        self.seen.append(self.model.act_learn)
        return F.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters())


def test_training_fades_and_leaves_what_can_be_deployed() -> None:
    learner = Learner()
    data = TensorDataset(torch.randn(4, 1, 32, 32), torch.tensor([0, 1, 0, 1]))
    with quiet_lightning():
        trainer = lightning.Trainer(
            max_epochs=4,
            callbacks=[FadeActivations(0.5)],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            log_every_n_steps=1,
        )
        trainer.fit(learner, DataLoader(data, batch_size=4))
    assert learner.seen == [0.0, 0.5, 1.0, 1.0]
    deployed(learner.model)
