"""Floods of the polar half plane: hills whose places are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from xoceansar.spectra.polar_grids import ANGLES, POLAR_WAVENUMBERS
from xoceansar.spectra.spectral_peaks import find_peaks, interpolate_peak, is_inner

ROWS, COLUMNS = 36, 60


def peaks_of(field):
    """Peaks that are one by their own field."""
    return find_peaks(field, field)


def hill(row, column, height=1.0, width=3.0):
    """A hill on the half plane, whose rows go round."""
    i = (np.arange(ROWS)[:, None] - row + ROWS / 2) % ROWS - ROWS / 2
    j = np.arange(COLUMNS) - column
    return height * np.exp(-(i**2 + j**2) / (2 * width**2))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 35), st.integers(0, 59))
def test_one_hill_is_one_peak_with_all_of_it(row, column):
    found = peaks_of(hill(row, column))
    assert found.places == [(row, column)]
    assert (found.labels == 0).all()


def test_two_hills_part_half_way():
    found = peaks_of(hill(10, 20, 2.0) + hill(10, 40))
    assert found.places == [(10, 20), (10, 40)]
    assert found.labels[10, 27] == 0
    assert found.labels[10, 33] == 1


def test_a_hill_over_the_end_of_the_half_plane_is_one():
    found = peaks_of(hill(0, 30) + hill(17, 30, 0.5))
    assert found.places == [(0, 30), (17, 30)]
    assert found.labels[34, 30] == 0


def test_hills_with_a_shallow_valley_are_one():
    """At 70 % of the lower top."""
    ridge = np.zeros((ROWS, COLUMNS))
    ridge[10, 10:21] = [1, *[0.75] * 9, 0.9]
    assert peaks_of(ridge).places == [(10, 10)]
    ridge[10, 15] = 0.6
    found = peaks_of(ridge)
    assert found.places == [(10, 10), (10, 20)]
    assert found.labels[10, 20] == found.labels[10, 17] == 1


def test_a_chain_of_tops_that_merge_belongs_to_the_highest():
    """The lower two merge first, and then with the highest."""
    ridge = np.zeros((ROWS, COLUMNS))
    ridge[10, 10:17] = [0.9, 0.85, 0.95, 0.8, 1.0, 0.1, 0.05]
    found = peaks_of(ridge)
    assert found.places == [(10, 14)]
    assert (found.labels[10, 10:17] == 0).all()


def test_another_field_tells_whether_peaks_are_one():
    """As the two lobes of waves along range, between which the image shows less."""
    field = hill(10, 20, 2.0) + hill(20, 20)
    assert find_peaks(field, np.ones_like(field)).places == [(10, 20)]
    assert len(find_peaks(field, field).places) == 2


def test_what_is_not_positive_belongs_to_nothing():
    field = hill(18, 30)
    field[3], field[4], field[5, 5] = 0, -1, np.nan
    labels = peaks_of(field).labels
    assert (labels[3:5] == -1).all()
    assert labels[5, 5] == -1
    assert peaks_of(np.zeros((ROWS, COLUMNS))).places == []


@pytest.mark.parametrize(("row", "column"), [(12.3, 30.4), (20.0, 10.0), (5.8, 44.7)])
def test_a_peak_is_found_between_cells(row, column):
    field = hill(row, column, width=2.5)
    (place,) = peaks_of(field).places
    k, angle = interpolate_peak(field, place)
    at = np.log(k / POLAR_WAVENUMBERS[0]) / np.log(POLAR_WAVENUMBERS[1] / POLAR_WAVENUMBERS[0])  # fmt: skip
    assert_allclose(at, column, atol=0.02)
    assert_allclose(np.degrees(angle - ANGLES[0]) / 5, row, atol=0.02)


def test_a_slope_at_the_end_of_what_is_known_is_no_peak():
    known = np.ones((ROWS, COLUMNS), bool)
    assert is_inner(known, (0, 30))
    assert not is_inner(known, (5, 0))
    assert not is_inner(known, (5, 59))
    known[35, 31] = False
    assert not is_inner(known, (0, 30))
    assert is_inner(known, (1, 30))
