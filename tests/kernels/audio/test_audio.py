"""The fused kernel against the formulas, as they read."""

import math
from itertools import pairwise

import numpy as np
import pytest

from neurospike.errors import StateError
from neurospike.kernels.audio import model, numba, reference
from neurospike.kernels.audio.state import Nerve

RATE_HZ = 12_000.0
DEAD = 12
LAUSCHER = "the published converter, lauscher, is not installed"


def velocities(channels: int, samples: int, seed: int = 0) -> np.ndarray:
    """Bursts of tones, some loud enough to empty the pools."""
    random = np.random.default_rng(seed)
    time = np.arange(samples) / RATE_HZ
    level = 10.0 ** random.uniform(0, 3, (channels, 1))
    pitch = random.uniform(80, 4000, (channels, 1))
    return level * np.sin(2 * np.pi * pitch * time) * np.sin(9 * time) ** 2


def hear_all(nerve: Nerve, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return nerve.hear(np.ascontiguousarray(velocity, np.float32), 0, velocity.shape[1])


def bushy(hazard: np.ndarray, pieces: int = 64) -> np.ndarray:
    """Spikes (channels, samples) of the kernel for a given hazard, cut into pieces."""
    channels, samples = hazard.shape
    nerve = Nerve.at_rest(range(channels), RATE_HZ, seed=3)
    spikes = np.zeros(hazard.shape, bool)
    events = np.empty((channels, samples), np.int64)
    for channel in range(channels):
        found = 0
        for start in range(0, samples, pieces):
            part = np.ascontiguousarray(hazard[:, start : start + pieces].T, np.float32)
            found = numba.bushy_cell(
                part,
                channel,
                channel,
                start,
                len(part),
                RATE_HZ,
                nerve.floats,
                nerve.ints,
                nerve.ring,
                nerve.generators,
                events,
                found,
            )
        spikes[channel, events[channel, :found]] = True
    return spikes


@pytest.mark.parametrize("channels", [1, 3, 16, 17])
@pytest.mark.parametrize("samples", [1, 63, 64])
def test_hair_cells_follow_the_formulas(channels: int, samples: int) -> None:
    velocity = velocities(channels, 640)[:, -samples:]
    nerve = Nerve.at_rest(range(channels), RATE_HZ, seed=0)
    expected = reference.hair_cells(velocity, RATE_HZ)
    for tile in range(len(nerve.pools)):
        hazard = np.empty((numba.CHUNK, numba.LANES), np.float32)
        numba.hair_cells(
            velocity.astype(np.float32), tile, 0, samples, RATE_HZ, nerve.pools, hazard
        )
        rows = expected[tile * numba.LANES : (tile + 1) * numba.LANES]
        found = hazard[:samples, : len(rows)].T
        exact = np.where(rows <= 0.3, -np.log1p(-np.minimum(rows, 0.999)), -rows)
        near_limit = np.abs(rows - 0.3) < 1e-5
        np.testing.assert_allclose(found[~near_limit], exact[~near_limit], rtol=1e-4, atol=1e-9)


def test_hair_cells_in_long_silence_stay_at_rest() -> None:
    probability = reference.hair_cells(np.zeros((1, 5000)), RATE_HZ)
    np.testing.assert_allclose(probability, probability[0, 0], rtol=1e-9)
    assert 60 < probability[0, 0] * RATE_HZ < 70  # spontaneous firings a second and fibre


@pytest.mark.parametrize("pieces", [1, 13, 64])
def test_bushy_cells_follow_the_formulas_when_every_fibre_fires_on_command(pieces: int) -> None:
    """A probability of 1 fires each ready fibre, 0 none: nothing is left to chance."""
    certain = np.random.default_rng(1).random((3, 400)) < 0.02
    fired = reference.fibres(certain.astype(float), RATE_HZ, np.random.default_rng(0)).sum(axis=2)
    expected = reference.bushy_cells(fired, RATE_HZ)
    assert expected.sum() > 6
    assert np.array_equal(bushy(-certain.astype(np.float32), pieces), expected)


def test_a_spike_in_the_last_sample_waits_for_the_next_piece() -> None:
    fired = np.zeros((1, 40), np.float32)
    fired[0, 19] = -1.0
    assert np.flatnonzero(bushy(fired, 20)).tolist() == np.flatnonzero(bushy(fired, 40)).tolist()
    assert np.flatnonzero(bushy(fired, 40)).tolist() == [19]


@pytest.mark.parametrize("p", [0.005, 0.04, 0.25, 0.6])
def test_ready_fibres_are_binomial_as_renewal_theory_says(p: float) -> None:
    """Intervals are dead time plus a geometric wait; fibres of a channel are independent."""
    channels = 4000
    hazard = np.full((channels, 160), -math.log1p(-p) if p <= 0.3 else -p, np.float32)
    nerve = Nerve.at_rest(range(channels), RATE_HZ, seed=5)
    events = np.empty((channels, 160), np.int64)
    for channel in range(channels):
        numba.bushy_cell(
            np.ascontiguousarray(hazard[:1].T),
            0,
            channel,
            0,
            160,
            RATE_HZ,
            nerve.floats,
            nerve.ints,
            nerve.ring,
            nerve.generators,
            events,
            0,
        )
    # What is due back in the very next sample counts as ready: it fired a dead time ago.
    ready = nerve.ints[:, numba.READY] + nerve.ring[:, 160 % DEAD]
    coin = reference.fibres(np.full((40, 160), p), RATE_HZ, np.random.default_rng(2))
    share = 1.0 - coin[:, 160 - DEAD + 1 :].any(axis=1).mean()
    settled = (1 / p) / (DEAD - 1 + 1 / p)
    error = math.sqrt(settled * (1 - settled) / (channels * 40))
    if 0.02 < p < 0.5:  # forgotten that all began ready
        assert abs(ready.mean() / 40 - settled) < 4 * error
    assert abs(ready.mean() / 40 - share) < 4 * math.sqrt(settled * (1 - settled) / 1600)
    assert ready.var() / 40 == pytest.approx(share * (1 - share), rel=0.2, abs=0.003)


@pytest.mark.parametrize("channels", [1, 3, 17])
@pytest.mark.parametrize("cuts", [(1,), (63, 64), (10, 11, 200)])
def test_a_cut_changes_nothing(channels: int, cuts: tuple[int, ...]) -> None:
    velocity = velocities(channels, 500, seed=4)
    whole = hear_all(Nerve.at_rest(range(channels), RATE_HZ, seed=1), velocity)
    nerve = Nerve.at_rest(range(channels), RATE_HZ, seed=1)
    held = np.ascontiguousarray(velocity, np.float32)
    edges = [0, *cuts, 500]
    parts = [nerve.hear(held, a, b - a) for a, b in pairwise(edges)]
    for found, expected in zip(map(np.concatenate, zip(*parts, strict=True)), whole, strict=True):
        assert np.array_equal(found, expected)
    assert len(whole[0]) > 0


def test_channels_neither_share_draws_nor_depend_on_their_neighbours() -> None:
    velocity = np.repeat(velocities(1, 3000, seed=4), 20, axis=0)
    times, units = hear_all(Nerve.at_rest(range(20), RATE_HZ, seed=1), velocity)
    trains = [times[units == unit].tolist() for unit in range(20)]
    assert len({tuple(train) for train in trains}) == 20
    few, rows = hear_all(Nerve.at_rest(range(18, 20), RATE_HZ, seed=1), velocity[:2])
    assert few[rows == 0].tolist() == trains[18]
    assert few[rows == 1].tolist() == trains[19]


def test_velocity_of_other_channels_is_refused() -> None:
    with pytest.raises(StateError, match="state has 3 channels, velocity has 2"):
        hear_all(Nerve.at_rest(range(3), RATE_HZ, seed=0), np.zeros((2, 5)))


def test_fused_counts_match_the_coin_by_coin_oracle() -> None:
    """Means over many draws, in units of their own error."""
    velocity = velocities(12, 1200, seed=7)
    probability = reference.hair_cells(velocity, RATE_HZ)
    random = np.random.default_rng(0)
    theirs = np.array(
        [
            reference.bushy_cells(
                reference.fibres(probability, RATE_HZ, random).sum(axis=2), RATE_HZ
            ).sum(axis=1)
            for _ in range(40)
        ]
    )
    ours = np.array(
        [
            np.bincount(
                hear_all(Nerve.at_rest(range(12), RATE_HZ, seed=seed), velocity)[1], minlength=12
            )
            for seed in range(200)
        ]
    )
    error = np.sqrt(theirs.var(axis=0) / 40 + ours.var(axis=0) / 200 + 1e-3)
    z = (ours.mean(axis=0) - theirs.mean(axis=0)) / error
    assert np.abs(z).max() < 4
    assert theirs.sum() > 1000


def test_membrane_is_sharp_and_high_at_the_base() -> None:
    """Each place answers best to one pitch, which falls along the membrane, as on a keyboard."""
    frequency = np.linspace(20.0, 12_000.0, 6000)
    best = frequency[np.abs(model.transfer(model.places(50)[10:], frequency)).argmax(axis=1)]
    assert (np.diff(best) < 0).all()
    assert best[-1] == pytest.approx(100, abs=5)


class TestAgainstThePublishedConverter:
    """Stage by stage, on the same input, where nothing is drawn."""

    def test_membrane(self) -> None:
        pytest.importorskip("lauscher", reason=LAUSCHER)
        from lauscher.audiowaves import MonoAudioWave
        from lauscher.transformations import BasilarMembrane

        wave = np.random.default_rng(0).standard_normal(999)
        theirs = BasilarMembrane(channels=9)(MonoAudioWave(wave, 24_000)).channels
        ours = reference.membrane(wave, 24_000, model.places(9))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * np.abs(theirs).max())

    def test_hair_cells(self) -> None:
        pytest.importorskip("lauscher", reason=LAUSCHER)
        from lauscher.transformations import HairCell

        velocity = velocities(2, 800)
        ours = reference.hair_cells(velocity, RATE_HZ)
        for row, expected in enumerate(velocity):
            theirs = HairCell()._meddis(expected, RATE_HZ)
            np.testing.assert_allclose(ours[row], theirs, rtol=1e-9, atol=1e-15)

    def test_bushy_cells(self) -> None:
        pytest.importorskip("lauscher", reason=LAUSCHER)
        from lauscher.transformations import BushyCell

        spikes = np.random.default_rng(3).random((700, model.FIBRES)) < 0.02
        theirs = BushyCell()._lif(spikes.astype(float), RATE_HZ)
        ours = reference.bushy_cells(spikes.sum(axis=1)[None], RATE_HZ)[0]
        assert ours.sum() > 5
        assert np.array_equal(ours, theirs.astype(bool))
