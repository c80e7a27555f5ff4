"""The command ``search``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from xoceansar.cli.readers import Beam
from xoceansar.cli.shell import local, out, working

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

#: Bytes of a gigabyte.
_GIGABYTE: Final = 1e9
_SHOWN: Final = 20


def search(
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(
            metavar="WEST SOUTH EAST NORTH",
            help="Degrees, longitudes from -180 to 180; WEST > EAST across 180 degrees.",
        ),
    ] = None,
    datetime: Annotated[
        str | None,
        typer.Option(
            help="A period: 2022-11, or 2022-11-01/2022-11-07 (both ends in)."
        ),
    ] = None,
    beam: Beam = None,
    level: Annotated[
        Literal["slc", "ocn"],
        typer.Option(help="Images, or Level-2 measurements."),
    ] = "slc",
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="URL of a STAC API; the Copernicus Data Space otherwise.",
            metavar="URL",
        ),
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="Its collection of Wave Mode.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            callback=local,
            metavar="OUT.parquet",
            help="Write the list, for open, process and download.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it exists.")
    ] = False,
) -> None:
    """Search a catalogue for vignettes, without an account and without reading any.

    [bold]Examples[/bold]

      xoceansar search --bbox -40 30 -20 45 --datetime 2022-11 --to list.parquet
      xoceansar search --bbox 170 -50 -170 -40 --datetime 2022-11-01/2022-11-07 --beam wv2

    The list has a row for each vignette. What to do with it:

      xoceansar process list.parquet --to archive.zarr
      xoceansar download list.parquet --to products
    """
    from xoceansar.catalogue.listing_file import check_listing_target, write_listing
    from xoceansar.catalogue.vignette_search import search as find

    if to is not None:
        check_listing_target(to, overwrite=overwrite)
    with working("asking the catalogue"):
        found = find(
            bbox=bbox,
            datetime=datetime,
            beam=beam,
            level=level,
            endpoint=endpoint,
            collection=collection,
        )
    _print(found)
    if to is not None:
        write_listing(found, to, overwrite=overwrite)
        out.print(f"written to {to}", highlight=False, soft_wrap=True)


def _print(found: "GeoDataFrame") -> None:
    from rich.table import Table

    table = Table("vignette", "beam", "pol", "time (UTC)", box=None)
    for name in ("longitude", "latitude", "MB"):
        table.add_column(name, justify="right")
    for row in found.head(_SHOWN).itertuples():
        table.add_row(
            row.vignette_id or f"{row.product} {row.number}",
            row.beam,
            row.polarisation,
            str(row.time)[:19],
            f"{row.longitude:.2f}",
            f"{row.latitude:.2f}",
            f"{row.size / 1e6:.0f}",
        )
    if len(found):
        out.print(table)
    if len(found) > _SHOWN:
        out.print(f"... and {len(found) - _SHOWN} more", highlight=False)
    out.print(
        f"{len(found)} vignettes of {found['product'].nunique()} products, "
        f"{found['size'].sum() / _GIGABYTE:.1f} GB",
        highlight=False,
        soft_wrap=True,
    )
