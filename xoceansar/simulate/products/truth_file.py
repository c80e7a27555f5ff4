"""The truth of a simulated product, in a file beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import (
    CF_VERSION,
    OCEAN_CLASSES,
    VIGNETTE,
    annotate,
    class_attrs,
)
from xoceansar.simulate.products.acquisition import Image
from xoceansar.simulate.products.complex_pixels import pixel_cells
from xoceansar.simulate.products.manifest_xml import SOFTWARE
from xoceansar.simulate.sea.environment import to_compass
from xoceansar.simulate.sea.scenes import SIMULATOR_VERSION, Scene

__all__ = ["truth_path", "vignette_truth", "write_truth"]

_GRID: Final = 19_200.0  # m, length of a side of the grid that vignettes are read on


def truth_path(product: str | Path) -> Path:
    """Return where `write_safe` puts the truth of a product: beside it, not inside.

    Examples
    --------
    >>> truth_path("data/S1A_WV_SLC.SAFE").name
    'S1A_WV_SLC.truth.nc'
    """
    return Path(product).with_suffix(".truth.nc")


def vignette_truth(
    image: Image, view: Scene, sigma0: npt.NDArray[np.float32]
) -> dict[str, str | float | int]:
    """Collect what a retrieval of one vignette should find.

    Shapes: `sigma0` (ny, nx).
    """
    frame = image.frame
    weights = [
        _mean_weights(cells, size, view.spacing)
        for cells, size in zip(pixel_cells(view, frame), sigma0.shape, strict=True)
    ]
    centre, heading = frame.locate(*frame.centre), frame.ground_heading % 360
    truth = view.truth
    return {
        "vignette_id": image.stem,
        "longitude": float(centre.longitude),
        "latitude": float(centre.latitude),
        "ground_heading": heading,
        "incidence": float(centre.incidence),
        "sigma0_mean": float(weights[0] @ sigma0.astype(np.float64) @ weights[1]),
        "swh": truth["swh"],
        "wind_speed": truth["wind_speed"],
        "wind_to_direction": view.wind_to_direction(heading),
        "peak_wavelength": truth.get("peak_wavelength", np.nan),
        "peak_to_direction": to_compass(truth.get("peak_direction", np.nan), heading),
        "azimuth_cutoff": truth.get("azimuth_cutoff", np.nan),
        "radial_velocity": truth.get("radial_velocity", np.nan),
        "ocean_class": OCEAN_CLASSES.index(view.environment.ocean_class),
    }


def _mean_weights(
    cells: npt.NDArray[np.float64], size: int, spacing: float
) -> npt.NDArray[np.float64]:
    """Weights of cell values in the mean of their interpolation over the grid, linear at its ends."""
    middle = (size - 1) / 2
    half = min(_GRID / 2 / spacing, middle - cells[0], cells[-1] - middle)
    offset = np.arange(size) - middle
    weights = _hat_integral(half - offset) - _hat_integral(-half - offset)
    result: npt.NDArray[np.float64] = weights / weights.sum()
    return result


def _hat_integral(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Integral of ``max(0, 1 - |x|)`` from minus infinity to `t`."""
    t = np.clip(t, -1.0, 1.0)
    return np.where(t < 0, (1 + t) ** 2 / 2, 1 - (1 - t) ** 2 / 2)


def write_truth(
    path: Path, truths: Sequence[dict[str, str | float | int]], product: str
) -> None:
    """Write the truth of all vignettes as a CF netCDF file."""
    columns = {
        name: xr.DataArray([truth[name] for truth in truths], dims=VIGNETTE)
        for name in truths[0]
    }
    columns["ocean_class"] = columns["ocean_class"].astype(np.int8)
    dataset = xr.Dataset({k: annotate(v, k) for k, v in columns.items()})
    dataset["ocean_class"].attrs = class_attrs()
    places = ["vignette_id", "longitude", "latitude", "ground_heading", "incidence"]
    dataset = dataset.set_coords(places)
    dataset.attrs = {
        "Conventions": CF_VERSION,
        "source": f"{SOFTWARE}; not a measurement of the sea",
        "product": product,
        "simulated": 1,
        "simulator_version": SIMULATOR_VERSION,
    }
    dataset.to_netcdf(path, engine="scipy")
