"""Write products again in the EOPF Zarr format, as ESA's converters do, their defects included."""

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import numpy as np

from xoceansar._paths import local_target
from xoceansar.errors import OceansarError
from xoceansar.simulate.products.acquisition import SECONDS_BETWEEN, compact
from xoceansar.simulate.products.eopf_level2 import write_ocn_groups
from xoceansar.simulate.products.eopf_slc import write_slc_groups
from xoceansar.simulate.products.eopf_writing import (
    Layout,
    Tree,
    long_name,
    time_of,
)

__all__ = ["write_eopf"]

_LAYOUTS: Final[dict[str, Layout]] = {
    "2": Layout(zarr_format=2, polarization=False, chunks=(2048, 4096)),
    "3": Layout(zarr_format=3, polarization=True, chunks=(4096, 4096)),
}
_SAFE: Final = re.compile(
    r"(?P<mission>S1[A-D])_WV_(?P<kind>SLC)__\dS(?P<polarisation>S[VH])_(?P<start>\d{8}T\d{6})_"
    r"(?P<stop>\d{8}T\d{6})_(?P<orbit>\d{6})_(?P<datatake>[0-9A-F]{6})_(?P<crc>[0-9A-F]{4})",
    re.IGNORECASE,
)
_OCN_FILE: Final = re.compile(
    r"(?P<mission>s1[a-d])-wv\d-ocn-(?P<polarisation>[vh])[vh]-(?P<start>\d{8}t\d{6})-"
    r"(?P<stop>\d{8}t\d{6})-(?P<orbit>\d{6})-(?P<datatake>[0-9a-f]{6})-(?P<number>\d{3})",
    re.IGNORECASE,
)


def write_eopf(
    product: str | Path | Iterable[str | Path],
    folder: str | Path,
    *,
    layout: Literal["2", "3"] = "3",
    archive: bool = False,
) -> Path:
    """Write a product again in the EOPF Zarr format.

    Parameters
    ----------
    product : str, Path or iterable of them
        The ``.SAFE`` folder of a Wave Mode SLC product, as `write_safe` writes it, or of an OCN product, as
        `write_ocn` does; or netCDF files of the latter (``s1x-wvN-ocn-...nc``) of one data take.
    folder : str or Path
        Where to put the product; made if it is not there. One of the same name is replaced.
    layout : {"2", "3"}, default "3"
        Of which version of ESA's converter, eopf. ``2``: Zarr format 2 with consolidated metadata, as 2.8.1
        writes it. ``3``: Zarr format 3 without, a ``polarization`` dimension, fewer attributes, as 3.0.0.
    archive : bool, default False
        Whether to pack it into a ``.zarr.zip``.

    Returns
    -------
    Path
        The product, ``S01SWVSLC_....zarr`` or ``S01SWVOCN_....zarr``.

    Raises
    ------
    OceansarError
        If an argument is none of those named above.
    MissingDependencyError
        If rasterio, which reads the images, is not installed.

    Notes
    -----
    What the converters get wrong is wrong here too: the times of all Doppler estimates are those of the first
    vignette, their start and stop are booleans, the degrees of polynomials are labelled in reverse; positions are in
    float32. In OCN products flags are bytes without a sign, or booleans, which hold no missing value, and the words
    that explain them are those of the converter.

    The antenna pattern is left out, and what the annotation says of the downlink. Names, types and values of the
    rest are those that eopf 2.8.1 and 3.0.0 make of the same product.

    References
    ----------
    ESA EOPF core Python modules (eopf), https://cpm.pages.eopf.copernicus.eu

    Examples
    --------
    >>> import xoceansar as xos
    >>> safe = xos.simulate.write_safe(".", 1, seed=1, scale=0.02)
    >>> product = write_eopf(safe, ".", layout="2")
    >>> product.name[:25]
    'S01SWVSLC_20210403T083025'
    >>> xos.open_wave_mode(product, shape=(4, 4)).beam.values
    array(['wv1'], dtype='<U3')
    """
    if layout not in _LAYOUTS:
        raise OceansarError(f"layout must be '2' or '3'; got {layout!r}.")
    files = _files(product)
    facts = _facts(files)
    folder = local_target(folder, "a product")
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{long_name(facts)}.zarr"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".eopf-") as draft:
        written = Path(draft) / name
        tree = Tree(written, _LAYOUTS[layout], facts)
        if facts["kind"] == "SLC":
            write_slc_groups(tree, files[0])
        else:
            write_ocn_groups(tree, files)
        tree.finish()
        if archive:
            written = _packed(written)
        target = folder / written.name
        if target.is_dir():
            shutil.rmtree(target)
        return written.rename(target)


def _files(product: str | Path | Iterable[str | Path]) -> list[Path]:
    given = [product] if isinstance(product, str | os.PathLike) else list(product)
    files = [Path(one) for one in given]
    if len(files) == 1 and files[0].is_dir() and "_WV_OCN_" in files[0].name.upper():
        files = sorted((files[0] / "measurement").glob("*.nc"))
    if not files or not all(file.exists() for file in files):
        raise OceansarError(
            f"a .SAFE folder of Wave Mode SLC or OCN, or netCDF files of OCN, are needed; got {given}."
        )
    return files


def _facts(files: list[Path]) -> dict[str, str]:
    """Say what the name of a product says, or those of files together."""
    match = _SAFE.match(files[0].name)
    if match is not None and len(files) == 1:
        return {key: value.upper() for key, value in match.groupdict().items()}
    names = [_OCN_FILE.fullmatch(file.stem) for file in files]
    if not all(names):
        raise OceansarError(
            f"{[file.name for file in files]} is neither one product S1x_WV_SLC__....SAFE nor files "
            "s1x-wvN-ocn-pp-START-STOP-ORBIT-TAKE-NNN.nc."
        )
    said = [{k: v.upper() for k, v in one.groupdict().items()} for one in names if one]
    if len({(one["mission"], one["datatake"]) for one in said}) > 1:
        raise OceansarError(
            "the files are of several data takes, which are never in one product. Write one of each."
        )
    first = min(said, key=lambda one: one["start"])
    last = max(said, key=lambda one: one["stop"])
    before = (int(first["number"]) - 1) * SECONDS_BETWEEN
    start = time_of(first["start"]) - np.timedelta64(round(before), "s")
    return {
        **first,
        "start": compact(str(start)),
        "stop": last["stop"],
        "kind": "OCN",
        "crc": "0000",
    }


def _packed(written: Path) -> Path:
    """Pack a product into an archive, stored, as Zarr reads it in place."""
    target = written.with_name(f"{written.name}.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(written.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(written).as_posix())
    return target
