import copy

import torch
from torch import nn

from neurospike.encoders.spike_voxel_coding import BN_MOMENTUM
from neurospike.models.norm_pace import pace_norms


def feed(norm: nn.BatchNorm1d, batches: torch.Tensor) -> None:
    for batch in batches:
        pace_norms(norm)
        norm(batch)


def test_statistics_are_plain_means_first() -> None:
    batches = torch.randn(7, 20, 3, generator=torch.Generator().manual_seed(0))
    norm = nn.BatchNorm1d(3, momentum=BN_MOMENTUM)
    feed(norm, batches)
    torch.testing.assert_close(norm.running_mean, batches.mean((0, 1)))
    torch.testing.assert_close(norm.running_var, batches.var(1).mean(0))


def test_the_published_pace_comes_after_and_decides_in_the_end() -> None:
    batches = torch.randn(1600, 4, 2, generator=torch.Generator().manual_seed(1)) * 0.02
    published = nn.BatchNorm1d(2, momentum=BN_MOMENTUM)
    paced = copy.deepcopy(published)
    feed(paced, batches[:101])
    assert paced.momentum == BN_MOMENTUM
    feed(paced, batches[101:])
    for batch in batches:
        published(batch)
    assert published.running_var is not None
    assert paced.running_var is not None
    difference = (published.running_var - paced.running_var).abs()
    assert difference.max() < 1e-3 * paced.running_var.min()


def test_a_resumed_run_goes_on_at_its_pace() -> None:
    batches = torch.randn(9, 5, 2, generator=torch.Generator().manual_seed(2))
    whole, first, second = (nn.BatchNorm1d(2, momentum=BN_MOMENTUM) for _ in range(3))
    feed(whole, batches)
    feed(first, batches[:4])
    second.load_state_dict(first.state_dict())
    feed(second, batches[4:])
    assert second.running_var is not None
    assert torch.equal(second.running_var, whole.running_var)


def test_a_network_without_norms_is_left_alone() -> None:
    pace_norms(nn.Linear(2, 2))
