"""Commands on archives: find similar vignettes, and export to other formats."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from xoceansar._progress import computing
from xoceansar.cli.product_commands import Beam, read_result
from xoceansar.cli.shell import local, out, working
from xoceansar.errors import warn

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["export", "similar"]

Archive = Annotated[
    str,
    typer.Argument(
        metavar="ARCHIVE.zarr",
        help="A Zarr store or Icechunk repository along vignette, or its s3:// URL.",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(help="Only a period: 2021-04, or 2021-04-03/2021-05 (both ends in)."),
]
Region = Annotated[
    tuple[float, float, float, float] | None,
    typer.Option(
        metavar="LON_MIN LAT_MIN LON_MAX LAT_MAX",
        help="Only a region; LON_MIN > LON_MAX across 180 degrees.",
    ),
]
Class = Annotated[
    list[str] | None,
    typer.Option("--class", help="Only this ocean class; may be given again."),
]

_SUFFIXES: Final = (".parquet", ".csv", ".nc", ".geojson")


def similar(
    archive: Archive,
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...",
            help="vignette_id, or position, of vignettes of the archive.",
        ),
    ],
    k: Annotated[int, typer.Option("--k", help="Neighbours of each.", min=1)] = 10,
    metric: Annotated[
        Literal["cosine", "inner"],
        typer.Option(help="Cosine of the angle, or inner product."),
    ] = "cosine",
    time: Time = None,
    region: Region = None,
    beam: Beam = None,
    ocean_class: Class = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, or auto: a GPU where there is one.")
    ] = "cpu",
) -> None:
    """Find the vignettes whose embeddings are most like those of others.

    [bold]Examples[/bold]

      xoceansar similar archive.zarr s1a-wv1-slc-vv-20210403t083025-...-001 --k 5
      xoceansar similar archive.zarr 0 17 --region 160 -60 -150 -30

    Exact: every vignette of the archive, or of the part that --time, --region, --beam and --class
    select, is compared. Positions count within that part.
    """
    from rich.table import Table

    from xoceansar import ops

    ds = read_result(archive)
    numbers = all(text.lstrip("-").isdigit() for text in query)
    asked: Any = [int(text) for text in query] if numbers else query
    with working(f"comparing {ds.sizes.get('vignette', 0)} vignettes"):
        part = ops.select(
            ds, time=_period(time), region=region, beam=beam, ocean_class=ocean_class
        )
        found = ops.similar(part, asked, k, metric=metric, device=device).load()
    table = Table(
        "query", "score", "vignette", "time", "longitude", "latitude", box=None
    )
    alone = []
    for i in range(found.sizes["query"]):
        matches = _rows(found.isel(query=i))
        for match in matches:
            table.add_row(query[i], *match)
        alone += [] if matches else [query[i]]
    out.print(table)
    if alone:
        warn(
            f"nothing is like {', '.join(alone)}: a vignette without an embedding (its quality says "
            "why) has no neighbours, and is none."
        )


def _rows(found: "xr.Dataset") -> list[list[str]]:
    """Give the matches of one query as text."""
    rows = []
    for i in range(found.sizes["neighbour"]):
        match = found.isel(neighbour=i)
        if int(match["index"]) < 0:
            continue
        row = [f"{float(match['score']):.4f}", str(int(match["index"]))]
        if "vignette_id" in match.coords:
            row[1] = str(match["vignette_id"].item())
        row.append(str(match["time"].values)[:19] if "time" in match.coords else "")
        row += [
            f"{float(match[name]):.3f}" if name in match.coords else ""
            for name in ("longitude", "latitude")
        ]
        rows.append(row)
    return rows


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
        read_result(archive), time=_period(time), region=region, beam=beam,
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


def _period(text: str | None) -> str | slice | None:
    """Read a period: one, or first/last."""
    if text is None or "/" not in text:
        return text
    first, _, last = text.partition("/")
    return slice(first or None, last or None)
