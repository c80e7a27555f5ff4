"""`fit`: from vignettes with a truth to a head, through the same operations as at inference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._version import __version__
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import TrainingError, warn
from xoceansar.models.heads import Head
from xoceansar.models.spec import Ancillary, HeadSpec, ModelHandle
from xoceansar.ops.embed import Model, as_handle
from xoceansar.ops.layout import XarrayObject, find_embedding
from xoceansar.train.groups import ORBIT_PASS, warn_if_few
from xoceansar.train.heads import fit_knn, fit_logistic, fit_ridge
from xoceansar.train.perceptron import LEARNING_RATES, fit_mlp
from xoceansar.train.result import FitResult, plain
from xoceansar.train.rows import Groups, Rows, gather
from xoceansar.train.sample import ClassWeights, class_folds, group_folds
from xoceansar.train.scores import score_table

__all__ = ["KINDS", "Settings", "fit"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides a fit, beside the rows.

    Parameters
    ----------
    class_weights : "balanced", mapping of str to float, or None
        Weight of a row of each class.
    learning_rates : tuple of float
        Tried where the head is trained by gradients.
    seed : int
        Of everything random.
    """

    class_weights: ClassWeights
    learning_rates: tuple[float, ...]
    seed: int


def _linear(learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings) -> Head:
    del held_out
    return fit_ridge(
        learned.features,
        learned.truth.values,
        spec,
        sigma0_mean=learned.sigma0_mean,
        incidence=learned.incidence,
        groups=learned.groups,
        seed=settings.seed,
    )


def _logistic(
    learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings
) -> Head:
    del held_out
    return fit_logistic(
        learned.features,
        learned.truth.values,
        spec,
        sigma0_mean=learned.sigma0_mean,
        incidence=learned.incidence,
        groups=learned.groups,
        class_weights=settings.class_weights,
        seed=settings.seed,
    )


def _knn(learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings) -> Head:
    del held_out
    if settings.class_weights is not None:
        raise TrainingError(
            "a knn head has no class weights: its neighbours vote as they are. Use 'logistic' or "
            "'mlp'."
        )
    return fit_knn(
        learned.features,
        learned.truth.values,
        spec,
        sigma0_mean=learned.sigma0_mean,
        incidence=learned.incidence,
        groups=learned.groups,
    )


def _mlp(learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings) -> Head:
    def both(name: str) -> Array:
        return np.concatenate([getattr(learned, name), getattr(held_out, name)])

    return fit_mlp(
        both("features"),
        np.concatenate([learned.truth.values, held_out.truth.values]),
        spec,
        sigma0_mean=both("sigma0_mean"),
        incidence=both("incidence"),
        held_out=np.arange(len(learned) + len(held_out)) >= len(learned),
        class_weights=settings.class_weights,
        learning_rates=settings.learning_rates,
        seed=settings.seed,
    )


#: How each kind of head on the embedding is fitted.
KINDS: Final[Mapping[str, Callable[[Rows, Rows, HeadSpec, Settings], Head]]] = {
    "linear": _linear,
    "logistic": _logistic,
    "knn": _knn,
    "mlp": _mlp,
}


def fit(
    ds: XarrayObject,
    target: str | xr.DataArray,
    *,
    head: Literal["linear", "logistic", "knn", "mlp"] = "linear",
    model: Model = None,
    groups: Groups = ORBIT_PASS,
    validation: float | XarrayObject = 0.15,
    ancillary: Sequence[Ancillary] = ("sigma0_mean_db", "incidence"),
    classes: Sequence[str] | None = None,
    class_weights: ClassWeights = None,
    learning_rates: Sequence[float] | None = None,
    finetune: Literal["full", "lora"] | None = None,
    name: str | None = None,
    to: str | Path | None = None,
    seed: int = 0,
) -> FitResult:
    """Fit a head on vignettes whose truth is known.

    Parameters
    ----------
    ds : Dataset or DataArray
        Images (vignette, line, sample) or embeddings (vignette, embedding), in memory or lazy, as
        ``.oceansar.embed()`` takes them. Images are read chunk by chunk.
    target : str or DataArray (vignette,)
        The truth: a variable of `ds`, or values for its vignettes, matched by ``vignette_id``
        where both have it. Its name is that of the variable that the head gives (``swh``,
        ``wind_speed``, ``ocean_class``, ...), its units those of `xoceansar.conventions`. NaN,
        empty or negative codes where unknown.
    head : {"linear", "logistic", "knn", "mlp"}
        ``linear``: ridge regression of a number. ``logistic``: linear, of classes. ``knn``: the
        nearest neighbours vote. ``mlp``: a perceptron of three layers on top of a linear law.
    model : str or ModelHandle, optional
        Name, path or handle of the model whose backbone is used; the default bundle where not
        given.
    groups : str, ndarray (vignette,), DataArray or None
        What must not be on both sides of a split: ``orbit_pass``, the name of a coordinate, or the
        groups themselves. None splits at random, which makes scores too good, and warns.
    validation : float or Dataset
        Fraction of the groups that is held out, or other vignettes with the same truth, none of
        whose groups is in `ds`.
    ancillary : sequence of {"sigma0_mean_db", "incidence"}
        Inputs of the head beside the embedding.
    classes : sequence of str, optional
        Classes in the order of the probabilities; from ``flag_meanings``, or from the texts, where
        not given. A class that is not named is left out.
    class_weights : "balanced", mapping of str to float, or None
        Weight of a row of each class: the same for each class as a whole, by name, or 1.
    learning_rates : sequence of float, optional
        Tried where something is trained by gradients; the best on the validation stays. By default
        five from 5e-5 to 5e-3 for a perceptron; one for a fine-tuning.
    finetune : {"full", "lora"}, optional
        Train the backbone too, all of it or a low-rank change of its linear layers, from the head
        that was fitted on it frozen. Needs images, and heads that have gradients.
    name : str, optional
        Name of the head; the target's where not given.
    to : str or Path, optional
        Folder to write a bundle to, as `FitResult.write` does.
    seed : int
        Decides the split and everything random. The state of torch's generator is left as it was.

    Returns
    -------
    FitResult
        ``scores`` of the validation, ``validation`` row by row, ``write(folder)`` to use it:
        ``.oceansar.swh(model=folder)``.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError
        If the truth, its units, or an input of the head is missing.
    TrainingError
        If nothing is left to fit, the truth does not vary, a group would be on both sides, or the
        head does not suit the truth.
    WeightsMismatchError
        If embeddings were made by another model.

    Notes
    -----
    Left out and counted (`FitResult.dropped`): vignettes without truth, outside the model's domain,
    without a usable embedding, and, for numbers, over sea ice and land (``ocean_class``,
    ``quality``), where a wave height means nothing. The penalty of a linear head is chosen by
    cross-validation within the rows that are learned from, so the validation is new to it; rate
    and stopping of a perceptron and of a fine-tuning are chosen on the validation, whose score is
    then a little too good: compare with vignettes that had no part in the fit.

    Examples
    --------
    >>> import xoceansar as xos
    >>> rng = np.random.default_rng(0)
    >>> model = xos.load_model()
    >>> ids = [
    ...     f"s1a-wv1-slc-vv-20210403t083025-20210403t083028-{i // 4:06d}-{i // 4:06x}-001"
    ...     for i in range(80)
    ... ]
    >>> vectors = xr.DataArray(
    ...     rng.normal(size=(80, model.embedding_dim)),
    ...     dims=("vignette", "embedding"),
    ...     coords={"vignette_id": ("vignette", ids)},
    ... )
    >>> swh = (2 + vectors[:, 0]).rename("swh").assign_attrs(units="m")
    >>> result = fit(vectors, swh, ancillary=())
    >>> result.provenance["groups"]
    {'by': 'orbit_pass', 'fit': 17, 'validation': 3}
    """
    if head not in KINDS:
        raise TrainingError(f"head must be one of {list(KINDS)}; got {head!r}.")
    handle = as_handle(model)
    how: dict[str, Any] = {"ancillary": ancillary, "classes": classes, "groups": groups}
    rows = gather(ds, target, handle, **how)
    _check_kind(head, rows)
    learned, held_out = _sides(rows, target, validation, handle, how, seed)
    _warn_about_classes(learned, held_out)
    spec = _spec(head, name, learned, handle, ancillary)
    rates = tuple(LEARNING_RATES if learning_rates is None else learning_rates)
    settings = Settings(class_weights=class_weights, learning_rates=rates, seed=seed)
    fitted = KINDS[head](learned, held_out, spec, settings)
    result = _result(fitted, learned, held_out, handle, ds, groups, settings)
    return result if to is None else replace(result, bundle=result.write(to))


def _check_kind(head: str, rows: Rows) -> None:
    truth = rows.truth
    if truth.classes and head == "linear":
        raise TrainingError(
            f"{truth.name!r} has classes: use head='logistic', 'knn' or 'mlp'."
        )
    if not truth.classes and head == "logistic":
        raise TrainingError(
            f"{truth.name!r} is a number: use head='linear', 'knn' or 'mlp'."
        )


def _sides(
    rows: Rows,
    target: str | xr.DataArray,
    validation: float | XarrayObject,
    handle: ModelHandle,
    how: dict[str, Any],
    seed: int,
) -> tuple[Rows, Rows]:
    """Rows to learn from and rows to validate on, with no group in common."""
    if isinstance(validation, xr.Dataset | xr.DataArray):
        return rows, _other(rows, target, validation, handle, how)
    if not 0 < validation <= 0.5:
        raise TrainingError(
            f"validation must be a fraction up to 0.5, or a Dataset; got {validation}."
        )
    warn_if_few(rows.groups, _kind_of(how["groups"]))
    if len(np.unique(rows.groups)) < 2:
        raise TrainingError(
            f"all {len(rows)} vignettes belong to one group ({_kind_of(how['groups'])}), so none "
            "can be held out. Give vignettes of other passes, or validation=a Dataset."
        )
    folds = max(2, round(1 / validation))
    if rows.truth.classes:
        split = class_folds(rows.truth.values.astype(int), rows.groups, folds, seed)
    else:
        split = group_folds(rows.groups, folds, seed)
    learned, held_out = next(split)
    return rows.part(learned), rows.part(held_out)


def _other(
    rows: Rows,
    target: str | xr.DataArray,
    validation: XarrayObject,
    handle: ModelHandle,
    how: dict[str, Any],
) -> Rows:
    groups = how["groups"]
    if not isinstance(target, str) or not (groups is None or isinstance(groups, str)):
        raise TrainingError(
            "with validation= a Dataset, target and groups must be names that both Datasets have. "
            "Put them in: ds.assign(swh=...), ds.assign_coords(group=...)."
        )
    if rows.truth.classes:
        how = {**how, "classes": rows.truth.classes}
    held_out = gather(validation, target, handle, **how)
    common = np.intersect1d(rows.groups, held_out.groups)
    if groups is not None and len(common):
        raise TrainingError(
            f"{len(common)} group(s) ({_kind_of(groups)}) are in both Datasets, such as "
            f"{common[0]}: the validation would know the answer. Split by group."
        )
    return held_out


def _kind_of(groups: Groups) -> str:
    if groups is None:
        return "each vignette"
    return groups if isinstance(groups, str) else "as given"


def _warn_about_classes(learned: Rows, held_out: Rows) -> None:
    classes = learned.truth.classes
    for rows, what in ((learned, "to learn from"), (held_out, "to validate on")):
        found = set(rows.truth.values.astype(int)) if classes else set()
        absent = [name for i, name in enumerate(classes) if i not in found]
        if absent:
            warn(
                f"no example {what} of {', '.join(absent)}"
                + (": never predicted." if rows is learned else ": not scored.")
            )


def _spec(
    kind: str,
    name: str | None,
    rows: Rows,
    handle: ModelHandle,
    ancillary: Sequence[Ancillary],
) -> HeadSpec:
    beams, polarisations = (
        tuple(sorted(set(values.tolist()) - {""}))
        for values in (rows.beam, rows.polarisation)
    )
    return HeadSpec(
        name=name or rows.truth.name,
        kind=kind,  # type: ignore[arg-type]
        target=rows.truth.name,
        units=rows.truth.units,
        pooling=handle.backbone.pooling,
        backbone_sha256=handle.weights_sha256,
        classes=rows.truth.classes,
        ancillary=tuple(ancillary),
        lower_bound=rows.truth.lower_bound,
        polarisations=polarisations or handle.input.polarisations,
        beams=beams or handle.input.beams,
    )


def _result(
    fitted: Head,
    learned: Rows,
    held_out: Rows,
    handle: ModelHandle,
    ds: XarrayObject,
    groups: Groups,
    settings: Settings,
) -> FitResult:
    predicted = fitted(held_out.inputs(fitted.spec))
    truth = held_out.truth.values
    scores = score_table(
        predicted, truth, held_out.beam, fitted.spec, learned.truth.values
    )
    simulated = _is_simulated(ds, handle)
    provenance = plain(
        {
            "kind": fitted.spec.kind,
            "n_fit": len(learned),
            "n_validation": len(held_out),
            "dropped": learned.dropped,
            "groups": {
                "by": _kind_of(groups),
                "fit": len(np.unique(learned.groups)),
                "validation": len(np.unique(held_out.groups)),
            },
            "validation": scores.to_dict("index"),
            "simulated": simulated,
            "source": str(ds.attrs.get("source", "")),
            "model": handle.name,
            "finetune": None,
            "class_weights": settings.class_weights,
            "seed": settings.seed,
            "xoceansar_version": __version__,
        }
    )
    spec = replace(
        fitted.spec, metrics=plain({**fitted.spec.metrics, **scores.loc["all"]})
    )
    return FitResult(
        head=Head(spec, fitted.arrays),
        model=handle,
        scores=scores,
        validation=_row_by_row(predicted, held_out),
        dropped=learned.dropped,
        provenance=provenance,
        simulated=simulated,
    )


def _is_simulated(ds: XarrayObject, handle: ModelHandle) -> bool:
    """Whether the data say so; what cannot say is taken for what the model is."""
    mute = isinstance(ds, xr.DataArray) or find_embedding(ds) is not None
    return bool(ds.attrs.get("simulated", mute and handle.simulated))


def _row_by_row(predicted: Array, rows: Rows) -> xr.Dataset:
    truth = rows.truth
    attrs = {"units": truth.units, "long_name": f"{truth.name}, predicted"}
    known = {**attrs, "long_name": f"{truth.name}, true"}
    found: dict[str, Any]
    if not truth.classes:
        found = {
            "truth": (VIGNETTE, truth.values, known),
            "predicted": (VIGNETTE, predicted[:, 0], attrs),
        }
        return rows.coords.assign(found).assign_coords(group=(VIGNETTE, rows.groups))
    names = np.array(truth.classes)
    found = {
        "truth": (VIGNETTE, names[truth.values.astype(int)], known),
        "predicted": (VIGNETTE, names[predicted.argmax(axis=1)], attrs),
        "probability": ((VIGNETTE, "class"), predicted, {"units": "1"}),
    }
    return rows.coords.assign(found).assign_coords(
        {"group": (VIGNETTE, rows.groups), "class": names}
    )
