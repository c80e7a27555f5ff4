"""The command that matches vignettes with a reference."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xoceansar._progress import computing
from xoceansar.cli import printed_tables
from xoceansar.cli.shell import out, working

if TYPE_CHECKING:
    import xarray as xr


def collocate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="What xoceansar retrieve wrote, or a product, Level 1 or Level 2 OCN.",
        ),
    ],
    reference: Annotated[
        list[str],
        typer.Argument(
            metavar="REFERENCE...",
            help="netCDF files, a Zarr store, CSV or Parquet tables, or Level-2 OCN products; or a "
            "quoted glob.",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(help="Zarr store to write, a path or URL.", metavar="OUT.zarr"),
    ],
    variable: Annotated[
        list[str] | None,
        typer.Option(
            help="A variable of the reference; repeat for more. All by default."
        ),
    ] = None,
    max_distance: Annotated[
        str, typer.Option(help="'50 km', '500 m', ...; a number is kilometres.")
    ] = "50 km",
    max_time: Annotated[str, typer.Option(help="'30 min', 3h, ...")] = "30 min",
    method: Annotated[
        Literal["nearest", "linear", "mean"],
        typer.Option(help="How one value is made of several."),
    ] = "nearest",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the store if it exists.")
    ] = False,
) -> None:
    """Match vignettes with fields, tracks, buoys or OCN products.

    [bold]Examples[/bold]

      xoceansar collocate result.zarr 'era5/2021-*.nc' --to era5.zarr
      xoceansar collocate result.zarr jason3.nc --method mean --to altimeter.zarr
      xoceansar collocate PRODUCT.SAFE S1A_WV_OCN__....SAFE --max-distance 5 --to ocn.zarr

    Each row of OUT.zarr is a vignette of INPUT, in its order; collocation_flag
    says which were matched, and how.
    """
    from xoceansar import evaluate, to_zarr

    with working("reading positions"):
        ds = _vignettes(source)
        found = evaluate.collocate(
            ds, reference, variables=variable, max_distance=_distance(max_distance),
            max_time=max_time, method=method,
        )  # fmt: skip
    with computing(f"matching {ds.sizes['vignette']} vignettes"):
        found = found.compute()
    to_zarr(found, to, overwrite=overwrite)
    out.print(printed_tables.summarise(found, title="Matched"))
    out.print(f"written to {to}", highlight=False, soft_wrap=True)


def _vignettes(source: str) -> "xr.Dataset":
    import xarray as xr

    from xoceansar import open_wave_mode
    from xoceansar.io.archive.zarr_archive import is_archive, open_archive

    if is_archive(source):
        return open_archive(source)
    if (products := _ocn(source)) is not None:
        return products
    if Path(source).suffix == ".nc":
        return xr.open_dataset(source, chunks={})
    return open_wave_mode(source)


def _distance(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _ocn(*paths: str) -> "xr.Dataset | None":
    """Level-2 products, by their names; None for anything else."""
    from xoceansar import open_ocn
    from xoceansar.io.ocn.ocn_listing import is_ocn_name

    if not all(map(is_ocn_name, paths)):
        return None
    return open_ocn(paths)
