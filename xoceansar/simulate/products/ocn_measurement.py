"""One measurement file of a simulated Level-2 product, with the layout of a real one."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, Final

import netCDF4
import numpy as np
import numpy.typing as npt

from xoceansar.simulate.products.level2_spectra import spectrum_values
from xoceansar.simulate.products.level2_values import (
    Values,
    cell_values,
    doppler_values,
    wind_values,
)
from xoceansar.simulate.products.ocn_truth import Errors, Measured

__all__ = ["ocn_stem", "write_measurement"]

_FILL: Final = -999.0
_NO_CODE: Final = -128
#: Attributes that are of the type of their variable.
_TYPED: Final = ("valid_range", "flag_values")
#: Attributes of a real file of IPF 4.02 that do not depend on the vignette.
_CONSTANT: Final = {
    "title": "Sentinel-1 OCN Product",
    "missionPhase": "Operational",
    "gmf": "CMOD5n",
    "polarisationRatio": "Identity",
    "processingCenter": "Simulated, not a measurement",
    "oswStatus": "nominal",
    "owiStatus": "nominal",
    "rvlStatus": "nominal",
    "owiNoiseCorrection": "True",
    "oswNoiseCorrection": "True",
    "rfiMitigationActivated": "False",
    "windSource": "simulated",
}


def ocn_stem(one: Measured) -> str:
    """Name the file of a vignette, without its suffix."""
    return one.stem.replace("-slc-", "-ocn-")


def write_measurement(
    path: Path,
    one: Measured,
    errors: Errors,
    attributes: Mapping[str, Any],
    spectra: bool,
) -> None:
    """Write the file of one vignette; what is not known holds fill values."""
    layout = _layout()
    sizes = layout["dimensions"]
    values = _values(one, errors, sizes, spectra)
    with netCDF4.Dataset(path, "w") as file:
        _define(file, layout)
        file.setncatts(_CONSTANT | _times(one) | dict(attributes))
        for name, variable in file.variables.items():
            dtype, _, stated = layout["variables"][name]
            variable.set_auto_maskandscale("scale_factor" in stated)
            variable[...] = _filled(values.get(name), dtype, variable.shape)


def _define(file: netCDF4.Dataset, layout: Mapping[str, Any]) -> None:
    """Define dimensions and variables, all before the first value: so the library writes them once."""
    file.set_fill_off()
    for name, size in layout["dimensions"].items():
        file.createDimension(name, size)
    for name, (dtype, dims, stated) in layout["variables"].items():
        fill = stated.get("_FillValue")
        fill = fill.encode() if isinstance(fill, str) else fill
        variable = file.createVariable(
            name, dtype, dims, fill_value=fill, zlib=len(dims) > 3, complevel=1
        )
        kept = {key: value for key, value in stated.items() if key != "_FillValue"}
        for key in set(_TYPED).intersection(kept):
            kept[key] = np.array(kept[key], dtype)
        variable.setncatts(kept)


@cache
def _layout() -> dict[str, Any]:
    """Dimensions and variables of a real file: type, dims, attributes."""
    text = package_files(__package__).joinpath("ocn_layout.json").read_text("utf-8")
    layout: dict[str, Any] = json.loads(text)
    return layout


def _values(
    one: Measured, errors: Errors, sizes: Mapping[str, int], spectra: bool
) -> Values:
    cell = cell_values(one, errors)
    return {
        **cell,
        **wind_values(one, sizes["owiAzSize"], sizes["owiRaSize"], sizes["owiIncSize"]),
        **doppler_values(one, sizes["rvlAzSize"], sizes["rvlRaSize"]),
        "rvlZeroDopplerTime": np.array(list(f"{_text(one, 4)}.500000"), "S1"),
        **(spectrum_values(one, cell) if spectra else {}),
    }


def _filled(
    value: npt.ArrayLike | None, dtype: str, shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Spread values over a variable, and put fill values where there is none."""
    if dtype == "S1":
        return np.broadcast_to(np.asarray("-" if value is None else value, "S1"), shape)
    fill = _FILL if dtype == "f4" else _NO_CODE
    numbers = np.asarray(fill if value is None else value, np.float64)
    numbers = np.where(np.isfinite(numbers), numbers, fill)
    return np.broadcast_to(numbers, shape).astype(
        np.float64 if dtype == "u1" else dtype
    )


def _times(one: Measured) -> dict[str, str]:
    parts = one.parts
    return {
        "missionName": parts[0].upper(),
        "polarisation": parts[3].upper(),
        "firstMeasurementTime": f"{_text(one, 4)}.000000Z",
        "lastMeasurementTime": f"{_text(one, 5)}.000000Z",
        "processingStartTime": f"{_text(one, 5)}.000000Z",
    }


def _text(one: Measured, part: int) -> str:
    """Write a time of the name in full."""
    text = one.parts[part]
    day, clock = text[:8], text[9:]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}"
