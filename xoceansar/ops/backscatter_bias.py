"""Is the calibration to be trusted: backscatter against CMOD5.N of a wind from elsewhere."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE, Quality
from xoceansar.conventions.quantities import in_metres_per_second
from xoceansar.conventions.texts import text_values
from xoceansar.errors import DimensionError, DomainError, MissingVariableError
from xoceansar.layout.images import centre_incidence
from xoceansar.layout.vignette_dims import along_vignettes
from xoceansar.ops.quality_flags import whole_flags
from xoceansar.ops.wind_directions import check_direction, find_heading, mean_sigma0
from xoceansar.sar.bearings import look_angle
from xoceansar.sar.calibration_events import events_of
from xoceansar.sar.gmf import cmod5n
from xoceansar.sar.polarisation import polarisation_ratio

__all__ = ["calibration_bias", "compare_with_cmod"]

Floats = npt.NDArray[np.float64]

#: What a calibration may depend on.
_BY: Final = ("platform", "beam", "polarisation", "ipf_version", "month")
#: Names of a wind, the model's before the radar's own, which would be compared with itself.
_WINDS: Final = (
    ("wind_speed_model", "wind_to_direction_model"),
    ("wind_speed", "wind_to_direction"),
)
#: So long without an image ends a pass.
_LONGEST_GAP: Final = np.timedelta64(10, "m")
#: Flags with which backscatter is not that of open sea, or not to be had.
_LEFT_OUT: Final = (
    Quality.NO_DATA | Quality.LAND | Quality.SATURATED | Quality.UNREADABLE
)


def calibration_bias(
    ds: xr.Dataset,
    wind: xr.Dataset,
    *,
    by: Sequence[str] = _BY,
    wind_speeds: tuple[float, float] = (4.0, 10.0),
    latitude: float = 50.0,
) -> pd.DataFrame:
    """Compare backscatter with CMOD5.N of a wind from elsewhere: the check of the calibration of the wave mode.

    Parameters
    ----------
    ds : Dataset
        Calibrated images, an embedding with ``sigma0_mean``, or OCN products; with the coordinates ``incidence``,
        ``ground_heading``, ``latitude``, ``time``, and those of `by`.
    wind : Dataset
        Wind at the same vignettes: ``wind_speed`` (m s-1, equivalent neutral at 10 m) and ``wind_to_direction``
        (degree), of a model, a buoy or a scatterometer; or ``wind_speed_model`` and ``wind_to_direction_model``, as
        OCN products have them, which are taken first.
    by : sequence of str, optional
        What to divide by: of ``platform``, ``beam``, ``polarisation``, ``ipf_version`` and ``month``.
    wind_speeds : tuple of float, default (4, 10)
        Winds between which vignettes count, m/s.
    latitude : float, default 50
        Degrees from the equator within which vignettes count, so that there is no ice.

    Returns
    -------
    pandas.DataFrame
        A row for each group: the columns of `by`; ``bias``, mean sigma0 less CMOD5.N in dB; ``standard_error``, dB;
        ``spread``, the standard deviation of single vignettes, dB; ``n`` vignettes of ``passes`` orbit passes;
        ``events``, what is known of that time. ``attrs["left_out"]`` counts the vignettes that do not count, and why.

    Raises
    ------
    MissingVariableError
        If incidence, heading, wind or one of `by` is missing.
    DimensionError
        If the wind is of other vignettes.
    UnitsError
        If directions are not degrees 'to', or sigma0 is no linear backscatter.
    DomainError
        If no vignette counts.
    MissingDependencyError
        If xsarsea is not installed.

    Notes
    -----
    For each vignette ``10 log10 <sigma0> - 10 log10 CMOD5.N(wind)`` at its mean incidence; of HH with CMOD5.N over
    the polarisation ratio of Mouche et al. (2005). The standard error is that of whole orbit passes, whose vignettes
    share the error of the wind; it is missing with one pass. Defaults are those with which Ifremer follows the
    calibration: winds of 7 +- 3 m/s, no land, below 50 degrees of latitude.

    The wind has a bias of its own: one of 0.3 m/s at 7 m/s is some 0.3 dB. Differences between months, beams and
    satellites are surer than the level. Loads the backscatter.

    References
    ----------
    Hersbach (2010), https://doi.org/10.1175/2009JTECHO698.1.
    Mouche et al. (2005), https://doi.org/10.1109/TGRS.2004.843251.

    Examples
    --------
    >>> import xarray as xr
    >>> from xoceansar.sar import cmod5n
    >>> time = np.array(["2021-03-01", "2021-03-02"], "datetime64[ns]")
    >>> ds = xr.Dataset(
    ...     {"sigma0_mean": ("vignette", 1.122 * cmod5n([7.0, 8.0], 45.0, 36.8))},
    ...     {
    ...         "time": ("vignette", time),
    ...         "beam": ("vignette", ["wv2", "wv2"]),
    ...         "incidence": ("vignette", [36.8, 36.8], {"units": "degree"}),
    ...         "ground_heading": ("vignette", [0.0, 0.0]),
    ...         "latitude": ("vignette", [10.0, 20.0]),
    ...     },
    ... )
    >>> wind = xr.Dataset(
    ...     {
    ...         "wind_speed": ("vignette", [7.0, 8.0]),
    ...         "wind_to_direction": ("vignette", [315.0, 315.0]),
    ...     }
    ... )
    >>> calibration_bias(ds, wind, by=["beam"]).bias.round(2).tolist()
    [0.5]
    """
    ds, wind = along_vignettes(ds), along_vignettes(wind)
    difference, speed = compare_with_cmod(ds, wind)
    reasons = {
        "not VV or HH, or no backscatter, wind or heading": ~np.isfinite(difference),
        "flagged": _flagged(ds),
        f"wind not of {wind_speeds[0]:g} to {wind_speeds[1]:g} m/s": ~(
            (speed >= wind_speeds[0]) & (speed <= wind_speeds[1])
        ),
        f"beyond {latitude:g} degrees of latitude": ~(
            np.abs(_numbers(ds, "latitude")) <= latitude
        ),
    }
    counted = ~np.any(list(reasons.values()), axis=0)
    if not counted.any():
        found = "; ".join(f"{n.sum()} {reason}" for reason, n in reasons.items())
        raise DomainError(
            f"none of {len(counted)} vignettes counts: {found}. Give others, or wider wind_speeds= and latitude=."
        )
    labels = {name: _label(ds, name) for name in by}
    events = {name: _label(ds, name) for name in ("platform", "beam", "ipf_version")}
    frame = pd.DataFrame(
        {f"by_{name}": values for name, values in labels.items()}
        | events
        | {"difference": difference, "time": _times(ds), "pass": _passes(ds)}
    )[counted]
    keys = [f"by_{name}" for name in labels]
    rows = [
        dict(zip(labels, key, strict=True)) | _summary(part)
        for key, part in frame.groupby(keys, sort=True)
    ]
    table = pd.DataFrame(rows)
    table.attrs["left_out"] = {k: int(v.sum()) for k, v in reasons.items() if v.any()}
    return table


def compare_with_cmod(ds: xr.Dataset, wind: xr.Dataset) -> tuple[Floats, Floats]:
    """Give backscatter less CMOD5.N of a wind in dB, NaN where one is not known, and the speed in m/s.

    Shapes: two of (vignette,).
    """
    level, source = _level(ds)
    incidence = centre_incidence(source)
    if incidence is None:
        raise MissingVariableError(
            "CMOD5.N needs the incidence angle, and the input has no coordinate 'incidence' (degree)."
        )
    heading = find_heading(source, "the angle between wind and radar")
    speed, direction = _wind(wind, level)
    known = np.asarray(incidence.values, np.float64)
    phi = look_angle(direction, np.asarray(heading.values, np.float64)) + 180.0
    expected = cmod5n(speed, phi, known)
    polarisation = _label(ds, "polarisation") if "polarisation" in ds else None
    if polarisation is not None:
        horizontal = polarisation == "HH"
        expected = np.where(
            horizontal, expected / polarisation_ratio(known, phi), expected
        )
        expected = np.where(horizontal | (polarisation == "VV"), expected, np.nan)
    measured = np.asarray(level.values, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = 10 * np.log10(measured / expected)
    return np.where(np.isfinite(difference), difference, np.nan), speed


def _level(ds: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean backscatter, and where its incidence and heading are."""
    if "sigma0" in ds or "sigma0_mean" not in ds:
        return mean_sigma0(ds)
    level = ds["sigma0_mean"]
    for name in ("incidence", "ground_heading"):
        if name in ds and name not in level.coords:  # they lie along the image too
            inside = [dim for dim in ds[name].dims if dim != VIGNETTE]
            level = level.assign_coords({name: ds[name].mean(inside, keep_attrs=True)})
    return level, level


def _wind(wind: xr.Dataset, level: xr.DataArray) -> tuple[Floats, Floats]:
    names = next((pair for pair in _WINDS if all(n in wind for n in pair)), None)
    if names is None:
        raise MissingVariableError(
            "the wind needs wind_speed and wind_to_direction (or both with _model), one for each vignette; it has "
            f"{sorted(map(str, wind.data_vars))}. From components: xoceansar.evaluate.wind_vector."
        )
    speed = in_metres_per_second(wind[names[0]])
    direction = check_direction(wind[names[1]], level, names[1])
    if speed.dims != level.dims or speed.shape != level.shape:
        raise DimensionError(
            f"the wind must have one speed for each of the vignettes, {dict(level.sizes)}; it has {dict(speed.sizes)}. "
            "Match it first: ds.oceansar.collocate(wind)."
        )
    return np.asarray(speed.values, np.float64), np.asarray(
        direction.values, np.float64
    )


def _flagged(ds: xr.Dataset) -> npt.NDArray[np.bool_]:
    if "quality" not in ds:
        return np.zeros(ds.sizes[VIGNETTE], bool)
    flags = whole_flags(ds["quality"].reset_coords(drop=True)).values
    return np.asarray((flags & np.uint8(_LEFT_OUT.value)) != 0)


def _label(ds: xr.Dataset, name: str) -> npt.NDArray[np.str_]:
    """Text of each vignette; of what is not known an empty one."""
    if name == "month":
        return np.datetime_as_string(_times(ds), unit="M")
    if name not in _BY:
        raise MissingVariableError(f"by={name!r} is not one of {', '.join(_BY)}.")
    if name not in ds:
        return np.full(ds.sizes[VIGNETTE], "")
    return np.broadcast_to(text_values(ds[name]), ds.sizes[VIGNETTE])


def _times(ds: xr.Dataset) -> npt.NDArray[np.datetime64]:
    return np.asarray(_numbers(ds, "time"), "datetime64[ns]")


def _numbers(ds: xr.Dataset, name: str) -> Array:
    if name not in ds or ds[name].dims != (VIGNETTE,):
        raise MissingVariableError(
            f"the vignettes have no {name!r}. Readers of the library add it."
        )
    return np.asarray(ds[name].values)


def _passes(ds: xr.Dataset) -> npt.NDArray[np.intp]:
    """Give numbers to passes: images of one satellite without a gap of ten minutes."""
    platform = _label(ds, "platform")
    time = _times(ds)
    order = np.lexsort((time, platform))
    begins = ~(np.diff(time[order]) <= _LONGEST_GAP) | (
        platform[order][1:] != platform[order][:-1]
    )
    numbers = np.empty(len(order), np.intp)
    numbers[order] = np.r_[0, np.cumsum(begins)][: len(order)]
    return numbers


def _summary(part: pd.DataFrame) -> dict[str, Any]:
    """Mean, its error from whole passes, and what is known of the time."""
    values = part["difference"]
    n, mean = len(values), float(values.mean())
    sums = (values - mean).groupby(part["pass"]).sum()
    passes = len(sums)
    error = np.nan
    if passes > 1:
        error = float(np.sqrt(passes / (passes - 1) * (sums**2).sum()) / n)
    known = [
        events_of(
            str(platform), str(beam), of["time"].min(), of["time"].max(), str(ipf)
        )
        for (platform, beam, ipf), of in part.groupby(
            ["platform", "beam", "ipf_version"]
        )
    ]
    events = dict.fromkeys(event.what for events in known for event in events)
    return {
        "bias": mean,
        "standard_error": error,
        "spread": float(values.std()),
        "n": n,
        "passes": passes,
        "events": "; ".join(events),
    }
