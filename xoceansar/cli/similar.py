"""The command ``similar``."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xoceansar.cli.readers import (
    Archive,
    Beam,
    Class,
    Device,
    Region,
    Time,
    period,
    read_result,
)
from xoceansar.cli.shell import out, working
from xoceansar.errors import warn

if TYPE_CHECKING:
    import xarray as xr


def similar(
    archive: Archive,
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...",
            help="vignette_id, or position, of vignettes of the archive.",
        ),
    ],
    n_neighbors: Annotated[
        int, typer.Option("--n-neighbors", "-k", help="Neighbours of each.", min=1)
    ] = 10,
    metric: Annotated[
        Literal["cosine", "inner"],
        typer.Option(help="Cosine of the angle, or inner product."),
    ] = "cosine",
    time: Time = None,
    region: Region = None,
    beam: Beam = None,
    ocean_class: Class = None,
    device: Device = "cpu",
) -> None:
    """Find the vignettes whose embeddings are most like those of others.

    [bold]Examples[/bold]

      xoceansar similar archive.zarr s1a-wv1-slc-vv-20210403t083025-...-001 -k 5
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
            ds, time=period(time), region=region, beam=beam, ocean_class=ocean_class
        )
        found = ops.similar(
            part, asked, n_neighbors, metric=metric, device=device
        ).load()
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
