"""Lists of vignettes as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.errors import ProductError
from xoceansar.io.export.tabular_files import draft_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

_SUFFIX: Final = ".parquet"


def check_listing_target(path: Path, *, overwrite: bool) -> None:
    """Refuse, before anything is asked, a file that a list cannot be written to."""
    if path.suffix != _SUFFIX:
        raise ProductError(
            f"a list of vignettes is written as GeoParquet; got --to {path}. Give a name that ends in "
            f"{_SUFFIX}."
        )
    if local_target(path, "a list").exists() and not overwrite:
        raise ProductError(f"{path} exists. Give another name, or --overwrite.")


def write_listing(found: "GeoDataFrame", path: Path, *, overwrite: bool) -> None:
    """Write what a search found as GeoParquet."""
    require("pyarrow", extra="catalogue")
    with draft_of(path, overwrite=overwrite) as draft:
        found.to_parquet(draft, compression="zstd")
