"""The command that fits a head."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from xoceansar._optional import require
from xoceansar.cli.readers import Model
from xoceansar.cli.shell import err, local, out
from xoceansar.errors import MissingVariableError, ProductError, TrainingError

if TYPE_CHECKING:
    import xarray as xr

    from xoceansar.train import FitResult


def fit(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA.zarr",
            help="Zarr store of images or embeddings, with the truth.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="Variable that the head is to give: swh, wind_speed, ocean_class ...",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(callback=local, metavar="BUNDLE", help="Folder of the new model."),
    ],
    head: Annotated[
        Literal["linear", "logistic", "knn", "mlp"],
        typer.Option(help="linear for a number, logistic for classes, knn or mlp."),
    ] = "linear",
    model: Model = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="TRUTH.nc",
            help="netCDF file or Zarr store with TARGET and vignette_id, or labels (.jsonl), where DATA has no truth.",
        ),
    ] = None,
    validation: Annotated[
        str,
        typer.Option(
            help="Fraction of the groups that is held out, or a Zarr store of other passes."
        ),
    ] = "0.15",
    groups: Annotated[
        str, typer.Option(help="orbit_pass, or a coordinate: never on both sides.")
    ] = "orbit_pass",
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Let every class weigh the same.")
    ] = False,
    rate: Annotated[
        list[float] | None,
        typer.Option(help="A learning rate to try; may be repeated."),
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="What the head is made of, with commas: embedding, texture, cwave ...",
        ),
    ] = "embedding",
    finetune: Annotated[
        Literal["full", "lora"] | None,
        typer.Option(help="Train the backbone too: all of it, or a low-rank change."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the head; the target's otherwise.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the split and the start.")] = 0,
) -> None:
    """Fit a head with your own truth, and write a model that has it.

    [bold]Examples[/bold]

      xoceansar fit labelled.zarr swh --to my-model
      xoceansar fit labelled.zarr ocean_class --head logistic --balanced --to my-model
      xoceansar fit archive.zarr swh --truth buoys.nc --head mlp --to my-model
      xoceansar fit labelled.zarr swh --head mlp --finetune lora --to tuned

    Afterwards:

      xoceansar retrieve PRODUCT.SAFE --model my-model --to result.zarr
    """
    require("sklearn", extra="train")
    from xoceansar.train import fit as fit_head

    if to.exists() and any(to.iterdir()):
        raise TrainingError(
            f"{to} exists and is not empty. Choose another folder for --to."
        )
    ds = _opened(data)
    if truth is not None:
        ds = ds.drop_vars(target, errors="ignore")
    result = fit_head(
        ds,
        target if truth is None else _truth(truth, target),
        head=head,
        model=model,
        groups=groups,
        validation=_validation(validation),
        features=[name.strip() for name in features.split(",") if name.strip()],
        class_weight="balanced" if balanced else None,
        learning_rates=rate or None,
        finetune=finetune,
        name=name,
        to=to,
        seed=seed,
    )
    _show(result)
    out.print(f"model: {to}", highlight=False, soft_wrap=True)


def _opened(path: Path) -> "xr.Dataset":
    from xoceansar.io.archive.zarr_archive import is_archive, open_archive

    if not is_archive(path):
        raise ProductError(
            f"{path} is not a Zarr store. Make one with xoceansar.to_zarr(ds, {str(path)!r}), with "
            "ds from open_wave_mode and the truth put in: ds.assign(swh=...)."
        )
    return open_archive(path)


def _truth(path: Path, target: str) -> "xr.DataArray":
    import xarray as xr

    if path.suffix == ".jsonl":
        from xoceansar.labelling.label_file import open_labels

        return open_labels(path).truth()
    ds = _opened(path) if path.is_dir() else xr.open_dataset(path)
    if target not in ds or "vignette_id" not in ds.variables:
        raise MissingVariableError(
            f"{path} must have {target!r} and 'vignette_id', one of each for a vignette; it has "
            f"{sorted(map(str, ds.variables))}."
        )
    return ds.set_coords("vignette_id")[target]


def _validation(text: str) -> "float | xr.Dataset":
    try:
        return float(text)
    except ValueError:
        return _opened(Path(text))


def _show(result: "FitResult") -> None:
    """Print what was left out and the scores."""
    about: dict[str, Any] = result.provenance
    for reason, n in result.dropped.items():
        err.print(f"left out: {n} ({reason})", highlight=False, soft_wrap=True)
    marked = ", simulated" if result.simulated else ""
    units = result.head.spec.units
    table = Table(
        "",
        *map(str, result.scores.columns),
        title=f"{result.head.spec.name} [{units}]: {about['n_fit']} vignettes fitted, "
        f"{about['n_validation']} of {about['groups']['validation']} other groups validated{marked}",
        title_justify="left",
    )
    for name, row in result.scores.iterrows():
        cells = [f"{row['n']:.0f}", *(f"{value:.4g}" for value in row.iloc[1:])]
        table.add_row(str(name), *cells)
    out.print(table)
    if len(result.sweep):
        rate = result.head.spec.metrics["learning_rate"]
        out.print(
            f"learning rate {rate:g}, the best on the validation of "
            f"{', '.join(f'{r:g}' for r in result.sweep.index)}",
            highlight=False,
            soft_wrap=True,
        )
