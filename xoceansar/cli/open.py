"""The command ``open``."""

from typing import Annotated, Final

import typer

from xoceansar.cli import printed_tables
from xoceansar.cli.readers import Beam, Paths, opened
from xoceansar.cli.shell import out

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
