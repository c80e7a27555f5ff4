"""`fit`: from vignettes with a truth to a head, through the same operations as at inference."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._version import __version__
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.conventions.attributes import is_simulated
from xoceansar.errors import TrainingError
from xoceansar.labelling.label_file import Labels
from xoceansar.layout.images import XarrayObject, find_embedding
from xoceansar.models.heads.head import Head
from xoceansar.models.spec import Ancillary, HeadSpec, ModelHandle
from xoceansar.ops.embedding import Model, as_handle
from xoceansar.ops.feature_blocks import FEATURE_BLOCKS
from xoceansar.ops.head_inputs import holds_features_alone
from xoceansar.splits.groups import ORBIT_PASS
from xoceansar.train.finetuning.tuning import tune
from xoceansar.train.heads.fit_result import FitResult, plain
from xoceansar.train.heads.head_scores import score_table
from xoceansar.train.heads.kinds import KINDS, Settings
from xoceansar.train.heads.perceptron import LEARNING_RATES
from xoceansar.train.heads.rows import Groups, Rows, gather
from xoceansar.train.heads.samples import ClassWeights
from xoceansar.train.heads.validation import kind_of, two_sides, warn_about_classes

__all__ = ["fit"]

Array = npt.NDArray[Any]

#: Inputs beside the embedding, and those that one target has more.
_BESIDE: Final[tuple[Ancillary, ...]] = ("sigma0_mean_db", "incidence")
_BESIDE_FOR: Final[dict[str, tuple[Ancillary, ...]]] = {"wind_speed": ("gmf_wind",)}


def fit(
    ds: XarrayObject,
    target: str | xr.DataArray | Labels,
    *,
    head: Literal["linear", "logistic", "knn", "mlp"] = "linear",
    model: Model = None,
    groups: Groups = ORBIT_PASS,
    validation: float | XarrayObject = 0.15,
    features: str | Sequence[str] = (EMBEDDING,),
    ancillary: Sequence[Ancillary] | None = None,
    classes: Sequence[str] | None = None,
    class_weight: ClassWeights = None,
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
    target : str, DataArray (vignette,) or Labels
        The truth: a variable of `ds`, or values for its vignettes, matched by ``vignette_id``
        where both have it. Its name is that of the variable that the head gives (``swh``,
        ``wind_speed``, ``ocean_class``, ...), its units those of the library (m, m s-1). NaN,
        empty or negative codes where unknown. Labels of `xoceansar.open_labels` are classes.
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
    features : sequence of str
        What the head is made of, in this order after ``embedding``: ``embedding`` and blocks of
        physical parameters: ``texture``, ``cwave``, ``statistics``, ``cutoff``. A block is taken from
        the variables of `ds` where it has them, else measured in its images. Without
        ``embedding`` the backbone is not run, here or at inference.
    ancillary : sequence of {"sigma0_mean_db", "incidence", "gmf_wind"}, optional
        Inputs of the head beside the embedding: by default the mean level and the incidence,
        and for ``wind_speed`` what CMOD5.N makes of the two (``gmf_wind``).
    classes : sequence of str, optional
        Classes in the order of the probabilities; from ``flag_meanings``, or from the texts, where
        not given. A class that is not named is left out.
    class_weight : "balanced", mapping of str to float, or None
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
    Left out and counted (`FitResult.dropped`): vignettes without truth, of another polarisation,
    without a usable embedding or with a missing feature, and, for numbers, over sea ice and land (``ocean_class``,
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
    ...     f"s1a-wv1-slc-vv-20210403t083025-20210403t083028-{i // 4:06d}-{i // 4:06x}-{i:03d}"
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
    target = target.truth() if isinstance(target, Labels) else target
    features = _blocks(features)
    _check_finetune(ds, head, finetune, features)
    handle = as_handle(model)
    if ancillary is None:
        ancillary = _BESIDE + _BESIDE_FOR.get(_name_of(target), ())
    how: dict[str, Any] = {
        "ancillary": ancillary,
        "classes": classes,
        "groups": groups,
        "features": features,
    }
    rows = gather(ds, target, handle, **how)
    _check_kind(head, rows)
    learned, held_out = two_sides(rows, target, validation, handle, how, seed)
    warn_about_classes(learned, held_out)
    rates = () if learning_rates is None else tuple(learning_rates)
    settings = Settings(
        class_weight=class_weight,
        learning_rates=(rates if finetune is None else ()) or LEARNING_RATES,
        seed=seed,
    )
    spec = _spec(head, name, learned, handle, ancillary)
    if EMBEDDING not in features:
        spec = replace(spec, embedding=False)
    fitted = KINDS[head](learned, held_out, spec, settings)
    state = None
    if finetune is not None:
        where = ds if isinstance(validation, int | float) else validation
        fitted, state, held_out = tune(
            (ds, learned), (where, held_out), fitted, handle, finetune, rates, settings
        )
    out, truth = fitted(held_out.inputs(spec)), held_out.truth.values
    result = FitResult(
        head=fitted,
        model=handle,
        scores=score_table(out, truth, held_out.beam, spec, learned.truth.values),
        validation=_row_by_row(out, held_out),
        dropped=learned.dropped,
        provenance={},
        simulated=_is_simulated(ds, handle),
        backbone_state=state,
    )
    result = _with_provenance(result, learned, held_out, ds, groups, settings)
    return result if to is None else replace(result, bundle=result.write(to))


def _name_of(target: str | xr.DataArray) -> str:
    return target if isinstance(target, str) else str(target.name)


def _blocks(features: str | Sequence[str]) -> tuple[str, ...]:
    """Check what a head is to be made of; the embedding first."""
    asked = (features,) if isinstance(features, str) else tuple(features)
    known = (EMBEDDING, *FEATURE_BLOCKS)
    odd = [name for name in asked if name not in known]
    if odd or not asked or len(set(asked)) < len(asked):
        raise TrainingError(
            f"features must be one or more of {list(known)}, each once; got {list(asked)}."
        )
    return tuple(sorted(asked, key=lambda name: name != EMBEDDING))


def _check_finetune(
    ds: XarrayObject, head: str, finetune: str | None, features: tuple[str, ...]
) -> None:
    if finetune is None:
        return
    if EMBEDDING not in features:
        raise TrainingError(
            f"a head of {list(features)} alone has no backbone to fine-tune. Add 'embedding' to "
            "features, or leave out finetune=."
        )
    if finetune not in ("full", "lora"):
        raise TrainingError(
            f"finetune must be None, 'full' or 'lora'; got {finetune!r}."
        )
    if head == "knn":
        raise TrainingError(
            "a knn head has no gradients to fine-tune a backbone with. Use 'linear', 'logistic' "
            "or 'mlp'."
        )
    if find_embedding(ds) is not None:
        raise TrainingError(
            "a backbone is fine-tuned on images, and these are embeddings. Pass the Dataset with "
            "sigma0."
        )


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
        features=rows.blocks,
        lower_bound=rows.truth.lower_bound,
        polarisations=polarisations or handle.input.polarisations,
        beams=beams or handle.input.beams,
    )


def _with_provenance(
    result: FitResult,
    learned: Rows,
    held_out: Rows,
    ds: XarrayObject,
    groups: Groups,
    settings: Settings,
) -> FitResult:
    """Say how the head was made, in the result and in the head itself."""
    spec = result.head.spec
    tuned = spec.metrics.get("finetune")
    about = {
        "kind": spec.kind,
        "n_fit": len(learned),
        "n_validation": len(held_out),
        "dropped": learned.dropped,
        "groups": {
            "by": kind_of(groups),
            "fit": len(np.unique(learned.groups)),
            "validation": len(np.unique(held_out.groups)),
        },
        "validation": result.scores.to_dict("index"),
        "simulated": result.simulated,
        "source": str(ds.attrs.get("source", "")),
        "model": result.model.name,
        "finetune": tuned,
        "features": [
            *([EMBEDDING] if spec.embedding else []),
            *(block.name for block in spec.features),
        ],
        "class_weight": settings.class_weight,
        "seed": settings.seed,
        "xoceansar_version": __version__,
    }
    metrics = plain({**spec.metrics, **result.scores.loc["all"]})
    head = Head(replace(spec, metrics=metrics), result.head.arrays)
    return replace(result, head=head, provenance=plain(about))


def _is_simulated(ds: XarrayObject, handle: ModelHandle) -> bool:
    """Whether the data say so; embeddings and features of unknown source are taken for what the model is."""
    if "simulated" in ds.attrs or "source" in ds.attrs:
        return is_simulated(ds.attrs)
    mute = isinstance(ds, xr.DataArray) or find_embedding(ds) is not None
    mute = mute or holds_features_alone(ds)
    return mute and bool(handle.simulated)


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
