"""The command ``process``."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from xoceansar.cli.readers import Beam, Confidence, Model
from xoceansar.cli.shell import out

if TYPE_CHECKING:
    from xoceansar.processing.product_records import Record


StorageOptions = Annotated[
    str | None,
    typer.Option(
        help="For s3:// inputs and archives: JSON of the file system's options.",
        metavar="JSON",
    ),
]

#: Exit code where some product could not be processed, or an archive is damaged; 2 is that of an error.
SOME_FAILED: Final = 3


def process(
    to: Annotated[
        str,
        typer.Option(
            help="The archive: a folder, made or added to, or an s3:// URL.",
            metavar="OUT.zarr",
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUTS...",
            help="Products, quoted globs, directories, text files that list products, s3:// URLs, or what "
            "'search' wrote.",
        ),
    ] = None,
    store: Annotated[
        Literal["zarr", "icechunk"] | None,
        typer.Option(
            help="What a new archive is held in: zarr, or icechunk for several writers at a time. "
            "What is there is recognised."
        ),
    ] = None,
    outputs: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: embedding, swh, wind, class, icebergs, quality, texture, spectra, "
            "cutoff, cwave, statistics, swell, doppler, level, sigma0. All that the model gives otherwise.",
        ),
    ] = None,
    model: Model = None,
    confidence: Confidence = None,
    threshold: Annotated[
        float | None, typer.Option(help="Least score of an iceberg.")
    ] = None,
    beam: Beam = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a Dask scheduler (tcp://...); local processes otherwise.",
            metavar="ADDRESS",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of local processes.", min=1)
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Try again what failed before."),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Hold pixels to their checksums: 0.16 s of the processor a vignette.",
        ),
    ] = True,
    status: Annotated[
        bool,
        typer.Option("--status", help="Say what the archive holds, and do nothing."),
    ] = False,
    storage_options: StorageOptions = None,
    root: Annotated[
        str | None,
        typer.Option(
            help="For lists: a folder in which files are looked for first.",
            metavar="FOLDER",
        ),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            help="For lists: a folder that keeps up to 20 GB of what was fetched.",
            metavar="FOLDER",
        ),
    ] = None,
) -> None:
    """Process products into an archive, or add to one; go on where a run was stopped.

    [bold]Examples[/bold]

      xoceansar process archive/2021 --to 2021.zarr
      xoceansar process 'archive/2021/*.zip' --to 2021.zarr --outputs embedding,swh
      xoceansar process list.parquet --to 2021.zarr --outputs embedding,swh
      xoceansar process list.txt --to 2021.zarr --scheduler tcp://10.0.0.1:8786
      xoceansar process s3://bucket/wv --to s3://bucket/wv.zarr
      xoceansar process archive/2021-04 --to s3://bucket/wv --store icechunk
      xoceansar process --status --to 2021.zarr

    A product that cannot be read is recorded with its reason, and stops nothing:
    the exit code is then 3. Products that the archive has are not read again.
    """
    options = parsed_options(storage_options)
    if status:
        _print_status(to, options)
        return
    if not inputs:
        raise typer.BadParameter(
            "give at least one product, directory or list.", param_hint="INPUTS"
        )
    from xoceansar.processing.run import process as run

    report = run(
        inputs,
        to,
        store=store,
        outputs=None if outputs is None else outputs.split(","),
        model=model,
        confidence=confidence,
        threshold=threshold,
        beam=beam,
        scheduler=scheduler,
        workers=workers,
        retry_failed=retry_failed,
        verify=verify,
        storage_options=options,
        root=root,
        cache=cache,
        target_options=options,
    )
    out.print(
        f"{report.processed} products processed, {report.skipped} there already; "
        f"{report.vignettes} vignettes added to {to}",
        highlight=False,
        soft_wrap=True,
    )
    if report.duplicates or report.repeated:
        out.print(
            f"left out: {report.duplicates} inputs that name a product again, {report.repeated} "
            "vignettes that the archive has from another product",
            highlight=False,
            soft_wrap=True,
        )
    if report.failed:
        _print_failed(list(report.failed))
        raise typer.Exit(SOME_FAILED)


def parsed_options(options: str | None) -> dict[str, Any] | None:
    """Read the options of a file system, given as JSON."""
    import json

    if options is None:
        return None
    try:
        found = json.loads(options)
    except ValueError as error:
        raise typer.BadParameter(
            f"no JSON: {error}", param_hint="--storage-options"
        ) from error
    if not isinstance(found, dict):
        raise typer.BadParameter(
            'an object is needed, as {"anon": true}', param_hint="--storage-options"
        )
    return found


def _print_status(to: str, options: dict[str, Any] | None) -> None:
    from xoceansar.io.remote import encode_options
    from xoceansar.processing.archive_writer import read_records
    from xoceansar.processing.product_records import Ledger

    records = list(Ledger(read_records(to, encode_options(options))))
    failed = [record for record in records if record.failure]
    out.print(
        f"{to}: {sum(r.rows for r in records)} vignettes of {len(records) - len(failed)} "
        f"products; {len(failed)} products failed",
        highlight=False,
        soft_wrap=True,
    )
    if failed:
        _print_failed(failed)


def _print_failed(records: "list[Record]") -> None:
    out.print("failed:")
    for record in records:
        line = f"  {record.product}: {record.failure}"
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    out.print("Try them again with --retry-failed.")
