"""The command that compares models on a task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.table import Table

from xoceansar._optional import require
from xoceansar.cli.shell import local, out, working
from xoceansar.errors import OceansarError, ProductError

if TYPE_CHECKING:
    import xarray as xr

    from xoceansar.evaluate import BenchmarkResult


#: Scores that a terminal of 80 columns holds, with their limits.
_SCORES: Final = 2


def benchmark(
    task: Annotated[
        str | None,
        typer.Argument(metavar="TASK", help="classification, swh, wind_speed, ..."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Vignettes with their truth: a Zarr store, or the folder of TenGeoP-SARwv "
            "(with --calibrated).",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            callback=local,
            metavar="FOLDER",
            help="Write report.md, scores.json and figures.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="What to compare; may be repeated. --list explains."),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Fit probes on these, and score all of DATA."
        ),
    ] = None,
    calibrated: Annotated[
        str | None,
        typer.Option(
            metavar="ARCHIVE.zarr",
            help="Calibrated vignettes behind the quick-looks of TenGeoP-SARwv.",
        ),
    ] = None,
    split: Annotated[
        Literal["orbit_pass", "time", "calibration", "random"],
        typer.Option(help="What is kept apart when DATA is split."),
    ] = "orbit_pass",
    test: Annotated[
        float, typer.Option(help="Fraction that is scored when DATA is split.")
    ] = 0.3,
    draws: Annotated[
        int, typer.Option(min=1, help="Draws of passes for the confidence limits.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Of the split and of the draws.")] = 0,
    cache: Annotated[
        Path | None,
        typer.Option(
            callback=local,
            metavar="FOLDER",
            help="Keep embeddings here for the next run.",
        ),
    ] = None,
    third: Annotated[
        str | None,
        typer.Option(
            metavar="VARIABLE",
            help="Another source of the same number in DATA: for triple collocation.",
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the tasks and what can be compared.")
    ] = False,
) -> None:
    """Score models on a task, side by side, with confidence limits.

    [bold]Examples[/bold]

      xoceansar benchmark --list
      xoceansar benchmark swh test.zarr --train train.zarr --to report
      xoceansar benchmark classification TenGeoP/ --calibrated 2016.zarr --to report
      xoceansar benchmark wind_speed labelled.zarr --model own --model timm:resnet18

    Splits are by orbit pass. Vignettes without a truth are left out and counted.
    """
    if list_:
        _list()
        return
    if task is None or data is None:
        raise OceansarError(
            "a task and data are needed: xoceansar benchmark TASK DATA --to FOLDER. "
            "xoceansar benchmark --list says which tasks there are."
        )
    require("sklearn", extra="train")
    from xoceansar.evaluate.comparison import benchmark as compare
    from xoceansar.evaluate.tasks import find_task

    chosen = find_task(task)
    ds = open_truth(data, calibrated)
    known = None if train is None else open_truth(train, calibrated)
    result = compare(
        ds, chosen, models=model, train=known, split=split, test=test, draws=draws,
        seed=seed, cache=cache, third=third,
    )  # fmt: skip
    _print(result)
    if to is not None:
        _write(result, to)


def open_truth(path: str, calibrated: str | None) -> "xr.Dataset":
    """Open vignettes with their truth, lazily.

    A Zarr store, or a folder of TenGeoP-SARwv with the store of the calibrated vignettes behind its
    quick-looks.
    """
    from xoceansar.conventions import CLASS_CODES
    from xoceansar.io.archive.zarr_archive import is_archive, open_archive

    def store(name: str) -> "xr.Dataset":
        if not is_archive(name):
            raise ProductError(
                f"{name} is neither a Zarr store nor the folder of TenGeoP-SARwv. Make a store "
                f"with xoceansar.to_zarr(ds, {name!r}), with the truth in ds."
            )
        return open_archive(name)

    if not any((Path(path) / code).is_dir() for code in CLASS_CODES):
        return store(path)
    from xoceansar.io import open_tengeop

    if calibrated is None:
        raise ProductError(
            f"{path} holds quick-looks, which are not calibrated sigma0 and which no model here "
            "takes. Give the original vignettes with --calibrated ARCHIVE.zarr (open_wave_mode, "
            "then to_zarr)."
        )
    return open_tengeop(path, calibrated=store(calibrated))


def _list() -> None:
    from xoceansar.evaluate.lineup import FORMS
    from xoceansar.evaluate.tasks import TASKS

    table = Table(
        "task", "truth", "units", "scores", title="Tasks", title_justify="left"
    )
    for task in TASKS.values():
        names = ", ".join(metric.name for metric in task.metrics)
        table.add_row(task.name, task.target, task.units, names)
    out.print(table)
    out.print("--model takes:", highlight=False)
    for form in FORMS:
        out.print(f"  {form}", highlight=False, markup=False, soft_wrap=True)


def _print(result: "BenchmarkResult") -> None:
    simulated = " (simulated vignettes)" if result.simulated else ""
    frame = result.table()
    title = f"{result.task.name}, {result.metadata['n_scored']} vignettes{simulated}"
    table = Table("model", title=title, title_justify="left")
    shown = list(frame.columns[:_SCORES])
    for column in shown:
        table.add_column(column, justify="right", no_wrap=True)
    for model, row in zip(frame.index, frame[shown].to_numpy(), strict=True):
        table.add_row(model, *row)
    out.print(table)
    if len(frame.columns) > _SCORES:
        out.print("All scores, by beam, sea state and wind too: --to FOLDER")
    for note in result.notes:
        out.print(f"- {note}", highlight=False, markup=False, soft_wrap=True)


def _write(result: "BenchmarkResult", folder: Path) -> None:
    from xoceansar.cli.map import use_files
    from xoceansar.evaluate import write_report

    with working("drawing"):
        use_files()
        report = write_report(result, folder)
    out.print(f"report: {report}", highlight=False, soft_wrap=True)
