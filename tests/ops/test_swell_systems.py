"""Swell as a Dataset: systems that are known come back, labelled, lazy, each row by itself."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.spectra.real_spectra import each_real_file
from xoceansar import open_ocn, ops
from xoceansar.errors import MissingVariableError
from xoceansar.simulate import vignettes
from xoceansar.spectra.modulation_transfer import modulation_transfer
from xoceansar.spectra.wavenumber_grids import esa_grid

HEIGHT, WAVELENGTH, CUTOFF, SEPARATION = 2.0, 250.0, 200.0, 0.2
#: Directions from range to flight; the third comes towards the radar.
ANGLES = (30.0, -40.0, 160.0)
HEADING = 350.0


def spectra_of_swell():
    """Cross-spectra by the quasi-linear transform, a system in each vignette."""
    grid = esa_grid(4.68, 4.15)
    x, y = grid.kx, grid.ky[:, None]
    rows = []
    for angle in ANGLES:
        k = 2 * np.pi / WAVELENGTH
        px, py = k * np.cos(np.radians(angle)), k * np.sin(np.radians(angle))
        side = 1 if px >= 0 else -1
        bell = np.exp(-((x - side * px) ** 2 + (y - side * py) ** 2) / (2 * 0.003**2))
        waves = bell * (HEIGHT / 4) ** 2 / (2 * np.pi * 0.003**2)
        transfer = np.abs(sum(modulation_transfer(side * x, side * y, 36.0, 114.0)))
        level = 0.5 * np.exp(-((y * CUTOFF / np.pi) ** 2)) * transfer**2 * waves
        phase = side * np.sqrt(9.81 * np.hypot(x, y)) * SEPARATION
        rows.append(np.stack([level * np.exp(1j * n * phase) for n in range(3)]))
    values = np.array([*rows, np.full_like(rows[0], np.nan)])
    dims = ("vignette", "lag", "azimuth_bin", "range_bin")
    count = len(values)
    axes = {
        "range_wavenumber": ("range_bin", grid.kx),
        "azimuth_wavenumber": ("azimuth_bin", grid.ky),
        "range_wavenumber_width": ("range_bin", grid.dkx),
        "azimuth_wavenumber_width": ("azimuth_bin", grid.dky),
    }
    facts = {
        "incidence": 36.0,
        "ground_heading": HEADING,
        "slant_range": 114.0 * 7590,
        "platform_velocity": 7590.0,
        "look_separation_time": SEPARATION,
    }
    return xr.Dataset(
        {
            name: (dims, da.from_array(part.astype(np.float32), chunks=(1, -1, -1, -1)))
            for name, part in (
                ("cross_spectrum_real", values.real),
                ("cross_spectrum_imag", values.imag),
            )
        },
        coords={
            "lag": [0, 1, 2],
            **{
                n: ((("vignette", d)), np.tile(v, (count, 1)))
                for n, (d, v) in axes.items()
            },
            **{n: ("vignette", np.full(count, v)) for n, v in facts.items()},
        },
    )


def test_systems_come_back_and_never_reversed():
    out = ops.swell(spectra_of_swell()).compute()
    expected = (HEADING + 90 - np.array(ANGLES)) % 360
    apart = (out.swell_to_direction[:3, 0].values - expected + 180) % 360 - 180
    assert (np.abs(apart) < 6).all()
    np.testing.assert_allclose(out.swell_wavelength[:3, 0], WAVELENGTH, rtol=0.06)
    # the cut-off that makes up for the blur is fitted to the narrow spectrum of the swell itself
    np.testing.assert_allclose(out.swell_height[:3, 0], HEIGHT, rtol=0.4)
    assert (out.swell_direction_confidence[:3, 0] > 0.99).all()
    assert np.isnan(out.swell_height[:, 1:]).all()
    for name in out.data_vars:  # the row without a spectrum
        assert np.isnan(out[name][3]).all()


def test_noise_that_is_known_raises_the_height():
    ds = spectra_of_swell()
    noisy = ds.assign(noise_share=("vignette", [0.0, 0.2, 0.0, 0.0]))
    plain, raised = ops.swell(ds), ops.swell(noisy)
    ratio = (raised.swell_height / plain.swell_height)[:3, 0].values
    np.testing.assert_allclose(ratio, [1, 1.25, 1], rtol=0.01)


def test_without_the_annotation_the_orbit_of_sentinel_1_serves():
    ds = spectra_of_swell()
    less = ops.swell(ds.drop_vars(["slant_range", "platform_velocity"]))
    np.testing.assert_allclose(
        less.swell_height[:3, 0], ops.swell(ds).swell_height[:3, 0], rtol=0.02
    )


def test_lazy_until_computed(no_compute):
    out = ops.swell(spectra_of_swell())
    assert out.swell_height.chunks == ((1, 1, 1, 1), (5,))


def test_images_of_intensity_say_half_of_the_direction():
    out = ops.swell(vignettes(4, seed=1)).compute()
    there = np.isfinite(out.swell_height.values)
    assert there.any()
    assert (out.swell_direction_confidence.values[there] == 0.5).all()
    direction = out.swell_to_direction.values[there]
    assert ((direction >= 0) & (direction < 180)).all()


def test_without_incidence_or_heading_it_is_refused():
    with pytest.raises(MissingVariableError, match="ground_heading"):
        ops.swell(spectra_of_swell().drop_vars("ground_heading"))


@each_real_file
def test_the_main_system_of_real_spectra_is_that_of_esa(path):
    ds = open_ocn(path, spectra=True, verify=False)
    systems = ops.swell(ds).compute().isel(vignette=0)
    ours, theirs = systems.isel(swell_system=0), ds.isel(vignette=0, partition=0)
    assert ours.swell_wavelength / theirs.partition_wavelength == pytest.approx(
        1, abs=0.06
    )
    apart = (ours.swell_to_direction - theirs.partition_to_direction + 180) % 360 - 180
    assert abs(apart) < 6
    # of all systems: the two divide the plane between them in other ways
    heights = systems.swell_height, ds.partition_swh.isel(vignette=0)
    ours, theirs = (float(np.sqrt((h**2).sum())) for h in heights)
    assert ours == pytest.approx(theirs, rel=0.55)
