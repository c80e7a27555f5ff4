"""Find the vignettes of products: which files belong together, and what is no Wave Mode SLC."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final

from lxml import etree

from xoceansar._paths import is_url, local_path, path_text, refuse_lost_slash, walk
from xoceansar.errors import ProductError, UnsupportedProductError, warn
from xoceansar.io.containers import MANIFEST, Store, open_stores
from xoceansar.io.eopf.slc_listing import eopf_stores, read_contents
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.io.remote import glob_url, open_remote_stores
from xoceansar.io.safe.processings import ProcessingRank, rank_processing
from xoceansar.io.safe.product_names import (
    ROLES,
    ProductName,
    Role,
    VignetteName,
    parse_file,
    parse_product,
)
from xoceansar.io.safe.xml_parsing import parse_xml

__all__ = [
    "MANIFEST_BYTES",
    "SIMULATED",
    "Paths",
    "Product",
    "VignetteFiles",
    "checksums",
    "discover",
    "expand",
    "timeliness",
]

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

#: Bytes that a manifest may have: a real one has 2 kB for each vignette, of which there are 999 at most.
MANIFEST_BYTES: Final = 16 << 20
#: How `xoceansar.simulate.write_safe` begins the name of its facility.
SIMULATED: Final = "Simulated"
_TIMELINESS: Final = "productTimelinessCategory"
#: Files about radio-frequency interference, which have the stem of a vignette too.
_NOT_READ: Final = "rfi-"
#: How a manifest says that a file is part of a vignette: its schema, and its folder.
_SCHEMAS: Final = frozenset(
    f"s1Level1{kind}Schema"
    for kind in ("Product", "Calibration", "Noise", "Measurement")
)
_FOLDERS: Final = frozenset({"annotation", "annotation/calibration", "measurement"})

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
    md5 : mapping of role to str
        Checksums of those that have one.
    """

    name: VignetteName
    annotation: str | None = None
    calibration: str | None = None
    noise: str | None = None
    measurement: str | None = None
    md5: Mapping[Role, str] = field(default_factory=dict, hash=False)

    def without_md5(self, role: Role) -> "VignetteFiles":
        """Forget the checksum of a file, so that it is not checked."""
        return replace(self, md5={k: v for k, v in self.md5.items() if k != role})

    def path(self, role: Role) -> str:
        """Return the listed path, or the one that the specification gives the file."""
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
    processed : str
        When the processor ended, as written in the manifest; empty where it does not say.
    unknown : tuple of str
        Files that the manifest lists as parts of vignettes, under names that are none.
    timeliness : str
        How soon it was made, as written in the manifest: ``NRT-3h``, ``Fast-24h``.
    """

    store: Store
    ipf_version: str
    vignettes: tuple[VignetteFiles, ...]
    simulated: bool = False
    processed: str = ""
    unknown: tuple[str, ...] = ()
    timeliness: str = ""

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        return self.store.name

    @property
    def rank(self) -> ProcessingRank:
        """What is larger for the better of two processings."""
        return rank_processing(self.ipf_version, self.processed, self.timeliness)

    @property
    def unsigned(self) -> int:
        """Number of listed files of which the manifest has no checksum, as it might."""
        if not self.store.has_checksums:
            return 0
        listed = [
            role for one in self.vignettes for role in ROLES if getattr(one, role)
        ]
        return len(listed) - sum(len(one.md5) for one in self.vignettes)


def expand(paths: Paths, options: str = "{}") -> list[str]:
    """List products from a path, a glob pattern or several of them."""
    given: list[Any]
    # bytes are iterable too, and no path of them is meant
    if isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Iterable):
        given = [paths]
    else:
        given = list(paths)
    found: list[str] = []
    for item in given:
        refuse_lost_slash(item)
        text = path_text(item)
        path = text if is_url(text) else str(local_path(text))
        if glob.has_magic(path) and not os.path.exists(path):
            matches = glob_url(path, options) if is_url(path) else sorted(_glob(path))
            if not matches:
                raise ProductError(f"no path matches {path!r}. Check the pattern.")
            found += matches
        else:
            found.append(path)
    if not found:
        raise ProductError("no product was given. Give at least one path.")
    return found


def _glob(pattern: str) -> set[str]:
    """Paths that match; ``**`` enters each folder once, where links lead in a circle too."""
    parts = pattern.split("/")
    if "**" not in parts:
        return set(glob.glob(pattern))
    at = parts.index("**")
    above, below = "/".join(parts[:at]), parts[at + 1 :] or ["*"]
    found: set[str] = set()
    for base in glob.glob(f"{above}/") if above else ["/" if at else "./"]:
        for folder, inside, _ in walk(base):
            inside[:] = [name for name in inside if not name.startswith(".")]
            found |= _glob("/".join([glob.escape(folder.rstrip("/")), *below]))
    return found if above or at else {path.removeprefix("./") for path in found}


def discover(path: str, options: str = "{}") -> list[Product]:
    """Find the products at a path, and pair the files of each vignette by their stem."""
    zarrs = eopf_stores(path, options)
    found = [_eopf_product(store) for store in zarrs]
    if zarrs and not _holds_safe(path):
        return found
    return found + _safe_products(path, options)


def _holds_safe(path: str) -> bool:
    """Say whether a folder of EOPF products has some in the SAFE format too."""
    if is_url(path) or not os.path.isdir(path):
        return False
    return any(
        os.path.isfile(os.path.join(path, name, MANIFEST)) for name in os.listdir(path)
    )


def _safe_products(path: str, options: str) -> list[Product]:
    _refuse_by_name(path)
    stores = open_remote_stores(path, options) if is_url(path) else open_stores(path)
    products: list[Product] = []
    others: list[UnsupportedProductError] = []
    names: list[str] = []
    for store in stores:
        try:
            products.append(_product(store))
        except UnsupportedProductError as error:
            others.append(error)
            names.append(store.name)
    if not products:
        raise others[0]
    if others:
        warn(
            f"{path} holds {len(stores)} products; {len(others)} are not Wave Mode SLC and are "
            f"left out: {', '.join(names)}."
        )
    return products


def _eopf_product(store: EopfStore) -> Product:
    contents = read_contents(store)
    files = (
        VignetteFiles(
            name,
            annotation=group,
            calibration=f"{group}/quality/calibration".lstrip("/"),
            noise=f"{group}/quality/noise_range".lstrip("/"),
            measurement=f"{group}/measurements/slc".lstrip("/"),
        )
        for name, group in contents.groups.items()
    )
    return Product(
        store,
        contents.ipf_version,
        tuple(sorted(files, key=lambda f: (f.name.start, f.name.number))),
        simulated=contents.simulated,
        processed=contents.processed,
        unknown=contents.unknown,
        timeliness=contents.timeliness,
    )


def _product(store: Store) -> Product:
    where = store.where(MANIFEST)
    root = parse_xml(store.read(MANIFEST, MANIFEST_BYTES), where)
    name = parse_product(store.name)
    mode = _first_text(_elements(root, "instrumentMode", "mode"))
    kind = _first_text(_elements(root, "productType"))
    mode, kind = (
        mode or (name.mode if name else ""),
        kind or (name.kind if name else ""),
    )
    if (mode, kind) != ("WV", "SLC"):
        raise _unsupported(store.name, mode, kind)
    processings = _elements(root, "xmlData", "processing")
    facilities = _elements(root, "xmlData", "processing", "facility")
    software = _elements(root, "xmlData", "processing", "facility", "software")
    versions = [one.get("version", "") for one in software if "version" in one.attrib]
    if not versions:
        raise ProductError(
            f"{where} does not say which processor version made the product, on which the "
            "noise calibration depends. Download the product again."
        )
    listed = list(_listed(root))
    return Product(
        store,
        versions[0].strip(),
        _pair(listed, where),
        simulated=any(one.get("name", "").startswith(SIMULATED) for one in facilities),
        processed=next(
            (one.get("stop", "") for one in processings if "stop" in one.attrib), ""
        ).strip(),
        unknown=tuple(one.href for one in listed if one.is_unknown),
        timeliness=_first_text(_elements(root, _TIMELINESS)),
    )


def _elements(root: etree._Element, first: str, *below: str) -> list[etree._Element]:
    """Elements of any namespace by their names from anywhere downwards."""
    elements = list(root.iter(f"{{*}}{first}"))
    for tag in below:
        elements = [k for one in elements for k in one.iterchildren(f"{{*}}{tag}")]
    return elements


def _first_text(elements: list[etree._Element]) -> str:
    return "".join(map(str, elements[0].itertext())).strip() if elements else ""


@dataclass(frozen=True)
class _Listed:
    """A file as the manifest lists it."""

    href: str
    schema: str
    md5: str | None
    known: tuple[Role, VignetteName] | None

    @property
    def is_unknown(self) -> bool:
        """Whether it is said to be part of a vignette, and not named as one."""
        if self.known is not None:
            return False
        path = PurePosixPath(self.href)
        part = self.schema in _SCHEMAS or str(path.parent) in _FOLDERS
        return part and not path.name.lower().startswith(_NOT_READ)


def _listed(root: etree._Element) -> Iterator[_Listed]:
    """Files of a manifest, in one pass whatever is nested in what."""
    for stream in root.iter("{*}byteStream"):
        parent = stream.getparent()
        schema = "" if parent is None else parent.get("repID", "")
        hrefs, md5 = [], None
        for child in stream.iterchildren("{*}fileLocation", "{*}checksum"):
            if child.tag.endswith("fileLocation"):
                hrefs.append(child.get("href", ""))
            elif child.get("checksumName") == "MD5" and child.text:
                md5 = child.text.strip()
        yield from (_Listed(href, schema, md5, parse_file(href)) for href in hrefs)


def checksums(store: Store) -> dict[str, str]:
    """Read the MD5 that a manifest has of each file."""
    root = parse_xml(store.read(MANIFEST, MANIFEST_BYTES), store.where(MANIFEST))
    return {str(PurePosixPath(one.href)): one.md5 for one in _listed(root) if one.md5}


def timeliness(store: Store) -> str:
    """Read how soon a product was made; empty where its manifest does not say."""
    root = parse_xml(store.read(MANIFEST, MANIFEST_BYTES), store.where(MANIFEST))
    return _first_text(_elements(root, _TIMELINESS))


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


def _pair(listed: list[_Listed], where: str) -> tuple[VignetteFiles, ...]:
    # The order of the manifest is not the same for every kind of file: the stem decides.
    listings: dict[VignetteName, dict[Role, str]] = {}
    sums: dict[VignetteName, dict[Role, str]] = {}
    for one in listed:
        if one.known is None:
            continue
        role, name = one.known
        parts = [part for part in one.href.split("/") if part not in ("", ".")]
        if ".." in parts or one.href.startswith("/"):
            raise ProductError(
                f"{where} names a file outside the product: {one.href!r}. Download the product "
                "again."
            )
        path = "/".join(parts)
        mine = listings.setdefault(name, {})
        if mine.setdefault(role, path) != path:
            raise ProductError(
                f"{where} lists two {role} files for vignette {name.stem}: "
                f"{mine[role]} and {path}. Download the product again."
            )
        if one.md5 is not None:
            sums.setdefault(name, {})[role] = one.md5
    if not listings:
        raise ProductError(
            f"{where} lists no Wave Mode SLC file (s1x-wvN-slc-...). Download the product "
            "again."
        )
    files = [
        VignetteFiles(name, **roles, md5=sums.get(name, {}))
        for name, roles in listings.items()
    ]
    return tuple(sorted(files, key=lambda f: (f.name.start, f.name.number)))
