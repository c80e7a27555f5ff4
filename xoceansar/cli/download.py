"""The command ``download``."""

from pathlib import Path
from typing import Annotated

import typer

from xoceansar.cli.process import SOME_FAILED, StorageOptions, parsed_options
from xoceansar.cli.shell import local, out


def download(
    listed: Annotated[
        str,
        typer.Argument(
            metavar="LIST",
            help="What 'search' wrote, or a .json file of STAC items.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            callback=local,
            metavar="FOLDER",
            help="Where the products come to.",
        ),
    ],
    storage_options: StorageOptions = None,
) -> None:
    """Download the vignettes of a list; go on where a run was stopped.

    [bold]Examples[/bold]

      xoceansar search --bbox -40 30 -20 45 --datetime 2022-11 --to list.parquet
      xoceansar download list.parquet --to products

    Needs keys of the Copernicus Data Space: AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY. Four connections at a time. Files are held to their
    checksums. A vignette that does not come is said with its reason, and stops
    nothing: the exit code is then 3.
    """
    from xoceansar.catalogue.file_downloads import download as run

    report = run(listed, to, storage_options=parsed_options(storage_options))
    out.print(
        f"{report.vignettes} vignettes in {to}: {report.fetched} files came "
        f"({report.transferred / 1e9:.1f} GB), {report.present} were there",
        highlight=False,
        soft_wrap=True,
    )
    if report.failed:
        out.print("failed:")
        for name, reason in report.failed.items():
            out.print(f"  {name}: {reason}", highlight=False, markup=False, soft_wrap=True)  # fmt: skip
        out.print("Run it again to go on.")
        raise typer.Exit(SOME_FAILED)
