"""The command that runs the experiments of the paper."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from xoceansar._optional import require
from xoceansar.cli.benchmark import open_truth
from xoceansar.cli.shell import local, out, working
from xoceansar.errors import OceansarError

if TYPE_CHECKING:
    from xoceansar.evaluate.experiments import ExperimentResult


def experiment(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="zero-shot, dn, ...; --list says which."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="Vignettes with their truth: a Zarr store. None for 'sensor'.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            callback=local,
            metavar="FOLDER",
            help="Write report.md, result.json and figures.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Name or path; the default bundle where not given."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Use the first so many vignettes, or simulate so many."),
    ] = None,
    sensor: Annotated[
        list[str] | None,
        typer.Option(help="Radar of 'sensor'; may be repeated. All where not given."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="What 'finetune' learns: swh, wind_speed, classification."),
    ] = None,
    mode: Annotated[
        list[str] | None,
        typer.Option(help="How 'finetune' trains: lora, full; may be repeated."),
    ] = None,
    draws: Annotated[
        int | None, typer.Option(help="Draws for the confidence limits.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    cache: Annotated[
        Path | None,
        typer.Option(
            callback=local, metavar="FOLDER", help="Keep embeddings for the next run."
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Say which experiments there are.")
    ] = False,
) -> None:
    """Run an experiment of the paper: a table, what it says, and signs of failure.

    For example::

        xoceansar experiment zero-shot labelled.zarr --to report
        xoceansar experiment sensor --sensor iw --limit 50
    """
    if list_:
        _list()
        return
    if name is None:
        raise OceansarError(
            "the name of an experiment is needed: xoceansar experiment NAME DATA --to FOLDER. "
            "xoceansar experiment --list says which there are."
        )
    require("sklearn", extra="train")
    from xoceansar.evaluate.experiments import experiment as run

    given: dict[str, Any] = {
        "limit": limit,
        "sensors": sensor,
        "task": task,
        "modes": mode,
        "draws": draws,
        "cache": cache,
    }
    options = {key: value for key, value in given.items() if value is not None}
    ds = None if data is None else open_truth(data, None)
    with working(f"experiment {name}"):
        result = run(name, ds, model, seed=seed, **options)
    _print(result)
    if to is not None:
        _write(result, to)


def _list() -> None:
    from xoceansar.evaluate.experiments import EXPERIMENTS

    needs = {
        "truth": "class, wave height or wind",
        "boxes": "iceberg_box",
        "nothing": "no data",
    }
    table = Table(
        "experiment", "needs", "asks", title="Experiments", title_justify="left"
    )
    for e in EXPERIMENTS.values():
        table.add_row(e.name, needs[e.needs], e.question)
    out.print(table)


def _print(result: "ExperimentResult") -> None:
    simulated = " (simulated vignettes)" if result.simulated else ""
    title = f"{result.name}, {result.metadata['vignettes']} vignettes{simulated}"
    table = Table(str(result.table.index.name), title=title, title_justify="left")
    for column in result.table.columns:
        table.add_column(column, justify="right")
    for condition, row in zip(result.table.index, result.table.to_numpy(), strict=True):
        table.add_row(condition, *row)
    out.print(table)
    for sentence in (*result.answer, *result.notes):
        _line(f"- {sentence}")
    for sign in result.failures:
        _line(f"! {sign.name}: {sign}")
    unclear = sum(sign.found is None for sign in result.signs)
    _line(
        f"Signs of failure: {len(result.failures)} found of {len(result.signs)} looked for"
        + (f", {unclear} could not be told." if unclear else ".")
    )


def _line(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def _write(result: "ExperimentResult", folder: Path) -> None:
    from xoceansar.cli.map import use_files
    from xoceansar.evaluate import write_experiment

    with working("drawing"):
        use_files()
        report = write_experiment(result, folder)
    out.print(f"report: {report}", highlight=False, soft_wrap=True)
