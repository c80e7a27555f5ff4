"""Simulated vignettes in the layout of the reader, with their truth."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._processors import processors
from xoceansar.conventions import (
    LINE,
    OCEAN_CLASSES,
    SAMPLE,
    VARIABLES,
    VIGNETTE,
    class_attrs,
    mask_attrs,
    product_attrs,
)
from xoceansar.errors import OceansarError
from xoceansar.sar.pixel_quality import pixel_flags
from xoceansar.simulate.recipe import Recipe, make_recipe
from xoceansar.simulate.sea.environment import Environment
from xoceansar.simulate.sea.iceberg_targets import MAX_ICEBERGS
from xoceansar.simulate.sea.orbit import Acquisition, acquisition, destination
from xoceansar.simulate.sea.scenes import SIMULATOR_VERSION, Scene, range_profiles
from xoceansar.simulate.sea.sensors import Sensor

__all__ = ["vignettes"]

_SOURCE: Final = "simulated by xoceansar.simulate; not a measurement of the sea"
_POLARISATION: Final = "VV"
_IPF_VERSION: Final = "003.31"

_DIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "sigma0": (VIGNETTE, LINE, SAMPLE),
    "quality": (VIGNETTE,),
    "no_data_fraction": (VIGNETTE,),
    "below_noise_fraction": (VIGNETTE,),
    "swh": (VIGNETTE,),
    "wind_speed": (VIGNETTE,),
    "wind_to_direction": (VIGNETTE,),
    "peak_wavelength": (VIGNETTE,),
    "peak_to_direction": (VIGNETTE,),
    "azimuth_cutoff": (VIGNETTE,),
    "iceberg_box": (VIGNETTE, "iceberg", "edge"),
    "iceberg_count": (VIGNETTE,),
}
_DTYPES: Final[Mapping[str, type[np.generic]]] = {
    "quality": np.uint8,
    "iceberg_count": np.int32,
}
_EDGES: Final = ("line_min", "sample_min", "line_max", "sample_max")


def _row(recipe: Recipe, row: int) -> dict[str, npt.NDArray[Any]]:
    """Simulate one vignette: every variable of `_DIMS`."""
    environment = recipe.environment(row)
    length, width = (cells * recipe.spacing for cells in recipe.shape)
    full = recipe.simulate(row, environment)
    sigma0 = full.observe(
        recipe.stream(row, 2), spacing=recipe.spacing, shape=recipe.shape
    )
    view = full.crop(length, width)
    heading = acquisition(recipe.seed, row, environment.beam).ground_heading
    truth = view.truth
    boxes = _fractional_boxes(view, length, width)
    scalars = {
        "swh": truth["swh"],
        "wind_speed": truth["wind_speed"],
        "wind_to_direction": view.wind_to_direction(heading),
        "peak_wavelength": truth["peak_wavelength"],
        "peak_to_direction": (heading + 90 - truth["peak_direction"]) % 360,
        "azimuth_cutoff": truth["azimuth_cutoff"],
    }
    flags, missing, below = pixel_flags(sigma0, saturated=0.0)
    return {
        **{name: np.array(value, np.float32) for name, value in scalars.items()},
        "sigma0": sigma0,
        "quality": np.array(flags, np.uint8),
        "no_data_fraction": np.array(missing),
        "below_noise_fraction": np.array(below),
        "iceberg_box": boxes,
        "iceberg_count": np.array(np.isfinite(boxes[:, 0]).sum(), np.int32),
    }


def _fractional_boxes(
    view: Scene, length: float, width: float
) -> npt.NDArray[np.float32]:
    """Boxes as fractions of the image, clipped to it, NaN-padded; bergs outside are dropped."""
    out = np.full((MAX_ICEBERGS, len(_EDGES)), np.nan, np.float32)
    scale = np.array([length, width, length, width])
    boxes = [np.clip(np.array(berg.box) / scale, 0, 1) for berg in view.icebergs]
    seen = [box for box in boxes if box[2] > box[0] and box[3] > box[1]]
    for i, box in enumerate(seen):
        out[i] = box
    return out


def _block(recipe: Recipe, rows: range, workers: int) -> dict[str, npt.NDArray[Any]]:
    """Simulate some rows, stacked."""
    out: dict[str, npt.NDArray[Any]] = {}

    def one(position: int) -> None:
        # Written in place as rows finish: two copies of the images never exist.
        for name, value in _row(recipe, rows[position]).items():
            if name not in out:
                out.setdefault(name, np.empty((len(rows), *value.shape), value.dtype))
            out[name][position] = value

    if workers == 1 or len(rows) == 1:
        for position in range(len(rows)):
            one(position)
    else:
        one(0)  # compiles and fills the caches once
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, range(1, len(rows))))
    return out


def _lazy(recipe: Recipe, n: int, chunks: int) -> dict[str, Any]:
    """Build the Dask arrays of `_DIMS`; nothing is simulated yet."""
    import dask.array as da
    from dask.delayed import delayed

    sizes = {
        LINE: recipe.shape[0],
        SAMPLE: recipe.shape[1],
        "iceberg": MAX_ICEBERGS,
        "edge": len(_EDGES),
    }
    block, pick = delayed(_block, pure=True), delayed(dict.__getitem__, pure=True)
    parts: dict[str, list[Any]] = {name: [] for name in _DIMS}
    for start in range(0, n, chunks):
        rows = range(start, min(start + chunks, n))
        made = block(recipe, rows, 1)
        for name, dims in _DIMS.items():
            shape = (len(rows), *(sizes[d] for d in dims[1:]))
            dtype = _DTYPES.get(name, np.float32)
            part = da.from_delayed(pick(made, name), shape, dtype)  # type: ignore[no-untyped-call]
            parts[name].append(part)
    return {
        name: da.concatenate(arrays)  # type: ignore[no-untyped-call]
        for name, arrays in parts.items()
    }


def vignettes(
    n: int,
    seed: int = 0,
    *,
    classes: Sequence[str] | Mapping[str, float] | None = None,
    beams: Sequence[str] | None = None,
    shape: tuple[int, int] = (384, 384),
    spacing: float = 50.0,
    oversample: int = 2,
    sensor: str | Sensor | None = None,
    chunks: int | None = None,
    workers: int | None = None,
) -> xr.Dataset:
    """Simulate vignettes with known truth, in the layout of `open_wave_mode`.

    Parameters
    ----------
    n : int
        Number of vignettes.
    seed : int, default 0
        Row i depends on (seed, i) and the parameters below alone: not on `n`, `chunks` or
        `workers`.
    classes : sequence of str or mapping of str to float, optional
        Ocean classes to draw from, uniformly or with the given probabilities; all ten by
        default.
    beams : sequence of str, optional
        Beams, which take turns; wv1 and wv2 by default.
    shape : tuple of int, default (384, 384)
        Lines and samples.
    spacing : float, default 50
        Pixel size, m.
    oversample : int, default 2
        Scenes are simulated at ``spacing / oversample`` and area-averaged.
    sensor : str or Sensor, optional
        Another radar, by its name in `sensors.SENSORS` or described: row i is the sea that row i
        of the wave mode with the same seed and beams sees, and `beam` is the radar's name.
    chunks : int, optional
        Vignettes per Dask chunk; without it the result is computed at once.
    workers : int, optional
        Threads of an eager run; as many as processors by default.

    Returns
    -------
    Dataset
        ``sigma0``, ``nesz`` (vignette, line, sample) and the other variables and coordinates of
        `open_wave_mode`, with the truth: ``swh``, ``wind_speed``, ``wind_to_direction``,
        ``peak_wavelength``, ``peak_to_direction``, ``azimuth_cutoff``, ``ocean_class``
        (vignette), ``iceberg_box`` (vignette, iceberg, edge; fractions of the image, NaN
        beyond ``iceberg_count``). Attribute ``simulated`` is 1.

    Raises
    ------
    OceansarError
        If an argument is out of its domain.
    MissingDependencyError
        If xsarsea is not installed.

    Notes
    -----
    With `chunks`, nothing is simulated until computed; names, places, times and classes are
    drawn at once. ``nesz`` is constant along lines: an eager one is a read-only view. Wind speed
    is drawn independently of the class, within `WIND_RANGES`.

    Examples
    --------
    >>> ds = vignettes(6, seed=1, chunks=2)
    >>> ds.sigma0.shape
    (6, 384, 384)
    """
    if n < 1:
        raise OceansarError(f"n must be 1 or more; got {n}.")
    if chunks is not None and chunks < 1:
        raise OceansarError(f"chunks must be 1 or more; got {chunks}.")
    recipe = make_recipe(seed, classes, beams, shape, spacing, oversample, sensor)
    if chunks is None:
        arrays = _block(recipe, range(n), workers or processors())
    else:
        arrays = _lazy(recipe, n, chunks)
    environments = [recipe.environment(row) for row in range(n)]
    dataset = _assembled(recipe, environments, arrays, chunks)
    for name in (str(v) for v in dataset.variables if v != "edge"):
        if name == "quality":
            dataset[name].attrs = mask_attrs(name)
        elif name == "ocean_class":
            dataset[name].attrs = class_attrs()
        else:
            dataset[name].attrs = dict(VARIABLES[name])
    dataset.attrs = product_attrs(
        f"simulate.vignettes, seed {recipe.seed}",
        source=_SOURCE,
        simulated=1,
        simulator_version=SIMULATOR_VERSION,
        simulator_seed=recipe.seed,
        simulator_spacing=recipe.spacing / recipe.oversample,
    )
    return dataset


def _assembled(
    recipe: Recipe,
    environments: Sequence[Environment],
    arrays: dict[str, Any],
    chunks: int | None,
) -> xr.Dataset:
    """Put simulated arrays and what is known without simulation into one Dataset."""
    n = len(environments)
    incidence, nesz = _profiles(recipe, environments)
    shape = (n, *recipe.shape)
    noise: Any = np.broadcast_to(nesz[:, None, :], shape)
    if chunks is not None:
        import dask.array as da

        rows = da.from_array(nesz, chunks=(chunks, -1))  # type: ignore[no-untyped-call]
        noise = da.broadcast_to(rows[:, None, :], shape, (chunks, *recipe.shape))  # type: ignore[no-untyped-call]
    codes = [OCEAN_CLASSES.index(e.ocean_class) for e in environments]
    return xr.Dataset(
        {
            "sigma0": (_DIMS["sigma0"], arrays.pop("sigma0")),
            "nesz": (_DIMS["sigma0"], noise),
            "ocean_class": (VIGNETTE, np.array(codes, np.int8)),
            **{name: (_DIMS[name], array) for name, array in arrays.items()},
        },
        coords={
            **_places(recipe, environments),
            "incidence": ((VIGNETTE, SAMPLE), incidence),
            "edge": list(_EDGES),
            "pixel_spacing": recipe.spacing,
        },
    )


def _profiles(
    recipe: Recipe, environments: Sequence[Environment]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Incidence and NESZ of every vignette (vignette, sample)."""
    samples = recipe.shape[1]
    x = (np.arange(samples) + 0.5 - samples / 2) * recipe.spacing
    rows = [range_profiles(environment, x) for environment in environments]
    return np.stack([r[0] for r in rows]), np.stack([r[1] for r in rows])


def _names(
    recipe: Recipe, environments: Sequence[Environment], at: Sequence[Acquisition]
) -> tuple[npt.NDArray[np.str_], ...]:
    """Beam, platform, identifier and product of each vignette."""
    beams = [e.beam for e in environments]
    platforms = ["S1A"] * len(at)
    names, products = [a.vignette_id for a in at], [a.product for a in at]
    if recipe.sensor is not None:
        radar = recipe.sensor
        prefix = f"{radar.platform}_{radar.name}_".upper()
        platforms = [radar.platform] * len(at)
        names = [f"{radar.name}-of-{name}" for name in names]
        products = [prefix + product for product in products]
        beams = [radar.name] * len(at)
    return tuple(np.array(column) for column in (beams, platforms, names, products))


def _places(recipe: Recipe, environments: Sequence[Environment]) -> dict[str, Any]:
    """Coordinates along vignette that say where, when and what a vignette is."""
    n = len(environments)
    at = [acquisition(recipe.seed, i, e.beam) for i, e in enumerate(environments)]
    beams, platforms, names, products = _names(recipe, environments, at)
    longitude = np.array([a.longitude for a in at])
    latitude = np.array([a.latitude for a in at])
    heading = np.array([a.ground_heading for a in at])
    length, width = (cells * recipe.spacing for cells in recipe.shape)
    # First line near, first line far, last line far, last line near.
    along = 0.5 * length * np.array([-1.0, -1.0, 1.0, 1.0])
    across = 0.5 * width * np.array([-1.0, 1.0, 1.0, -1.0])
    corners = destination(
        longitude[:, None],
        latitude[:, None],
        heading[:, None] + np.degrees(np.arctan2(across, along)),
        np.hypot(along, across),
    )
    columns: dict[str, Any] = {
        "vignette_id": names,
        "beam": beams,
        "polarisation": np.full(n, _POLARISATION),
        "platform": platforms,
        "product": products,
        "ipf_version": np.full(n, _IPF_VERSION if recipe.sensor is None else ""),
        "time": np.array([a.time for a in at], "datetime64[ns]"),
        "longitude": longitude,
        "latitude": latitude,
        "ground_heading": heading,
        "noise_scaling": np.ones(n),
    }
    return {
        **{name: (VIGNETTE, values) for name, values in columns.items()},
        "corner_longitude": ((VIGNETTE, "corner"), corners[0]),
        "corner_latitude": ((VIGNETTE, "corner"), corners[1]),
    }
