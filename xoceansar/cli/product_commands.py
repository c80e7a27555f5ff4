"""Commands on products: look inside, retrieve, simulate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from xoceansar._progress import computing
from xoceansar.cli import printed_tables
from xoceansar.cli.shell import local, out, working

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Beam",
    "Paths",
    "open_",
    "opened",
    "read_result",
    "retrieve",
    "simulate",
]

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="A .SAFE folder, its manifest.safe, a .zip of it, several, or a quoted glob.",
    ),
]
Beam = Annotated[
    str | None,
    typer.Option(
        help="Keep one beam: wv1 (24 degrees incidence) or wv2 (37 degrees).",
        metavar="WV1|WV2",
    ),
]

#: Vignettes listed without --all.
_ROWS: Final = 24


def open_(
    paths: Paths,
    beam: Beam = None,
    everything: Annotated[
        bool, typer.Option("--all", help="List every vignette.")
    ] = False,
) -> None:
    """Say what is in products, without reading a pixel.

    [bold]Examples[/bold]

      xoceansar open S1A_WV_SLC__1SSV_20210403T083025_....SAFE
      xoceansar open archive/2021/*.zip --beam wv2 --all

    The # is what [bold]open_wave_mode(path, vignettes=...)[/bold] takes in Python.
    """
    from xoceansar.ops.description import describe

    ds = opened(paths, beam)
    out.print(describe(ds), markup=False, highlight=False, soft_wrap=True)
    most = ds.sizes["vignette"] if everything else _ROWS
    out.print(printed_tables.vignette_table(ds, most=most))


def retrieve(
    paths: Paths,
    to: Annotated[
        str,
        typer.Option(
            help="Zarr store to write, a path or URL; xarray.open_zarr reads it.",
            metavar="OUT.zarr",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Name or folder of a model; the shipped one otherwise."),
    ] = None,
    beam: Beam = None,
    level: Annotated[
        float | None,
        typer.Option(
            help="Add intervals that hold the truth with this probability, as 0.9."
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Hold pixels to their checksums: 0.16 s of the processor a vignette.",
        ),
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the store if it exists.")
    ] = False,
) -> None:
    """Retrieve wave height, wind and ocean class, and write them as a Zarr store.

    [bold]Examples[/bold]

      xoceansar retrieve PRODUCT.SAFE --to result.zarr
      xoceansar retrieve 'archive/2021/*.SAFE' --beam wv2 --to wv2.zarr
      xoceansar retrieve PRODUCT.SAFE --to result.zarr --level 0.9

    Afterwards:

      xoceansar map result.zarr --variable swh --to map.png
      python -c "import xarray as xr; print(xr.open_zarr('result.zarr'))"

    A vignette that cannot be read is a row of missing values, and quality says
    why.
    """
    from xoceansar import ops, to_zarr
    from xoceansar.models.bundle.library import load_model

    handle = load_model(model)
    ds = opened(paths, beam, verify=verify)
    result = ops.retrieve(ds, model=handle, level=level)
    with computing(f"retrieving {ds.sizes['vignette']} vignettes"):
        to_zarr(result, to, mode="w" if overwrite else "w-")
    out.print(printed_tables.summarise(read_result(to).load()))
    out.print(f"model {handle.name}; written to {to}", highlight=False, soft_wrap=True)


def simulate(
    folder: Annotated[
        Path, typer.Argument(callback=local, help="Where the .SAFE folder is made.")
    ],
    n: Annotated[int, typer.Option("--n", help="Number of vignettes.")] = 8,
    seed: Annotated[int, typer.Option(help="The same seed makes the same sea.")] = 0,
    scale: Annotated[
        float,
        typer.Option(
            help="1 for the real size (100 MB each), less for a corner of it."
        ),
    ] = 1.0,
    ipf: Annotated[
        str,
        typer.Option(help="Processor version: decides the dialect of the noise files."),
    ] = "003.71",
    platform: Annotated[
        Literal["S1A", "S1B", "S1C", "S1D"], typer.Option(help="Satellite.")
    ] = "S1A",
    polarisation: Annotated[
        Literal["VV", "HH"], typer.Option(help="Polarisation.")
    ] = "VV",
    start: Annotated[
        str, typer.Option(help="UTC of the first line: another for each product.")
    ] = "2021-04-03T08:30:25.749829",
    orbit: Annotated[
        int, typer.Option(help="Absolute orbit: another for each product.")
    ] = 26300,
) -> None:
    """Simulate a Wave Mode product in the real format, with known truth beside it.

    [bold]Examples[/bold]

      xoceansar simulate products/ --n 8
      xoceansar simulate products/ --n 2 --ipf 2.91 --scale 0.2 --seed 7
      xoceansar simulate products/ --start 2021-05-03T08:30:25 --orbit 26738

    The truth (wave height, wind, class) is in PRODUCT.truth.nc. All of it is
    simulated: it looks like the sea, and is no measurement of it.
    """
    from xoceansar.simulate.products.safe_product import truth_path, write_safe

    product = write_safe(
        folder, n=n, seed=seed, scale=scale, ipf=ipf, platform=platform,
        polarisation=polarisation, start=start, orbit=orbit,
    )  # fmt: skip
    for line in (f"product: {product}", f"truth:   {truth_path(product)}"):
        out.print(line, highlight=False, soft_wrap=True)
    out.print(f"look inside: xoceansar open {product}", highlight=False, soft_wrap=True)


def opened(paths: list[str], beam: str | None, *, verify: bool = True) -> "xr.Dataset":
    """Open the products of a command, saying so.

    Parameters
    ----------
    paths : list of str
        As given.
    beam : str, optional
        The one to keep.
    verify : bool
        Whether pixels are held to their checksums.

    Returns
    -------
    Dataset
        Of `xoceansar.open_wave_mode`.
    """
    from xoceansar import open_wave_mode

    with working("reading annotation"):
        return open_wave_mode(
            paths if len(paths) > 1 else paths[0], beam=beam, verify=verify
        )


def read_result(path: str | Path) -> "xr.Dataset":
    """Open a store that `retrieve` or `process` wrote.

    Parameters
    ----------
    path : str or Path
        The Zarr store, or Icechunk repository; or the URL of one.

    Returns
    -------
    Dataset
        Its variables, lazy.

    Raises
    ------
    ProductError
        If there is no store.
    """
    from xoceansar._paths import is_url
    from xoceansar.errors import ProductError
    from xoceansar.io.archive.zarr_archive import is_archive, open_archive

    if not is_url(str(path)) and not is_archive(path):
        raise ProductError(
            f"{path} is not a Zarr store. Make one with: xoceansar retrieve PRODUCT.SAFE "
            f"--to {path}"
        )
    return open_archive(path)
