"""Places of boxes that were found in images."""

from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE
from xoceansar.errors import MissingVariableError
from xoceansar.layout.images import XarrayObject, chunk_like, spacing_of
from xoceansar.layout.vignette_dims import CORNER, find_corners
from xoceansar.sar.geometry import offset_position, position_between

DETECTION: Final = "detection"


def places(
    box: xr.DataArray, images: xr.DataArray, obj: XarrayObject
) -> tuple[xr.DataArray, xr.DataArray]:
    """Find where the centres of boxes lie.

    Shapes: `box` (..., detection, edge), `images` (..., line, sample).
    """
    corners = find_corners(obj.coords.to_dataset())
    if corners is not None:
        arrays = [array.reset_coords(drop=True) for array in corners]
        core = [[CORNER], [CORNER]]
        function: Any = _between_corners
        lengths: dict[str, float] = {}
    else:
        needed = ("longitude", "latitude", "ground_heading")
        absent = [name for name in needed if name not in images.coords]
        if absent:
            raise MissingVariableError(
                "icebergs get a place from the coordinates corner_longitude and corner_latitude, "
                f"or from longitude, latitude and ground_heading; {absent} are absent. Open the "
                "product with xoceansar.open_wave_mode, or add them with ds.assign_coords."
            )
        arrays = [images.coords[name].reset_coords(drop=True) for name in needed]
        core = [[], [], []]
        function = _around_centre
        spacing = spacing_of(images)
        lengths = {
            "azimuth": images.sizes[LINE] * spacing,
            "ground_range": images.sizes[SAMPLE] * spacing,
        }
    longitude, latitude = xr.apply_ufunc(
        function,
        box,
        *(chunk_like(values, box) for values in arrays),
        kwargs=lengths,
        input_core_dims=[[DETECTION, "edge"], *core],
        output_core_dims=[[DETECTION], [DETECTION]],
        dask="parallelized",
        output_dtypes=[np.float64, np.float64],
        keep_attrs=True,
    )
    return longitude, latitude


def _between_corners(
    box: Array, longitude: Array, latitude: Array
) -> tuple[Array, Array]:
    return position_between(
        longitude[..., None, :],
        latitude[..., None, :],
        (box[..., 0] + box[..., 2]) / 2,
        (box[..., 1] + box[..., 3]) / 2,
    )


def _around_centre(
    box: Array,
    longitude: Array,
    latitude: Array,
    heading: Array,
    *,
    azimuth: float,
    ground_range: float,
) -> tuple[Array, Array]:
    return offset_position(
        longitude[..., None],
        latitude[..., None],
        heading[..., None],
        ((box[..., 0] + box[..., 2]) / 2 - 0.5) * azimuth,
        ((box[..., 1] + box[..., 3]) / 2 - 0.5) * ground_range,
    )
