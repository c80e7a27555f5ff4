"""Heads: light functions from an embedding to a variable, applied in numpy and kept as safetensors.

Each standardises its inputs (the embedding, features, then the ancillary inputs) by the mean and
standard deviation of its training set. torch is not needed to apply any of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar.errors import BundleError, DimensionError, WeightsMismatchError
from xoceansar.models.bundle.weight_files import (
    encode_arrays,
    read_arrays,
    sha256_of,
    write_file,
)
from xoceansar.models.heads.distance import distance_score
from xoceansar.models.spec import BackboneSpec, HeadSpec, intervals
from xoceansar.sar.inversion import invert_cmod5n

__all__ = ["Head", "check_backbone", "head_inputs", "load_head", "save_head"]

Array = npt.NDArray[Any]
Arrays = Mapping[str, npt.NDArray[np.float32]]

#: The level is taken in decibel down to -50 dB, under the noise floor of any C-band SAR.
_LEAST_LEVEL: Final = 1e-5
#: Queries of a kNN head compared with its bank at a time.
_KNN_BLOCK: Final = 256

_ARRAYS: Final = {
    "linear": ("mean", "std", "weight", "bias"),
    "logistic": ("mean", "std", "weight", "bias"),
    "knn": ("mean", "std", "bank", "values", "neighbours", "temperature"),
    "mlp": ("mean", "std", "weight0", "bias0", "weight1", "bias1", "weight2", "bias2"),
    "distance": ("mean", "std", "weight", "centre", "distances"),
}
#: Arrays by which something is divided.
_POSITIVE: Final = frozenset({"std", "temperature", "neighbours"})


def head_inputs(
    embedding: Array,
    sigma0_mean: Array | None,
    incidence: Array | None,
    spec: HeadSpec,
    texture: Array | None = None,
) -> npt.NDArray[np.float32]:
    """Put the ancillary inputs of a head beside the embedding and the features.

    Shapes: `embedding` (n, F), the embedding and after it the columns of ``spec.features``,
    `sigma0_mean` (n,), `incidence` (n,), `texture` (n, 2).

    Notes
    -----
    ``sigma0_mean_db = 10 log10(max(sigma0_mean, 1e-5))``. ``gmf_wind`` is the wind speed of
    `xoceansar.sar.invert_cmod5n` from both numbers without a direction, m/s: what the
    level says about the wind is far from linear, and the other inputs then correct it.
    """
    with np.errstate(over="ignore"):  # beyond float32 is missing, as infinity is
        columns = [np.asarray(embedding, dtype=np.float32)]
    n = len(columns[0])
    given = _Given(
        sigma0_mean=_checked("sigma0_mean", sigma0_mean, (n,), spec),
        incidence=_checked("incidence", incidence, (n,), spec),
        texture=_checked("texture", texture, (n, 2), spec),
    )
    columns += [
        _INPUTS[name](given).astype(np.float32)[:, None] for name in spec.ancillary
    ]
    return np.concatenate(columns, axis=1)


class _Given(NamedTuple):
    """What ancillary inputs are made from, float64."""

    sigma0_mean: Array
    incidence: Array
    texture: Array


def _checked(
    name: str, values: Array | None, shape: tuple[int, ...], spec: HeadSpec
) -> Array:
    """Return an ancillary quantity, all NaN where the head has no use for it."""
    if not spec.needs(name):
        return np.full(shape, np.nan)
    if values is None or np.shape(values) != shape:
        raise DimensionError(
            f"head {spec.name!r} needs {name} of shape {shape} for {shape[0]} embeddings; got "
            f"{'nothing' if values is None else f'shape {np.shape(values)}'}."
        )
    return np.asarray(values, dtype=np.float64)


#: How each ancillary input is made.
_INPUTS: Final[Mapping[str, Callable[[_Given], Array]]] = {
    "sigma0_mean_db": lambda g: np.asarray(
        10 * np.log10(np.maximum(g.sigma0_mean, _LEAST_LEVEL))
    ),
    "incidence": lambda g: g.incidence,
    "gmf_wind": lambda g: invert_cmod5n(g.sigma0_mean, g.incidence),
    "texture_cos2": lambda g: g.texture[:, 0],
    "texture_sin2": lambda g: g.texture[:, 1],
}


def check_backbone(spec: HeadSpec, backbone: BackboneSpec) -> None:
    """Refuse a head that was fitted on the features of another backbone."""
    if spec.pooling != backbone.pooling:
        raise WeightsMismatchError(
            f"head {spec.name!r} was fitted on {spec.pooling!r} features and the backbone "
            f"gives {backbone.pooling!r}. Fit it again on the features of this backbone."
        )
    if spec.backbone_sha256 != backbone.sha256:
        raise WeightsMismatchError(
            f"head {spec.name!r} was fitted on the backbone "
            f"{spec.backbone_sha256[:12] or '(unnamed)'} and this one is "
            f"{backbone.sha256[:12] or '(unwritten)'}. Fit it again on the features of this "
            "backbone, or load the bundle that it came with."
        )


@dataclass(frozen=True, slots=True)
class Head:
    """A head with its numbers.

    Parameters
    ----------
    spec : HeadSpec
        What it is.
    arrays : mapping of str to ndarray, float32
        ``mean, std`` (F,) of the inputs, and by kind: ``weight (F, K), bias (K,)`` of linear
        and logistic; ``bank (m, F), values (m, K), neighbours (), temperature ()`` of knn, the
        bank standardised and of unit length, the values one-hot for a classifier;
        ``weight0, bias0, weight1, bias1, weight2, bias2`` of mlp; ``weight (F, q),
        centre (c, q), distances (m,)`` of distance; and where `spec` has
        intervals, the arrays of their calibration.

    Raises
    ------
    BundleError
        If an array is absent, has the wrong shape or is not finite; the message names it.

    Examples
    --------
    >>> spec = HeadSpec(
    ...     name="swh",
    ...     kind="linear",
    ...     target="swh",
    ...     units="m",
    ...     pooling="cls",
    ...     backbone_sha256="0" * 64,
    ...     lower_bound=0.0,
    ... )
    >>> one = np.ones(1, dtype=np.float32)
    >>> head = Head(
    ...     spec, {"mean": one, "std": one, "weight": one[:, None], "bias": one}
    ... )
    >>> head(np.array([[2.5], [-4.0]])).tolist()
    [[2.5], [0.0]]
    """

    spec: HeadSpec
    arrays: Arrays

    def __post_init__(self) -> None:
        where = f"head {self.spec.name!r} ({self.spec.kind})"
        calibration = intervals.interval_shapes(self.spec.intervals, self.arrays)
        expected = [*_ARRAYS[self.spec.kind], *calibration]
        if set(self.arrays) != set(expected):
            raise BundleError(
                f"{where} needs the arrays {expected}; got {sorted(self.arrays)}."
            )
        for name, shape in {**_expected_shapes(self), **calibration}.items():
            array = self.arrays[name]
            if array.shape != shape:
                raise BundleError(
                    f"{where}: {name!r} must have the shape {shape}; got {array.shape}."
                )
            if not np.isfinite(array).all():
                raise BundleError(
                    f"{where}: {name!r} holds values that are not finite."
                )
        beside = self.spec.n_beside
        if self.n_inputs < beside or (
            not self.spec.embedding and self.n_inputs > beside
        ):
            raise BundleError(
                f"{where} takes {self.spec.inputs_in_words}, {beside} inputs "
                f"{'beside' if self.spec.embedding else 'without'} the embedding; its arrays are "
                f"of {self.n_inputs}."
            )
        for name in _POSITIVE & set(self.arrays):
            if not (self.arrays[name] > 0).all():
                raise BundleError(
                    f"{where}: {name!r} must be above 0 everywhere, since it divides."
                )

    @property
    def n_inputs(self) -> int:
        """Number of inputs: embedding, features and ancillary."""
        return len(self.arrays["mean"])

    def __call__(self, inputs: Array) -> npt.NDArray[np.float32]:
        """Apply the head.

        Shapes: `inputs` (n, n_inputs) -> (n, K). The target in its units (K = 1), (cos 2a, sin 2a)
        of an axis, or the probability of each class. A row with a missing input is missing.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.n_inputs:
            raise WeightsMismatchError(
                f"head {self.spec.name!r} takes {self.n_inputs} inputs (embedding of "
                f"{self.n_inputs - self.spec.n_beside}, then "
                f"{[*(b.name for b in self.spec.features), *self.spec.ancillary]}); got shape "
                f"{inputs.shape}."
            )
        present = np.isfinite(inputs).all(axis=1)
        out = np.full((len(inputs), self.spec.n_outputs), np.nan, dtype=np.float32)
        if present.any():
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                out[present] = self._outputs(inputs[present])
        if not np.isfinite(out[present]).all():
            raise BundleError(
                f"the results of head {self.spec.name!r} are beyond float32: its weights are of "
                "other inputs, or damaged. Check the training, or download the bundle again."
            )
        return out

    def bounds(
        self, predicted: Array, incidence: Array, confidence: float
    ) -> npt.NDArray[np.float32]:
        """Compute the interval that holds the truth with a given probability.

        Parameters
        ----------
        predicted : ndarray (n,)
            What the head gave.
        incidence : ndarray (n,)
            Incidence angle in degrees, which tells the beam.
        confidence : float
            The probability, in each beam.

        Returns
        -------
        ndarray (n, 2), float32
            Lower bound, at least the physical minimum of the target, and upper bound; NaN where
            the prediction is missing or the vignette is of no calibrated beam.

        Raises
        ------
        ConfidenceError
            If the confidence is no probability, or more than the calibration gives.
        BundleError
            If the head was not calibrated.

        Examples
        --------
        >>> from pathlib import Path
        >>> import xoceansar as xos
        >>> handle = xos.load_model()
        >>> head = load_head(handle.heads["swh"], Path(handle.path))
        >>> ((lower, upper),) = head.bounds(np.array([2.0]), np.array([23.8]), 0.9)
        >>> bool(0 < lower < 2 < upper < 4)
        True
        """
        spec = self.spec.intervals
        if spec is None:
            raise BundleError(
                f"head {self.spec.name!r} was not calibrated and has no intervals. Calibrate "
                "it with xoceansar.train.calibrate."
            )
        intervals.check_confidence(confidence, spec, f"head {self.spec.name!r}")
        half = intervals.half_widths(
            predicted, incidence, confidence=confidence, spec=spec, arrays=self.arrays
        )
        lower, upper = predicted - half, predicted + half
        if self.spec.lower_bound is not None:
            lower = np.maximum(lower, self.spec.lower_bound)
        return np.stack([lower, upper], axis=1).astype(np.float32)

    def _outputs(self, inputs: Array) -> Array:
        arrays = self.arrays
        standard = ((inputs - arrays["mean"]) / arrays["std"]).astype(np.float32)
        values = _APPLY[self.spec.kind](standard, arrays)
        if self.spec.is_classifier:
            return _probabilities(values, self.spec)
        if self.spec.lower_bound is not None:
            values = np.maximum(values, np.float32(self.spec.lower_bound))
        return values


def _expected_shapes(head: Head) -> dict[str, tuple[int, ...]]:
    arrays, outputs = head.arrays, head.spec.n_outputs
    inputs = arrays["mean"].size
    shapes: dict[str, tuple[int, ...]] = {"mean": (inputs,), "std": (inputs,)}
    if head.spec.kind == "knn":
        rows = len(np.atleast_1d(arrays["bank"]))
        shapes |= {"bank": (rows, inputs), "values": (rows, outputs)}
        return shapes | {"neighbours": (), "temperature": ()}
    if head.spec.kind == "distance":
        centres, directions = np.atleast_2d(arrays["centre"]).shape[-2:]
        shapes |= {"weight": (inputs, directions), "centre": (centres, directions)}
        return shapes | {"distances": (arrays["distances"].size,)}
    if head.spec.kind == "mlp":
        first, second = arrays["bias0"].size, arrays["bias1"].size
        shapes |= {"weight0": (inputs, first), "bias0": (first,)}
        shapes |= {"weight1": (first, second), "bias1": (second,)}
        return shapes | {"weight2": (second, outputs), "bias2": (outputs,)}
    return shapes | {"weight": (inputs, outputs), "bias": (outputs,)}


def _linear(x: Array, arrays: Arrays) -> Array:
    return np.asarray(x @ arrays["weight"] + arrays["bias"])


def _mlp(x: Array, arrays: Arrays) -> Array:
    for layer in (0, 1):
        x = _gelu(x @ arrays[f"weight{layer}"] + arrays[f"bias{layer}"])
    return np.asarray(x @ arrays["weight2"] + arrays["bias2"])


def _gelu(x: Array) -> Array:
    from scipy.special import erf  # slow to import; only this kind of head needs it

    return np.asarray(0.5 * x * (1 + erf(x / np.float32(np.sqrt(2)))), dtype=np.float32)


def _knn(x: Array, arrays: Arrays) -> Array:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    queries = x / np.maximum(length, np.finfo(np.float32).tiny)
    bank, values = arrays["bank"], arrays["values"]
    k = min(int(arrays["neighbours"]), len(bank))
    temperature = float(arrays["temperature"])
    nearest = partial(
        _knn_block, bank=bank, values=values, k=k, temperature=temperature
    )
    starts = range(0, len(queries), _KNN_BLOCK)
    return np.concatenate([nearest(queries[i : i + _KNN_BLOCK]) for i in starts])


def _knn_block(
    queries: Array, *, bank: Array, values: Array, k: int, temperature: float
) -> Array:
    similarity = queries @ bank.T
    index = np.argpartition(similarity, -k, axis=1)[:, -k:]
    weights = _softmax(np.take_along_axis(similarity, index, axis=1) / temperature)
    return np.asarray(np.einsum("nk,nkc->nc", weights, values[index]))


def _probabilities(values: Array, spec: HeadSpec) -> Array:
    """Probabilities from logits, or from a kNN's votes, at the temperature of the head."""
    temperature = np.float32(spec.temperature)
    if spec.kind != "knn":
        return _softmax(values / temperature)
    if temperature == 1:
        return values
    votes = values ** (1 / temperature)
    return np.asarray(votes / votes.sum(axis=1, keepdims=True))


def _softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


_APPLY: Final[Mapping[str, Callable[[Array, Arrays], Array]]] = {
    "linear": _linear,
    "logistic": _linear,
    "knn": _knn,
    "mlp": _mlp,
    "distance": distance_score,
}


def save_head(head: Head, folder: Path) -> HeadSpec:
    """Write a head's numbers into a bundle."""
    file = f"heads/{head.spec.name}.safetensors"
    content = encode_arrays(head.arrays)
    write_file(folder / file, content)
    return replace(head.spec, file=file, sha256=sha256_of(content))


def load_head(spec: HeadSpec, folder: Path) -> Head:
    """Read a head's numbers from a bundle.

    Parameters
    ----------
    spec : HeadSpec
        From the bundle's ``config.json``.
    folder : Path
        Folder of the bundle.

    Returns
    -------
    Head

    Raises
    ------
    BundleError
        If the file is absent or does not hold the head's arrays.
    WeightsMismatchError
        If its SHA-256 is not the recorded one.

    Examples
    --------
    >>> from pathlib import Path
    >>> import xoceansar as xos
    >>> handle = xos.load_model()
    >>> load_head(handle.heads["swh"], Path(handle.path)).spec.target
    'swh'
    """
    return Head(spec, read_arrays(folder / spec.file, spec.sha256))
