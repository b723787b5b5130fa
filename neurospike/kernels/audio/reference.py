"""The auditory chain as its formulas read, whole clips in float64: the oracle, and slow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.kernels.audio import model

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]


def membrane(wave: Floats, sample_rate: float, place: Floats, *, answers: int = 0) -> Floats:
    """Velocity (places, answers) at half the rate of the wave, which is taken as periodic.

    The converter keeps N // 2 + 1 frequencies of N samples and transforms as many back, so that
    its time step is a little less than two samples; that is the default for ``answers``. With
    N // 2 the step is two samples. It rounds half of an odd rate down to whole Hz; not so here.
    """
    n = len(wave)
    answers = answers or n // 2 + 1
    frequency = np.linspace(1.0, sample_rate / 2, n // 2 + 1)[:answers]
    spectrum = np.fft.fft(wave)[:answers]
    return np.fft.ifft(model.transfer(place, frequency) * spectrum).real


def hair_cells(velocity: Floats, rate_hz: float) -> Floats:
    """Probability of a firing per sample and fibre, (channels, samples)."""
    free, cleft, store = (np.full(len(velocity), level) for level in model.hair_cell_at_rest())
    probability = np.empty_like(velocity)
    for at in range(velocity.shape[1]):
        drive = np.maximum(velocity[:, at] + model.PERMEABILITY_A, 0.0)
        ejected = model.RELEASE / rate_hz * drive / (drive + model.PERMEABILITY_B) * free
        refill = model.REPLENISHING / rate_hz * np.maximum(model.POOL_LIMIT - free, 0.0)
        back = model.REPROCESSING / rate_hz * store
        taken = model.REUPTAKE / rate_hz * cleft
        lost = (model.LOSS + model.REUPTAKE) / rate_hz * cleft
        free = np.maximum(free + refill - ejected + back, 0.0)
        cleft = np.maximum(cleft + ejected - lost, 0.0)
        store = np.maximum(store + taken - back, 0.0)
        probability[:, at] = model.FIRING / rate_hz * cleft
    return probability


def fibres(probability: Floats, rate_hz: float, random: np.random.Generator) -> Bits:
    """A coin a sample and fibre, with dead time after each spike: (channels, samples, fibres)."""
    channels, samples = probability.shape
    dead = math.ceil(model.FIBRE_REFRACTORY_S * rate_hz)
    spikes = random.random((channels, samples, model.FIBRES)) < probability[:, :, None]
    since = np.full((channels, model.FIBRES), dead)
    for at in range(samples):
        spikes[:, at] &= since >= dead
        since = np.where(spikes[:, at], 1, since + 1)
    return spikes


def bushy_cells(fired: NDArray[Any], rate_hz: float) -> Bits:
    """Spikes (channels, samples) from the number of fibres that fire, of the same shape.

    A cell spikes in the last sample that it spent above threshold: one that crosses it in the
    final sample of a clip does not.
    """
    keep_v = math.exp(-1.0 / (rate_hz * model.TAU_MEMBRANE_S))
    keep_synapse = math.exp(-1.0 / (rate_hz * model.TAU_SYNAPSE_S))
    dead = math.ceil(model.BUSHY_REFRACTORY_S * rate_hz)
    spikes = np.zeros(fired.shape, np.bool_)
    v, synapse = np.zeros(len(fired)), np.zeros(len(fired))
    wait = np.zeros(len(fired), np.int64)
    for at in range(fired.shape[1]):
        over = (wait <= 0) & (v >= 1.0)
        if at:
            spikes[:, at - 1] = over
        wait = np.where(over, dead, wait)
        v = np.where(wait <= 0, v * keep_v, 0.0)
        synapse = synapse * keep_synapse + fired[:, at]
        v = np.where(wait <= 0, v + synapse * model.WEIGHT / rate_hz, v)
        wait = wait - 1
    return spikes
