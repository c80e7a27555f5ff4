"""The command ``check``."""

from typing import Annotated

import typer

from xoceansar.cli.process import SOME_FAILED, StorageOptions, parsed_options
from xoceansar.cli.shell import out, working


def check(
    archive: Annotated[
        str,
        typer.Argument(
            metavar="ARCHIVE",
            help="A Zarr store or Icechunk repository, an EOPF product, or its s3:// URL.",
        ),
    ],
    mend: Annotated[
        bool,
        typer.Option(
            "--mend", help="Write anew the metadata that follows from the rest."
        ),
    ] = False,
    storage_options: StorageOptions = None,
) -> None:
    """Say what is wrong with an archive, and what of it can be mended.

    [bold]Examples[/bold]

      xoceansar check 2021.zarr
      xoceansar check 2021.zarr --mend

    Reads every chunk. --mend changes no value: where the metadata that lists all
    arrays is missing or old, it is made from that of each array. The exit code is 3
    where something is wrong and was not mended.
    """
    from xoceansar import check_archive

    with working(f"reading {archive}"):
        report = check_archive(
            archive, mend=mend, storage_options=parsed_options(storage_options)
        )
    held = f"{report.vignettes} vignettes of {report.products} products"
    out.print(f"{archive}: {held}", highlight=False, soft_wrap=True)
    for title, faults in (
        ("mended:", report.mended),
        ("can be mended, with --mend:", [f for f in report.faults if f.mendable]),
        ("cannot be mended:", [f for f in report.faults if not f.mendable]),
    ):
        if faults:
            out.print(title)
        for fault in faults:
            out.print(f"  {fault}", highlight=False, markup=False, soft_wrap=True)
    if report.faults:
        raise typer.Exit(SOME_FAILED)
    out.print("Nothing is wrong with it.")
