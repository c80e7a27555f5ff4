"""Read TenGeoP-SARwv: quick-looks with one label each, or calibrated vignettes with its labels.

References
----------
Wang et al. (2018), Labelled SAR imagery dataset of ten geophysical phenomena from Sentinel-1 wave
mode, https://doi.org/10.17882/56796; (2019), https://doi.org/10.1002/gdj3.73.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._optional import require
from xoceansar._paths import check_regular
from xoceansar._typing import Array
from xoceansar.conventions import (
    CLASS_CODES,
    LINE,
    OCEAN_CLASS,
    SAMPLE,
    VIGNETTE,
    annotate,
    class_attrs,
    product_attrs,
)
from xoceansar.errors import MissingVariableError, ProductError, warn
from xoceansar.io.safe.product_names import VignetteName
from xoceansar.io.tengeop.label_table import Order, Table, read_table

#: Holds the quick-looks of both beams: WV1 are about 492 x 566 pixels, WV2 about 477 x 449.
_SHAPE: Final = (512, 576)
_SUFFIXES: Final = (".tiff", ".tif", ".png")
#: Name of the metadata file as it is distributed.
_TABLE: Final = "58683.txt"
_INCIDENCE: Final = {"wv1": 23.8, "wv2": 36.8}
_SOURCE: Final = (
    "TenGeoP-SARwv (https://doi.org/10.17882/56796) quick-looks: stretched roughness, "
    "not calibrated sigma0"
)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """An image and what its folder and its name say."""

    path: Path
    name: VignetteName
    label: int


def open_tengeop(
    folder: str | Path,
    *,
    calibrated: xr.Dataset | None = None,
    table: str | Path | None = None,
    coordinate_order: Order | None = None,
    shape: tuple[int, int] = _SHAPE,
    chunks: int = 64,
) -> xr.Dataset:
    """Open the labelled vignettes of TenGeoP-SARwv.

    Parameters
    ----------
    folder : str or Path
        Holds the class folders ``F`` to ``O`` of GeoTIFF or PNG files.
    calibrated : Dataset, optional
        Calibrated vignettes of the same acquisitions, from `xoceansar.open_wave_mode` or an
        archive of it. Its ``sigma0`` is then returned, for the vignettes whose
        ``vignette_id`` is the stem of a labelled file, and no quick-look is read.
    table : str or Path, optional
        The metadata file; ``58683.txt`` in the folder or beside it where not given.
    coordinate_order : {"lonlat", "latlon"}, optional
        Order of the two coordinates in that file; found out from the file where not given.
    shape : tuple of int
        Lines and samples that every quick-look is put on, centred: smaller ones are surrounded
        by NaN, larger ones are cut.
    chunks : int
        Quick-looks in each Dask chunk.

    Returns
    -------
    Dataset
        ``ocean_class`` (vignette) int8 and ``quicklook`` (vignette, line, sample) float32, lazy,
        sorted by time; ``vignette_id``, ``time``, ``longitude``, ``latitude``, ``beam``,
        ``polarisation``, ``platform`` and ``incidence`` (nominal of the beam) along vignette.
        With `calibrated`: its variables and coordinates, in its order, and ``ocean_class``.

    Raises
    ------
    ProductError
        If there is no class folder with images, the metadata file cannot be read or its
        coordinates are in neither order, or no label matches `calibrated`.
    MissingVariableError
        If `calibrated` has no ``sigma0`` or no ``vignette_id``.

    Warns
    -----
    OceansarWarning
        What does not agree, with its count: files that are no Sentinel-1 names, labels or beams
        of the metadata that differ, images without metadata and the reverse, labels without a
        calibrated image, other satellites and polarisations than the data set's S1A and VV.

    Notes
    -----
    A quick-look is not sigma0: its grey levels are the authors' stretch of the roughness, pixels
    are not 50 m, and no model of this library takes it. Scores on TenGeoP-SARwv that compare with
    those of sigma0 models need the original products: open them, and give them as `calibrated`.

    The label is that of the folder. An image that cannot be read is a row of NaN, with a warning
    when it is computed. Each vignette is expected to have one label; those found in two folders
    are left out.

    Examples
    --------
    >>> labelled = open_tengeop("GeoTIFF")  # doctest: +SKIP
    >>> labelled.quicklook[labelled.ocean_class == 4]  # doctest: +SKIP
    """
    root = Path(folder).expanduser()
    images = _find(root)
    if calibrated is not None:
        return _label_calibrated(calibrated, images)
    rows = _metadata(root, table, coordinate_order)
    _check(images, rows)
    return _quicklooks(images, rows, shape, chunks)


# Files


def _find(root: Path) -> list[_Labelled]:
    found: dict[str, _Labelled] = {}
    foreign: list[str] = []
    twice: set[str] = set()
    for label, code in enumerate(CLASS_CODES):
        for path in _images(root / code):
            name = VignetteName(path.stem.lower())
            if not name.is_valid:
                foreign.append(path.name)
                continue
            known = found.setdefault(name.stem, _Labelled(path, name, label))
            if known.label != label:
                twice.add(name.stem)
    kept = [image for stem, image in found.items() if stem not in twice]
    _say(foreign, "are not named as Sentinel-1 vignettes and are left out")
    _say(sorted(twice), "have two labels and are left out")
    if not kept:
        raise ProductError(
            f"{root} must hold the folders F to O of TenGeoP-SARwv with {list(_SUFFIXES)} files "
            "named as Sentinel-1 vignettes (s1a-wv1-slc-vv-...); found none. Unpack "
            "https://doi.org/10.17882/56796 and give the folder that holds F to O."
        )
    return sorted(kept, key=lambda image: (image.name.start, image.name.stem))


def _images(folder: Path) -> Iterable[Path]:
    """List the images of a class, one for each stem: a GeoTIFF rather than its PNG copy."""
    best: dict[str, Path] = {}
    for path in sorted(folder.glob("*")):
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES:
            continue
        known = best.get(path.stem.lower())
        if known is None or _SUFFIXES.index(suffix) < _SUFFIXES.index(
            known.suffix.lower()
        ):
            best[path.stem.lower()] = path
    return best.values()


def _metadata(root: Path, table: str | Path | None, order: Order | None) -> Table:
    if table is not None:
        return read_table(Path(table).expanduser(), order)
    for candidate in (root / _TABLE, root.parent / _TABLE):
        if candidate.exists():
            return read_table(candidate, order)
    warn(
        f"the metadata file {_TABLE} is neither in {root} nor beside it: longitude and latitude "
        "are missing. Give it with table=."
    )
    return {}


# Checks


def _say(names: list[str], what: str) -> None:
    if names:
        warn(f"{len(names)} TenGeoP-SARwv vignette(s) {what}; the first is {names[0]}.")


def _check(images: list[_Labelled], rows: Table) -> None:
    here = {image.name.stem: image for image in images}
    both = [(here[stem], row) for stem, row in rows.items() if stem in here]
    _say(
        [i.path.name for i, row in both if row.code != CLASS_CODES[i.label]],
        "are in another folder than their metadata says; the folder counts",
    )
    _say(
        [i.path.name for i, row in both if row.swath != i.name.beam],
        "have another beam in their metadata than in their name; the name counts",
    )
    if rows:
        _say([s for s in here if s not in rows], "have no metadata: no place is known")
        _say([s for s in rows if s not in here], "are in the metadata without an image")
    _say(
        [
            i.path.name
            for i in images
            if i.name.platform != "S1A" or i.name.polarisation != "VV"
        ],
        "are not of S1A in VV, as all of the data set should be",
    )


# Datasets


def _quicklooks(
    images: list[_Labelled], rows: Table, shape: tuple[int, int], chunks: int
) -> xr.Dataset:
    require("rasterio", extra="simulate")  # now, and not in the middle of a computation
    names = np.array([str(i.path) for i in images])
    paths = da.from_array(names, chunks=chunks)  # type: ignore[no-untyped-call]
    pixels = da.map_blocks(  # type: ignore[no-untyped-call]
        partial(_read_block, shape=shape),
        paths,
        dtype=np.float32,
        new_axis=[1, 2],
        chunks=(paths.chunks[0], (shape[0],), (shape[1],)),
        meta=np.empty((0, 0, 0), np.float32),
    )
    quicklook = annotate(
        xr.DataArray(pixels, dims=(VIGNETTE, LINE, SAMPLE)), "quicklook"
    )
    ds = xr.Dataset({"quicklook": quicklook, OCEAN_CLASS: _classes(images)})
    ds = ds.assign_coords(_coordinates(images, rows))
    ds.attrs = product_attrs("opened TenGeoP-SARwv", source=_SOURCE)
    return ds


def _classes(images: list[_Labelled]) -> xr.DataArray:
    labels = np.array([i.label for i in images], dtype=np.int8)
    return xr.DataArray(labels, dims=VIGNETTE, attrs=class_attrs())


def _coordinates(images: list[_Labelled], rows: Table) -> dict[str, xr.DataArray]:
    names = [i.name for i in images]
    places = [rows.get(name.stem) for name in names]
    half = [(name.stop - name.start) // 2 for name in names]
    columns = {
        "vignette_id": [name.stem for name in names],
        "time": np.array([name.start for name in names]) + np.array(half),
        "longitude": [np.nan if row is None else row.longitude for row in places],
        "latitude": [np.nan if row is None else row.latitude for row in places],
        "beam": [name.beam for name in names],
        "polarisation": [name.polarisation for name in names],
        "platform": [name.platform for name in names],
        "incidence": [_INCIDENCE[name.beam] for name in names],
    }
    coordinates = {
        key: annotate(xr.DataArray(np.asarray(values), dims=VIGNETTE), key)
        for key, values in columns.items()
    }
    coordinates["incidence"].attrs["comment"] = "nominal for the beam"
    return coordinates


def _read_block(paths: Array, *, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Read the images of a chunk; a module-level name for Dask to call."""
    out = np.full((len(paths), *shape), np.nan, dtype=np.float32)
    for row, path in zip(out, paths, strict=True):
        pixels = _read(str(path))
        if pixels is not None:
            _place(pixels, row)
    return out


def _read(path: str) -> npt.NDArray[np.float32] | None:
    rasterio = require("rasterio", extra="simulate")
    import warnings

    try:
        check_regular(path, error=ProductError)
        with warnings.catch_warnings():
            # a quick-look has no place in it, and need not have
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path) as file:
                band = file.read(1, masked=True)
    except (ProductError, rasterio.errors.RasterioError) as error:
        warn(f"the quick-look {path} cannot be read, and its row is missing: {error}")
        return None
    return np.ma.filled(band.astype(np.float32), np.nan)


def _place(pixels: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
    """Put an image in the middle of another, cut where it is larger."""
    source, target = [], []
    for have, want in zip(pixels.shape, out.shape, strict=True):
        size = min(have, want)
        source.append(slice((have - size) // 2, (have - size) // 2 + size))
        target.append(slice((want - size) // 2, (want - size) // 2 + size))
    out[tuple(target)] = pixels[tuple(source)]


def _label_calibrated(ds: xr.Dataset, images: list[_Labelled]) -> xr.Dataset:
    absent = [name for name in ("sigma0", "vignette_id") if name not in ds]
    if absent:
        raise MissingVariableError(
            f"calibrated= must have {absent} along vignette; found {sorted(map(str, ds))}. "
            "Open the original products with xoceansar.open_wave_mode."
        )
    labels = {image.name.stem: image for image in images}
    stems = [str(stem).lower() for stem in ds["vignette_id"].values]
    rows = [i for i, stem in enumerate(stems) if stem in labels]
    if not rows:
        raise ProductError(
            f"none of the {len(labels)} labelled files has the stem of one of the {len(stems)} "
            f"calibrated vignettes; they begin with {images[0].name.stem} and "
            f"{stems[0] if stems else 'nothing'}. Open the products that TenGeoP-SARwv was "
            "made of: S1A, VV, 2016."
        )
    _say(sorted(set(labels) - set(stems)), "have no calibrated image and are left out")
    matched = [labels[stems[i]] for i in rows]
    out = ds.isel({VIGNETTE: rows}).assign({OCEAN_CLASS: _classes(matched)})
    out.attrs = product_attrs("labelled by TenGeoP-SARwv", previous=ds.attrs)
    return out
