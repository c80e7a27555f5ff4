"""Swell systems from cross-spectra: quasi-linear inversion within the azimuth cut-off."""

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage, special

from xoceansar.errors import DimensionError
from xoceansar.spectra.polar_grids import (
    ANGLES,
    POLAR_WAVENUMBERS,
    polar_cells,
    resample_to_polar,
)
from xoceansar.spectra.quasi_linear import (
    SYSTEMS,
    ImagingScene,
    azimuth_envelope,
    blur_exponent,
    image_response,
    is_resolved,
    look_phase,
    wave_response,
)
from xoceansar.spectra.spectral_peaks import find_peaks, interpolate_peak, is_inner
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, plane_weights

__all__ = ["SwellSystems", "retrieve_swell"]

Array = npt.NDArray[np.float64]

#: Share of the height of the highest system under which a system is noise.
_FAINTEST: Final = 0.1
#: How well the real-aperture part is known, relative.
_TRANSFER_ERROR: Final = 0.25
#: How much of the weight of directions is alike for all, against what the transfer functions say.
_ISOTROPIC: Final = 0.5
#: Half-width of the dip along range between the lobes of waves that travel there.
_DIP: Final = math.radians(10)
#: Smoothing before peaks are sought, in polar cells.
_SMOOTHING: Final = 1.0


#: Around a peak, where the phase is that of its system and not of another that overlaps it: within this
#: factor in wavenumber and within 30 degrees; and the least number of such cells.
_NEAR: Final = 1.25
_NEAR_COSINE: Final = math.cos(math.radians(30))
_LEAST_CELLS: Final = 6


class SwellSystems(NamedTuple):
    """Systems of waves, the highest first; NaN after the last.

    Shapes: all (..., 5).

    Parameters
    ----------
    height : array
        Significant wave height, m.
    height_error : array
        Its standard error, m.
    wavelength : array
        Of the peak, m.
    direction : array
        Towards which the waves travel, degrees clockwise from north, in [0, 360); in [0, 180),
        and so up to half a turn, where the confidence is 0.5.
    confidence : array
        Probability that the direction is not the opposite: 0.5 where nothing tells, as with
        intensity alone, to 1.
    """

    height: Array
    height_error: Array
    wavelength: Array
    direction: Array
    confidence: Array


def retrieve_swell(
    spectra: npt.ArrayLike,
    grid: WavenumberGrid,
    *,
    cutoff: npt.ArrayLike,
    incidence: npt.ArrayLike,
    beta: npt.ArrayLike,
    ground_heading: npt.ArrayLike,
    look_separation: npt.ArrayLike = 0.0,
    cutoff_error: npt.ArrayLike = 0.0,
    noise_share: npt.ArrayLike = 0.0,
    periodograms: npt.ArrayLike = 20.0,
    range_cutoff: npt.ArrayLike = 30.0,
) -> SwellSystems:
    """Retrieve the swell systems that cross-spectra show.

    Shapes: spectra (..., lag, azimuth, range) -> (..., 5); the grid's arrays and all else may have
    the leading dimensions.

    Parameters
    ----------
    spectra : array_like
        Half plane kx >= 0, (m/rad)^2, at lags 0, 1, 2, ... of the separation of the looks, positive
        imaginary towards which waves travel. One lag alone, as of an intensity, without speckle:
        directions up to half a turn. Rows and columns of NaN are beyond the sampling of the image.
    grid : WavenumberGrid
        Wavenumbers and widths of cells, rad/m.
    cutoff : array_like
        Azimuth cut-off wavelength, m.
    incidence : array_like
        Degrees, in the middle.
    beta : array_like
        Slant range over platform velocity, s.
    ground_heading : array_like
        Direction of flight on the ground, degrees clockwise from north; the radar looks to the
        right.
    look_separation : array_like, default 0.0
        Time between neighbouring looks, s; needed where there is more than one lag.
    cutoff_error : array_like, default 0.0
        Standard error of the cut-off, m.
    noise_share : array_like, default 0.0
        Share of the thermal noise in the mean intensity, which weakens the modulation.
    periodograms : array_like, default 20.0
        How many independent periodograms the spectra are averages of.
    range_cutoff : array_like, default 30.0
        Shortest wavelength along range, m.

    Returns
    -------
    SwellSystems
        At most five. All NaN for a vignette of which something is not known.

    Raises
    ------
    DimensionError
        If the spectra have fewer than three dimensions.

    Notes
    -----
    ``Re S(k, tau) = 0.5 exp(-(ky cutoff / pi)^2) cos(omega tau) (|T(k)|^2 F(k) + |T(-k)|^2
    F(-k))``, T of `modulation_transfer`, F the density of the height variance. The blur is that of
    displacements of standard deviation cutoff / pi: to images of waves, whose modulation grows with
    ky, a cut-off is fitted of about half of the 2 pi that it has with a flat spectrum. At most a
    factor e^2 is made up for.

    The half plane is divided between the peaks of Re S over the Gaussian along azimuth that is the
    cut-off's, and over ``k (0.5 + |T|^2 / <|T|^2>)``, the mean over directions: with T alone, which
    is smallest, and known least, along range and for long waves, the highest peaks would be
    structures of the wind; so taken, wavelengths of the highest systems of real files are within
    5 % and directions within 5 degrees of ESA's. Waves along range show in two lobes beside it,
    which are taken as one system; their direction may be off by up to 18 degrees. In each system
    all waves travel to one side, which is the sign of Im S around its peak, and F follows with the transfer
    function of that side. Re S is of lag 1 where there is one, which holds no speckle, Im S of the
    last lag.

    Only ``|ky| < 2 pi / cutoff``, wavelengths from `range_cutoff` to 800 m, and systems whose peak
    lies there: a slope whose top is beyond the resolution is no system. Of waves shorter than the
    resolution the blur may leave a trace at longer ones. Systems under a tenth of the height of
    the highest are left out. The height is ``4 sqrt(sum F dkx dky)`` over the system: of its
    resolved part.

    The standard error of the height joins three: of sampling, ``1 / sqrt(periodograms)`` in each
    cell; of the cut-off; and of the real-aperture part of T, taken as known to 25 %. The
    confidence is Student's probability of ``r / its error``, r the least-squares ratio of Im S to
    ``Re S tan(omega tau)`` in the system (1 for waves that all go there), the error from the
    scatter of the cells.

    References
    ----------
    Engen and Johnsen (1995), https://doi.org/10.1109/36.406690.
    Hasselmann and Hasselmann (1991), https://doi.org/10.1029/91JC00302.

    Examples
    --------
    Waves of 250 m and 2 m height towards 60 degrees, in the image of a radar that flies north:

    >>> from xoceansar.spectra.modulation_transfer import modulation_transfer
    >>> from xoceansar.spectra.wavenumber_grids import esa_grid
    >>> grid = esa_grid(4.68, 4.15)
    >>> x, y = grid.kx, grid.ky[:, None]
    >>> px, py = 0.0251 * np.cos(np.radians(30)), 0.0251 * np.sin(np.radians(30))
    >>> waves = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 0.003**2))
    >>> waves *= 0.25 / (2 * np.pi * 0.003**2)  # variance (2 m / 4)^2
    >>> transfer = sum(modulation_transfer(x, y, 36.0, 114.0))
    >>> phase = np.sqrt(9.81 * np.hypot(x, y)) * 0.2
    >>> level = 0.5 * np.exp(-((y * 200 / np.pi) ** 2)) * np.abs(transfer) ** 2 * waves
    >>> spectra = np.stack([level * np.exp(1j * n * phase) for n in range(3)])
    >>> swell = retrieve_swell(
    ...     spectra, grid, cutoff=200.0, incidence=36.0, beta=114.0, ground_heading=0.0,
    ...     look_separation=0.2,
    ... )  # fmt: skip
    >>> [float(value[0].round(1)) for value in swell]
    [2.0, 0.0, 249.3, 60.3, 1.0]
    """
    values = np.asarray(spectra)
    if values.ndim < 3:
        raise DimensionError(
            "swell needs spectra shaped (..., lag, azimuth, range), and these are "
            f"{values.shape}. Add a dimension of lags, of length 1 for an intensity alone."
        )
    facts = [
        np.asarray(fact, np.float64)
        for fact in (cutoff, cutoff_error, incidence, ground_heading, beta, look_separation, noise_share, periodograms, range_cutoff)
    ]  # fmt: skip
    lead = np.broadcast_shapes(
        values.shape[:-3],
        *(axis.shape[:-1] for axis in grid),
        *(f.shape for f in facts),
    )
    values = np.broadcast_to(values, lead + values.shape[-3:])
    axes = [np.broadcast_to(axis, lead + axis.shape[-1:]) for axis in grid]
    facts = [np.broadcast_to(fact, lead) for fact in facts]
    out = np.full((len(SwellSystems._fields), *lead, SYSTEMS), np.nan)
    for at in np.ndindex(lead):
        scene = ImagingScene(*(float(fact[at]) for fact in facts))
        one = WavenumberGrid(*(axis[at] for axis in axes))
        systems = _retrieve(values[at], one, scene)
        for n, system in enumerate(systems):
            out[(slice(None), *at, n)] = system
    return SwellSystems(*out)


def _retrieve(
    spectra: npt.NDArray[Any], grid: WavenumberGrid, scene: ImagingScene
) -> list[tuple[float, ...]]:
    """Retrieve the systems of one vignette: the fields of each, the highest first."""
    spectra, grid = _crop(spectra, grid)
    if not (scene.is_known and spectra.size and np.isfinite(spectra).all()):
        return []
    last = spectra.shape[0] - 1
    lag = min(1, last)
    x, y = grid.kx, grid.ky[:, None]
    toward = np.cos(ANGLES)[:, None], np.sin(ANGLES)[:, None]
    around = POLAR_WAVENUMBERS * toward[0], POLAR_WAVENUMBERS * toward[1]
    polar = resample_to_polar(spectra[lag].real, grid)
    known = np.isfinite(polar)
    polar /= azimuth_envelope(around[1], scene.cutoff) * POLAR_WAVENUMBERS
    density = _smooth(polar / _directional_weight(*around, scene))
    peaks = find_peaks(density, _bridge_range(density))
    label = peaks.labels[polar_cells(grid)]
    resolved = is_resolved(x, y, last, scene)
    shown = spectra[lag].real / image_response(x, y, lag, scene)
    systems: list[tuple[float, ...]] = []
    for n, place in enumerate(peaks.places):
        k, angle = interpolate_peak(density, place)
        at = np.array(k * math.cos(angle)), np.array(k * math.sin(angle))
        if not (is_inner(known, place) and is_resolved(*at, last, scene)):
            continue
        cells = resolved & (label == n)
        # beyond the end of the half plane are the waves of the opposite wavenumber
        ahead = np.where(x * at[0] + y * at[1] >= 0, 1, -1)
        near = _around(x, y, *at) & cells
        told = near if near.sum() >= _LEAST_CELLS else cells
        side, confidence = _side(spectra, grid, told, ahead, scene)
        height, error = _height(shown, grid, cells, side * ahead, scene)
        direction = scene.ground_heading + 90 - math.degrees(angle)
        direction = (direction + 180 * (side < 0)) % (360 if side else 180)
        systems.append((height, error, 2 * math.pi / k, direction, confidence))
    systems.sort(reverse=True)
    least = max((system[0] for system in systems), default=0.0) * _FAINTEST
    return [s for s in systems if s[0] > 0 and s[0] >= least][:SYSTEMS]


def _crop(
    spectra: npt.NDArray[Any], grid: WavenumberGrid
) -> tuple[npt.NDArray[Any], WavenumberGrid]:
    """Leave out the wavenumbers beyond the sampling of the image, of which nothing is known."""
    known = np.isfinite(spectra).all(axis=0)
    rows, columns = known.any(axis=1), known.any(axis=0)
    inner = WavenumberGrid(
        grid.kx[columns], grid.ky[rows], grid.dkx[columns], grid.dky[rows]
    )
    return spectra[:, rows][:, :, columns], inner


def _smooth(density: Array) -> Array:
    """Smooth a polar half plane over what is known of it; 0 elsewhere.

    Shapes: density (angle, wavenumber).
    """
    known = np.isfinite(density)
    sums, weights = (
        ndimage.gaussian_filter(field, _SMOOTHING, mode=("wrap", "nearest"))
        for field in (np.where(known, density, 0.0), known.astype(np.float64))
    )
    return np.asarray(np.where(known, sums / np.where(known, weights, 1.0), 0.0))


def _directional_weight(kx: Array, ky: Array, scene: ImagingScene) -> Array:
    """Compute what the modulation in each direction is divided by where peaks are sought.

    Shapes: kx, ky (angle, wavenumber).
    """
    power = np.mean(wave_response(kx, ky, scene), axis=0)
    return np.asarray(_ISOTROPIC + power / power.mean(axis=0))


def _bridge_range(density: Array) -> Array:
    """Fill the dip along range, where velocity bunching shows nothing, as far as both its sides go.

    Shapes: density (angle, wavenumber).
    """
    near = np.abs(ANGLES) < _DIP
    first, last = np.flatnonzero(near)[[0, -1]]
    sides = np.minimum(density[first - 1], density[last + 1])
    return np.where(near[:, None], np.maximum(density, sides), density)


def _around(
    kx: Array, ky: Array, peak_x: Array, peak_y: Array
) -> npt.NDArray[np.bool_]:
    """Find the cells around a peak and around its opposite.

    Shapes: kx (range), ky (azimuth, 1) -> (azimuth, range).
    """
    k, peak = np.hypot(kx, ky), np.hypot(peak_x, peak_y)
    along = np.abs(kx * peak_x + ky * peak_y)
    ratio = k / peak
    return np.asarray(
        (ratio > 1 / _NEAR) & (ratio < _NEAR) & (along > _NEAR_COSINE * k * peak)
    )


def _side(
    spectra: npt.NDArray[Any],
    grid: WavenumberGrid,
    cells: npt.NDArray[np.bool_],
    ahead: npt.NDArray[np.int_],
    scene: ImagingScene,
) -> tuple[int, float]:
    """Tell to which side waves travel, 1 or -1, or 0 where nothing tells; and how surely.

    `ahead` is 1 for cells on the side of the peak, -1 for those of the opposite wavenumber.
    """
    last = spectra.shape[0] - 1
    phase = look_phase(grid.kx, grid.ky[:, None], last, scene)[cells]
    expected = spectra[last].real[cells] * np.tan(phase)
    found = (ahead * spectra[last].imag)[cells]
    power = float(expected @ expected)
    cross = float(expected @ found)
    freedom = found.size - 1
    if power == 0 or cross == 0 or freedom < 1:
        return 0, 0.5
    scatter = found - cross / power * expected
    error = math.sqrt(float((expected * scatter) @ (expected * scatter)))
    score = abs(cross) / error if error else math.inf
    return int(math.copysign(1, cross)), float(special.stdtr(freedom, score))


def _height(
    shown: Array,
    grid: WavenumberGrid,
    cells: npt.NDArray[np.bool_],
    side: npt.NDArray[np.int_],
    scene: ImagingScene,
) -> tuple[float, float]:
    """Integrate the height of a system, and its standard error.

    `side` is where the waves of each cell travel: 1 to its wavenumber, -1 to the opposite, 0 unknown.
    """
    x, y = grid.kx, grid.ky[:, None]
    energy = np.where(cells, shown * plane_weights(grid) / 2, 0.0)

    def variances(aperture: float) -> Array:
        forward, backward = wave_response(x, y, scene, aperture)
        both = np.where(side == 0, (forward + backward) / 2, backward)
        return np.asarray(energy / np.where(side > 0, forward, both))

    each = variances(1.0)
    total = float(each.sum())
    if total <= 0:
        return 0.0, math.nan
    sampling = math.sqrt(float(np.sum(each**2)) / scene.periodograms)
    less, more = (
        blur_exponent(y, scene.cutoff + s * scene.cutoff_error) for s in (-1, 1)
    )
    blur = float(np.sum(each * (more - less))) / 2
    ends = [float(variances(1 + s * _TRANSFER_ERROR).sum()) for s in (-1, 1)]
    error = math.hypot(sampling, blur, (ends[0] - ends[1]) / 2)
    height = 4 * math.sqrt(total)
    return height, height * error / (2 * total)
