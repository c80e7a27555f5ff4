"""Part of an archive: by time, region, beam, class, and the range of what was retrieved."""

import datetime as dt
import re
import warnings
from collections.abc import Hashable, Iterable
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import OCEAN_CLASS
from xoceansar.conventions.beams import WAVE_BEAMS, Beams, beams_of
from xoceansar.conventions.flags import class_table
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import DimensionError, MissingVariableError, OceansarError
from xoceansar.layout.images import degrees_of
from xoceansar.layout.vignette_dims import vignette_dim

T_Object = TypeVar("T_Object", xr.Dataset, xr.DataArray)

#: A time of day in a text: only beside one can a zone stand.
_CLOCK: Final = re.compile(r"\d[T ]\s*\d")
#: Degrees by which a longitude may pass an edge: what changing its frame rounds.
_ROUNDING: Final = 1e-9


def select(
    obj: T_Object,
    *,
    time: str | slice | tuple[Any, Any] | None = None,
    region: tuple[float, float, float, float] | None = None,
    beam: Beams | None = None,
    ocean_class: str | Iterable[str] | None = None,
    **conditions: Any,
) -> T_Object:
    """Select vignettes by what is known of each.

    Parameters
    ----------
    obj : Dataset or DataArray
        Anything along ``vignette``, or along the one other dim of longitude, latitude and time.
    time : str, date, slice or pair, optional
        A period, ``"2021-04"``; or first and last, both inclusive, None for an open end:
        ``slice("2021-04-03", "2021-05")``, whose last ends with May. A date, and a datetime64 of
        any unit, mean what their text means. UTC, unless a text or a datetime has its own zone:
        ``"2021-04-03T08:30+02:00"``.
    region : (west, south, east, north), optional
        Degrees, edges inside; longitudes from -180 to 180 or from 0 to 360. With west greater
        than east it lies across 180 degrees.
    beam : str or iterable of str, optional
        ``wv1``, ``wv2``, in capital or small letters; or another mode that is there.
    ocean_class : str or iterable of str, optional
        Names of classes.
    **conditions
        For any other variable along ``vignette``: a range (least, most) of numbers or times, both
        inclusive, None for an open end; or one or several texts (``platform="S1A"``).

    Returns
    -------
    Dataset or DataArray
        The vignettes that meet every condition, in their order; of length 0 where none does.

    Raises
    ------
    MissingVariableError
        If a variable is not there; the message lists those that are.
    DimensionError
        If the vignettes lie along no dim that is known, or the variable has more dims.
    OceansarError
        If a class, a beam, a time or a range is impossible.

    Notes
    -----
    Lazy: what the conditions name is loaded, one value for each vignette, and nothing else.
    A missing value meets no condition.

    Examples
    --------
    >>> ds = xr.Dataset({"swh": ("vignette", [1.0, 2.5, np.nan, 4.0])})
    >>> select(ds, swh=(2, None)).swh.values
    array([2.5, 4. ])
    """
    dim = vignette_dim(obj)
    named: dict[str, Any] = {
        "time": time,
        "beam": beam,
        OCEAN_CLASS: ocean_class,
        **conditions,
    }
    wanted: dict[str, Any] = {n: v for n, v in named.items() if v is not None}
    names = [*wanted, *(("longitude", "latitude") if region is not None else ())]
    values = load_columns(obj, names, dim)
    keep = np.ones(obj.sizes[dim], bool)
    if region is not None:
        keep &= _inside(values["longitude"], values["latitude"], region)
    for name, value in wanted.items():
        keep &= _meets(values[name], name, value)
    return obj.isel({dim: np.flatnonzero(keep)})


def load_columns(
    obj: xr.Dataset | xr.DataArray, names: list[str], dim: Hashable
) -> dict[str, xr.DataArray]:
    """Load variables with one value for each vignette, in one computation."""
    own = {obj.name: obj} if isinstance(obj, xr.DataArray) else dict(obj.data_vars)
    variables = {**own, **obj.coords}
    alone = sorted(str(n) for n, v in variables.items() if v.dims == (dim,))
    for name in names:
        if name not in variables:
            raise MissingVariableError(
                f"there is no {name!r} to select by; along {str(dim)!r} there are {alone}."
            )
        if variables[name].dims != (dim,):
            raise DimensionError(
                f"{name!r} has the dims {variables[name].dims}; one value for each vignette is "
                f"needed, as of {alone}."
            )
    import dask

    judged = {name: variables[name].reset_coords(drop=True) for name in names}
    computed: dict[str, xr.DataArray] = dask.base.compute(judged)[0]  # type: ignore[no-untyped-call]
    return computed


def _meets(values: xr.DataArray, name: str, wanted: Any) -> Array:
    if "flag_meanings" in values.attrs and "flag_values" in values.attrs:
        return _is_flag(values, name, wanted)
    if has_texts(values):
        return _is_text(values, name, wanted)
    low, high = range_ends(name, wanted, is_time=values.dtype.kind == "M")
    data = values.values
    inside = ~pd.isna(data)
    with np.errstate(invalid="ignore"):
        if low is not None:
            inside &= data >= low
        if high is not None:
            inside &= data <= high
    return inside


def _texts(name: str, wanted: Any) -> list[str]:
    texts = [wanted] if isinstance(wanted, str) else wanted
    texts = list(texts) if isinstance(texts, Iterable) else [texts]
    if not all(isinstance(text, str) for text in texts):
        raise OceansarError(f"{name} is selected by name; got {wanted!r}.")
    return texts


def _refuse_unknown(name: str, texts: list[str], choices: list[str]) -> None:
    unknown = [text for text in texts if text not in choices]
    if unknown:
        raise OceansarError(f"{name} {unknown[0]!r} is not one of {choices}.")


def _is_flag(values: xr.DataArray, name: str, wanted: Any) -> Array:
    texts = _texts(name, wanted)
    table = class_table(values)
    _refuse_unknown(name, texts, list(table))
    return np.isin(values.values, [table[text] for text in texts])


def _is_text(values: xr.DataArray, name: str, wanted: Any) -> Array:
    data = text_values(values)
    present = sorted(set(data.tolist()))
    if name == "beam":
        folded = np.char.lower(data)
        return np.isin(
            folded, beams_of(wanted, sorted({*folded.tolist(), *WAVE_BEAMS}))
        )
    texts = _texts(name, wanted)
    _refuse_unknown(name, texts, present)
    return np.isin(data, texts)


def range_ends(name: str, wanted: Any, *, is_time: bool) -> tuple[Any, Any]:
    """Return the first and the last value of a range, None for an open end; of times, in UTC."""
    if is_time and _is_period(wanted):
        wanted = (wanted, wanted)
    if isinstance(wanted, slice) and wanted.step is None:
        wanted = (wanted.start, wanted.stop)
    if not isinstance(wanted, tuple | list) or len(wanted) != 2:
        form = "a period as '2021-04', a slice or a pair" if is_time else "a pair"
        raise OceansarError(
            f"{name} is selected by {form} (first, last), None for an open end; got "
            f"{wanted!r}."
        )
    low, high = wanted
    if is_time:
        low, high = _instant(low, last=False), _instant(high, last=True)
    for end in (low, high):
        if (
            not is_time
            and end is not None
            and not isinstance(end, int | float | np.number)
        ):
            raise OceansarError(f"{name} takes numbers; got {end!r}.")
    if low is not None and high is not None and low > high:
        raise OceansarError(f"the range of {name} ends before it begins: {wanted!r}.")
    return low, high


def _is_period(value: Any) -> bool:
    """Whether a value names a stretch of time: a text, a day, a month, and no instant."""
    day = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    return day or isinstance(value, str | np.datetime64 | pd.Period)


def _instant(value: Any, *, last: bool) -> np.datetime64 | None:
    """Return a time in UTC; of a period such as '2021-04' its first or its last instant."""
    if value is None:
        return None
    if isinstance(value, xr.DataArray | np.ndarray) and value.ndim == 0:
        value = np.asarray(value)[()]
    try:
        if value is pd.NaT or (isinstance(value, np.datetime64) and np.isnat(value)):
            raise ValueError("it is missing")
        if _is_period(value):
            # A day or a datetime64 has the precision, and so the end, of its text.
            offset = _offset(value)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # of zones, known by now
                period = pd.Period(
                    value if isinstance(value, pd.Period) else str(value)
                )
            stamp = period.end_time if last else period.start_time
            stamp -= offset
        elif isinstance(value, dt.datetime):
            stamp = pd.Timestamp(value)
            if stamp.tzinfo is not None:
                stamp = stamp.tz_convert("UTC").tz_localize(None)
        else:
            raise TypeError(f"{type(value).__name__} is no time")
        return stamp.to_datetime64()
    except (ValueError, TypeError) as error:
        raise OceansarError(
            "a time as '2021-04-03' or '2021-04-03T08:30' is needed, or a date or datetime; got "
            f"{value!r}."
        ) from error


def _offset(value: Any) -> dt.timedelta:
    """Return by how much the zone of a text is ahead of UTC; periods drop zones."""
    if not isinstance(value, str) or not _CLOCK.search(value):
        return dt.timedelta(0)
    with warnings.catch_warnings():
        # pandas 2 drops zones that it does not know, and warns
        warnings.simplefilter("error", FutureWarning)
        try:
            return pd.Timestamp(value).utcoffset() or dt.timedelta(0)
        except FutureWarning as error:
            raise ValueError(str(error)) from error


def _inside(longitude: xr.DataArray, latitude: xr.DataArray, region: Any) -> Array:
    try:
        west, south, east, north = (float(edge) for edge in region)
    except (TypeError, ValueError) as error:
        raise OceansarError(
            f"region is (west, south, east, north) in degrees; got {region!r}."
        ) from error
    if not -90 <= south <= north <= 90 or not np.isfinite(west + east):
        raise OceansarError(
            "region is (west, south, east, north), with latitudes from -90 to 90 "
            f"that rise; got {region!r}."
        )
    width = 360.0 if east - west >= 360 else (east - west) % 360
    across = (degrees_of(longitude) - west + _ROUNDING) % 360
    lat = degrees_of(latitude)
    return (across <= width + 2 * _ROUNDING) & (lat >= south) & (lat <= north)
