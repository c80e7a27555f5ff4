"""The truth that a head is fitted on: a variable with units, or one with classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar.conventions import OCEAN_CLASS, OCEAN_CLASSES, VARIABLES, VIGNETTE
from xoceansar.conventions.flags import class_indices, class_table
from xoceansar.conventions.quantities import same_units
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    TrainingError,
    UnitsError,
)

__all__ = ["Truth", "find_truth"]

Array = npt.NDArray[Any]

#: Targets that cannot be negative.
_NOT_NEGATIVE: Final = (
    "swh",
    "wind_speed",
    "peak_wavelength",
    "azimuth_cutoff",
    "iceberg_count",
)


@dataclass(frozen=True, slots=True)
class Truth:
    """One value for each vignette.

    Parameters
    ----------
    name : str
        A name of ``conventions.VARIABLES``.
    values : ndarray (vignette,), float64
        In `units`, or the index in `classes`; NaN where unknown.
    units : str
        ``1`` for classes.
    classes : tuple of str
        Empty for a number.
    """

    name: str
    values: Array
    units: str
    classes: tuple[str, ...] = ()

    @property
    def lower_bound(self) -> float | None:
        """Least value that is physically possible; None where there is none."""
        return 0.0 if self.name in _NOT_NEGATIVE else None


def find_truth(
    ds: xr.Dataset | xr.DataArray,
    target: str | xr.DataArray,
    classes: Sequence[str] | None = None,
) -> Truth:
    """Read the truth of each vignette, and what its numbers mean.

    Shapes: `target` (vignette,).
    """
    found = _aligned(ds, target)
    name = str(found.name)
    if name not in VARIABLES:
        raise MissingVariableError(
            f"a head gives a variable that the library knows; {name!r} is none. Rename the truth "
            f"(da.rename('swh')) to one of {sorted(VARIABLES)}."
        )
    is_class = name == OCEAN_CLASS or "flag_meanings" in found.attrs
    if is_class or classes is not None or has_texts(found):
        return _classes(found, name, classes)
    return Truth(name, _numbers(found, name), str(VARIABLES[name].get("units", "1")))


def _aligned(ds: xr.Dataset | xr.DataArray, target: str | xr.DataArray) -> xr.DataArray:
    """Return the truth (vignette,) in the order of `ds`."""
    if isinstance(target, str):
        known = {str(k): v for k, v in getattr(ds, "data_vars", {}).items()} | dict(
            ds.coords
        )
        if target not in known:
            small = [n for n, v in known.items() if v.dims == (VIGNETTE,)]
            raise MissingVariableError(
                f"the truth {target!r} is not in the Dataset; with one value for each vignette "
                f"it has {sorted(map(str, small))}. Add it with ds.assign({target}=('vignette', "
                "values)), or pass a DataArray as target."
            )
        found = known[target]
    else:
        found = _matched(ds, target)
    if found.dims != (VIGNETTE,) or found.sizes[VIGNETTE] != ds.sizes[VIGNETTE]:
        raise DimensionError(
            f"the truth needs one value for each of the {ds.sizes[VIGNETTE]} vignettes, with the "
            f"dim 'vignette'; {found.name!r} has {dict(found.sizes)}."
        )
    loaded: xr.DataArray = found.compute()
    return loaded


def _matched(ds: xr.Dataset | xr.DataArray, truth: xr.DataArray) -> xr.DataArray:
    """Bring a truth that knows the names of its vignettes into the order of `ds`."""
    both = "vignette_id" in truth.coords and "vignette_id" in ds.coords
    if not both or truth.dims != (VIGNETTE,):
        return truth
    own = pd.Index(text_values(truth["vignette_id"]))
    if own.has_duplicates:
        raise TrainingError(
            f"the truth {truth.name!r} has two values for the vignette "
            f"{own[own.duplicated()][0]!r}. Keep one: da.drop_duplicates('vignette_id')."
        )
    at = own.get_indexer(pd.Index(text_values(ds["vignette_id"])))
    if (at < 0).all():
        raise TrainingError(
            f"no vignette of the truth {truth.name!r} is in the Dataset: their 'vignette_id' "
            f"differ, such as {own[0] if len(own) else 'none'!r}."
        )
    plain = xr.DataArray(
        truth.values, dims=VIGNETTE, name=truth.name, attrs=truth.attrs
    )
    picked = plain.isel({VIGNETTE: np.maximum(at, 0)})
    missing = "" if has_texts(picked) else np.nan
    return picked.where(xr.DataArray(at >= 0, dims=VIGNETTE), missing)


def _numbers(found: xr.DataArray, name: str) -> Array:
    if found.dtype.kind not in "fiu":
        raise TrainingError(f"the truth {name!r} must be numbers; it is {found.dtype}.")
    wanted = str(VARIABLES[name].get("units", "1"))
    units = found.attrs.get("units")
    if units is None or not same_units(str(units), wanted):
        raise UnitsError(
            f"the truth {name!r} must be in {wanted!r}; its units are "
            f"{'not given' if units is None else repr(str(units))}. Convert it, and say so: "
            f"ds[{name!r}].attrs['units'] = {wanted!r}."
        )
    if name.endswith("_direction"):
        raise TrainingError(
            f"{name!r} is an angle: 359 and 1 degree are neighbours, and a head of plain numbers "
            "would put 180 between them. Fit its axis with xoceansar.train.fit_direction."
        )
    values = np.asarray(found.values, dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _classes(found: xr.DataArray, name: str, classes: Sequence[str] | None) -> Truth:
    if name != OCEAN_CLASS:
        raise TrainingError(
            f"classes are given as {OCEAN_CLASS!r}, and this truth is {name!r}. Rename it: "
            f"da.rename({OCEAN_CLASS!r})."
        )
    if has_texts(found):
        names, values = _from_text(found, classes)
    else:
        names, values = _from_codes(found, classes)
    if len(names) < 2 or len(set(names)) < len(names):
        raise TrainingError(f"two or more different classes are needed; got {names}.")
    return Truth(name, values, "1", names)


def _from_text(
    found: xr.DataArray, classes: Sequence[str] | None
) -> tuple[tuple[str, ...], Array]:
    texts = pd.Series(text_values(found), dtype=object)
    present = sorted(set(texts) - {""})
    if classes is None:
        known = set(present) <= set(OCEAN_CLASSES)
        names = OCEAN_CLASSES if known else tuple(present)
    else:
        names = tuple(classes)
    odd = sorted(set(present) - set(names))
    if odd:
        raise TrainingError(
            f"the truth has {odd[:5]}, which are not among the classes {list(names)}. Correct "
            "it, leave it empty where unknown, or pass classes=[...] with all of them."
        )
    return names, texts.map({c: float(i) for i, c in enumerate(names)}).to_numpy(float)


def _from_codes(
    found: xr.DataArray, classes: Sequence[str] | None
) -> tuple[tuple[str, ...], Array]:
    """Codes of CF flags, or places in `classes`; negative ones are unknown, as CLASS_FILL is."""
    if "flag_meanings" not in found.attrs and classes is None:
        raise TrainingError(
            f"the codes of {found.name!r} have no meaning: its attributes flag_values and "
            "flag_meanings are absent. Pass classes=[...], the names of 0, 1, ..."
        )
    described: dict[str, Any] = {"default": classes or (), "error": TrainingError}
    own = tuple(class_table(found, **described))
    names = tuple(classes or own)
    place = [float(names.index(n)) if n in names else np.nan for n in own]
    index = class_indices(found, **described)
    places = np.array([*place, np.nan])
    return names, places[np.where(np.isnan(index), len(own), index).astype(np.int64)]
