"""The constants of the auditory chain, and the basilar membrane's transfer function.

Source: Cramer et al., "The Heidelberg spiking datasets", arXiv:1910.07407, and its released
converter: the hydrodynamic membrane of Sieroka, Dosch and Rupp, J. Acoust. Soc. Am. 120 (2006)
297, the hair cell of Meddis, J. Acoust. Soc. Am. 79 (1986) 702 and 83 (1988) 1056, and bushy
cells that leak, integrate and fire. Units are the model's own where none is named.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import MissingExtraError

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

RMS_LEVEL = 0.3
"""Root mean square that a clip is brought to before its window."""

LENGTH = 3.5
"""Places lie evenly between 0, at the base, which hears highest, and this."""

STIFFNESS = 1e9
STIFFNESS_OFFSET = 3500.0
STIFFNESS_DECAY = 3.0
DAMPING = 0.15
DENSITY = 1.0
HEIGHT = 0.1
MASS = 0.05

POOL_LIMIT = 1.0  # transmitter in a full pool
REPLENISHING = 5.05  # per second, as all rates below
RELEASE = 2000.0
LOSS = 2500.0
REUPTAKE = 6580.0
REPROCESSING = 66.3
PERMEABILITY_A = 5.0
PERMEABILITY_B = 300.0
FIRING = 50_000.0  # spikes per second and unit of transmitter in the cleft

FIBRES = 40
FIBRE_REFRACTORY_S = 1e-3
TAU_MEMBRANE_S = 1e-3
TAU_SYNAPSE_S = 0.5e-3
BUSHY_REFRACTORY_S = 1e-3
WEIGHT = 13e3 / FIBRES

SLOWEST_RATE_HZ = 24_000
"""The chain runs at half the rate of its wave; below 12 kHz the hair cell's Euler step breaks."""


def places(channels: int) -> Floats:
    """Where along the membrane the channels lie; channel 0 hears highest."""
    return np.linspace(0.0, LENGTH, channels)


def hair_cell_at_rest() -> tuple[float, float, float]:
    """Transmitter of the free pool, the cleft and the store of a hair cell in silence."""
    release = RELEASE * PERMEABILITY_A / (PERMEABILITY_A + PERMEABILITY_B)
    losing = LOSS + REUPTAKE
    cleft = POOL_LIMIT * REPLENISHING * release / (LOSS * release + REPLENISHING * losing)
    return cleft * losing / release, cleft, cleft * REUPTAKE / REPROCESSING


def transfer(place: Floats, frequency_hz: Floats) -> Complexes:
    """Velocity of the membrane per unit of sound, (places, frequencies); frequencies above 0.

    The published formula follows exp(-i omega t); read with exp(+i omega t), as the released
    converter does, the membrane answers mostly before its sound: a resonance of quality Q rings
    backwards. Data sets made with it hold such spikes, so it is kept.

    Cost
    ----
    Some 2 us a value: Hankel functions of complex arguments.
    """
    c, omega = place[:, None], 2.0 * np.pi * frequency_hz[None, :]
    xi = _impedance(omega, c)
    return 2.0 * omega / xi * _pressure(omega, c) * _stirrup(omega) / _pressure(omega, 0.0 * c[:1])


def _impedance(omega: Floats, c: Floats) -> Complexes:
    stiffness = STIFFNESS * np.exp(-STIFFNESS_DECAY * c) - STIFFNESS_OFFSET
    friction = _friction() * np.exp(-0.5 * STIFFNESS_DECAY * c)
    return np.asarray(stiffness - MASS * omega**2 - 1j * omega * friction, np.complex128)


def _friction() -> float:
    return float(DAMPING * np.sqrt(STIFFNESS * MASS))


def _wave_number(omega: Floats, c: Floats) -> Complexes:
    return np.asarray(omega * np.sqrt(DENSITY / (HEIGHT * _impedance(omega, c))))


def _pressure(omega: Floats, c: Floats) -> Complexes:
    """Travelling wave of the WKB kind: its phase is the wave number summed from the base."""
    phase = _phase(omega, c)
    wave = np.sqrt(phase / _wave_number(omega, c)) * _special().hankel1(0, phase)
    return np.asarray(wave, np.complex128)


def _phase(omega: Floats, c: Floats) -> Complexes:
    """The integral of the wave number from the base to ``c``, in closed form."""
    alpha, a, m, r = STIFFNESS_DECAY, STIFFNESS_OFFSET, MASS, _friction()
    zero = np.zeros_like(c[:1])
    root = np.sqrt(a + m * omega**2)

    def end(at: Floats) -> Complexes:
        fade = np.exp(-0.5 * alpha * at)
        slope = np.sqrt(_impedance(omega, at))
        return np.asarray(
            -2.0 * slope + 1j * (2.0 * a + omega * (2.0 * m * omega + 1j * fade * r)) / root
        )

    ratio = end(zero) / (np.exp(0.5 * alpha * c) * end(c))
    travelled = 2j * np.sqrt(2.0) * omega * np.log(ratio) / (alpha * np.sqrt(2.0 * HEIGHT) * root)
    return np.asarray(2.0 * _wave_number(omega, zero) / alpha - travelled)


def _stirrup(omega: Floats) -> Complexes:
    """What the middle ear passes on: the membrane's own impedance at its base."""
    special = _special()
    x = 2.0 * omega / STIFFNESS_DECAY * np.sqrt(2.0 / (HEIGHT * STIFFNESS))
    over = 1j * special.j0(x) + special.y0(x)
    return np.asarray(
        np.sqrt(2.0 * STIFFNESS / HEIGHT) * over / (special.j1(x) - 1j * special.y1(x))
    )


def _special() -> Any:
    try:
        from scipy import special
    except ImportError as error:
        raise MissingExtraError(
            "Cochlea needs scipy for the membrane: pip install 'neurospike[audio]'."
        ) from error
    return special
