"""`build`: from products and a truth to a model, by stages that resume."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.building.archive_stage import ARCHIVE, BACKBONE
from xoceansar.building.estimate import Estimate, estimate
from xoceansar.building.evaluation_stage import EVALUATION
from xoceansar.building.model_card import BUNDLE, deliver
from xoceansar.building.plan import stages_of
from xoceansar.building.report_stage import REPORT
from xoceansar.building.request import (
    ERA5,
    NO_BACKBONE,
    OCN,
    PRETRAIN,
    HeadKind,
    Request,
    places,
)
from xoceansar.building.workspace import Execution, Stage, Workspace, disk_errors
from xoceansar.conventions.beams import Beams, one_beam
from xoceansar.errors import ProductError, TrainingError
from xoceansar.io.remote import StorageOptions
from xoceansar.models.bundle.library import load_model
from xoceansar.models.spec import ModelHandle, Pooling
from xoceansar.processing.cluster import Scheduler
from xoceansar.processing.writer_lock import ArchiveLock

#: What the folder of the stages is called, beside the model.
_BESIDE: Final = ".build"

Given = str | Path | Iterable[str | Path]


@dataclass(frozen=True)
class BuildReport:
    """What a build made.

    Parameters
    ----------
    folder : Path
        Of the stages.
    made, kept : tuple of str
        Stages that were made, and that were done before.
    model : ModelHandle or None
        The bundle; None where the build was to end before.
    report : Path or None
        The report in HTML; ``report.md`` lies beside it.
    scores : mapping
        By target, part and model.
    failed : tuple of (str, str)
        Products that could not be processed, and why.
    """

    folder: Path
    made: tuple[str, ...]
    kept: tuple[str, ...]
    model: ModelHandle | None
    report: Path | None
    scores: Mapping[str, Any]
    failed: tuple[tuple[str, str], ...] = ()


def build(
    inputs: Given,
    to: str | Path,
    *,
    truth: Given,
    reference: Given = (),
    targets: str | Iterable[str] = (),
    units: Mapping[str, str] | None = None,
    features: str | Iterable[str] = ("texture",),
    backbone: str | Path = NO_BACKBONE,
    recipe: str | Path = "one-gpu",
    architecture: str = "",
    pooling: Pooling = "cls",
    head: HeadKind = "linear",
    later: float = 0.15,
    test: float = 0.15,
    calibration: float = 0.25,
    confidence: float = 0.9,
    max_distance: str = "50 km",
    max_time: str = "30 min",
    beam: Beams | None = None,
    spacing: float = 50.0,
    shape: tuple[int, int] = (384, 384),
    images: bool = True,
    seed: int = 0,
    until: str | None = None,
    rerun: str | Iterable[str] = (),
    dry_run: bool = False,
    scheduler: Scheduler = None,
    workers: int | None = None,
    storage_options: StorageOptions | None = None,
    progress: bool | None = None,
) -> BuildReport | Estimate:
    """Build a model from products and a truth: archive, twins, backbone, heads, scores, card.

    Parameters
    ----------
    inputs : str, path-like or iterable of them
        Products as `xoceansar.process` takes them, with their Level-2 OCN twins where these are the
        truth; or one store of vignettes, as `xoceansar.process` or `xoceansar.to_zarr` made it.
    to : str or Path
        Folder of the model. The stages lie beside it, in ``<to>.build``.
    truth : {"ocn", "era5"}, path-like or iterable of paths
        The Level-2 twins; ERA5; or files with targets by the library's names, of vignettes by
        ``vignette_id`` or of places and times.
    reference : path-like or iterable of them, optional
        The files of ERA5; the OCN products, where they are not among `inputs`.
    targets : str or iterable of str, optional
        Variables to fit heads for. By default what the truth has of ``swh``, ``wind_speed`` and
        ``ocean_class``.
    units : mapping of str to str, optional
        Units of targets of a file that does not say them, such as a CSV table.
    features : str or iterable of str, optional
        Physical parameters that heads take: ``texture``, ``cwave``, ``statistics``, ``cutoff``.
    backbone : str or Path, optional
        ``none``: physical parameters alone. ``pretrain``: by `recipe`, on the vignettes that are
        not scored. Or a model: the name or the folder of a bundle, ``hf://organisation/name``, a
        checkpoint of another library with its `architecture` and `pooling`.
    recipe : str or Path, optional
        Configuration of the pretraining, as `xoceansar.train.load_config` reads it.
    architecture, pooling : str, optional
        Of a checkpoint of another library, as in `xoceansar.models.convert_checkpoint`.
    head : {"linear", "mlp", "knn"}, optional
        Kind of the heads; classes get logistic ones in place of linear ones.
    later, test, calibration : float, optional
        Fractions of the vignettes with a truth that are scored on another time, scored on other
        passes of the same time, and calibrated on. Whole orbit passes each.
    confidence : float, optional
        Of the intervals whose coverage is scored.
    max_distance, max_time : str, optional
        Limits of a match in space and time.
    beam, spacing, shape
        As in `xoceansar.open_wave_mode`.
    images : bool, optional
        Whether the archive keeps the images, half a megabyte each: without them the report has no
        quick-looks and no hand-made features to compare with.
    seed : int, optional
        Of the splits and the fits.
    until : str, optional
        The last stage to make.
    rerun : str or iterable of str, optional
        Stages to make again, with those that then have other inputs. The archive keeps its rows: products
        that are new, or that failed, are added.
    dry_run : bool, optional
        Whether to say only what would be done.
    scheduler, workers, storage_options, progress
        As in `xoceansar.process`.

    Returns
    -------
    BuildReport or Estimate
        What was made; with `dry_run` what would be.

    Raises
    ------
    TrainingError
        If the folder was begun for another request; there are too few passes or vignettes with a
        truth; a truth is missing altogether or has one class; or the disk is full.
    UnitsError
        If a target is in other units than the library's, or than it says.
    ProductError
        If no product can be processed, or a path does not exist.
    ArchiveError
        If another build is at work in the folder.

    Warns
    -----
    OceansarWarning
        If most vignettes have no truth, or a head could not be calibrated.

    Notes
    -----
    Each stage is a folder with ``stage.json``: what it found, and the digest of its result. Killed
    anywhere, the same call goes on: with the products of the archive that are missing, at the newest
    checkpoint of a pretraining, and with any other stage from its beginning. On a CPU the bundle is
    the same, to the bit. A stage that is removed is made again alone, and those after it only
    where its result is another.

    What is scored belongs to passes that no backbone, head or calibration has seen: ``test`` in the
    same period, and ``later`` the last ones. ``simulated`` of the bundle follows from what went in:
    images, truth and backbone.

    Examples
    --------
    >>> import xoceansar as xos
    >>> made = xos.build("products/", "my-model", truth="ocn")  # doctest: +SKIP
    >>> made.model.heads["swh"].intervals  # doctest: +SKIP
    """
    request = Request(
        inputs=places(inputs),
        truth=(truth,) if truth in (OCN, ERA5) else places(truth),
        reference=places(reference),
        targets=_names(targets),
        units=dict(units or {}),
        features=_names(features),
        backbone=_backbone(backbone),
        recipe=_recipe(recipe) if backbone == PRETRAIN else {},
        architecture=architecture,
        pooling=pooling,
        head=head,
        later=later,
        test=test,
        calibration=calibration,
        confidence=confidence,
        max_distance=str(max_distance),
        max_time=str(max_time),
        beam=one_beam(beam, error=ProductError),
        spacing=float(spacing),
        shape=(int(shape[0]), int(shape[1])),
        images=bool(images),
        seed=int(seed),
    )
    model = local_target(to, "a model").absolute()
    again = _names(rerun)
    how = Execution(scheduler, workers, storage_options, "archive" in again, progress)
    work = Workspace(model.with_name(model.name + _BESIDE), request, model, how)
    stages = _chosen(stages_of(request), until, again)
    if dry_run:
        return estimate(work)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return _pretrained_together(work, stages)
    with ArchiveLock(str(work.folder), "{}"):
        work.begin()
        for name in again:
            # of an archive the rows stay: what failed is tried again, and what is new is added
            work.forget(name, whole=name != ARCHIVE)
        return _run(work, stages)


def _run(work: Workspace, stages: tuple[Stage, ...]) -> BuildReport:
    made, kept = [], []
    for stage in stages:
        if work.is_done(stage):
            kept.append(stage.name)
        else:
            work.run(stage)
            made.append(stage.name)
        if stage.name == BUNDLE:  # the report may yet want a package that is not there
            with disk_errors(work.model):
                deliver(work)
    done = {stage.name for stage in stages}
    failed = work.found(ARCHIVE)["failed"] if ARCHIVE in done else []
    page = work.path(REPORT) / "report.html"
    return BuildReport(
        folder=work.folder,
        made=tuple(made),
        kept=tuple(kept),
        model=load_model(work.model) if BUNDLE in done else None,
        report=page if REPORT in done and page.exists() else None,
        scores=work.found(EVALUATION)["scores"] if EVALUATION in done else {},
        failed=tuple((p, why) for p, why in failed),
    )


def _pretrained_together(work: Workspace, stages: tuple[Stage, ...]) -> BuildReport:
    """Take a part in a pretraining that torchrun has started: all before it must be done."""
    places_of = {stage.name: stage for stage in stages}
    stage = places_of.get(BACKBONE)
    if work.request.backbone != PRETRAIN or stage is None:
        raise TrainingError(
            "torchrun is for the pretraining, and this build has none. Start it with 'xoceansar build'."
        )
    missing = [name for name in stage.needs if work.facts(name) is None]
    if missing:
        raise TrainingError(
            f"the stages {missing} come before the pretraining, and one process makes them. Run "
            "'xoceansar build ... --until targets' first, then the same under torchrun, then go on "
            "without it."
        )
    work.begin()
    if os.environ.get("RANK", "0") == "0":
        work.run(stage)
    else:
        from xoceansar.building.backbone_stage import take_part

        take_part(work)
    return BuildReport(work.folder, (BACKBONE,), (), None, None, {})


def _chosen(
    stages: tuple[Stage, ...], until: str | None, again: tuple[str, ...]
) -> tuple[Stage, ...]:
    names = [stage.name for stage in stages]
    unknown = [n for n in (*again, *((until,) if until else ())) if n not in names]
    if unknown:
        raise TrainingError(
            f"there is no stage {unknown[0]!r} in this plan; its stages are {names}."
        )
    return stages[: names.index(until) + 1] if until else stages


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    listed = given.split(",") if isinstance(given, str) else list(given)
    return tuple(name.strip() for name in listed if name.strip())


def _backbone(given: str | Path) -> str:
    """Return a name as it is, and a path such that it means the same from any folder."""
    path = Path(given).expanduser()
    return str(path.absolute()) if path.exists() else str(given)


def _recipe(given: str | Path) -> dict[str, Any]:
    require("pydantic", extra="train")
    from xoceansar.train.pretraining.config import load_config

    return dict(load_config(given).to_dict())
