"""Find the vignettes of products: which files belong together, and what is no Wave Mode SLC."""

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from xoceansar.errors import ProductError, UnsupportedProductError
from xoceansar.io._xml import attribute, parse_xml
from xoceansar.io.names import (
    ProductName,
    Role,
    VignetteName,
    parse_file,
    parse_product,
)
from xoceansar.io.remote import glob_url, is_url, open_remote_store
from xoceansar.io.store import MANIFEST, Store, open_store

__all__ = ["Paths", "Product", "VignetteFiles", "discover", "expand"]

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

_HREFS: Final = "//*[local-name()='dataObject']//*[local-name()='fileLocation']/@href"
_IPF: Final = (
    "//*[local-name()='xmlData']/*[local-name()='processing']"
    "/*[local-name()='facility']/*[local-name()='software']/@version"
)
_FACILITY: Final = _IPF.replace("/*[local-name()='software']/@version", "/@name")
#: How `xoceansar.simulate.write_safe` begins the name of its facility.
_SIMULATED: Final = "Simulated"
_MODE: Final = "string((//*[local-name()='instrumentMode']/*[local-name()='mode'])[1])"
_KIND: Final = "string((//*[local-name()='productType'])[1])"

_REMEDIES: Final = {
    "OCN": "Level 2 already holds geophysical variables: open a Wave Mode one with "
    "xoceansar.open_ocn, another with xarray.open_dataset on the netCDF files in its measurement "
    "folder, or give the SLC product of the same pass.",
    "RAW": "Level 0 has no image: give the SLC product of the same pass.",
}
_OTHER_MODES: Final = (
    "Open it with xsar and tile it: xsar.open_dataset(path).oceansar.vignettes()."
)


@dataclass(frozen=True)
class VignetteFiles:
    """The four files of a vignette, by their paths in the product; None where not listed.

    Parameters
    ----------
    name : VignetteName
        The stem that the four share.
    annotation, calibration, noise, measurement : str or None
        Paths relative to the manifest.
    """

    name: VignetteName
    annotation: str | None = None
    calibration: str | None = None
    noise: str | None = None
    measurement: str | None = None

    def path(self, role: Role) -> str:
        """Return the listed path, or the one that the specification gives the file.

        Parameters
        ----------
        role : {"annotation", "calibration", "noise", "measurement"}
            Which file.

        Returns
        -------
        str
            Path relative to the manifest.
        """
        listed = getattr(self, role)
        if listed is not None:
            return str(listed)
        stem = self.name.stem
        return {
            "annotation": f"annotation/{stem}.xml",
            "calibration": f"annotation/calibration/calibration-{stem}.xml",
            "noise": f"annotation/calibration/noise-{stem}.xml",
            "measurement": f"measurement/{stem}.tiff",
        }[role]


@dataclass(frozen=True)
class Product:
    """A Wave Mode SLC product.

    Parameters
    ----------
    store : Store
        Its files.
    ipf_version : str
        Version of the processor, as written in the manifest: ``003.31``.
    vignettes : tuple of VignetteFiles
        In order of time.
    simulated : bool
        Whether the manifest says that the product was simulated.
    """

    store: Store
    ipf_version: str
    vignettes: tuple[VignetteFiles, ...]
    simulated: bool = False

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        return self.store.name


def expand(paths: Paths, options: str = "{}") -> list[str]:
    """List products from a path, a glob pattern or several of them.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        A string that names no file and holds one of ``*?[`` is a pattern.
    options : str
        From `xoceansar.io.remote.encode_options`, for URLs.

    Returns
    -------
    list of str
        Paths; those of a pattern in alphabetical order.

    Raises
    ------
    ProductError
        If nothing matches.
    """
    given: list[str | os.PathLike[str]]
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found: list[str] = []
    for item in given:
        path = os.path.expanduser(os.fspath(item))
        if glob.has_magic(path) and not os.path.exists(path):
            matches = (
                glob_url(path, options)
                if is_url(path)
                else sorted(glob.glob(path, recursive=True))
            )
            if not matches:
                raise ProductError(f"no path matches {path!r}. Check the pattern.")
            found += matches
        else:
            found.append(path)
    if not found:
        raise ProductError("no product was given. Give at least one path.")
    return found


def discover(path: str, options: str = "{}") -> Product:
    """Read the manifest of a product and pair the files of each vignette by their stem.

    Parameters
    ----------
    path : str
        A product's folder, its manifest or a zip archive of it; or the URL of one.
    options : str
        From `xoceansar.io.remote.encode_options`, for URLs.

    Returns
    -------
    Product
        Every vignette that any of its files announces: one whose other files are not listed is
        there, to be reported when it is read.

    Raises
    ------
    UnsupportedProductError
        If it is another Sentinel-1 product than Wave Mode SLC.
    ProductError
        If it is not a product, or its manifest is unusable.
    """
    _refuse_by_name(path)
    store = open_remote_store(path, options) if is_url(path) else open_store(path)
    where = store.where(MANIFEST)
    root = parse_xml(store.read(MANIFEST), where)
    name = parse_product(store.name)
    mode = attribute(root, _MODE)[0].strip() or (name.mode if name else "")
    kind = attribute(root, _KIND)[0].strip() or (name.kind if name else "")
    if (mode, kind) != ("WV", "SLC"):
        raise _unsupported(store.name, mode, kind)
    vignettes = _pair(attribute(root, _HREFS), where)
    versions = attribute(root, _IPF)
    if not versions:
        raise ProductError(
            f"{where} does not say which processor version made the product, on which the "
            "noise calibration depends. Download the product again."
        )
    simulated = any(
        facility.startswith(_SIMULATED) for facility in attribute(root, _FACILITY)
    )
    return Product(store, versions[0].strip(), vignettes, simulated)


def _refuse_by_name(path: str) -> None:
    name = os.path.basename(path.rstrip("/"))
    known = parse_product(name)
    if known is not None and (known.mode, known.kind) != ("WV", "SLC"):
        raise _unsupported(name, known.mode, known.kind)
    suffix = os.path.splitext(name)[1].lower()
    if suffix in {".nc", ".tiff", ".tif", ".xml", ".zarr"}:
        raise UnsupportedProductError(
            f"{path} is one file of a product or another format ({suffix}). Give the "
            ".SAFE folder, its manifest.safe or the zip archive of a Wave Mode SLC product."
        )


def _unsupported(name: str, mode: str, kind: str) -> UnsupportedProductError:
    known = ProductName("", mode or "unknown mode", kind or "unknown type")
    remedy = _REMEDIES.get(known.kind, _OTHER_MODES)
    return UnsupportedProductError(
        f"{name} is a Sentinel-1 {known.mode} {known.kind} product; only Wave Mode SLC "
        f"products (S1x_WV_SLC__...) are read here. {remedy}"
    )


def _pair(hrefs: list[str], where: str) -> tuple[VignetteFiles, ...]:
    # The order of the manifest is not the same for every kind of file: the stem decides.
    parts: dict[VignetteName, dict[Role, str]] = {}
    for href in hrefs:
        found = parse_file(href)
        if found is None:
            continue
        role, name = found
        path = str(PurePosixPath(href))
        if ".." in PurePosixPath(path).parts or path.startswith("/"):
            raise ProductError(f"{where} names a file outside the product: {href!r}.")
        mine = parts.setdefault(name, {})
        if mine.setdefault(role, path) != path:
            raise ProductError(
                f"{where} lists two {role} files for vignette {name.stem}: "
                f"{mine[role]} and {path}. Download the product again."
            )
    if not parts:
        raise ProductError(
            f"{where} lists no Wave Mode SLC file (s1x-wvN-slc-...). Download the product "
            "again."
        )
    files = [VignetteFiles(name, **roles) for name, roles in parts.items()]
    return tuple(sorted(files, key=lambda f: (f.name.start, f.name.number)))
