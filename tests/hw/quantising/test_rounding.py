"""Rounding: halves up, decays toward zero."""

import numpy as np
import pytest

from neurospike.hw.quantising.rounding import decay_units, decayed, half_up, requantised, to_grid


def test_halves_go_up_on_both_sides_of_zero():
    assert half_up([-1.5, -0.5, 0.5, 1.5]).tolist() == [-1, 0, 1, 2]


def test_a_grid_takes_float32_without_a_second_rounding():
    # 2**24 + 1 would be lost in float32; the input itself is exact there.
    values = np.array([2.0**23 + 1, 0.5 - 2.0**-25], np.float32)
    assert to_grid(values, 1.0).tolist() == [2**23 + 1, 0]


@pytest.mark.parametrize("shift", [0, 1, 3, 12])
def test_a_shift_is_rounding_half_up_of_the_quotient(shift):
    totals = np.arange(-5000, 5000)
    expected = np.floor(totals / 2**shift + 0.5)
    np.testing.assert_array_equal(requantised(totals, shift), expected)


def test_decays_lose_their_fraction_on_both_sides():
    values = np.array([-4097, -4096, -1, 0, 1, 4096, 4097, 2**40])
    assert decayed(values, 4096).tolist() == values.tolist()
    assert decayed(values, 4095).tolist() == [-4095, -4095, 0, 0, 0, 4095, 4095, 2**28 * 4095]
    assert not decayed(values, 0).any()


def test_decay_units_stay_in_the_chips_field():
    assert decay_units(1.0) == 4096
    assert decay_units(np.array([0.0, 0.25, 1.0 - 1e-9])).tolist() == [0, 1024, 4096]
