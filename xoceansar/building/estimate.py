"""What a build would do: how much there is, and how long it takes by a rate that is measured here."""

import json
import time
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

from xoceansar._optional import require
from xoceansar.building.archive_stage import ARCHIVE, given_store, products_of
from xoceansar.building.plan import stages_of
from xoceansar.building.request import PRETRAIN
from xoceansar.building.workspace import Workspace
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import OceansarError
from xoceansar.io.archive.zarr_archive import open_archive
from xoceansar.io.remote import encode_options
from xoceansar.io.safe.wave_mode import open_wave_mode
from xoceansar.models.bundle.library import load_model
from xoceansar.ops.feature_blocks import FEATURE_BLOCKS
from xoceansar.processing.product_block import Task, results
from xoceansar.processing.product_listing import Unit, list_units
from xoceansar.processing.settings import COMPLEX_OUTPUTS, Settings

#: Vignettes that the rate is measured on, and products whose vignettes are counted.
_MEASURED: Final = 2
_COUNTED: Final = 20
#: Numbers of a block, as documented.
_NUMBERS: Final = {"texture": 156, "cwave": 20, "statistics": 3, "cutoff": 1}


@dataclass(frozen=True)
class Estimate:
    """What a build would do.

    Parameters
    ----------
    stages : tuple of (str, str, bool)
        Name, what it does, and whether it is done.
    products, vignettes : int
        That it would take; of many products, by the mean of the first ones.
    archive_bytes : int
        Of the archive, before compression.
    seconds_per_vignette : float or None
        To process one, measured here on one process; None where nothing is to be processed, or
        nothing could be measured.
    gpu : str
        Name of the GPU that would be used; empty without.
    notes : tuple of str
        What could not be said.
    """

    stages: tuple[tuple[str, str, bool], ...]
    products: int
    vignettes: int
    archive_bytes: int
    seconds_per_vignette: float | None
    gpu: str
    notes: tuple[str, ...] = ()

    @property
    def hours(self) -> float | None:
        """Hours of one process for the archive."""
        rate = self.seconds_per_vignette
        return None if rate is None else rate * self.vignettes / 3600

    def __str__(self) -> str:
        """Say it in lines."""
        lines = [
            f"{'done' if done else 'to do':6} {name:12} {about}"
            for name, about, done in self.stages
        ]
        lines.append(f"{self.products} products, {self.vignettes} vignettes")
        lines.append(f"archive: {self.archive_bytes / 1e9:.3g} GB before compression")
        if self.hours is not None:
            lines.append(
                f"processing: {self.hours:.2g} hours of one process, by {self.seconds_per_vignette:.2g} s "
                "a vignette measured here"
            )
        lines.append(f"GPU: {self.gpu or 'none'}")
        return "\n".join([*lines, *self.notes])


def estimate(work: Workspace) -> Estimate:
    """Count what is there, and measure how long a vignette takes."""
    request = work.request
    stages = tuple((s.name, s.about, _is_done(work, s)) for s in stages_of(request))
    notes: list[str] = []
    store = given_store(request.inputs)
    rate: float | None = None
    if store is not None:
        vignettes, products = open_archive(store).sizes.get(VIGNETTE, 0), 0
    else:
        options = encode_options(work.execution.storage_options)
        units, _ = list_units(products_of(request.inputs, "SLC", options), options)
        products = len(units)
        vignettes, rate = _measured(work, units, notes)
    if work.facts(ARCHIVE) is not None:
        vignettes = int(work.found(ARCHIVE)["vignettes"])
    if request.backbone == PRETRAIN:
        steps = request.recipe["optimisation"]["steps"]
        notes.append(f"pretraining: {steps} steps; their time is not measured")
    return Estimate(
        stages=stages,
        products=products,
        vignettes=vignettes,
        archive_bytes=vignettes * _bytes_of_row(work),
        seconds_per_vignette=rate,
        gpu=_gpu(),
        notes=tuple(notes),
    )


def _is_done(work: Workspace, stage: Any) -> bool:
    try:
        return work.is_done(stage)
    except OceansarError:
        return False  # what it needs is not done


def _measured(
    work: Workspace, units: list[Unit], notes: list[str]
) -> tuple[int, float | None]:
    """Count vignettes, by the first products where there are many, and time two of them."""
    counts: list[int] = []
    rate: float | None = None
    for unit in units[:_COUNTED]:
        try:
            ds = open_wave_mode(
                unit.path,
                beam=work.request.beam,
                spacing=work.request.spacing,
                shape=work.request.shape,
                complex=not COMPLEX_OUTPUTS.isdisjoint(work.request.features),
                chunks=1,
                storage_options=work.execution.storage_options,
            )
            if rate is None and ds.sizes[VIGNETTE]:
                rate = _seconds(work, ds)
        except OceansarError as error:
            notes.append(f"{Path(unit.path).name} could not be looked at: {error}")
            continue
        counts.append(ds.sizes[VIGNETTE])
    if len(units) > _COUNTED and counts:
        notes.append(f"vignettes are counted in {len(counts)} products, and scaled")
        return round(sum(counts) / len(counts) * len(units)), rate
    return sum(counts), rate


def _seconds(work: Workspace, ds: Any) -> float:
    """Time some vignettes; once before, to compile and to read weights."""
    request = work.request
    with_network = request.has_backbone and request.backbone != PRETRAIN
    try:
        handle = load_model(request.backbone) if with_network else None
    except OceansarError:
        handle = None  # a checkpoint, which is yet to be converted
    outputs: Any = (*request.features, "quality", *(["embedding"] if handle else []))
    settings = Settings(
        outputs=outputs, model="", fingerprint="", confidence=None, threshold=None,
        beam=request.beam, spacing=request.spacing, shape=request.shape, reader="direct",
        uncalibrated=False,
    )  # fmt: skip
    task = Task(settings, handle, "{}")
    few = ds.isel({VIGNETTE: slice(0, _MEASURED)})
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        lazy = results(few, task)
        if lazy is not None:
            lazy.compute(scheduler="synchronous")
        seconds = time.perf_counter() - start
    return seconds / int(few.sizes[VIGNETTE])


def _bytes_of_row(work: Workspace) -> int:
    request = work.request
    numbers = sum(
        _NUMBERS.get(name, 100) for name in request.features if name in FEATURE_BLOCKS
    )
    if request.has_backbone:
        numbers += _width(work)
    kept = request.images or request.backbone == PRETRAIN
    given = given_store(request.inputs) is not None
    pixels = prod(request.shape) if kept and not given else 0
    return 4 * numbers + 2 * pixels + 200


def _width(work: Workspace) -> int:
    request = work.request
    if request.backbone == PRETRAIN:
        return int(json.loads(json.dumps(request.recipe)).get("embedding_dim", 768))
    try:
        return load_model(request.backbone).embedding_dim
    except OceansarError:
        return 768


def _gpu() -> str:
    torch = require("torch", extra="models")
    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else ""
