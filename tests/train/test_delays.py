"""How delays settle: the spread narrows, delays stay in range, evaluation rounds them."""

import pytest
import torch
from torch import nn

from neurospike import models
from neurospike.errors import ArgumentError
from neurospike.nn import LIF, DelayLinear, SpikingSequential
from neurospike.train import SigmaSchedule, load_recipe
from neurospike.train.delays import all_delays, clamp_delays, delay_parameters
from neurospike.train.deploying import deployed
from neurospike.train.optim import build_optimizer, build_schedule
from neurospike.train.sections import OptimizerPart, SchedulePart


def network() -> SpikingSequential:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(4)
    return SpikingSequential(DelayLinear(3, 4, 9), norm, LIF(2.0), DelayLinear(4, 2, 9, taps=2))


def test_the_published_schedule() -> None:
    schedule = SigmaSchedule(12.27, 0.5, 0.25, floor=0.27)
    widths = [schedule.at(epoch, 150) for epoch in range(150)]
    assert widths[0] == pytest.approx(12.27)
    ratio = (0.23 / 12) ** (1 / 37)
    assert widths[10] == pytest.approx(12 * ratio**10 + 0.27)
    assert widths[36] == pytest.approx(12 * ratio**36 + 0.27)
    assert set(widths[37:]) == {0.5}


def test_a_schedule_sets_every_layer_of_any_module() -> None:
    model = network()
    SigmaSchedule(8.0, 0.5, 1.0).apply(model, 2, 4)
    assert [float(layer.sigma) for layer in (model[0], model[3])] == [2.0, 2.0]


def test_a_run_too_short_to_narrow_is_narrow_at_once() -> None:
    assert SigmaSchedule(8.0, 0.5, 0.25).at(0, 3) == 0.5


def test_a_schedule_that_widens_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"start 0\.5, stop 2"):
        SigmaSchedule(0.5, 2.0)


def test_delays_are_found_and_clamped() -> None:
    model = network()
    assert list(delay_parameters(model)) == ["0.delay", "3.delay"]
    with torch.no_grad():
        model[0].delay.add_(100)
    clamp_delays(model)
    assert (model[0].delay == 8).all()
    assert all_delays(model)["3 DelayLinear"].shape == (2, 4, 2)
    model[0].delay.requires_grad_(False)
    assert list(delay_parameters(model)) == ["3.delay"]


def test_deployment_rounds_a_copy() -> None:
    recipe = load_recipe("shd")
    model = models.delay_net("shd", hidden=8)
    before = all_delays(model)
    copy = deployed(model, recipe)
    assert copy is not model
    for name, delays in all_delays(copy).items():
        assert (delays == before[name].round()).all()
    assert all((delays == before[name]).all() for name, delays in all_delays(model).items())
    kept = recipe.model_copy(update={"delays": recipe.delays.model_copy(update={"round": False})})
    assert deployed(model, kept) is model
    plain = nn.Linear(2, 2)
    assert deployed(plain, recipe) is plain


def test_delays_have_their_own_rate_and_never_decay() -> None:
    model = network()
    part = OptimizerPart(name="adam", lr=1e-2, weight_decay=0.3, delay_lr=0.1)
    deep, flat, delays = build_optimizer(model, part).param_groups
    assert [p.shape for p in delays["params"]] == [model[0].delay.shape, model[3].delay.shape]
    assert [len(group["params"]) for group in (deep, flat)] == [2, 2]
    assert [g["weight_decay"] for g in (deep, flat, delays)] == [0.3, 0.0, 0.0]
    assert [g["lr"] for g in (deep, flat, delays)] == [1e-2, 1e-2, 0.1]


def test_one_number_a_channel_never_decays_however_it_is_shaped() -> None:
    model = nn.Module()
    model.scale = nn.Parameter(torch.ones(4, 1, 1))
    model.kernel = nn.Parameter(torch.ones(4, 1, 3))
    model.token = nn.Parameter(torch.ones(1, 1, 4))
    decaying, kept = build_optimizer(model, OptimizerPart(name="adamw", lr=1e-3)).param_groups
    assert kept["params"] == [model.scale]
    assert len(decaying["params"]) == 2


@pytest.mark.parametrize("name", ["constant", "multistep", "onecycle"])
def test_delays_fall_along_a_cosine_whatever_the_schedule(name: str) -> None:
    model = network()
    part = OptimizerPart(name="adam", lr=5e-3, delay_lr=0.1)
    optimizer = build_optimizer(model, part)
    schedule = build_schedule(
        optimizer, SchedulePart(name=name, start_lr=2e-4, warmup=0.3), total_steps=20
    )
    rates, momenta = [], []
    for _ in range(20):
        rates.append([group["lr"] for group in optimizer.param_groups])
        momenta.append([group["betas"][0] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    own = torch.tensor([row[2] for row in rates])
    cosine = 0.05 * (1 + torch.cos(torch.pi * torch.arange(20) / 20))
    torch.testing.assert_close(own, cosine)
    assert {row[2] for row in momenta} == {0.9}
    if name == "onecycle":
        # The weights' as torch's own schedule gives it.
        other = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=5e-3)
        published = torch.optim.lr_scheduler.OneCycleLR(
            other, max_lr=5e-3, total_steps=20, pct_start=0.3, div_factor=25
        )
        for row, momentum in zip(rates, momenta, strict=True):
            assert row[0] == pytest.approx(other.param_groups[0]["lr"])
            assert momentum[0] == pytest.approx(other.param_groups[0]["betas"][0])
            other.step()
            published.step()


@pytest.mark.parametrize("steps", [1, 2, 5, 10])
def test_a_cycle_of_few_steps_is_legal(steps: int) -> None:
    optimizer = build_optimizer(network(), OptimizerPart(name="adam", lr=5e-3))
    part = SchedulePart(name="onecycle", warmup=0.2)
    schedule = build_schedule(optimizer, part, total_steps=steps)
    for _ in range(steps):
        optimizer.step()
        schedule.step()
