"""Swell comes back from the spectra that it makes, never reversed; and from ESA's own spectra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tests.spectra.forward_sea import System, cross_spectra
from tests.spectra.real_spectra import each_real_file, read
from xoceansar.errors import DimensionError
from xoceansar.spectra.swell_inversion import retrieve_swell
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid, regular_grid

ESA = esa_grid(4.68, 4.15)
COARSE = regular_grid(50.0, 50.0, samples=100, lines=100)
WV2 = {"cutoff": 200.0, "incidence": 36.5, "beta": 113.7, "ground_heading": 200.0, "look_separation": 0.2}  # fmt: skip


def turn(found, expected, period=360):
    """Difference of directions, degrees."""
    return (found - expected + period / 2) % period - period / 2


@st.composite
def seas(draw):
    """One system that an image resolves, and how it is seen."""
    angle = draw(st.floats(-180, 180))
    cutoff = draw(st.floats(120, 300))
    shortest = max(100.0, 1.35 * cutoff * abs(np.sin(np.radians(angle))))
    heading = draw(st.floats(0, 360))
    system = System(draw(st.floats(1, 6)), draw(st.floats(shortest, 500)), heading + 90 - angle)  # fmt: skip
    incidence, beta = draw(st.sampled_from([(23.5, 101.8), (36.5, 113.7)]))
    scene = {"cutoff": cutoff, "incidence": incidence, "beta": beta, "ground_heading": heading, "look_separation": 0.2}  # fmt: skip
    return system, scene, angle


def seen(systems, scene, seed=None, grid=ESA):
    """Cross-spectra of systems in a scene."""
    return cross_spectra(
        systems,
        grid,
        cutoff=scene["cutoff"],
        incidence=scene["incidence"],
        beta=scene["beta"],
        heading=scene["ground_heading"],
        separation=scene["look_separation"],
        seed=seed,
    )


@settings(deadline=None, max_examples=15)
@given(seas(), st.one_of(st.none(), st.integers(0, 1000)))
def test_a_swell_comes_back_and_not_reversed(sea, seed):
    system, scene, angle = sea
    found = retrieve_swell(seen([system], scene, seed), ESA, **scene)
    # the height is of what is within the cut-off and of one side of range
    assert 0.7 * system.height < found.height[0] < 1.08 * system.height
    assert_allclose(found.wavelength[0], system.wavelength, rtol=0.06)
    beside_range = abs(np.sin(np.radians(angle))) > np.sin(np.radians(20))
    assert abs(turn(found.direction[0], system.direction)) < (12 if beside_range else 25)  # fmt: skip
    assert found.confidence[0] > 0.99
    assert 0 < found.height_error[0] < 0.3 * found.height[0]


@pytest.mark.parametrize("direction", [200.0, 20.0, 290.0, 110.0, 250.0, 60.0])
def test_the_direction_is_on_the_compass(direction):
    """Along the flight, against it, away from the radar, towards it, and between."""
    system = System(2.0, 350.0, direction, spread=120.0)
    found = retrieve_swell(seen([system], WV2), ESA, **WV2)
    assert abs(turn(found.direction[0], direction)) < 8
    assert 0 <= found.direction[0] < 360


def test_two_systems_come_back_by_height():
    systems = [System(1.5, 250.0, 60.0, 60.0), System(3.0, 400.0, 345.0, 60.0)]
    found = retrieve_swell(seen(systems, WV2), ESA, **WV2)
    assert_allclose(found.height[:2], [3.0, 1.5], rtol=0.2)
    assert_allclose(found.wavelength[:2], [400, 250], rtol=0.06)
    assert_allclose(turn(found.direction[:2], [345, 60]), 0, atol=10)
    assert np.isnan([value[2:] for value in found]).all()


def test_systems_that_travel_against_each_other_have_each_its_side():
    systems = [System(2.0, 200.0, 250.0, 60.0), System(2.0, 400.0, 70.0, 60.0)]
    found = retrieve_swell(seen(systems, WV2), ESA, **WV2)
    order = np.argsort(found.wavelength[:2])
    assert_allclose(turn(found.direction[order], [250, 70]), 0, atol=10)
    assert (found.confidence[:2] > 0.99).all()


def test_many_systems_are_five_at_most():
    systems = [System(1.5, 300.0, d, 400.0) for d in (215, 240, 265, 300, 330, 355, 180)]  # fmt: skip
    found = retrieve_swell(seen(systems, WV2), ESA, **WV2)
    assert found.height.shape == (5,)
    assert np.isfinite(found.height).sum() >= 4
    assert (np.diff(found.height[np.isfinite(found.height)]) <= 0).all()


def test_an_intensity_tells_the_direction_up_to_half_a_turn():
    for direction in (250.0, 70.0):
        spectra = seen([System(2.0, 300.0, direction, 60.0)], WV2)
        found = retrieve_swell(spectra[:1], ESA, **WV2)
        assert_allclose(found.direction[0], 70, atol=8)
        assert found.confidence[0] == 0.5
        assert_allclose(found.wavelength[0], 300, rtol=0.06)
        assert_allclose(found.height[0], 2.0, rtol=0.3)


def test_an_intensity_on_a_coarse_grid_is_enough():
    """50 m pixels, lag 0 alone."""
    spectra = seen([System(2.0, 300.0, 240.0)], WV2, seed=1, grid=COARSE)[:1]
    found = retrieve_swell(spectra, COARSE, **{**WV2, "look_separation": 0.0})
    assert_allclose(found.wavelength[0], 300, rtol=0.06)
    assert abs(turn(found.direction[0], 60, 180)) < 10
    assert_allclose(found.height[0], 2.0, rtol=0.25)


@pytest.mark.parametrize("seed", range(3))
def test_a_phase_that_is_noise_gives_no_confidence(seed):
    spectra = seen([System(2.0, 300.0, 250.0, 60.0)], WV2)
    draw = np.random.default_rng(seed)
    spectra = spectra.real + 1j * draw.normal(size=spectra.shape) * spectra.real
    found = retrieve_swell(spectra, ESA, **WV2)
    assert 0.5 <= found.confidence[0] < 0.99


def test_confidence_is_how_often_the_direction_is_right():
    """Of many with the same faint phase in noise, about as many are right as said."""
    spectra = seen([System(2.0, 300.0, 250.0, 60.0)], WV2)
    spectra = spectra.real + 0.25j * spectra.imag
    draw = np.random.default_rng(7)
    noise = draw.normal(size=(30, *spectra.shape)) * np.abs(spectra) * 0.6
    found = retrieve_swell(spectra + 1j * noise, ESA, **WV2)
    right = np.abs(turn(found.direction[:, 0], 250)) < 90
    assert 0.6 < right.mean() < 1
    assert_allclose(right.mean(), found.confidence[:, 0].mean(), atol=0.12)


@pytest.mark.parametrize(
    ("share", "angle", "width"), [(0.5, -15, 0.012), (0.4, 0, 0.014)]
)
def test_a_broad_sea_that_runs_against_a_swell_does_not_turn_it(share, angle, width):
    """Below the swell's peak lies a sea without one of its own, whose phase over all is larger."""
    x, y = ESA.kx, ESA.ky[:, None]

    def bell(k, degrees, spread):
        along, across = k * np.cos(np.radians(degrees)), k * np.sin(np.radians(degrees))
        return np.exp(-((x - along) ** 2 + (y - across) ** 2) / (2 * spread**2))

    swell, sea = bell(0.0226, 10, 0.003), share * bell(0.03, angle, width)
    phase = np.tan(np.sqrt(9.81 * np.hypot(x, y)) * WV2["look_separation"])
    spectra = np.stack([swell + sea + 1j * n * phase * (swell - sea) for n in range(3)])
    assert np.sum(spectra[2].imag) < 0
    found = retrieve_swell(20 * spectra, ESA, **WV2)
    assert abs(turn(found.direction[0], WV2["ground_heading"] + 90 - 10)) < 6
    assert 0.8 < found.confidence[0] < 0.99


def test_nothing_is_reported_beyond_the_resolution():
    """Waves along azimuth that are shorter than the cut-off leave a trace at longer waves at most."""
    scene = {**WV2, "cutoff": 300.0}
    for wavelength in (100.0, 150.0, 200.0, 250.0):
        spectra = seen([System(4.0, wavelength, 200.0, 60.0)], scene, seed=1)
        found = retrieve_swell(spectra, ESA, **scene)
        along = np.abs(np.cos(np.radians(found.direction - 200.0)))
        assert not (found.wavelength < 300 * along).any()
        assert not (found.height > 1.2).any()
    shorter = {**WV2, "range_cutoff": 150.0}
    spectra = seen([System(2.0, 120.0, 290.0, 60.0)], WV2)
    assert np.isnan(retrieve_swell(spectra, ESA, **shorter).height).all()
    assert np.isfinite(retrieve_swell(spectra, ESA, **WV2).height[0])


def test_structures_longer_than_waves_are_none():
    spectra = seen([System(2.0, 250.0, 250.0, 60.0)], WV2)
    x, y = ESA.kx, ESA.ky[:, None]
    streaks = 30 * np.exp(-((x - 0.006) ** 2 + y**2) / (2 * 0.002**2))
    found = retrieve_swell(spectra + streaks * spectra[0].real.max(), ESA, **WV2)
    assert (found.wavelength[np.isfinite(found.wavelength)] < 300).all()
    assert_allclose(found.wavelength[0], 250, rtol=0.06)


def test_noise_in_the_intensity_is_made_up_for():
    spectra = seen([System(2.0, 300.0, 250.0)], WV2)
    clear = retrieve_swell(spectra, ESA, **WV2)
    noisy = retrieve_swell(spectra * (1 - 0.2) ** 2, ESA, **WV2, noise_share=0.2)
    assert_allclose(noisy, clear)
    weak = retrieve_swell(spectra * (1 - 0.2) ** 2, ESA, **WV2)
    assert_allclose(weak.height[0], 0.8 * clear.height[0])


def test_the_error_grows_with_what_is_less_known():
    spectra = seen([System(2.0, 300.0, 250.0)], WV2)
    best = retrieve_swell(spectra, ESA, **WV2).height_error[0]
    for worse in ({"cutoff_error": 40.0}, {"periodograms": 2.0}):
        found = retrieve_swell(spectra, ESA, **WV2, **worse)
        assert found.height_error[0] > 1.1 * best


def test_the_error_of_the_cutoff_is_what_the_height_changes_by():
    """Of a packet that is far within the resolution."""
    x, y = ESA.kx, ESA.ky[:, None]
    packet = np.exp(-((x - 0.02) ** 2 + (y - 0.01) ** 2) / (2 * 0.002**2))
    spectra = seen([System(2.0, 280.0, 263.0)], WV2) * packet
    none, much = (retrieve_swell(spectra, ESA, **WV2, cutoff_error=e).height_error[0] for e in (0, 50))  # fmt: skip
    less, more = (retrieve_swell(spectra, ESA, **{**WV2, "cutoff": c}).height[0] for c in (195, 205))  # fmt: skip
    assert more > less
    assert_allclose(np.sqrt(much**2 - none**2), 50 * (more - less) / 10, rtol=0.02)


def test_one_bad_vignette_leaves_its_neighbours():
    spectra = np.stack([seen([System(2.0, 300.0, 250.0)], WV2)] * 4).reshape(2, 2, 3, 185, 128)  # fmt: skip
    spectra[0, 1, 2, 90, 7] = np.nan
    cutoff = np.array([[200.0, 200.0], [np.nan, 200.0]])
    found = retrieve_swell(spectra, ESA, **{**WV2, "cutoff": cutoff})
    known = np.isfinite(found.height[..., 0])
    assert known.tolist() == [[True, False], [False, True]]
    assert_allclose(found.height[0, 0], found.height[1, 1])
    assert np.isnan(np.array(found)[:, ~known]).all()


def test_what_is_beyond_the_sampling_is_left_out():
    """As of an image of 25 m pixels on ESA's grid; a swell, and the slope of shorter waves."""
    spectra = seen([System(2.0, 300.0, 250.0)], WV2).astype(np.complex64)
    whole = retrieve_swell(spectra, ESA, **WV2)
    spectra[:, np.abs(ESA.ky) > np.pi / 25] = np.nan
    spectra[:, :, ESA.kx > np.pi / 25] = np.nan
    found = retrieve_swell(spectra, ESA, **WV2)
    assert_allclose(np.array(found)[:, 0], np.array(whole)[:, 0], rtol=0.02)
    coarse = np.where(ESA.kx > np.pi / 50, np.nan, seen([System(3.0, 80.0, 280.0)], WV2))  # fmt: skip
    assert np.isnan(retrieve_swell(coarse, ESA, **WV2).height).all()


@pytest.mark.parametrize("lost", [{"incidence": 0.0}, {"beta": -1.0}, {"noise_share": 1.0}, {"cutoff": 0.0}, {"look_separation": np.nan}])  # fmt: skip
def test_a_scene_that_cannot_be_has_no_swell(lost):
    spectra = seen([System(2.0, 300.0, 250.0)], WV2)
    assert np.isnan(retrieve_swell(spectra, ESA, **{**WV2, **lost})).all()


def test_an_empty_image_has_no_swell():
    assert np.isnan(retrieve_swell(np.zeros((3, 185, 128)), ESA, **WV2)).all()
    with pytest.raises(DimensionError, match="lag, azimuth, range"):
        retrieve_swell(np.zeros((185, 128)), ESA, **WV2)


def test_each_vignette_may_have_its_own_grid():
    grids = [esa_grid(4.68, 4.15), esa_grid(3.8, 4.1)]
    both = WavenumberGrid(*(np.stack(axis) for axis in zip(*grids, strict=True)))
    spectra = [seen([System(2.0, 300.0, 250.0)], WV2, grid=grid) for grid in grids]
    found = retrieve_swell(np.stack(spectra), both, **WV2)
    for n, grid in enumerate(grids):
        alone = retrieve_swell(spectra[n], grid, **WV2)
        assert_allclose([value[n] for value in found], alone)


@each_real_file
def test_the_highest_system_of_a_real_file_is_esas(path):
    """The wind sea beyond the cut-off is in neither."""
    values, grid, fields = read(path)
    found = retrieve_swell(
        values,
        grid,
        cutoff=fields["oswAzCutoff"],
        incidence=fields["oswIncidenceAngle"],
        beta=101.8 if "wv1" in path.name else 113.7,
        ground_heading=fields["oswHeading"],
        look_separation=fields["oswLookSeparationTime"],
    )
    assert abs(turn(found.direction[0], fields["oswDirmet"][0])) < 5
    assert_allclose(found.wavelength[0], fields["oswWl"][0], rtol=0.05)
    # of all systems: the two divide the plane between them in other ways
    ours, esas = (np.sqrt(np.nansum(h**2)) for h in (found.height, fields["oswHs"]))
    assert_allclose(ours, esas, rtol=0.5)
    assert found.confidence[0] > 0.99
    resolved = fields["oswAzCutoff"] * np.abs(np.cos(np.radians(found.direction - fields["oswHeading"])))  # fmt: skip
    assert not (found.wavelength < np.maximum(30, resolved)).any()
