"""Find the measurement files of Level-2 OCN products, and the checksums that manifests have of them."""

import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from xoceansar._paths import check_regular, is_url
from xoceansar.errors import ProductError, UnsupportedProductError, warn
from xoceansar.io.containers import (
    MANIFEST,
    DirectoryStore,
    Store,
    ZipStore,
    check_md5,
    zip_members,
)
from xoceansar.io.eopf.eopf_stems import eopf_kind
from xoceansar.io.eopf.slc_listing import eopf_stores
from xoceansar.io.safe.acquisitions import report_unsigned
from xoceansar.io.safe.product import Paths, checksums, expand
from xoceansar.io.safe.product_names import OcnName, parse_ocn_file, parse_product

__all__ = ["OcnFile", "every_file", "is_ocn_name", "list_files"]

AnyPath = TypeVar("AnyPath", Path, PurePosixPath)

_MEASUREMENT: Final = "measurement"
#: Bytes that a measurement file may have: real ones have 0.8 MB.
_FILE_BYTES: Final = 64 << 20
#: Files that a warning names.
_MOST_SHOWN: Final = 3
_LOOKS_SO: Final = re.compile(r"s1[a-z]-wv\d-ocn-[^/]*\.nc$", re.IGNORECASE)


@dataclass(frozen=True)
class OcnFile:
    """A measurement file.

    Parameters
    ----------
    store : Store
        Where it is.
    path : str
        In the store.
    name : OcnName
        What its name says.
    md5 : str or None
        Its checksum, where a manifest has one and it is to be held to it.
    """

    store: Store
    path: str
    name: OcnName
    md5: str | None = None

    @property
    def where(self) -> str:
        """Its path, for messages."""
        return self.store.where(self.path)

    @property
    def in_product(self) -> bool:
        """Whether it lies where a product has its measurement files."""
        return self.path.startswith(f"{_MEASUREMENT}/")

    @property
    def product(self) -> str:
        """Name of the product's folder; empty for a file that lies elsewhere."""
        known = self.in_product and parse_product(self.store.name) is not None
        return self.store.name if known else ""

    @property
    def is_checked(self) -> bool:
        """Whether what `read` gives was held to a checksum."""
        return self.md5 is not None or isinstance(self.store, ZipStore)

    def read(self) -> bytes:
        """Read it whole, and hold it to its checksum."""
        content = self.store.read(self.path, _FILE_BYTES)
        check_md5(content, self.md5, self.where)
        return content


def is_ocn_name(path: str) -> bool:
    """Say whether a path is named as a Level-2 product of either format, or a file of one, is."""
    name = Path(path).name
    product = parse_product(name)
    named = product is not None and product.kind == "OCN"
    return named or parse_ocn_file(path) is not None or eopf_kind(name) == "OCN"


def list_files(
    paths: Paths, *, raises: bool, verify: bool, options: str = "{}"
) -> list[OcnFile]:
    """List the measurement files of products, in the order that they are given."""
    files = [
        file for path in expand(paths, options) for file in every_file(path, options)
    ]
    return _signed(files, raises=raises) if verify else files


def every_file(path: str, options: str = "{}") -> list[OcnFile]:
    """List the measurement files at a path, which are some at least."""
    from xoceansar.io.eopf.ocn_products import ocn_files  # whose files are such files

    inside: list[OcnFile] = [
        file for store in eopf_stores(path, options) for file in ocn_files(store)
    ]
    if inside:
        return inside
    if is_url(path):
        raise ProductError(
            f"{path} is a URL, and of Level-2 products those in the EOPF format (.zarr) are read from "
            "there. Download the product."
        )
    name = Path(path).name
    if name.lower() == "manifest.safe":
        path, name = str(Path(path).parent), Path(path).parent.name
    found = list(_files_of(path))
    if not found:
        _refuse(path, name)
    return found


def _files_of(path: str) -> Iterator[OcnFile]:
    target = Path(path)
    if not os.path.isdir(target):
        check_regular(target, error=ProductError)
    if os.path.isdir(target):
        inner = target / _MEASUREMENT
        folder = inner if inner.is_dir() else target
        members = os.listdir(folder)
        for member, name in _named(path, members):
            yield _local(folder / member, name)
        for member in sorted(members):
            product = parse_product(member)
            if product is not None and (product.mode, product.kind) == ("WV", "OCN"):
                yield from _files_of(str(folder / member))
    elif zipfile.is_zipfile(target):
        for member, name in _named(path, list(zip_members(path))):
            root, inside = _divided(PurePosixPath(member))
            prefix = "" if root == PurePosixPath() else f"{root}/"
            yield OcnFile(ZipStore(path, prefix), str(inside), name)
    elif target.suffix.lower() == ".zip":
        raise ProductError(
            f"{path} is not a whole zip archive. Download it again, or give the product's "
            ".SAFE folder."
        )
    elif (known := parse_ocn_file(target.name)) is not None:
        yield _local(target, known)


def _local(file: Path, name: OcnName) -> OcnFile:
    root, inside = _divided(file.absolute())
    return OcnFile(DirectoryStore(str(root)), str(inside), name)


def _divided(file: AnyPath) -> tuple[AnyPath, AnyPath]:
    """Divide the path of a file where its product begins, or else its folder."""
    folder = file.parent
    root = folder.parent if folder.name == _MEASUREMENT else folder
    return root, file.relative_to(root)


def _signed(files: list[OcnFile], *, raises: bool) -> list[OcnFile]:
    """Give each file the checksum that the manifest of its product has of it."""
    sums: dict[Store, dict[str, str]] = {}
    for store in dict.fromkeys(file.store for file in files if file.in_product):
        if store.size(MANIFEST) is None:
            continue
        try:
            sums[store] = checksums(store)
        except ProductError as error:
            if raises:
                raise
            warn(f"{error} Its files are not held to their checksums.")
    signed = [
        replace(file, md5=sums.get(file.store, {}).get(file.path)) for file in files
    ]
    unsigned = Counter(f.store for f in signed if f.store in sums and f.md5 is None)
    for store, count in unsigned.items():
        report_unsigned(store.where(MANIFEST), count)
    return signed


def _named(path: str, members: list[str]) -> list[tuple[str, OcnName]]:
    """Measurement files in order, with what their names say; others that look so are counted."""
    files = [(member, parse_ocn_file(member)) for member in sorted(members)]
    odd = [
        member for member, name in files if name is None and _LOOKS_SO.search(member)
    ]
    if odd:
        known = sum(name is not None for _, name in files)
        warn(
            f"{path}: {len(odd)} of {len(odd) + known} measurement files have names that cannot be "
            f"(time, orbit or number) and are left out: {', '.join(odd[:_MOST_SHOWN])}. Give them "
            "their names back."
        )
    return [(member, name) for member, name in files if name is not None]


def _refuse(path: str, name: str) -> None:
    known = parse_product(name)
    if known is not None and (known.mode, known.kind) != ("WV", "OCN"):
        remedy = (
            "Level 1 images are opened with xoceansar.open_wave_mode."
            if (known.mode, known.kind) == ("WV", "SLC")
            else "Open its netCDF files, where it has such, with xarray.open_dataset."
        )
        raise UnsupportedProductError(
            f"{name} is a Sentinel-1 {known.mode} {known.kind} product; Wave Mode OCN "
            f"products (S1x_WV_OCN__...) are read here. {remedy}"
        )
    if Path(path).is_file():
        raise UnsupportedProductError(
            f"{path} is not named as a measurement file of a Wave Mode OCN product "
            "(s1x-wvN-ocn-pp-START-STOP-ORBIT-TAKE-NNN.nc), from which its beam, satellite and "
            "identifier are taken. Give such a file under its own name."
        )
    raise ProductError(
        f"{path} holds no measurement file of a Wave Mode OCN product (s1x-wvN-ocn-...nc). "
        "Give the .SAFE folder, the archive, or the netCDF files."
    )
