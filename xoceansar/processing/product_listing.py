"""List the products to process: from paths, patterns, lists, directory trees and object storage."""

import glob
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from xoceansar._paths import is_url, read_regular, walk
from xoceansar.conventions.beams import Beam
from xoceansar.errors import OceansarError, ProductError
from xoceansar.io.containers import MANIFEST, Store, open_stores
from xoceansar.io.eopf.eopf_stems import eopf_kind
from xoceansar.io.eopf.slc_listing import eopf_stores, is_eopf_name
from xoceansar.io.remote import (
    StorageOptions,
    open_filesystem,
    open_remote_stores,
    storage_errors,
    unreachable,
)
from xoceansar.io.safe.acquisitions import each_once
from xoceansar.io.safe.product import MANIFEST_BYTES, Product, VignetteFiles, expand
from xoceansar.io.safe.product_names import parse_product
from xoceansar.io.stac.access import Access, grant
from xoceansar.io.stac.listed_products import ProductInputs, given_of, products_of

#: Manifests that are read at once: over a network each takes a moment.
_READERS: Final = 16


#: Bytes that a list of products may have: some 100,000 paths.
_LIST_BYTES: Final = 16 << 20


@dataclass(frozen=True)
class Unit:
    """A product to process."""

    #: Of the product, without ``.SAFE``, ``.zarr`` or ``.zip``.
    name: str
    #: Where it is.
    path: str
    #: SHA-256 of its manifest, or of the metadata of its root, which tells it from every other, wherever it lies and
    #: whatever it is called there; empty where it cannot be read. Of what a catalogue lists, of its vignettes' names.
    digest: str = ""
    #: What a catalogue lists of it; None where it is read from its path.
    product: Product | None = field(default=None, compare=False)

    def without(self, vignettes: Collection[str]) -> "Unit | None":
        """Leave out vignettes, which need not be read; None where no other is listed."""
        if self.product is None:
            return self
        kept = tuple(
            one for one in self.product.vignettes if one.name.stem not in vignettes
        )
        return replace(self, product=replace(self.product, vignettes=kept)) if kept else None  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """How what catalogues list is read."""

    storage_options: StorageOptions | None = None
    root: str = ""
    cache: str = ""
    cache_bytes: int = 0
    verify: bool = True
    beam: Beam | None = None

    def access(self) -> Access:
        """Keep the credentials, and give what stands for them."""
        return replace(
            grant(self.storage_options, self.root),
            cache=self.cache,
            cache_bytes=self.cache_bytes,
        )


def list_units(
    inputs: ProductInputs,
    options: str = "{}",
    known: Mapping[str, str] | None = None,
    catalogue: Listing | None = None,
) -> tuple[list[Unit], int]:
    """List products, each once."""
    paths: list[str] = []
    listed: list[Product] = []
    asked = catalogue or Listing()
    for one in given_of(inputs, json.loads(options)):
        if isinstance(one, str):
            paths += [
                found if is_url(found) else os.path.abspath(found)
                for found in _products(one, options)
            ]
        elif isinstance(one, Product):
            listed.append(one)
        else:
            listed += products_of(one, asked.access(), verify=asked.verify)
    units = {unit.digest: unit for unit in _listed_units(listed, asked.beam)}
    with ThreadPoolExecutor(_READERS) as readers:
        for unit in readers.map(lambda p: _unit(p, options, known or {}), paths):
            units.setdefault(unit.digest or unit.name, unit)
    return list(units.values()), len(paths) + len(listed) - len(units)


def _listed_units(products: list[Product], beam: Beam | None) -> Iterator[Unit]:
    """Make units of what a catalogue lists, of each acquisition the best processing."""
    chosen: dict[int, list[VignetteFiles]] = {}
    for product, files in each_once(products):
        if beam in (None, files.name.beam):
            chosen.setdefault(id(product), []).append(files)
    for product in products:
        vignettes = tuple(chosen.get(id(product), ()))
        if not vignettes:
            continue
        name = product.name.removesuffix(".SAFE")
        told = "\n".join([name, *sorted(one.name.stem for one in vignettes)])
        yield Unit(
            name,
            product.store.where("").rstrip("/"),
            hashlib.sha256(told.encode()).hexdigest(),
            replace(product, vignettes=vignettes),
        )


def _unit(path: str, options: str, known: Mapping[str, str]) -> Unit:
    where = path if is_url(path) else os.path.realpath(path)
    name = _name(where)
    named = parse_product(name) is not None or eopf_kind(name) is not None
    if where == path and path in known and named:
        return Unit(name, path, known[path])
    try:
        manifests = [
            store.read(store.listing, MANIFEST_BYTES)
            for store in _stores(path, options)
        ]
    except OceansarError:  # said, and recorded, when it is its turn
        return Unit(name, path)
    if not all(manifests):
        return Unit(name, path)
    return Unit(name, path, hashlib.sha256(b"".join(manifests)).hexdigest())


def _stores(path: str, options: str) -> Sequence[Store]:
    """Find the files of the products at a path, of either format."""
    zarrs = eopf_stores(path, options)
    if zarrs:
        return zarrs
    return open_remote_stores(path, options) if is_url(path) else open_stores(path)


def _name(path: str) -> str:
    parts = path.rstrip("/").split("/")
    if parts[-1].lower() == MANIFEST and len(parts) > 1:
        parts.pop()
    name = parts[-1]
    for suffix in (".zip", ".SAFE", ".zarr"):
        if name.lower().endswith(suffix.lower()):
            name = name[: -len(suffix)]
    return name


def _products(path: str, options: str) -> Iterable[str]:
    if is_url(path):
        return _remote_products(path, options)
    if not os.path.exists(path):
        raise ProductError(f"{path} does not exist. Check the path.")
    if os.path.isdir(path):
        if _is_product_name(path) or os.path.exists(os.path.join(path, MANIFEST)):
            return [path]
        return _some(sorted(_tree(path), key=_name), path)
    if path.lower().endswith((".zip", MANIFEST)):
        return [path]
    return _listed(path, options)


def _is_product_name(path: str) -> bool:
    return path.rstrip("/").lower().endswith(".safe") or is_eopf_name(path)


def _is_wanted(name: str) -> bool:
    """Whether a name in a directory is that of a Wave Mode SLC product."""
    if is_eopf_name(name):
        return eopf_kind(name) == "SLC"
    known = parse_product(name)
    wave_mode = known is not None and (known.mode, known.kind) == ("WV", "SLC")
    return wave_mode and name.lower().endswith((".safe", ".zip"))


def _tree(folder: str) -> Iterator[str]:
    for root, folders, files in walk(folder):
        for name in [*folders, *files]:
            if _is_wanted(name):
                yield os.path.join(root, name)
        folders[:] = [name for name in folders if not _is_product_name(name)]


def _some(found: list[str], where: str) -> list[str]:
    if not found:
        raise ProductError(
            f"{where} holds no Wave Mode SLC product (S1x_WV_SLC__....SAFE or .zip, "
            "S01SWVSLC_....zarr or .zarr.zip), at any depth. Check the path."
        )
    return found


def _listed(path: str, options: str) -> list[str]:
    """Paths in a text file; a pattern among them is expanded, a product is taken as it is."""
    if any(mark in os.path.basename(path).lower() for mark in (".tar", ".tgz")):
        raise ProductError(
            f"{path} is a tar archive, which is not read in place. Unpack it (tar -xf), and give "
            "the folder."
        )
    content = read_regular(path, most=_LIST_BYTES, error=ProductError)
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ProductError(
            f"{path} is neither a product nor a text file that lists products, one a line."
        ) from error
    found: list[str] = []
    for line in lines:
        item = line.strip()
        if not item or item.startswith("#"):
            continue
        found += expand(item, options) if glob.has_magic(item) else [item]
    return _some(found, path)


def _remote_products(url: str, options: str) -> list[str]:
    if _is_product_name(url) or url.lower().endswith((".zip", MANIFEST)):
        return [url]
    filesystem, path = open_filesystem(url, options)
    filesystem.invalidate_cache()
    try:
        with storage_errors():
            names = filesystem.find(path)
    except OSError as error:
        raise unreachable(url, error) from error
    found: set[str] = set()
    for name in names:
        # objects have no folders: a product is the part of a key that looks like one
        parts = str(filesystem.unstrip_protocol(name)).split("/")
        depth = next((i for i, part in enumerate(parts) if _is_wanted(part)), None)
        if depth is not None:
            found.add("/".join(parts[: depth + 1]))
    return _some(sorted(found, key=_name), url)
