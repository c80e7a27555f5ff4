"""The command that pretrains a backbone."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from xoceansar._optional import require
from xoceansar.cli.shell import err, local, out, working
from xoceansar.errors import ProductError

if TYPE_CHECKING:
    import xarray as xr

    from xoceansar.train.pretraining.config import PretrainConfig


def pretrain(
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG", help="A TOML file, or paper, one-gpu or two-cores."
        ),
    ],
    archive: Annotated[
        str,
        typer.Argument(
            metavar="ARCHIVE",
            help="Vignettes to learn from: a Zarr store, or what xoceansar open takes.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            callback=local,
            metavar="RUN",
            help="Folder of the log, the checkpoints and the model.",
        ),
    ],
    probe: Annotated[
        Path | None,
        typer.Option(
            metavar="LABELLED.zarr",
            help="Vignettes with ocean_class, swh or wind_speed, of other products: "
            "never learned from, they show how it goes.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint of RUN.")
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Make so many steps instead, the schedules in proportion."
        ),
    ] = None,
) -> None:
    """Pretrain a network on vignettes, without labels.

    [bold]Examples[/bold]

      xoceansar pretrain two-cores archive.zarr --to run --steps 2
      xoceansar pretrain my.toml archive.zarr --to run --probe labelled.zarr
      xoceansar pretrain my.toml archive.zarr --to run --resume

    On two GPUs:

      torchrun --nproc-per-node 2 -m xoceansar.cli pretrain my.toml a.zarr --to run

    RUN/bundle is a model without heads: fit them with xoceansar fit.
    """
    require("pydantic", extra="train")
    from xoceansar.train.pretraining.config import load_config

    recipe = load_config(config)
    if steps is not None:
        recipe = recipe.with_steps(steps)
    ds = _opened(archive)
    labelled = None if probe is None else _opened(str(probe))
    _announce(recipe, ds)
    require("lightning_fabric", extra="train")
    from xoceansar.train.pretraining.entry import pretrain as train

    run = train(ds, recipe, to, probe=labelled, resume=resume)
    if not _is_first_process():
        return
    table = Table("quantity", "at the end", title="Pretrained", title_justify="left")
    for name, value in run.summary().items():
        table.add_row(name, f"{value:.6g}" if isinstance(value, float) else str(value))
    out.print(table)
    out.print(f"run:    {run.folder}", highlight=False, soft_wrap=True)
    out.print(f"bundle: {run.bundle}", highlight=False, soft_wrap=True)


def _opened(path: str) -> "xr.Dataset":
    from xoceansar.io.archive.zarr_archive import is_archive, open_archive

    if is_archive(path):
        return open_archive(path)
    if Path(path).suffix == ".zarr":
        raise ProductError(
            f"{path} is not a Zarr store. Make one with xoceansar.to_zarr(ds, {path!r}), with ds "
            "from open_wave_mode or simulate.vignettes."
        )
    from xoceansar import open_wave_mode

    with working("reading annotation"):
        return open_wave_mode(path)


def _announce(config: "PretrainConfig", ds: "xr.Dataset") -> None:
    """Say what is about to happen; above all the learning rate, which the batch scales."""
    if not _is_first_process():
        return
    optimisation = config.optimisation
    err.print(
        f"{config.name}: {config.backbone.architecture}, {ds.sizes['vignette']} vignettes, "
        f"{optimisation.steps} steps of {optimisation.batch} in {optimisation.accumulate} "
        f"part(s), peak learning rate {config.peak_learning_rate:.3g}",
        highlight=False,
        soft_wrap=True,
    )


def _is_first_process() -> bool:
    """Whether this process speaks for all that torchrun started."""
    return os.environ.get("RANK", "0") == "0"
