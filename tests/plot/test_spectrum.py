"""Drawn spectra: the right value at the right wavenumber, both halves, waves towards red."""

import numpy as np
import pytest
import xarray as xr

from xoceansar import plot
from xoceansar.errors import DimensionError, OceansarError
from xoceansar.simulate import vignettes
from xoceansar.spectra.wavenumber_grids import regular_grid

GRID = regular_grid(12.5, 12.5, 160, 160)
TOWARDS = 50.0  # from range to the direction of flight


def spectra(count=1, heading=190.0):
    """One system of 200 m that travels away from the radar and along the flight."""
    k = 2 * np.pi / 200
    x, y = k * np.cos(np.radians(TOWARDS)), k * np.sin(np.radians(TOWARDS))
    away = np.hypot(GRID.kx - x, GRID.ky[:, None] - y)
    density = np.exp(-((away / 0.004) ** 2))
    real = np.broadcast_to(density, (count, 3, *density.shape))
    lag = np.arange(3)[:, None, None]
    dims = ("vignette", "lag", "azimuth_wavenumber", "range_wavenumber")
    return xr.Dataset(
        {
            "cross_spectrum_real": (dims, 10 * real),
            "cross_spectrum_imag": (dims, 2 * lag * real),
        },
        coords={
            "lag": [0, 1, 2],
            "azimuth_wavenumber": GRID.ky,
            "range_wavenumber": GRID.kx,
            "azimuth_wavenumber_width": ("azimuth_wavenumber", GRID.dky),
            "range_wavenumber_width": ("range_wavenumber", GRID.dkx),
            "ground_heading": ("vignette", np.full(count, heading)),
        },
    )


def mesh(ax):
    """Coordinates of the middles of cells, and their values."""
    drawn = ax.collections[0]
    corners = drawn.get_coordinates()
    middles = (corners[1:, 1:] + corners[:-1, :-1]) / 2
    return (
        middles[..., 0],
        middles[..., 1],
        drawn.get_array().reshape(middles.shape[:2]),
    )


def test_both_halves_are_drawn_and_red_is_where_waves_go():
    figure = plot.spectrum(spectra())
    real, imaginary = (
        ax for ax in figure.axes if ax.get_ylabel().startswith("azimuth")
    )
    k = 2 * np.pi / 200
    for ax, opposite in ((real, 1), (imaginary, -1)):
        kx, ky, values = mesh(ax)
        at = np.unravel_index(np.nanargmax(values), values.shape)
        assert np.hypot(kx[at], ky[at]) == pytest.approx(k, rel=0.05)
        angle = np.degrees(np.arctan2(ky[at], kx[at]))
        other = values[np.unravel_index(
            np.argmin(np.hypot(kx + kx[at], ky + ky[at])), values.shape
        )]  # fmt: skip
        assert other == pytest.approx(opposite * values[at], rel=1e-6)
        if opposite < 0:
            assert angle == pytest.approx(TOWARDS, abs=4)
    drawn = imaginary.collections[0]
    low, high = drawn.get_clim()
    assert low == -high
    assert drawn.cmap(1.0)[0] > drawn.cmap(1.0)[2]  # red above blue at the positive end


def test_rings_are_wavelengths():
    ax = plot.spectrum(spectra(), shortest=90.0).axes[0]
    assert ax.get_xlim() == pytest.approx((-2 * np.pi / 90, 2 * np.pi / 90))
    labels = {text.get_text() for text in ax.texts}
    assert {"400 m", "200 m", "100 m", "90 m"} <= labels
    assert "75 m" not in labels
    radii = {round(float(np.hypot(*line.get_data())[0]), 5) for line in ax.lines[:4]}
    assert radii == {round(2 * np.pi / length, 5) for length in (400, 200, 100, 90)}


@pytest.mark.parametrize("heading", [190.0, 350.0])
def test_polar_directions_are_those_towards_which_waves_travel(heading):
    figure = plot.spectrum(spectra(heading=heading), kind="polar")
    bearing, k, values = mesh(figure.axes[0])
    at = np.unravel_index(np.nanargmax(values), values.shape)
    expected = (heading + 90 - TOWARDS) % 360
    assert np.degrees(bearing[at]) == pytest.approx(expected, abs=4)
    assert 2 * np.pi / k[at] == pytest.approx(200, rel=0.05)
    assert figure.axes[0].get_theta_direction() == -1  # clockwise
    assert figure.axes[0].get_theta_offset() == pytest.approx(np.pi / 2)  # from north


def test_images_of_intensity_have_one_panel_and_no_direction():
    ds = vignettes(2, seed=5, shape=(96, 96))
    figure = plot.spectrum(ds)
    assert sum(ax.get_ylabel().startswith("azimuth") for ax in figure.axes) == 2
    assert "Simulated sea" in figure.get_supxlabel()
    with pytest.raises(DimensionError, match="do not"):
        plot.spectrum(ds, kind="polar")


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(OceansarError, match="got 7"):
        plot.spectrum(spectra(7))
    with pytest.raises(DimensionError, match="'contour' is not one of"):
        plot.spectrum(spectra(), kind="contour")
    assert len(plot.spectrum(spectra(7), limit=7).axes) == 28
