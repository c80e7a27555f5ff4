"""The command ``simulate``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from xoceansar.cli.shell import local, out


def simulate(
    folder: Annotated[
        Path, typer.Argument(callback=local, help="Where the .SAFE folder is made.")
    ],
    n: Annotated[int, typer.Option("--n", "-n", help="Number of vignettes.")] = 8,
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
