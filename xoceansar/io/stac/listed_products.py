"""What a search found, items and files of items, as products of the vignettes that were chosen."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable
from urllib.parse import urlsplit

import pandas as pd

from xoceansar._optional import require
from xoceansar._paths import is_url, local_path, path_text, read_regular
from xoceansar.errors import ProductError, UnsupportedProductError
from xoceansar.io.containers import MANIFEST
from xoceansar.io.remote import StorageOptions, encode_options
from xoceansar.io.safe.product import (
    SIMULATED,
    Paths,
    Product,
    VignetteFiles,
    discover,
    expand,
)
from xoceansar.io.safe.product_names import ROLES, Role, VignetteName
from xoceansar.io.stac.access import Access, grant
from xoceansar.io.stac.asset_store import AssetStore
from xoceansar.io.stac.transfer import MemorySink, RemoteFile, fetch
from xoceansar.io.stac.vignette_table import (
    COLUMNS,
    FILES,
    KINDS,
    Item,
    Level,
    tabulate,
)

__all__ = [
    "Listed",
    "ProductInputs",
    "check_product_name",
    "find_products",
    "given_of",
    "products_of",
    "remote_file",
]


@runtime_checkable
class SupportsToDict(Protocol):
    """An item, or a collection of items, of pystac."""

    def to_dict(
        self, include_self_link: bool = ..., transform_hrefs: bool = ...
    ) -> dict[str, Any]:
        """Return it as JSON has it."""


#: What a catalogue lists: a table of `xoceansar.search`, items of pystac, dicts of them, or what was made of these.
Listed: TypeAlias = (
    pd.DataFrame | pd.Series | Mapping[str, Any] | SupportsToDict | Product
)
#: Whatever products are given as.
ProductInputs: TypeAlias = Paths | Listed | Iterable[str | os.PathLike[str] | Listed]

#: Bytes that a file of items may have.
_JSON_BYTES: Final = 1 << 30
_JSON: Final = (".json", ".geojson")
_TABLE: Final = ".parquet"
_NEEDED: Final = tuple(name for name in COLUMNS if name not in ("longitude", "latitude", "size", "number"))  # fmt: skip


def find_products(
    given: ProductInputs,
    *,
    storage_options: StorageOptions | None = None,
    root: str = "",
    verify: bool = True,
) -> list[Product]:
    """Find the products of paths, and of what catalogues list."""
    products: list[Product] = []
    options = None
    for one in given_of(given, storage_options):
        if isinstance(one, Product):
            products.append(one)
        elif isinstance(one, str):
            options = options or encode_options(storage_options)
            products += discover(one, options)
        else:
            products += products_of(one, grant(storage_options, root), verify=verify)
    return products


def given_of(
    given: ProductInputs,
    storage_options: StorageOptions | None = None,
    level: Level = "slc",
) -> Iterator[str | pd.DataFrame | Product]:
    """Take apart what is given: paths of products, and tables of vignettes of a level."""
    if isinstance(given, Product):
        yield given
    elif isinstance(given, pd.Series) and "vignette_id" in given.index:
        yield _checked(given.to_frame().T, level)
    elif isinstance(given, pd.DataFrame):
        yield _checked(given, level)
    elif isinstance(given, Mapping):
        yield _table_of(given, level)
    elif not isinstance(given, str | bytes | os.PathLike | pd.Series) and hasattr(given, "to_dict"):  # fmt: skip
        yield _table_of(_to_dict(given), level)
    elif isinstance(given, str | bytes | os.PathLike) or not isinstance(given, Iterable):  # fmt: skip
        yield from _paths(given, storage_options, level)
    else:
        yield from _several(list(given), storage_options, level)


def _several(
    given: list[Any], storage_options: StorageOptions | None, level: Level
) -> Iterator[str | pd.DataFrame | Product]:
    if not given:
        raise ProductError("no product was given. Give at least one path.")
    items = []
    for one in given:
        if isinstance(one, Mapping) or (
            hasattr(one, "to_dict") and not isinstance(one, pd.DataFrame | pd.Series)
        ):
            items.append(one if isinstance(one, Mapping) else _to_dict(one))
        elif isinstance(one, Product | pd.DataFrame | pd.Series):
            yield from given_of(one, storage_options, level)
        else:
            yield from _paths(path_text(one), storage_options, level)
    if items:
        yield _table_of({"type": "FeatureCollection", "features": items}, level)


def _to_dict(item: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = item.to_dict(transform_hrefs=False)
    except TypeError:
        found = item.to_dict()
    return found


def _paths(
    given: Any, storage_options: StorageOptions | None, level: Level
) -> Iterator[str | pd.DataFrame]:
    for path in _expanded(given, storage_options):
        suffix = PurePosixPath(urlsplit(path).path if is_url(path) else path).suffix.lower()  # fmt: skip
        if suffix == _TABLE:
            yield _checked(_read_table(path), level)
        elif suffix in _JSON or _is_item_url(path):
            yield _table_of(_read_json(path, storage_options), level, path)
        else:
            yield path


def _expanded(given: Any, storage_options: StorageOptions | None) -> list[str]:
    if isinstance(given, str) and _is_item_url(given):
        return [given]
    options = "{}" if storage_options is None else encode_options(storage_options)
    return expand(given, options)


def _is_item_url(path: str) -> bool:
    """Whether a URL is that of an item, or items, of a STAC API."""
    parts = urlsplit(path)
    if parts.scheme not in ("http", "https"):
        return False
    return "/items" in parts.path and ".SAFE" not in parts.path


def _read_table(path: str) -> pd.DataFrame:
    require("pyarrow", extra="catalogue")
    if is_url(path):
        raise ProductError(f"{path}: lists are read from local files. Copy it here.")
    if not os.path.exists(path):
        raise ProductError(f"{path} does not exist. Check the path.")
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ProductError(f"{path} is no list of vignettes ({error}).") from error


def _read_json(path: str, storage_options: StorageOptions | None) -> Any:
    if is_url(path):
        sink = MemorySink()
        file = RemoteFile(path, (path,))
        fetch(file, grant(storage_options), sink, _JSON_BYTES)
        content = bytes(sink.data)
    else:
        content = read_regular(path, most=_JSON_BYTES, error=ProductError)
    try:
        return json.loads(content)
    except ValueError as error:
        raise ProductError(
            f"{path} is no JSON of STAC items ({error}). Save it again, as json.dump(item.to_dict(), file)."
        ) from error


def _table_of(content: Any, level: Level, path: str = "") -> pd.DataFrame:
    """Rows of an item, or of several."""
    where = path or "what was given"
    items = content if isinstance(content, list) else [content]
    flat: list[Item] = []
    for one in items:
        kind = one.get("type") if isinstance(one, Mapping) else type(one).__name__
        if kind == "FeatureCollection":
            flat += one.get("features") or []
        elif kind == "Feature":
            flat.append(one)
        else:
            raise ProductError(
                f"{where} is no STAC item (its type is {kind!r}). Give an item, a collection of items, or what "
                "xoceansar.search returns; a Collection or Catalog is searched first."
            )
    for one in flat:
        if not isinstance(one.get("assets"), Mapping) or not one.get("id"):
            raise ProductError(
                f"{where} has a Feature without id or assets, which is no STAC item."
            )
    if not flat:
        raise ProductError(f"{where} has no STAC item in it. Search again.")
    return tabulate((_with_base(one, path) for one in flat), level).rows


def _with_base(item: Item, path: str) -> Item:
    """Let relative hrefs begin where the file lies that has the item."""
    links = item.get("links") or []
    if not path or any(link.get("rel") == "self" for link in links):
        return item
    base = path if is_url(path) else os.path.abspath(local_path(path))
    return {**item, "links": [*links, {"rel": "self", "href": base}]}


def _checked(rows: pd.DataFrame, level: Level) -> pd.DataFrame:
    lacking = [name for name in _NEEDED if name not in rows]
    if lacking:
        raise ProductError(
            f"a table of vignettes lacks the columns {lacking}. Give rows of what xoceansar.search returns, "
            "with all its columns."
        )
    if rows.empty:
        raise ProductError(
            "the table has no vignette: there is nothing to open. Search a wider box or period, or filter less."
        )
    known = KINDS[level].fullmatch
    names = rows["vignette_id"].astype(str)
    if level != "slc":  # products that OData lists have no names of files yet
        names = names[names != ""]
    odd = [name for name in names if not known(name)]
    if odd:
        raise UnsupportedProductError(
            f"{len(odd)} rows are no vignettes of Wave Mode {level.upper()}; the first is {odd[0]!r}. "
            "Images (level='slc') are opened with xoceansar.open_wave_mode, Level 2 (level='ocn') with xoceansar.open_ocn."
        )
    which = [k for k in ("vignette_id", "product", "number") if k in rows]
    return pd.DataFrame(rows.drop_duplicates(which))


def products_of(
    rows: pd.DataFrame, access: Access, *, verify: bool = True
) -> list[Product]:
    """Make a product of the rows of each, with their files alone."""
    return [
        _product(str(name), part, access, verify)
        for name, part in rows.groupby("product", sort=False)
    ]


def check_product_name(name: str) -> None:
    """Refuse what would lead out of a folder."""
    if "/" in name or "\\" in name or name.startswith("."):
        raise ProductError(
            f"the catalogue lists a product called {name!r}, which is no name of one."
        )


def _product(name: str, rows: pd.DataFrame, access: Access, verify: bool) -> Product:
    first = rows.iloc[0]
    check_product_name(name)
    if not str(first["ipf_version"]):
        raise ProductError(
            f"the catalogue does not say which processor version made {name}, on which the noise calibration "
            "depends. Download the product."
        )
    files: list[RemoteFile] = []
    vignettes: list[VignetteFiles] = []
    for record in rows.to_dict("records"):
        row = {str(column): value for column, value in record.items()}
        listed = _files(name, row)
        parts: dict[Any, RemoteFile] = {
            role: file for role, file in listed.items() if role in ROLES
        }
        if not verify and "measurement" in parts:
            parts["measurement"] = parts["measurement"].without_md5()
        files += parts.values()
        vignettes.append(
            VignetteFiles(
                VignetteName(row["vignette_id"]),
                **{role: file.path for role, file in parts.items()},
                md5={r: f.md5 for r, f in parts.items() if f.md5 is not None},
            )
        )
        manifest = listed.get("manifest")
    if manifest is not None:
        files.append(manifest)
    return Product(
        AssetStore(name, tuple(files), access),
        str(first["ipf_version"]),
        tuple(sorted(vignettes, key=lambda one: (one.name.start, one.name.number))),
        simulated=str(first["facility"]).startswith(SIMULATED),
        processed=str(first["processed"]),
        timeliness=str(first["timeliness"]),
    )


def _files(product: str, row: Mapping[str, Any]) -> dict[str, RemoteFile]:
    """Files of a row that are listed, by what each is."""
    name = VignetteFiles(VignetteName(row["vignette_id"]))
    found: dict[str, RemoteFile] = {}
    for place, part in enumerate(FILES):
        path = MANIFEST if part == "manifest" else name.path(_role(part))
        file = remote_file(product, row, place, path)
        if file is not None:
            found[part] = file
    return found


def remote_file(
    product: str, row: Mapping[str, Any], place: int, path: str
) -> RemoteFile | None:
    """Find the file of a row that has a place in its lists, and a path in the product; None where none is listed."""
    links = [row[column][place] for column in ("hrefs", "https_hrefs")]
    hrefs = tuple(dict.fromkeys(_plain(str(link)) for link in links if link))
    if not hrefs:
        return None
    listed, md5 = row["local_paths"][place], row["checksums"][place]
    below = [listed or f"{product}/{path}", f"{product}/{path}"]
    if hrefs[0].startswith("s3://"):  # as the archive itself is mounted
        below.append(hrefs[0][len("s3://") :].partition("/")[2])
    return RemoteFile(
        path, hrefs, int(row["sizes"][place]), md5 or None,
        tuple(one for one in dict.fromkeys(below) if _is_inside(one)), str(row["endpoint"] or ""),
    )  # fmt: skip


def _role(part: str) -> Role:
    return next(role for role in ROLES if role == part)


def _plain(href: str) -> str:
    return href.removeprefix("file://")


def _is_inside(path: str) -> bool:
    """Whether a path stays below the folder that it is joined to."""
    return not path.startswith("/") and ".." not in path.split("/")
