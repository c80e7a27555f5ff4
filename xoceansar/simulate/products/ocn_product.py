"""Write the Level-2 product of a simulated one: waves and wind with errors, in ESA's layout."""

import binascii
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import xarray as xr

from xoceansar._paths import local_target
from xoceansar._progress import tracked
from xoceansar.errors import OceansarError
from xoceansar.simulate.products.manifest_xml import (
    FACILITY,
    NAMESPACES,
    SOFTWARE,
    wrapped,
)
from xoceansar.simulate.products.ocn_measurement import ocn_stem, write_measurement
from xoceansar.simulate.products.ocn_truth import (
    Errors,
    Measured,
    measured_vignettes,
    open_truth,
)
from xoceansar.simulate.products.safe_product import processor_version
from xoceansar.simulate.products.xml_writer import Content, Node, render

__all__ = ["write_ocn"]

_SCHEMA: Final = "s1Level2OcnMeasurementSchema"


def write_ocn(
    ds: xr.Dataset | str | Path,
    folder: str | Path,
    *,
    swh_error: float = 0.3,
    wind_error: float = 1.3,
    direction_error: float = 15.0,
    model_wind_error: float = 1.0,
    seed: int = 0,
    ipf: str | float = "004.02",
    spectra: bool = True,
) -> Path:
    """Write the Level-2 OCN product that goes with simulated vignettes, in ESA's layout.

    Parameters
    ----------
    ds : Dataset or path
        Vignettes of one data take with their truth: a product of `write_safe`, beside which its truth lies, that
        truth itself, or a Dataset of `vignettes`. Needed are ``vignette_id``, ``longitude``, ``latitude``,
        ``ground_heading``, ``swh``, ``wind_speed`` and ``wind_to_direction`` (vignette); used where there,
        ``incidence``, ``sigma0`` or ``sigma0_mean``, ``nesz``, ``peak_wavelength``, ``peak_to_direction``,
        ``azimuth_cutoff``, ``radial_velocity`` and ``ocean_class``.
    folder : str or Path
        Where to put the product; made if it is not there.
    swh_error : float, default 0.3
        Standard deviation of the error of the total wave height, m.
    wind_error : float, default 1.3
        Of the wind speed, m/s.
    direction_error : float, default 15
        Of the directions of wind and waves, degrees.
    model_wind_error : float, default 1
        Of the wind speed of the model ("ECMWF"), m/s, drawn by itself.
    seed : int, default 0
        Chance of the errors, which depend on it and on the name of a vignette alone.
    ipf : str or float, default "004.02"
        Processor version that the files state; the layout is that of 4.02.
    spectra : bool, default True
        Whether the spectra are filled in, with one swell; without them they hold fill values.

    Returns
    -------
    Path
        The ``.SAFE`` directory, for `xoceansar.open_ocn`.

    Raises
    ------
    MissingVariableError
        If the Dataset lacks what is needed.
    OceansarError
        If the vignettes are of several data takes, if a name is none of a vignette, or an error is no standard
        deviation; if a product has no truth beside it.
    MissingDependencyError
        If xsarsea, which computes the backscatter of the wind, is not installed.

    Notes
    -----
    Dimensions, variables, attributes and fill values are those of a real file of IPF 4.02. Names, times, beam,
    platform and data take are those of the SLC vignettes. Heights and speeds are the truth plus normal errors, which
    the global attributes state (``simulated_swh_error`` and so on, and ``comment``); what an error would make
    negative is turned round. Wind sea is full-grown at most, the rest is one swell. Normalised variance, skewness and
    kurtosis are those of a K-distribution whose texture grows with the waves, as in real products. What the
    truth does not know is missing. Sea ice is masked, as its class says.

    The manifest and every file say that they are simulated.

    Examples
    --------
    >>> import xoceansar as xos
    >>> slc = xos.simulate.write_safe("slc", 1, seed=1, scale=0.02)
    >>> product = write_ocn(slc, "ocn", swh_error=0.2)
    >>> product.name[:16]
    'S1A_WV_OCN__2SSV'
    >>> xos.open_ocn(product).swh_standard_error.values.round(2).tolist()
    [0.2]
    """
    version = f"{processor_version(ipf):06.2f}"
    errors = Errors(swh_error, wind_error, direction_error, model_wind_error)
    truth = open_truth(ds)
    rows = list(measured_vignettes(truth, errors, seed))
    _check_one_take(rows)
    folder = local_target(folder, "a product")
    folder.mkdir(parents=True, exist_ok=True)
    files: list[tuple[str, int, str]] = []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".ocn-") as temporary:
        draft = Path(temporary) / "product"
        (draft / "measurement").mkdir(parents=True)
        attributes = {
            "sourceProduct": _source(truth),
            "IPFversion": version,
            **errors.stated(seed),
        }
        with tracked(rows, "writing Level-2 vignettes", len(rows)) as one_by_one:
            for row in one_by_one:
                path = f"measurement/{ocn_stem(row)}.nc"
                write_measurement(draft / path, row, errors, attributes, spectra)
                content = (draft / path).read_bytes()
                md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
                files.append((path, len(content), md5))
        manifest = _manifest(rows, files, version)
        (draft / "manifest.safe").write_bytes(manifest)
        target = folder / _product_name(rows, manifest)
        if target.exists():
            shutil.rmtree(target)
        return draft.rename(target)


def _source(truth: xr.Dataset) -> str:
    """Name the SLC product, where that is known."""
    if "product" in truth:
        return str(truth["product"].values[0])
    return str(truth.attrs.get("product", ""))


def _check_one_take(rows: Sequence[Measured]) -> None:
    takes = {(row.parts[0], row.parts[3], row.parts[7]) for row in rows}
    if len(takes) != 1:
        raise OceansarError(
            f"a product holds the vignettes of one satellite, polarisation and data take; these are of {len(takes)}. "
            "Write one for each: for _, part in ds.groupby('product'): write_ocn(part, folder)."
        )


def _product_name(rows: Sequence[Measured], manifest: bytes) -> str:
    """Name the product; the last four digits are the CRC-16 of the manifest."""
    platform, _, _, polarisation, _, _, orbit, take, _ = rows[0].parts
    start, stop = min(row.parts[4] for row in rows), max(row.parts[5] for row in rows)
    unique = binascii.crc_hqx(manifest, 0xFFFF)
    name = f"{platform}_WV_OCN__2SS{polarisation[0]}_{start}_{stop}_{orbit}_{take}_{unique:04X}"
    return f"{name.upper()}.SAFE"


def _manifest(
    rows: Sequence[Measured], files: Sequence[tuple[str, int, str]], version: str
) -> bytes:
    """Write the manifest, with the checksum of each file."""
    times = {
        "start": _stamp(min(row.parts[4] for row in rows)),
        "stop": _stamp(max(row.parts[5] for row in rows)),
    }
    software = Node({"name": SOFTWARE, "version": version})
    facility = Node(FACILITY, {"safe:software": software})
    processing = Node({"name": "OCN Processing", **times}, {"safe:facility": facility})
    information = {
        "s1sarl2:missionDataTakeID": str(int(rows[0].parts[7], 16)),
        "s1sarl2:transmitterReceiverPolarisation": rows[0].parts[3].upper(),
        "s1sarl2:productType": "OCN",
        "s1sarl2:productTimelinessCategory": "Fast-24h",
    }
    mode = {"s1sarl2:instrumentMode": {"s1sarl2:mode": "WV"}}
    metadata: list[Content] = [
        wrapped("processing", "Processing", {"safe:processing": processing}),
        wrapped("platform", "Platform Description", mode),
        wrapped(
            "generalProductInformation",
            "General Product Information",
            {"s1sarl2:standAloneProductInformation": information},
        ),
    ]
    objects: list[tuple[str, Content]] = []
    for path, size, md5 in files:
        stream = Node(
            {"mimeType": "application/octet-stream", "size": str(size)},
            {
                "fileLocation": Node({"locatorType": "URL", "href": f"./{path}"}),
                "checksum": Node({"checksumName": "MD5"}, md5),
            },
        )
        identity = {"ID": Path(path).stem.replace("-", ""), "repID": _SCHEMA}
        objects.append(("dataObject", Node(identity, {"byteStream": stream})))
    content: dict[str, Content] = {
        "metadataSection": [("metadataObject", item) for item in metadata],
        "dataObjectSection": objects,
    }
    namespaces = {
        **NAMESPACES,
        "version": NAMESPACES["version"].replace("level-1/slc", "level-2/ocn"),
    }
    return render("xfdu:XFDU", Node(namespaces, content))


def _stamp(compact: str) -> str:
    """Write a time of a name as in manifests."""
    day, _, clock = compact.upper().partition("T")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}.000000"
