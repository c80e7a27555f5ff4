"""Vignettes by the names of their files: of products, of files, of listings that others made."""

from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

import pandas as pd
import xarray as xr

from xoceansar._paths import is_url
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import (
    MissingVariableError,
    OceansarError,
    ProductError,
    warn,
)
from xoceansar.io.ocn.listed_ocn import name_unnamed
from xoceansar.io.ocn.ocn_listing import OcnFile, every_file
from xoceansar.io.safe.product import Paths, Product, VignetteFiles, discover, expand
from xoceansar.io.safe.product_names import OcnName, VignetteName, find_name
from xoceansar.io.stac.access import grant

__all__ = ["Level", "Listing", "list_vignettes"]

Level: TypeAlias = Literal["slc", "ocn"]
Listing: TypeAlias = Paths | pd.DataFrame | xr.Dataset

_NAMES: Final[dict[Level, type[VignetteName]]] = {"slc": VignetteName, "ocn": OcnName}
#: Columns of a listing that may say which image a row is of, from the first on.
_SAYING: Final = ("path", "href", "vignette_id", "id", "name")
_KNOWN: Final = ("ipf_version", "processed", "timeliness")
_COLUMNS: Final = (
    "path", "product", "vignette_id", "platform", "beam", "polarisation", "datatake", "orbit", "start",
    *_KNOWN, "file",
)  # fmt: skip


def list_vignettes(given: Listing, level: Level) -> pd.DataFrame:
    """List vignettes, a row each, with what the names of their files say.

    The column ``file`` is of an OCN file that is there, from which its processing is read where it matters.
    """
    if isinstance(given, xr.Dataset):
        given = _table(given)
    if isinstance(given, pd.DataFrame):
        if level == "ocn" and {"vignette_id", "hrefs"} <= set(given.columns):
            given = name_unnamed(given, grant(None))
        rows = list(_of_listing(given, level))
    else:
        rows = list(_of_paths(given, level))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table = table.drop_duplicates(["path", "product", "vignette_id"], ignore_index=True)
    return table.astype({"start": "datetime64[ns]"})


def _row(path: str, product: str, name: VignetteName, **known: Any) -> dict[str, Any]:
    said = {
        "path": path,
        "product": product,
        "vignette_id": name.stem,
        "platform": name.platform,
        "beam": name.beam,
        "polarisation": name.polarisation,
        "datatake": name.datatake,
        "orbit": name.orbit,
        "start": name.start,
    }
    return said | known


def _table(ds: xr.Dataset) -> pd.DataFrame:
    """Columns of a Dataset that are asked for."""
    wanted = ("vignette_id", "product", *_KNOWN)
    columns = {k: ds[k].values for k in wanted if k in ds and ds[k].dims == (VIGNETTE,)}
    if "vignette_id" not in columns:
        raise MissingVariableError(
            "a Dataset is matched by its vignette_id (vignette), which this one does not have. "
            "Open it with open_wave_mode, open_archive or open_ocn."
        )
    return pd.DataFrame(columns)


def _of_listing(table: pd.DataFrame, level: Level) -> Iterable[dict[str, Any]]:
    column = next((k for k in _SAYING if k in table), None)
    if column is None:
        raise MissingVariableError(
            f"a listing needs one of the columns {', '.join(_SAYING)} with the paths or names of "
            f"{level.upper()} files; it has {', '.join(map(str, table.columns)) or 'none'}."
        )
    known = [k for k in ("product", *_KNOWN) if k in table]
    nameless = []
    for path, *values in table[[column, *known]].itertuples(index=False):
        name = find_name(str(path), _NAMES[level])
        if name is None:
            nameless.append(str(path))
            continue
        told = dict(zip(known, values, strict=True))
        yield _row(str(path), str(told.pop("product", "")), name, **told)
    if nameless:
        problem = (
            f"{len(nameless)} of {len(table)} rows name no vignette of Wave Mode {level.upper()} in {column!r}, as "
            f"s1a-wv1-{level}-vv-START-STOP-ORBIT-TAKE-NNN does; the first is {nameless[0]!r}."
        )
        if len(nameless) == len(table):
            raise ProductError(problem)
        warn(f"{problem} They are left out.")


def _of_paths(paths: Paths, level: Level) -> Iterable[dict[str, Any]]:
    """Rows of what lies at paths; one that cannot be read is said, and costs no other."""
    errors: list[OceansarError] = []
    some = False
    for path in expand(paths):
        try:
            found = [*(_of_slc(path) if level == "slc" else _of_ocn(path))]
        except ProductError as error:
            errors.append(error)
            continue
        some = True
        yield from found
    if not some:
        raise errors[0]
    for problem in errors:
        warn(f"{problem} It is left out.")


def _of_slc(path: str) -> Iterable[dict[str, Any]]:
    name = find_name(path, VignetteName)
    if name is not None and path.lower().endswith((".tiff", ".tif")):
        yield _row(path, "", name)
        return
    for product in discover(path):
        for files in product.vignettes:
            yield _of_product(product, files)


def _of_product(product: Product, files: VignetteFiles) -> dict[str, Any]:
    return _row(
        product.store.where(files.path("measurement")),
        product.store.where("").rstrip("/"),
        files.name,
        ipf_version=product.ipf_version,
        processed=product.processed,
        timeliness=product.timeliness,
    )


def _of_ocn(path: str) -> Iterable[dict[str, Any]]:
    if is_url(path):
        raise ProductError(
            f"{path}: OCN products are listed where they lie locally. Give a table with the addresses of their "
            "files in a column 'href', or download them."
        )
    for file in every_file(path):
        yield _row(file.where, _root(file), file.name, file=file)


def _root(file: OcnFile) -> str:
    return file.store.where("").rstrip("/") if file.in_product else ""
