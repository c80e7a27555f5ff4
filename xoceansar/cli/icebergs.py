"""The command that finds icebergs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from xoceansar._progress import computing
from xoceansar.cli.readers import (
    Beam,
    Device,
    Model,
    Paths,
    Reader,
    Shape,
    Spacing,
    Verify,
    handle_of,
    opened,
)
from xoceansar.cli.shell import local, out


def icebergs(
    paths: Paths,
    to: Annotated[
        Path,
        typer.Option(
            callback=local,
            help="File to write: .geojson or .parquet (a table of points) or .zarr.",
            metavar="OUT",
        ),
    ],
    model: Model = None,
    method: Annotated[
        Literal["detector", "cfar"],
        typer.Option(
            help="The model's detector, or the classical CFAR, which needs none."
        ),
    ] = "detector",
    threshold: Annotated[
        float | None,
        typer.Option(help="Least score; that of the best F1 on validation otherwise."),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(
            help="Icebergs kept of each vignette, the best first; all are counted."
        ),
    ] = None,
    beam: Beam = None,
    reader: Reader = "direct",
    spacing: Spacing = 50.0,
    shape: Shape = (384, 384),
    verify: Verify = True,
    device: Device = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it exists.")
    ] = False,
) -> None:
    """Find icebergs, and write where they are.

    [bold]Examples[/bold]

      xoceansar icebergs PRODUCT.SAFE --to icebergs.geojson
      xoceansar icebergs 'archive/*.SAFE' --method cfar --to icebergs.parquet

    A ship is as bright and as small as an iceberg: neither method tells them apart.
    """
    from xoceansar import ops, to_zarr
    from xoceansar.errors import ProductError
    from xoceansar.io.export.tabular_files import to_geojson, to_geoparquet

    if to.suffix not in (".geojson", ".parquet", ".zarr"):
        raise ProductError(
            f"icebergs are written as .geojson, .parquet or .zarr; got --to {to}."
        )
    if to.exists() and not overwrite:
        raise ProductError(f"{to} exists. Give another name, or --overwrite.")
    ds = opened(paths, beam, reader=reader, spacing=spacing, shape=shape, verify=verify)
    asked: dict[str, Any] = {"threshold": threshold, "most": most}
    asked = {name: value for name, value in asked.items() if value is not None}
    if method == "cfar":
        detections = ops.cfar_icebergs(ds, **asked)
    else:
        detections = ops.icebergs(ds, handle_of(model, device), **asked)
    with computing(f"searching {ds.sizes['vignette']} vignettes"):
        if to.suffix == ".zarr":
            to_zarr(detections, to, overwrite=overwrite)
            detections = detections[["iceberg_count"]].load()
        else:
            detections = detections.load()
    count = detections["iceberg_count"]
    if to.suffix == ".parquet":
        to_geoparquet(detections, to, overwrite=overwrite)
    elif to.suffix == ".geojson":
        to_geojson(detections, to, overwrite=overwrite)
    searched = int(count.notnull().sum())
    out.print(
        f"{int(count.sum())} icebergs in {searched} of "
        f"{count.size} vignettes ({count.size - searched} could not be searched); "
        f"written to {to}",
        highlight=False,
        soft_wrap=True,
    )
