"""Write netCDF files of Level-2 vignettes as groups of an EOPF product."""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions.eopf_names import COMPONENTS, DIMS, EOPF_PATHS
from xoceansar.simulate.products.eopf_writing import (
    Tree,
    stac_discovery,
    time_of,
    vignette_name,
)

__all__ = ["write_ocn_groups"]

_NAME: Final = re.compile(r".*-(wv\d)-ocn-([vh]{2})-.*-(\d{3})")
_BOOLEANS: Final = frozenset({"oswIconf", "oswLandFlag", "rvlConfDcObs", "rvlLandFlag"})
#: Words of the converter for flags, whatever those of the file are.
_WORDS: Final = {
    "oswIconf": ("[false true]", "resolved ambiguous"),
    "rvlConfDcObs": ("[false true]", "bad good"),
    "oswQualityFlagPartition": ("[0 1 2 3 4]", "excellent good fair low bad"),
    "oswQualityFlag": ("[0 1 2 3]", "good fair low bad"),
    "owiWindQuality": ("[0 1 2 3]", "good fair low bad"),
    "owiMask": ("[0, 1, 2, 4]", "valid_data land ice no_data"),
}
_SPECTRA: Final = ("oswCartSpecRe", "oswCartSpecIm")
_LAG: Final = ("azimuth", "range", "lag", "ky", "kx")
_FILL: Final = np.float32(-999.0)
_ATTRIBUTES: Final = {
    "polarisation": "polarisation",
    "ground_velocity": "groundVelocity",
    "processing_start_time": "processingStartTime",
    "algorithm_version": "oswAlgorithmVersion",
}


def write_ocn_groups(tree: Tree, files: list[Path]) -> None:
    """Write a group for each file in each of the components."""
    import netCDF4

    facts = tree.facts
    for number, path in enumerate(sorted(files, key=lambda file: file.stem[-3:])):
        match = _NAME.fullmatch(path.stem)
        assert match is not None  # `write_eopf` has seen to it
        beam, polarisation, place = match.groups()
        name = vignette_name(facts, tree.layout, polarisation.upper(), beam, int(place))
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            ipf = str(getattr(file, "IPFversion", ""))
            stac = stac_discovery(
                facts, (str(time_of(facts["start"])), str(time_of(facts["stop"]))), ipf
            )
            if number == 0:
                tree.describe("", stac_discovery=stac, other_metadata={"eopf_category": "eocontainer"})  # fmt: skip
            said = {k: _plain(getattr(file, v)) for k, v in _ATTRIBUTES.items() if hasattr(file, v)}  # fmt: skip
            for component in COMPONENTS:
                _write(tree, f"{component}/{name}", component, file)
                tree.describe(f"{component}/{name}", stac_discovery=stac, other_metadata=said)  # fmt: skip


def _write(tree: Tree, group: str, component: str, file: Any) -> None:
    folders: dict[str, dict[str, xr.Variable]] = {}
    for safe, (of, folder, name) in EOPF_PATHS.items():
        if of == component and safe in file.variables:
            folders.setdefault(folder, {})[name] = _variable(safe, file[safe], component)  # fmt: skip
    for folder, variables in folders.items():
        tree.write(f"{group}/{folder}", xr.Dataset(variables))


def _variable(safe: str, variable: Any, component: str) -> xr.Variable:
    values: npt.NDArray[Any] = variable[...]
    names = {f"{component}{safe_dim}": dim for dim, safe_dim in DIMS.items()}
    dims = tuple(names.get(dim, dim) for dim in variable.dimensions)
    attributes = {}
    if safe.endswith("ZeroDopplerTime"):
        text = values.reshape(-1, values.shape[-1])
        times = [b"".join(row).decode() for row in text]
        stamps = np.array(times, "datetime64[ns]").reshape(values.shape[:-1])
        return xr.Variable(dims[:-1], stamps)
    if safe in _WORDS:
        flags, words = _WORDS[safe]
        attributes = {"flag_values": flags, "flag_meanings": words}
    if safe in _BOOLEANS:
        return xr.Variable(dims, values.astype(bool), attributes)
    if values.dtype == np.int8 and safe != "oswPartitions":
        return xr.Variable(dims, values.view(np.uint8), attributes)
    out = xr.Variable(dims, values.astype(np.float32), attributes)
    if safe in _SPECTRA:
        out = out.transpose(*_LAG)
    out.encoding["_FillValue"] = _FILL
    return out


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
