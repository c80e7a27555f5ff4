"""Level-2 files that catalogues list: each read where it lies, and no other of its product."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from xoceansar.errors import ProductError, warn
from xoceansar.io.containers import MANIFEST
from xoceansar.io.ocn.ocn_listing import OcnFile, list_files
from xoceansar.io.remote import StorageOptions, encode_options
from xoceansar.io.safe.product import Product, checksums
from xoceansar.io.safe.product_names import OcnName, parse_ocn_file
from xoceansar.io.stac.access import Access, grant
from xoceansar.io.stac.asset_store import AssetStore
from xoceansar.io.stac.listed_products import (
    ProductInputs,
    check_product_name,
    given_of,
    remote_file,
)
from xoceansar.io.stac.vignette_table import FILES

__all__ = ["find_ocn_files", "name_unnamed", "ocn_files_of"]

_IMAGE: Final = FILES.index("measurement")
_LAST: Final = FILES.index("manifest")


def find_ocn_files(
    given: ProductInputs,
    *,
    storage_options: StorageOptions | None,
    root: str,
    raises: bool,
    verify: bool,
) -> list[OcnFile]:
    """Find the measurement files of paths, and of what catalogues list."""
    paths: list[str] = []
    listed: list[OcnFile] = []
    for one in given_of(given, storage_options, "ocn"):
        if isinstance(one, str):
            paths.append(one)
        elif isinstance(one, Product):
            raise ProductError(
                f"{one.name} is a product of images. Open it with xoceansar.open_wave_mode."
            )
        else:
            listed += ocn_files_of(one, grant(storage_options, root), verify=verify)
    if not paths:
        return listed
    options = encode_options(storage_options)
    return listed + list_files(paths, raises=raises, verify=verify, options=options)


def ocn_files_of(
    rows: pd.DataFrame, access: Access, *, verify: bool = True
) -> list[OcnFile]:
    """List the measurement files of rows, each with its checksum."""
    found = []
    for record in name_unnamed(rows, access).to_dict("records"):
        row = {str(column): value for column, value in record.items()}
        product = str(row["product"])
        check_product_name(product)
        name = OcnName(str(row["vignette_id"]))
        path = f"measurement/{name.stem}.nc"
        file = remote_file(product, row, _IMAGE, path)
        if file is None:
            raise ProductError(
                f"the catalogue lists no file of {name.stem}. Search again, or leave it out."
            )
        if not verify:
            file = file.without_md5()
        manifest = remote_file(product, row, _LAST, MANIFEST)
        files = (file,) if manifest is None else (file, manifest)
        found.append(OcnFile(AssetStore(product, files, access), path, name, file.md5))
    return found


def name_unnamed(rows: pd.DataFrame, access: Access) -> pd.DataFrame:
    """Name the vignettes of products that OData lists without their files, by what the manifests say.

    One manifest is read for each product. Rows of which it has no file are left out, with a warning.
    """
    unnamed = rows["vignette_id"] == ""
    if not unnamed.any():
        return rows
    parts = [rows[~unnamed]]
    lacking = []
    for product, part in rows[unnamed].groupby("product", sort=False):
        named = _named(str(product), part, access)
        parts.append(named)
        lacking += [str(product)] * (len(part) - len(named))
    if lacking:
        warn(
            f"{len(lacking)} vignettes have no file in the manifests of their products, and are left out; the first "
            f"is of {lacking[0]}."
        )
    return pd.concat([part for part in parts if len(part)]).sort_index(kind="stable")


def _named(product: str, rows: pd.DataFrame, access: Access) -> pd.DataFrame:
    """Rows of a product with the names, the places and the checksums of their files."""
    check_product_name(product)
    first = {str(k): value for k, value in rows.iloc[0].items()}
    manifest = remote_file(product, first, _LAST, MANIFEST)
    if manifest is None:
        raise ProductError(
            f"the catalogue does not say where {product} lies. Download it, and give its folder."
        )
    sums = checksums(AssetStore(product, (manifest,), access))
    files = {
        name.number: (name, path, md5)
        for path, md5 in sums.items()
        if (name := parse_ocn_file(path)) is not None
    }
    records = {
        label: _row(row, *files[int(row["number"])])
        for label, row in zip(rows.index, rows.to_dict("records"), strict=True)
        if int(row["number"]) in files
    }
    return pd.DataFrame(
        list(records.values()), index=list(records), columns=rows.columns
    )


def _row(row: Mapping[Any, Any], name: OcnName, path: str, md5: str) -> dict[Any, Any]:
    changed = {column: list(row[column]) for column in ("hrefs", "local_paths", "checksums")}  # fmt: skip
    base = str(changed["hrefs"][_LAST]).rpartition("/")[0]
    changed["hrefs"][_IMAGE] = f"{base}/{path}"
    changed["local_paths"][_IMAGE] = None
    changed["checksums"][_IMAGE] = md5.lower()
    known = {"vignette_id": name.stem, "beam": name.beam, "time": pd.Timestamp(name.start)}  # fmt: skip
    return {**row, **changed, **known}
