"""The command ``export``."""

from pathlib import Path
from typing import Annotated, Final

import typer

from xoceansar._progress import computing
from xoceansar.cli.readers import (
    Archive,
    Beam,
    Class,
    Region,
    Time,
    period,
    read_result,
)
from xoceansar.cli.shell import local, out

_SUFFIXES: Final = (".parquet", ".csv", ".nc", ".geojson")


def export(
    archive: Archive,
    to: Annotated[
        Path,
        typer.Option(
            callback=local,
            metavar="OUT",
            help="File to write: .parquet, .csv, .nc or .geojson.",
        ),
    ],
    time: Time = None,
    region: Region = None,
    beam: Beam = None,
    ocean_class: Class = None,
    embedding: Annotated[
        bool, typer.Option(help="Whether .parquet and .nc hold the embeddings.")
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it exists.")
    ] = False,
) -> None:
    """Write an archive, or part of it, for other programs.

    [bold]Examples[/bold]

      xoceansar export archive.zarr --to points.parquet
      xoceansar export archive.zarr --to april.nc --time 2021-04 --no-embedding
      xoceansar export icebergs.zarr --to icebergs.geojson
      xoceansar export archive.zarr --to april.csv --time 2021-04

    GeoParquet is a table of points, with embeddings; netCDF follows the CF
    conventions; GeoJSON has icebergs as points, or footprints of vignettes; CSV
    is for spreadsheets, with units in its header.
    """
    from xoceansar import ops
    from xoceansar.errors import ProductError
    from xoceansar.io.export.netcdf import to_netcdf
    from xoceansar.io.export.tabular_files import to_csv, to_geojson, to_geoparquet

    if to.suffix not in _SUFFIXES:
        raise ProductError(
            f"archives are exported as {', '.join(_SUFFIXES)}; got --to {to}."
        )
    if to.exists() and not overwrite:
        raise ProductError(f"{to} exists. Give another name, or --overwrite.")
    ds = ops.select(
        read_result(archive), time=period(time), region=region, beam=beam,
        ocean_class=ocean_class,
    )  # fmt: skip
    if not embedding:
        ds = ds.drop_vars("embedding_vector", errors="ignore")
    with computing(f"exporting {ds.sizes['vignette']} vignettes"):
        if to.suffix == ".parquet":
            to_geoparquet(ds, to, overwrite=overwrite)
        elif to.suffix == ".nc":
            to_netcdf(ds, to, overwrite=overwrite)
        elif to.suffix == ".csv":
            to_csv(ds, to, overwrite=overwrite)
        else:
            to_geojson(ds, to, overwrite=overwrite)
    out.print(
        f"{ds.sizes['vignette']} vignettes; written to {to}",
        highlight=False,
        soft_wrap=True,
    )
