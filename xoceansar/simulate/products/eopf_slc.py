"""Write the vignettes of a single-look complex product as groups of an EOPF product."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr
from lxml import etree

from xoceansar._optional import require
from xoceansar.simulate.products.eopf_writing import (
    Tree,
    stac_discovery,
    vignette_name,
)

__all__ = ["write_slc_groups"]

Array = npt.NDArray[Any]

_AZIMUTH, _RANGE, _POLARIZATION = "azimuth_time", "slant_range_time", "polarization"
_IMAGE: Final = "imageAnnotation/imageInformation"
_INFORMATION: Final = "generalAnnotation/productInformation"
_GRID: Final = "geolocationGrid/geolocationGridPointList/geolocationGridPoint"
_DOPPLER: Final = "dopplerCentroid/dcEstimateList/dcEstimate"
_POINTS: Final = {
    "latitude": "latitude", "longitude": "longitude", "height": "height", "incidence_angle": "incidenceAngle",
    "elevation_angle": "elevationAngle", "slant_range_time_gcp": "slantRangeTime",
}  # fmt: skip
_ATTITUDE: Final = ("q0", "q1", "q2", "q3", "wx", "wy", "wz", "roll", "pitch", "yaw")
#: What eopf 3.x leaves out of the annotation.
_LEFT_OUT: Final = (
    "general_annotation/attitude_list", "general_annotation/orbit_list",
    "general_annotation/product_information/pass",
    "general_annotation/product_information/radar_frequency",
    "general_annotation/product_information/timeliness_category",
    "image_annotation/image_information/azimuth_pixel_spacing",
    "image_annotation/image_information/range_pixel_spacing",
)  # fmt: skip
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def write_slc_groups(tree: Tree, safe: Path) -> None:
    """Write all vignettes of a product."""
    notes = sorted((safe / "annotation").glob("*.xml"), key=lambda file: file.stem[-3:])
    roots = [etree.parse(note).getroot() for note in notes]
    first, last = (_text(roots[k], f"adsHeader/{tag}") for k, tag in ((0, "startTime"), (-1, "stopTime")))  # fmt: skip
    ipf = _processor(safe)
    tree.describe(
        "",
        stac_discovery=stac_discovery(tree.facts, (first, last), ipf),
        other_metadata={"eopf_category": "eocontainer", "title": "S01SWVSLC"},
    )
    # the converter looks the times of the Doppler estimates up in the first annotation, whichever vignette it writes
    estimates = _times(roots[0].findall(_DOPPLER), "azimuthTime")
    for note, root in zip(notes, roots, strict=True):
        beam, number = _text(root, "adsHeader/swath"), int(note.stem[-3:])
        polarisation = _text(root, "adsHeader/polarisation")
        name = vignette_name(tree.facts, tree.layout, polarisation, beam, number)
        _write(tree, name, safe, note, root, estimates)
        tree.describe(name, **_attributes(tree, root, (first, last), ipf))


def _write(
    tree: Tree, name: str, safe: Path, note: Path, root: Any, estimates: Array
) -> None:
    delay = float(_text(root, f"{_IMAGE}/slantRangeTime"))
    rate = float(_text(root, f"{_INFORMATION}/rangeSamplingRate"))
    image = _image(safe / "measurement" / f"{note.stem}.tiff", root, delay, rate)
    calibration, noise = (
        etree.parse(note.parent / "calibration" / f"{kind}-{note.name}").getroot()
        for kind in ("calibration", "noise")
    )
    chunks = tuple(
        min(n, most)
        for n, most in zip(image.slc.shape, tree.layout.chunks, strict=True)
    )
    groups = {
        "measurements": image,
        "conditions/gcp": _points(root, image, delay, rate),
        "conditions/doppler_centroid": _doppler(root, estimates),
        "quality/calibration": _tables(
            calibration.findall("calibrationVectorList/calibrationVector"),
            {"sigma_nought": "sigmaNought", "beta_nought": "betaNought", "gamma": "gamma", "dn": "dn"},
            delay, rate,
        ),
        "quality/noise_range": _noise(noise, delay, rate),
    }  # fmt: skip
    polarisation = _text(root, "adsHeader/polarisation")
    for group, ds in groups.items():
        if tree.layout.polarization:
            ds = ds.drop_vars(["line", "pixel"], errors="ignore").expand_dims(
                {_POLARIZATION: [polarisation]}
            )
        if "slc" in ds:
            ds.slc.encoding["chunks"] = (1,) * (ds.slc.ndim - 2) + chunks
        tree.write(f"{name}/{group}", ds)
    for group, ds in {"orbit": _orbit(root), "attitude": _attitude(root)}.items():
        tree.write(f"{name}/conditions/{group}", ds)


def _image(tiff: Path, root: Any, delay: float, rate: float) -> xr.Dataset:
    rasterio = require("rasterio", extra="simulate")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tiff) as source:
            slc = source.read(1).astype(np.complex64)
    ends = [_text(root, f"{_IMAGE}/product{which}LineUtcTime") for which in ("First", "Last")]  # fmt: skip
    first, last = (np.datetime64(end, "ns") for end in ends)
    steps = np.arange(len(slc)) * ((last - first) / np.timedelta64(1, "ns")) / (len(slc) - 1)  # fmt: skip
    return xr.Dataset(
        {"slc": ((_AZIMUTH, _RANGE), slc)},
        {
            _AZIMUTH: first + steps.astype("timedelta64[ns]").astype("timedelta64[us]"),
            _RANGE: delay + np.arange(slc.shape[1]) / rate,
            "line": (_AZIMUTH, np.arange(slc.shape[0])),
            "pixel": (_RANGE, np.arange(slc.shape[1])),
        },
    )


def _points(root: Any, image: xr.Dataset, delay: float, rate: float) -> xr.Dataset:
    """Geolocation on the lines and samples of its points; missing where two of them have no point."""
    points = root.findall(_GRID)
    line, pixel = (np.array([int(_text(p, tag)) for p in points]) for tag in ("line", "pixel"))  # fmt: skip
    lines, row = np.unique(line, return_inverse=True)
    pixels, column = np.unique(pixel, return_inverse=True)
    shape, dims = (lines.size, pixels.size), (_AZIMUTH, _RANGE)
    variables: dict[str, tuple[tuple[str, str], Array]] = {}
    for name, tag in _POINTS.items():
        table = np.full(shape, np.nan)
        table[row, column] = [np.float32(_text(p, tag)) for p in points]
        variables[name] = dims, table
    times = np.full(shape, np.datetime64("NaT", "ns"))
    times[row, column] = _times(points, "azimuthTime")
    variables["azimuth_time_gcp"] = dims, times
    axis = image[_AZIMUTH].values
    step = (axis[-1] - axis[0]) / (axis.size - 1)
    coords = {
        _AZIMUTH: axis[0] + np.array([n * step for n in lines]),
        _RANGE: delay + pixels / rate,
        "line": (_AZIMUTH, lines.astype(np.int32)),
        "pixel": (_RANGE, pixels.astype(np.int32)),
    }
    return xr.Dataset(variables, coords)


def _doppler(root: Any, estimates: Array) -> xr.Dataset:
    records = root.findall(_DOPPLER)
    polynomials = {
        f"{name}_dc_polynomial": _numbers(records, f"{name}DcPolynomial", np.float32)
        for name in ("data", "geometry")
    }
    count = polynomials["data_dc_polynomial"].shape[1]
    true = np.ones(len(records), bool)
    return xr.Dataset(
        {
            **{k: ((_AZIMUTH, "degree"), v) for k, v in polynomials.items()},
            "t0": (_AZIMUTH, _numbers(records, "t0", np.float32).astype(float).ravel()),
            "data_dc_rms_error": (_AZIMUTH, _numbers(records, "dataDcRmsError").ravel()),
            "fine_dce_azimuth_start_time": (_AZIMUTH, true),
            "fine_dce_azimuth_stop_time": (_AZIMUTH, true),
        },
        {_AZIMUTH: estimates, "degree": np.arange(count)[::-1]},
    )  # fmt: skip


def _orbit(root: Any) -> xr.Dataset:
    records = root.findall("generalAnnotation/orbitList/orbit")
    variables = {
        name: (
            (_AZIMUTH, "axis"),
            np.hstack([_numbers(records, f"{name}/{axis}") for axis in "xyz"]),
        )
        for name in ("position", "velocity")
    }
    times = _times(records, "time")
    return xr.Dataset(variables, {_AZIMUTH: times, "axis": list("xyz")})


def _attitude(root: Any) -> xr.Dataset:
    records = root.findall("generalAnnotation/attitudeList/attitude")
    variables = {
        name: (_AZIMUTH, _numbers(records, name, np.float32).ravel())
        for name in _ATTITUDE
    }
    return xr.Dataset(variables, {_AZIMUTH: _times(records, "time")})


def _noise(noise: Any, delay: float, rate: float) -> xr.Dataset:
    records = noise.findall("noiseRangeVectorList/noiseRangeVector")
    tag = "noiseRangeLut" if records else "noiseLut"
    records = records or noise.findall("noiseVectorList/noiseVector")
    return _tables(records, {"noise_range_lut": tag}, delay, rate)


def _tables(
    records: list[Any], names: Mapping[str, str], delay: float, rate: float
) -> xr.Dataset:
    """Vectors at the samples of the first of them; a shorter one ends in missing values."""
    pixels = np.array(_text(records[0], "pixel").split(), int)
    variables = {
        name: ((_AZIMUTH, _RANGE), _numbers(records, tag, np.float32))
        for name, tag in names.items()
    }
    coords = {
        _AZIMUTH: _times(records, "azimuthTime"),
        _RANGE: delay + pixels / rate,
        "line": (_AZIMUTH, np.array([int(_text(r, "line")) for r in records], np.int32)),
        "pixel": (_RANGE, pixels.astype(np.int32)),
    }  # fmt: skip
    return xr.Dataset(variables, coords)


def _attributes(
    tree: Tree, root: Any, times: tuple[str, str], ipf: str
) -> dict[str, Any]:
    """Attributes of a vignette: those of the product, and its annotation."""
    metadata: dict[str, Any] = {
        "eopf_category": "eoproduct",
        "title": "S01SWVSLC",
        "image_number": _text(root, "adsHeader/imageNumber"),
        "general_annotation": {
            "product_information": _tree(root.find(_INFORMATION)),
            "orbit_list": _tree(root.find("generalAnnotation/orbitList")),
            "attitude_list": _tree(root.find("generalAnnotation/attitudeList")),
            "azimuth_fm_rate_list": _tree(root.find("generalAnnotation/azimuthFmRateList")),
        },
        "image_annotation": _tree(root.find("imageAnnotation")),
    }  # fmt: skip
    polarisation = _text(root, "adsHeader/polarisation")
    if tree.layout.polarization:
        for path in _LEFT_OUT:
            *above, last = path.split("/")
            node = metadata
            for part in above:
                node = node[part]
            node.pop(last, None)
        metadata = {polarisation: metadata}
    else:
        for rate in metadata["general_annotation"]["azimuth_fm_rate_list"]:
            rate["t_0"] = rate.pop("t0")  # as that version has it
    stac = stac_discovery(
        tree.facts, times, ipf,
        **{
            "sar:pixel_spacing_range": float(_text(root, f"{_IMAGE}/rangePixelSpacing")),
            "sar:pixel_spacing_azimuth": float(_text(root, f"{_IMAGE}/azimuthPixelSpacing")),
            "sar:center_frequency": float(_text(root, f"{_INFORMATION}/radarFrequency")),
            "sar:polarization": polarisation,
        },
    )  # fmt: skip
    return {"stac_discovery": stac, "other_metadata": metadata}


def _tree(node: Any) -> Any:
    """Make mappings and lists of an element, with the names that the converter gives."""
    children = [child for child in node if isinstance(child.tag, str)]
    if node.tag.endswith("List"):
        return [_tree(child) for child in children]
    if children:
        return {_snake(child.tag): _tree(child) for child in children}
    text = (node.text or "").strip()
    if node.get("count") is not None:
        return [float(part) for part in text.split()]
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text or "e" in text.lower() else int(text)
    return text


def _snake(tag: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", tag).lower()


def _text(node: Any, path: str) -> str:
    return str(node.findtext(path)).strip()


def _times(records: list[Any], tag: str) -> npt.NDArray[np.datetime64]:
    return np.array([_text(record, tag) for record in records], "datetime64[ns]")


def _numbers(records: list[Any], tag: str, dtype: Any = np.float64) -> Array:
    """Values of records, a row each, NaN where one has fewer."""
    rows = [np.array(_text(record, tag).split(), float) for record in records]
    table = np.full((len(rows), max((row.size for row in rows), default=0)), np.nan)
    for values, row in zip(table, rows, strict=True):
        values[: row.size] = row
    return table.astype(dtype)


def _processor(safe: Path) -> str:
    """Version of the processor, as the manifest has it."""
    root = etree.parse(safe / "manifest.safe").getroot()
    return next((str(one.get("version")) for one in root.iter("{*}software")), "")
