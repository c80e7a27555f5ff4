"""Heads on what the archive holds, and how sure they are: intervals, temperature, distance, domain."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.building.archive_stage import ARCHIVE, backbone_of, open_vignettes
from xoceansar.building.request import Request
from xoceansar.building.target_stage import PART, names_of_targets, open_targets
from xoceansar.building.workspace import Facts, Workspace, digest_bundle
from xoceansar.conventions import EMBEDDING, OCEAN_CLASS, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import TrainingError, warn
from xoceansar.models.bundle.extension import extend_bundle
from xoceansar.models.bundle.library import load_model
from xoceansar.models.heads.head import Head, load_head
from xoceansar.models.spec import Ancillary, HeadSpec, ModelHandle
from xoceansar.models.spec.choices import Simulated
from xoceansar.train import calibrate, fit, fit_distance, fit_temperature
from xoceansar.train.heads.fit_result import plain
from xoceansar.train.heads.rows import Rows, gather
from xoceansar.train.heads.targets import find_truth

HEADS: Final = "heads"
CALIBRATION: Final = "calibration"
#: Name and target of the head that says how far a vignette lies from those that were learned from.
_DISTANCE: Final = "ood_score"
_BESIDE: Final[tuple[Ancillary, ...]] = ("sigma0_mean_db", "incidence")
#: Categories of a number where there are no classes: thirds of the vignettes.
_THIRDS: Final = (1 / 3, 2 / 3)


def make_heads(work: Workspace, folder: Path) -> Facts:
    """Fit a head for each target, on the part that is learned from."""
    request = work.request
    handle = domain_of_data(work)
    ds, targets = part_of(work, "learned")
    heads: list[Head] = []
    about: dict[str, Any] = {}
    for name in names_of_targets(work):
        result = fit(
            ds,
            targets[name],
            head="logistic"
            if _is_classes(targets, name) and request.head == "linear"
            else request.head,
            model=handle,
            features=request.inputs_of_heads,
            ancillary=ancillary_of(ds, name),
            class_weight="balanced" if _is_classes(targets, name) else None,
            seed=request.seed,
        )
        heads.append(result.head)
        about[name] = result.provenance
    write_heads(
        folder / "bundle", handle, heads, simulated_of(work), {"heads": about}, "heads"
    )
    return {"heads": about, "digest": digest_bundle(folder / "bundle")}


def make_calibration(work: Workspace, folder: Path) -> Facts:
    """Calibrate each head on passes that it was not fitted on, and fit the distance score."""
    request = work.request
    handle = load_model(work.path(HEADS) / "bundle")
    ds, targets = part_of(work, "calibration")
    heads: list[Head] = []
    skipped: dict[str, str] = {}
    for spec in handle.heads:
        head = load_head(spec, Path(handle.path))
        rows = rows_of(ds, targets, spec, handle, request)
        try:
            heads.append(_calibrated(head, rows, request.seed))
        except TrainingError as error:
            skipped[spec.name] = str(error)
            heads.append(head)
    try:
        heads.append(_distance(work, handle))
    except TrainingError as error:
        skipped[_DISTANCE] = str(error)
    for name, reason in skipped.items():
        warn(f"{name} is without a calibration, and the card says so: {reason}")
    write_heads(folder / "bundle", handle, heads, simulated_of(work), {}, "calibration")
    return {"skipped": skipped, "digest": digest_bundle(folder / "bundle")}


def domain_of_data(work: Workspace) -> ModelHandle:
    """Return the backbone's bundle with the limits of the data that heads are fitted on."""
    handle, ds = backbone_of(work), open_vignettes(work)
    found: dict[str, tuple[str, ...]] = {}
    for name, field in (("beam", "beams"), ("polarisation", "polarisations")):
        if name in ds.coords:
            present = sorted(set(text_values(ds[name].values).ravel().tolist()) - {""})
            found[field] = tuple(map(str, present))
    spec = handle.input
    if isinstance(spec.mean, tuple) or isinstance(spec.std, tuple):
        found.pop("beams", None)  # its constants are those of its own beams
    return replace(handle, input=replace(spec, **found))  # type: ignore[arg-type]


def part_of(work: Workspace, *parts: str) -> tuple[xr.Dataset, xr.Dataset]:
    """Return what heads take and the targets of some parts; the first is in memory when computed."""
    targets = open_targets(work)
    rows = np.flatnonzero(np.isin(text_values(targets[PART].values), parts))
    targets = targets.isel({VIGNETTE: rows})
    ds = open_vignettes(work).isel({VIGNETTE: rows})
    if not work.request.has_backbone:
        ds = ds.drop_vars("embedding_vector", errors="ignore")
    if OCEAN_CLASS in names_of_targets(work):  # over ice a wave height means nothing
        ds = ds.assign({OCEAN_CLASS: targets[OCEAN_CLASS].reset_coords(drop=True)})
    return ds, targets


def ancillary_of(ds: xr.Dataset, target: str) -> tuple[Ancillary, ...]:
    """Choose the inputs of a head beside its features: those that the archive has."""
    wanted: tuple[Ancillary, ...] = _BESIDE
    if target == "wind_speed":
        wanted = (*wanted, "gmf_wind")
    level, angle = "sigma0_mean" in ds.coords, "incidence" in ds.coords
    there = {"sigma0_mean_db": level, "incidence": angle, "gmf_wind": level and angle}
    return tuple(name for name in wanted if there[name])


def rows_of(
    ds: xr.Dataset,
    targets: xr.Dataset,
    spec: HeadSpec,
    handle: ModelHandle,
    request: Request,
) -> Rows:
    """Gather the rows of a head: features, truth, level, incidence, pass and beam."""
    return gather(
        ds,
        targets[spec.target],
        handle,
        ancillary=spec.ancillary,
        classes=spec.classes or None,
        groups="orbit_pass",
        features=request.inputs_of_heads,
    )


def _is_classes(targets: xr.Dataset, name: str) -> bool:
    return bool(find_truth(targets, name).classes)


def _calibrated(head: Head, rows: Rows, seed: int) -> Head:
    beside = {"sigma0_mean": rows.sigma0_mean, "incidence": rows.incidence}
    if head.spec.is_classifier:
        return fit_temperature(
            head,
            rows.features,
            rows.truth.values,
            **beside,
            groups=rows.groups,
            seed=seed,
        )
    if not np.isfinite(rows.incidence).all():
        raise TrainingError(
            f"intervals of head {head.spec.name!r} are told apart by incidence, and the vignettes "
            "have none."
        )
    return calibrate(
        head,
        rows.features,
        rows.truth.values,
        sigma0_mean=rows.sigma0_mean,
        incidence=rows.incidence,
        beam=rows.beam,
        groups=rows.groups,
        seed=seed,
    )


def _distance(work: Workspace, handle: ModelHandle) -> Head:
    """Fit how far a vignette is from those that were learned from and calibrated on."""
    ds, targets = part_of(work, "learned", "calibration")
    spec = handle.heads[0]
    rows = rows_of(ds, targets, spec, handle, work.request)
    distance = HeadSpec(
        name=_DISTANCE,
        kind="distance",
        target=_DISTANCE,
        units="1",
        pooling=handle.backbone.pooling,
        backbone_sha256=handle.weights_sha256,
        ancillary=tuple(a for a in _BESIDE if a in spec.ancillary),
        features=rows.blocks,
        embedding=EMBEDDING in work.request.inputs_of_heads,
        polarisations=spec.polarisations,
        beams=spec.beams,
    )
    return fit_distance(
        rows.features,
        _categories(rows),
        distance,
        sigma0_mean=rows.sigma0_mean,
        incidence=rows.incidence,
        groups=rows.groups,
        seed=work.request.seed,
    )


def _categories(rows: Rows) -> Array:
    """Say of what kind each vignette is: its class, or the third that its number is in, and its beam."""
    values = rows.truth.values
    edges = () if rows.truth.classes else np.quantile(values, _THIRDS)
    kinds = values.astype(int) if rows.truth.classes else np.searchsorted(edges, values)
    return np.array([f"{k} {b}" for k, b in zip(kinds, rows.beam, strict=True)])


def write_heads(
    folder: Path,
    handle: ModelHandle,
    heads: Sequence[Head],
    simulated: Simulated,
    provenance: dict[str, Any],
    name: str,
    card: str = "",
) -> ModelHandle:
    """Write a bundle with the backbone of another and these heads."""
    base = handle
    for i, head in enumerate(heads):
        kept = {spec.name for spec in handle.heads} if i else set[str]()
        handle = extend_bundle(
            folder,
            handle,
            head,
            name=name,
            keep=kept,
            simulated=simulated,
            provenance=plain(provenance),
            card=card
            or f"# {name}\n\nA stage of a build, of the backbone {base.name}.\n",
        )
    return handle


def simulated_of(work: Workspace) -> Simulated:
    """Tell from what went in whether the model is simulated, partly or not at all."""
    backbone = work.found("backbone")
    parts: list[Simulated] = [
        bool(work.found(ARCHIVE)["simulated"]),
        bool(work.found("targets")["simulated"]),
    ]
    if backbone["used"]:
        parts.append(backbone["simulated"])
    if all(part is True for part in parts):
        return True
    return "partly" if any(parts) else False
