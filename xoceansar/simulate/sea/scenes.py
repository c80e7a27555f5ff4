"""One wave-mode scene: environment and chance in, backscatter and truth out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import OceansarError
from xoceansar.simulate.sea import imaging
from xoceansar.simulate.sea.environment import (
    Environment,
    sample_environment,
    to_compass,
)
from xoceansar.simulate.sea.iceberg_targets import Iceberg, add_icebergs
from xoceansar.simulate.sea.phenomena import Phenomenon, paint
from xoceansar.simulate.sea.random_fields import Canvas
from xoceansar.simulate.sea.waves import Grid, Surface, wave_surface

__all__ = [
    "SIMULATOR_VERSION",
    "Scene",
    "Seed",
    "range_profiles",
    "scene",
    "scene_wind",
]

#: Raised whenever the same seed gives other numbers.
SIMULATOR_VERSION: Final = 2

Seed = int | np.random.SeedSequence

_CANVAS_SPACING: Final = 50.0  # m, of the phenomena
_COHERENCE_SMEAR: Final = 6.0  # m, azimuth resolution of a perfectly still facet
_FLOOR: Final = 1e-6  # linear, keeps sigma0 positive
_NESZ_EDGE: Final = (
    0.6  # dB above the lowest at 10 km from mid-swath (ESA L2 OCN wv2 product)
)


@dataclass(frozen=True)
class Scene:
    """A speckle-free, noise-free scene.

    Parameters
    ----------
    environment : Environment
        What it was made from.
    spacing : float
        Size of a pixel in azimuth and in ground range, m.
    sigma0 : ndarray of float32 (ny, nx)
        Linear VV backscatter; axis 0 azimuth in time order, axis 1 ground range, near to far.
    incidence : ndarray of float32 (nx)
        Incidence, degrees.
    nesz : ndarray of float32 (nx)
        Noise-equivalent sigma zero, linear.
    truth : mapping of str to float
        ``swh`` (m; of the waves that are there: reduced in ice and slicks), ``wind_speed``
        (m/s, mean over the scene), ``wind_direction`` (degrees, scene frame, going to),
        ``peak_wavelength`` (m), ``peak_direction`` (degrees, scene frame, going to),
        ``azimuth_cutoff`` (m, pi R/V times the root of the velocity variance),
        ``radial_velocity`` (m/s, away from the radar: mean line-of-sight orbital velocity of the
        resolved waves, weighted by their backscatter).
    icebergs : tuple of Iceberg
        Icebergs with their boxes.
    look_times : tuple of float, default ()
        Times of the looks, s from closest approach.
    looks : ndarray of float32 (look, ny, nx), optional
        The scene as seen at those times, whose mean is `sigma0`; by default the sea stands still.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.scene(
    ...     1, ocean_class="pure_ocean_waves", beam="wv1", size=3200
    ... )
    >>> sea.sigma0.shape, sea.spacing, sea.environment.ocean_class
    ((128, 128), 25.0, 'pure_ocean_waves')
    """

    environment: Environment
    spacing: float
    sigma0: npt.NDArray[np.float32]
    incidence: npt.NDArray[np.float32]
    nesz: npt.NDArray[np.float32]
    truth: Mapping[str, float]
    icebergs: tuple[Iceberg, ...] = ()
    look_times: tuple[float, ...] = ()
    looks: npt.NDArray[np.float32] | None = None

    def wind_to_direction(self, ground_heading: float) -> float:
        """Return the mean wind direction, going to, degrees clockwise from north.

        Parameters
        ----------
        ground_heading : float
            Heading of the satellite track, degrees clockwise from north.

        Returns
        -------
        float
            In [0, 360).

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.scene(
        ...     1, ocean_class="pure_ocean_waves", beam="wv1", size=3200
        ... )
        >>> turn = sea.wind_to_direction(350.0) - sea.wind_to_direction(340.0)
        >>> round(turn % 360, 6)
        10.0
        """
        return to_compass(self.truth["wind_direction"], ground_heading)

    def crop(self, length: float, width: float) -> "Scene":
        """Cut out the centre.

        Parameters
        ----------
        length, width : float
            Size along azimuth and along ground range, m.

        Returns
        -------
        Scene
            The same truth; boxes of icebergs moved along, and kept where they lie outside.

        Raises
        ------
        OceansarError
            If the scene is smaller.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.scene(
        ...     1, ocean_class="pure_ocean_waves", beam="wv1", size=3200
        ... )
        >>> half = sea.crop(1600, 800)
        >>> half.sigma0.shape, half.truth == sea.truth
        ((64, 32), True)
        """
        ny, nx = self.sigma0.shape
        rows, columns = round(length / self.spacing), round(width / self.spacing)
        if rows > ny or columns > nx:
            raise OceansarError(
                f"the scene covers {ny * self.spacing:g} x {nx * self.spacing:g} m, "
                f"less than the {length:g} x {width:g} m asked for. Pass scene(size=...)."
            )
        top, left = (ny - rows) // 2, (nx - columns) // 2
        dy, dx = top * self.spacing, left * self.spacing
        moved = tuple(
            Iceberg(
                (b.box[0] - dy, b.box[1] - dx, b.box[2] - dy, b.box[3] - dx),
                b.size,
                b.brightness,
            )
            for b in self.icebergs
        )
        part = slice(top, top + rows), slice(left, left + columns)
        return replace(
            self,
            sigma0=self.sigma0[part],
            incidence=self.incidence[part[1]],
            nesz=self.nesz[part[1]],
            icebergs=moved,
            looks=None if self.looks is None else self.looks[:, *part],
        )

    def observe(
        self,
        seed: Seed,
        *,
        spacing: float = 50.0,
        shape: tuple[int, int] = (384, 384),
    ) -> npt.NDArray[np.float32]:
        """Observe the scene: speckle and noise, then area average.

        Parameters
        ----------
        seed : int or SeedSequence
            Chance of the speckle.
        spacing : float, default 50
            Pixel size of the result, m; a whole multiple of the scene's.
        shape : tuple of int, default (384, 384)
            Lines and samples; the grid is centred on the scene.

        Returns
        -------
        ndarray of float32 (lines, samples)
            Linear sigma0, noise removed; negative where the noise exceeded the signal.

        Raises
        ------
        OceansarError
            If the spacing is no multiple of the scene's, or the scene is too small.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.scene(
        ...     1, ocean_class="pure_ocean_waves", beam="wv1", size=3200
        ... )
        >>> image = sea.observe(seed=2, shape=(64, 64))
        >>> image.shape, float((image.mean() / sea.sigma0.mean()).round(1))
        ((64, 64), 1.0)
        """
        factor = round(spacing / self.spacing)
        if factor < 1 or not math.isclose(factor * self.spacing, spacing):
            raise OceansarError(
                f"spacing must be a whole multiple of the scene's {self.spacing:g} m; "
                f"got {spacing:g} m."
            )
        view = self.crop(shape[0] * spacing, shape[1] * spacing)
        radar = self.environment.view
        looks = (self.spacing / radar.resolution) ** 2 * radar.looks
        coarse = radar.looks > 1 and radar.resolution > self.spacing
        rng = np.random.default_rng(seed)
        # A single look has no more detail than its speckle; one that is averaged over a coarser
        # cell afterwards has the spread of a part of a look in each pixel before.
        image = imaging.speckled(
            view.sigma0, view.nesz, looks if coarse else max(1.0, looks), rng
        )
        if coarse:
            image = imaging.blurred(image, radar.resolution / self.spacing)
        return imaging.block_mean(image, factor)


def _streams(seed: Seed, count: int) -> list[np.random.Generator]:
    """Independent generators; unlike ``spawn``, the same ones at every call."""
    root = (
        seed
        if isinstance(seed, np.random.SeedSequence)
        else np.random.SeedSequence(seed)
    )
    return [
        np.random.default_rng(
            np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, i))
        )
        for i in range(count)
    ]


def scene(
    seed: Seed,
    *,
    ocean_class: str | None = None,
    beam: str | None = None,
    latitude: float | None = None,
    environment: Environment | None = None,
    size: float = 19_200.0,
    spacing: float = 25.0,
) -> Scene:
    """Simulate one wave-mode scene, without speckle or noise.

    Parameters
    ----------
    seed : int or SeedSequence
        Chance of the scene; the same seed and arguments give the same scene.
    ocean_class : str, optional
        One of `conventions.OCEAN_CLASSES`; drawn uniformly by default.
    beam : {"wv1", "wv2"}, optional
        Wave-mode beam; drawn by default.
    latitude : float, optional
        Degrees; decides the incidence, with which the satellite's roll varies. Drawn by default.
    environment : Environment, optional
        The whole environment instead of a drawn one; excludes the three arguments above.
    size : float, default 19200
        Length of a side, m; rounded up to an even number of pixels.
    spacing : float, default 25
        Pixel size, m. Waves shorter than two pixels enter as mean smear and height variance.

    Returns
    -------
    Scene
        Backscatter, geometry and truth.

    Raises
    ------
    OceansarError
        If an argument is out of its domain.
    MissingDependencyError
        If xsarsea is not installed.

    Notes
    -----
    CMOD5.N mean field, Elfouhaily wind sea and JONSWAP swells, tilt, range-bunching and
    hydrodynamic modulation, velocity bunching in three sub-looks: docs/simulator.md. Simulated
    scenes are not measurements.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.scene(1, ocean_class="sea_ice", beam="wv2", size=3200)
    >>> (
    ...     sea.environment.beam,
    ...     sea.sigma0.shape,
    ...     bool(sea.incidence[0] < sea.incidence[-1]),
    ... )
    ('wv2', (128, 128), True)
    """
    if environment is not None and (ocean_class, beam, latitude) != (None,) * 3:
        raise OceansarError(
            "environment already states the ocean class, the beam and the incidence: pass either "
            "environment=..., or ocean_class=..., beam=... and latitude=..."
        )
    if not (spacing > 0 and size >= 4 * spacing):
        raise OceansarError(
            f"spacing must be positive and size at least four times as much; "
            f"got size {size:g} m, spacing {spacing:g} m."
        )
    rng = _streams(seed, 4)
    env = environment or sample_environment(
        rng[0], ocean_class=ocean_class, beam=beam, latitude=latitude
    )
    n = _cells(size, spacing)
    surface = wave_surface(Grid(n, spacing), env, rng[1])
    painted = paint(env, _canvas(n, spacing, rng[2]))
    x = (np.arange(n) + 0.5) * spacing - n * spacing / 2
    sigma0, looks = _images(surface, painted, env)
    icebergs: tuple[Iceberg, ...] = ()
    if env.ocean_class == "icebergs":
        sea = sigma0.copy()
        icebergs = add_icebergs(sigma0, spacing, rng[3])
        looks += sigma0 - sea  # the bergs stand still
    for image in (sigma0, looks):
        np.maximum(image, np.float32(_FLOOR), out=image)
    incidence, nesz = range_profiles(env, x)
    return Scene(
        environment=env,
        spacing=spacing,
        sigma0=sigma0,
        incidence=incidence,
        nesz=nesz,
        truth=_truth(surface, painted, env),
        icebergs=icebergs,
        look_times=imaging.LOOK_TIMES,
        looks=looks,
    )


def scene_wind(
    seed: Seed, environment: Environment, *, size: float, spacing: float
) -> tuple[float, float]:
    """Compute the wind of a scene without its waves and its image: some fifty times faster."""
    canvas = _canvas(_cells(size, spacing), spacing, _streams(seed, 4)[2])
    return _mean_wind(paint(environment, canvas), environment)


def _cells(size: float, spacing: float) -> int:
    return 2 * math.ceil(size / (2 * spacing) - 1e-9)


def _canvas(n: int, spacing: float, rng: np.random.Generator) -> Canvas:
    coarse = min(n, max(2, round(n * spacing / _CANVAS_SPACING)))
    return Canvas(coarse, n * spacing / coarse, rng)


def range_profiles(
    env: Environment, x: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Compute incidence and noise along ground range."""
    incidence = env.incidence + env.view.incidence_slope * x
    nesz_db = env.view.nesz_db + _NESZ_EDGE * (x / 10e3) ** 2
    return incidence.astype(np.float32), (10 ** (nesz_db / 10)).astype(np.float32)


def _mean_field(
    painted: Phenomenon, env: Environment, size: float
) -> npt.NDArray[np.float32]:
    """Backscatter without waves, on the canvas: CMOD5.N of the wind, or ice."""
    if painted.ice is not None:
        return np.power(np.float32(10), painted.ice / 10)
    n = painted.speed.shape[0]
    incidence, _ = range_profiles(env, ((np.arange(n) + 0.5) / n - 0.5) * size)
    # The wind blows to wind_direction, measured from the look direction: upwind is 180 degrees.
    phi = painted.turn + np.float32(math.radians(env.wind_direction) + math.pi)
    sigma0 = imaging.cmod5n_field(painted.speed, phi, incidence)
    sigma0 *= np.power(np.float32(10), painted.decibel.astype(np.float32) / 10)
    return sigma0


def _images(
    surface: Surface, painted: Phenomenon, env: Environment
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Image the sea: the mean of the looks, and each of them."""
    lattice, beam = surface.grid, env.view
    mean = _mean_field(painted, env, lattice.n * lattice.spacing)
    waviness = painted.waviness.astype(np.float32)
    incidence = math.radians(env.incidence)
    looks = imaging.sar_looks(
        surface,
        imaging.resize(mean, lattice.n),
        imaging.resize(waviness, lattice.n),
        incidence=incidence,
        range_to_velocity=beam.range_to_velocity,
    )
    # Unresolved waves move incoherently within a pixel: isotropic share of their orbital speed.
    line = 0.5 * math.sin(incidence) ** 2 + math.cos(incidence) ** 2
    speed = float(waviness.mean()) * math.sqrt(line * surface.unresolved_speed)
    width = math.hypot(beam.range_to_velocity * speed, _COHERENCE_SMEAR)
    # The blur that depositing the facets has made is a part of it.
    variance = (width / lattice.spacing) ** 2 - imaging.DEPOSIT_VARIANCE
    smeared = np.stack([imaging.smear_azimuth(look, variance) for look in looks])
    return smeared.mean(axis=0), smeared


def _truth(
    surface: Surface, painted: Phenomenon, env: Environment
) -> Mapping[str, float]:
    waviness = math.sqrt(float(np.mean(np.square(painted.waviness), dtype=np.float64)))
    variance = surface.velocity_variance(math.radians(env.incidence))
    delay = env.view.range_to_velocity
    wavelength, direction = surface.peak()
    speed, wind_direction = _mean_wind(painted, env)
    return MappingProxyType(
        {
            "swh": waviness * surface.swh,
            "wind_speed": speed,
            "wind_direction": wind_direction,
            "peak_wavelength": wavelength,
            "peak_direction": direction,
            "azimuth_cutoff": math.pi * delay * waviness * math.sqrt(variance),
            "radial_velocity": waviness**2
            * surface.radial_velocity(math.radians(env.incidence)),
        }
    )


def _mean_wind(painted: Phenomenon, env: Environment) -> tuple[float, float]:
    """Mean speed, and direction of the mean vector in the frame of the scene."""
    along = float(np.mean(painted.speed * np.cos(painted.turn)))
    across = float(np.mean(painted.speed * np.sin(painted.turn)))
    turn = math.degrees(math.atan2(across, along))
    speed = float(painted.speed.mean())
    return speed, (env.wind_direction + turn + 180) % 360 - 180
