"""The command ``build``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from xoceansar._optional import require
from xoceansar.cli.process import SOME_FAILED, StorageOptions, parsed_options
from xoceansar.cli.readers import Beam, Shape, Spacing
from xoceansar.cli.shell import local, out

if TYPE_CHECKING:
    from xoceansar.building.model_build import BuildReport


def build(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUTS...",
            help="Products, quoted globs, directories, lists, s3:// URLs; or one store of vignettes.",
        ),
    ],
    truth: Annotated[
        list[str],
        typer.Option(
            metavar="ocn|era5|FILE",
            help="The Level-2 twins, ERA5, or a file with targets; a file may be repeated.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            callback=local,
            metavar="MODEL",
            help="Folder of the model; the stages lie beside it, in MODEL.build.",
        ),
    ],
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Files of ERA5, or OCN products that are not among INPUTS; may be repeated.",
        ),
    ] = None,
    targets: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="With commas: swh, wind_speed, ocean_class ..."
        ),
    ] = "",
    units: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=UNIT", help="Of a target whose file has no units: swh=m."
        ),
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Physical parameters, with commas: texture, cwave, statistics, cutoff.",
        ),
    ] = "texture",
    backbone: Annotated[
        str,
        typer.Option(
            metavar="none|pretrain|MODEL",
            help="No network; one pretrained on the archive; a bundle, hf:// name or checkpoint.",
        ),
    ] = "none",
    recipe: Annotated[
        str,
        typer.Option(
            metavar="CONFIG",
            help="Of the pretraining: a TOML file, or paper, one-gpu or two-cores.",
        ),
    ] = "one-gpu",
    architecture: Annotated[
        str, typer.Option(help="Of a checkpoint: the timm network of its shape.")
    ] = "",
    pooling: Annotated[
        Literal["cls", "mean", "cls+mean", "cls+mean+std", "cls+mean+std+max"],
        typer.Option(help="Of a checkpoint: which vector is the embedding."),
    ] = "cls",
    head: Annotated[
        Literal["linear", "mlp", "knn"], typer.Option(help="Kind of the heads.")
    ] = "linear",
    later: Annotated[
        float, typer.Option(help="Fraction held out in time: the last passes.")
    ] = 0.15,
    test: Annotated[
        float, typer.Option(help="Fraction held out: other passes of the same time.")
    ] = 0.15,
    calibration: Annotated[
        float, typer.Option(help="Fraction that intervals are calibrated on.")
    ] = 0.25,
    confidence: Annotated[
        float, typer.Option(help="Of the intervals whose coverage is scored.")
    ] = 0.9,
    max_distance: Annotated[
        str, typer.Option(help="Of a match: '50 km', '500 m' ...")
    ] = "50 km",
    max_time: Annotated[
        str, typer.Option(help="Of a match: '30 min', 3h ...")
    ] = "30 min",
    beam: Beam = None,
    spacing: Spacing = 50.0,
    shape: Shape = (384, 384),
    images: Annotated[
        bool,
        typer.Option(
            "--images/--no-images",
            help="Keep the images: for quick-looks, and hand-made features to compare with.",
        ),
    ] = True,
    seed: Annotated[int, typer.Option(help="Decides the splits and the fits.")] = 0,
    until: Annotated[
        str | None, typer.Option(metavar="STAGE", help="The last stage to make.")
    ] = None,
    rerun: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="Make a stage again; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of a Dask scheduler (tcp://...); local processes otherwise.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of local processes.", min=1)
    ] = None,
    storage_options: StorageOptions = None,
) -> None:
    """Build a model of your own: archive, truth, heads, calibration, scores, card, report.

    [bold]Examples[/bold]

      xoceansar build archive/ --truth ocn --to my-model
      xoceansar build archive/ --truth ocn --to my-model --dry-run
      xoceansar build archive/ --truth era5 --reference 'era5/*.nc' --to my-model
      xoceansar build archive.zarr --truth buoys.csv --units swh=m --to my-model
      xoceansar build archive/ --truth ocn --backbone pretrain --recipe one-gpu --to my-model

    The pretraining on two GPUs:

      xoceansar build ... --backbone pretrain --until targets
      torchrun --nproc-per-node 2 -m xoceansar.cli build ... --backbone pretrain
      xoceansar build ... --backbone pretrain

    Stopped anywhere, the same command goes on. Each stage is a folder of MODEL.build.
    The exit code is 3 where some products could not be processed.
    """
    require("sklearn", extra="train")
    from xoceansar.building.estimate import Estimate
    from xoceansar.building.model_build import build as run

    given: Any = truth[0] if len(truth) == 1 else truth
    found = run(
        inputs,
        to,
        truth=given,
        reference=reference or (),
        targets=targets,
        units=_units(units or []),
        features=features,
        backbone=backbone,
        recipe=recipe,
        architecture=architecture,
        pooling=pooling,
        head=head,
        later=later,
        test=test,
        calibration=calibration,
        confidence=confidence,
        max_distance=max_distance,
        max_time=max_time,
        beam=beam,
        spacing=spacing,
        shape=shape,
        images=images,
        seed=seed,
        until=until,
        rerun=rerun or (),
        dry_run=dry_run,
        scheduler=scheduler,
        workers=workers,
        storage_options=parsed_options(storage_options),
    )
    if isinstance(found, Estimate):
        out.print(str(found), highlight=False, soft_wrap=True)
        return
    _show(found)


def _units(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    wrong = [text for text, pair in zip(given, pairs, strict=True) if not pair[2]]
    if wrong:
        raise typer.BadParameter(
            f"NAME=UNIT, as swh=m; got {wrong[0]!r}", param_hint="--units"
        )
    return {name.strip(): unit.strip() for name, _, unit in pairs}


def _show(report: "BuildReport") -> None:
    table = Table("stage", "", title="Build", title_justify="left")
    for name in (*report.kept, *report.made):
        table.add_row(name, "made" if name in report.made else "done before")
    out.print(table)
    scores = Table("target", "scored on", "model", "n", "RMSE", "accuracy", title="Scores", title_justify="left")  # fmt: skip
    for target, parts in report.scores.items():
        for part, models in parts.items():
            for model, values in models.items():
                cells = [values.get(name) for name in ("rmse", "accuracy")]
                texts = ["" if v is None else f"{v:.3g}" for v in cells]
                scores.add_row(target, part, model, str(values["n"]), *texts)
    if report.scores:
        out.print(scores)
    if report.model is not None:
        out.print(f"model:  {report.model.path}", highlight=False, soft_wrap=True)
    if report.report is not None:
        out.print(f"report: {report.report}", highlight=False, soft_wrap=True)
    for product, reason in report.failed:
        line = f"failed: {product}: {reason}"
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    if report.failed:
        raise typer.Exit(SOME_FAILED)
