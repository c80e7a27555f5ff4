"""What the groups of an EOPF product share: how they are stored, named and described."""

import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._version import __version__

__all__ = ["Layout", "Tree", "long_name", "stac_discovery", "time_of", "vignette_name"]

#: Orbits of a cycle, and the first of Sentinel-1A: the converter takes them for all satellites, and
#: divides where it should take the rest.
_CYCLE, _FIRST = 175, 73
_SOFTWARE: Final = f"xoceansar {__version__} simulation of the Sentinel-1 IPF"


@dataclass(frozen=True)
class Layout:
    """How a version of the converter stores products.

    Attributes
    ----------
    zarr_format : int
        Of Zarr.
    polarization : bool
        Whether tables and images have a polarization dimension.
    chunks : tuple of int
        Lines and samples of a chunk of an image.
    """

    zarr_format: int
    polarization: bool
    chunks: tuple[int, int]


class Tree:
    """A product that is being written.

    Parameters
    ----------
    path : Path
        Folder of the store.
    layout : Layout
        How it is stored.
    facts : mapping of str to str
        What the name of the source says.
    """

    def __init__(self, path: Path, layout: Layout, facts: Mapping[str, str]) -> None:
        import zarr

        self.path, self.layout, self.facts = path, layout, facts
        shutil.rmtree(path, ignore_errors=True)
        self._root = zarr.open_group(
            str(path), mode="w", zarr_format=2 if layout.zarr_format == 2 else 3
        )

    def describe(self, group: str, **attributes: Any) -> None:
        """Give a group, made where it is not there, its attributes."""
        node = self._root if not group else self._root.require_group(group)
        node.attrs.update(attributes)

    def write(self, group: str, ds: xr.Dataset) -> None:
        """Write a group with its arrays, encoded as xarray encodes them."""
        node = self._root.require_group(group)
        for name, variable in ds.variables.items():
            encoded = xr.conventions.encode_cf_variable(_plain(variable), name=name)
            values = encoded.to_numpy()
            values = values.astype(str) if values.dtype.kind == "O" else values
            attributes = {k: _json(v) for k, v in encoded.attrs.items()}
            chunks = variable.encoding.get("chunks", values.shape)
            stored: dict[str, Any] = {"dimension_names": list(encoded.dims)}
            if self.layout.zarr_format == 2:
                stored = {"compressors": _blosc()}
                attributes["_ARRAY_DIMENSIONS"] = list(encoded.dims)
            if values.dtype.kind == "f":
                fill = encoded.attrs.get("_FillValue", np.nan)
                stored["fill_value"] = values.dtype.type(fill)
            with warnings.catch_warnings():
                # texts of fixed width, which Zarr's format 3 does not specify, are in real products too
                warnings.filterwarnings("ignore", module="zarr")
                node.create_array(
                    str(name), data=values, chunks=chunks, attributes=attributes, **stored
                )  # fmt: skip

    def finish(self) -> None:
        """List all arrays in the root, where the layout has them listed."""
        import zarr

        if self.layout.zarr_format == 2:
            zarr.consolidate_metadata(str(self.path), zarr_format=2)


def _plain(variable: xr.Variable) -> xr.Variable:
    """Return a variable that xarray encodes as the converter has it encoded: booleans as such."""
    if variable.dtype != bool:
        return variable
    return xr.Variable(variable.dims, variable.values, {**variable.attrs, "dtype": "<b1"})  # fmt: skip


def _json(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _blosc() -> Any:
    from numcodecs import Blosc

    return Blosc(cname="zstd", clevel=3, shuffle=Blosc.BITSHUFFLE)


def _body(facts: Mapping[str, str], seconds: int) -> str:
    cycle = (int(facts["orbit"]) - _FIRST) // _CYCLE + 1
    letter = facts["mission"][-1]
    return f"S01SWV{facts['kind']}_{facts['start']}_{seconds:04d}_{letter}{cycle:03d}"


def time_of(text: str) -> np.datetime64:
    """Read a time as names have it: ``20210403T083025``."""
    date, clock = f"{text[:4]}-{text[4:6]}-{text[6:8]}", text[9:]
    return np.datetime64(f"{date}T{clock[:2]}:{clock[2:4]}:{clock[4:6]}")


def _seconds(facts: Mapping[str, str]) -> int:
    lasting = time_of(facts["stop"]) - time_of(facts["start"])
    return int(lasting / np.timedelta64(1, "s"))


def long_name(facts: Mapping[str, str]) -> str:
    """Name a product."""
    return f"{_body(facts, _seconds(facts))}_{facts['crc']}_{facts['datatake']}"


def vignette_name(
    facts: Mapping[str, str], layout: Layout, polarisation: str, beam: str, number: int
) -> str:
    """Name the group of a vignette."""
    parts = [long_name(facts)]
    if not (layout.polarization and facts["kind"] == "SLC"):
        parts.append(polarisation)
    return "_".join([*parts, beam.upper(), f"{number:03d}"])


def stac_discovery(
    facts: Mapping[str, str], times: tuple[str, str], ipf: str, **more: Any
) -> dict[str, Any]:
    """Describe a product, or a vignette of it, as STAC items are described."""
    letter = facts["mission"][-1].lower()
    polarisation = facts["polarisation"][-1] * 2
    properties = {
        "product:type": f"S01SWV{facts['kind']}",
        "product:timeliness_category": "Fast-24h",
        "platform": f"sentinel-1{letter}",
        "constellation": "sentinel-1",
        "instruments": ["sar"],
        "sar:instrument_mode": "WV",
        "sar:polarizations": [polarisation],
        "sat:absolute_orbit": int(facts["orbit"]),
        "eopf:datatake_id": str(int(facts["datatake"], 16)),
        "start_datetime": f"{times[0]}Z",
        "end_datetime": f"{times[1]}Z",
        "datetime": f"{times[0]}Z",
        "created": f"{times[1]}Z",
        "processing:software": {_SOFTWARE: ipf},
        "processing:facility": "Simulated, not a measurement",
        "provider": [{"name": "Simulated, not a measurement", "roles": ["processor"]}],
        **more,
    }
    return {"type": "Feature", "stac_version": "1.1.0", "properties": properties}
