"""The command that opens the page on an archive."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from xoceansar.cli.shell import err, local, out


def explore(
    archive: Annotated[
        str,
        typer.Argument(
            metavar="ARCHIVE",
            help="What 'process' or 'retrieve' wrote; a path or URL.",
        ),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            callback=local,
            metavar="FILE.labels.jsonl",
            help="Where labels are kept; beside the archive otherwise.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="What the keys 0 to 9 say, with commas; the ten ocean classes otherwise.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at; with another one, others reach the page too."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Of the server; any that is free by default.", min=0)
    ] = 0,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser", help="Open the browser of this machine."
        ),
    ] = True,
) -> None:
    """Look at an archive in the browser: map, filters, pictures, neighbours, labels.

    [bold]Examples[/bold]

      xoceansar explore archive.zarr
      xoceansar explore archive.zarr --classes eddy,front,neither
      xoceansar explore archive.zarr --port 8765 --no-browser

    Ends with Ctrl-C. From another machine: ssh -L 8765:localhost:8765 THERE, and open the address
    that is printed. Labels are kept beside the archive, and 'fit --truth' learns from them.
    """
    from xoceansar.conventions import OCEAN_CLASSES
    from xoceansar.exploring.explorer import explore as open_page

    names = (
        OCEAN_CLASSES if classes is None else [n.strip() for n in classes.split(",")]
    )
    with open_page(
        archive, labels=labels, classes=names, host=host, port=port, browser=browser
    ) as explorer:
        out.print(explorer.url, highlight=False, soft_wrap=True)
        err.print("Ends with Ctrl-C.")
        wait()


def wait() -> None:
    """Wait for Ctrl-C."""
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
