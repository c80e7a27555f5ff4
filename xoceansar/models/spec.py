"""What a model bundle says about itself: frozen dataclasses, checked when they are made.

A `ModelHandle` is a recipe of strings and numbers, never a network: it is what travels in a Dask
graph. Nothing here imports torch or reads weights.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from xoceansar._paths import read_regular
from xoceansar.conventions import VARIABLES
from xoceansar.errors import BundleError
from xoceansar.models.architecture import (
    LARGEST_INPUT,
    check_architecture,
    check_arguments,
    check_patches,
)
from xoceansar.models.detector_spec import DetectorSpec
from xoceansar.models.intervals import IntervalSpec

__all__ = [
    "ANCILLARY",
    "POOLINGS",
    "SOURCES",
    "Ancillary",
    "BackboneSpec",
    "Encoding",
    "HeadKind",
    "HeadSpec",
    "InputSpec",
    "ModelHandle",
    "Pooling",
    "Precision",
]

Scale = Literal["dB", "linear", "roughness"]
Centre = Literal["global", "beam", "vignette"]
Pooling = Literal["cls", "mean", "cls+mean", "cls+mean+std", "cls+mean+std+max"]
HeadKind = Literal["linear", "logistic", "knn", "mlp", "distance"]
Ancillary = Literal[
    "sigma0_mean_db", "incidence", "gmf_wind", "texture_cos2", "texture_sin2"
]
Encoding = Literal["direct", "axis"]
Precision = Literal["auto", "bf16", "fp32"]

#: Every pooling, with the number of token vectors that it concatenates.
POOLINGS: Final[Mapping[str, int]] = {
    "cls": 1,
    "mean": 1,
    "cls+mean": 2,
    "cls+mean+std": 3,
    "cls+mean+std+max": 4,
}
#: Every ancillary input of a head, in the only order in which heads stack them.
ANCILLARY: Final[tuple[str, ...]] = get_args(Ancillary)
#: What each is made from: coordinates of an embedding, and names of arguments.
SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "sigma0_mean_db": ("sigma0_mean",),
    "incidence": ("incidence",),
    "gmf_wind": ("sigma0_mean", "incidence"),
    "texture_cos2": ("texture",),
    "texture_sin2": ("texture",),
}

#: Bytes of a model card.
_LARGEST_CARD: Final = 2**24


def _require(condition: bool, where: str, needed: str, found: object) -> None:
    if not condition:
        raise BundleError(f"{where} must be {needed}; got {found!r}.")


def _require_choice(value: object, where: str, choices: Any) -> None:
    known = tuple(choices)
    _require(value in known, where, f"one of {list(known)}", value)


def _require_positive(value: object, where: str) -> None:
    ok = isinstance(value, int | float) and 0 < value < float("inf")
    _require(ok, where, "a positive number", value)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """How a sigma0 image becomes the input of the network.

    Parameters
    ----------
    scale : {"dB", "linear", "roughness"}
        ``dB``: ``10 log10(sigma0)``. ``linear``: sigma0 as it is. ``roughness``:
        ``10 log10(sigma0 / CMOD5.N(10 m/s, 45 deg, incidence))``.
    size : int
        Side of the square that the network sees, in pixels: a centre crop of the image.
    centre : {"global", "beam", "vignette"}
        Which mean is subtracted, in that scale: a constant, a constant per beam, or the
        vignette's own (texture only; the level then goes to the heads).
    mean : float or tuple of float, optional
        The constant; one per entry of `beams` when `centre` is ``beam``; None when it is
        ``vignette``.
    std : float or tuple of float, optional
        The divisor: a constant, one per entry of `beams`, or None for the vignette's own.
    floor : float
        Linear sigma0 below which pixels are raised before the logarithm.
    relative_floor : float, optional
        The same, as a fraction of the mean sigma0 of the vignette; the higher floor applies.
    spacing : float
        Ground spacing of the pixels, in metres.
    polarisations, beams : tuple of str
        What the model was trained on.
    quantity : {"sigma0"}
        The physical quantity.

    Raises
    ------
    BundleError
        If a value is out of its range; the message names the field.
    """

    scale: Scale
    size: int
    centre: Centre = "global"
    mean: float | tuple[float, ...] | None = 0.0
    std: float | tuple[float, ...] | None = 1.0
    floor: float = 1e-4
    relative_floor: float | None = None
    spacing: float = 50.0
    polarisations: tuple[str, ...] = ("VV",)
    beams: tuple[str, ...] = ("wv1", "wv2")
    quantity: Literal["sigma0"] = "sigma0"

    def __post_init__(self) -> None:
        _require_choice(self.quantity, "input.quantity", ["sigma0"])
        _require_choice(self.scale, "input.scale", get_args(Scale))
        _require_choice(self.centre, "input.centre", get_args(Centre))
        _require_positive(self.size, "input.size")
        _require(
            self.size <= LARGEST_INPUT,
            "input.size",
            f"at most {LARGEST_INPUT}",
            self.size,
        )
        _require_positive(self.spacing, "input.spacing")
        _require_positive(self.floor, "input.floor")
        _require(
            self.floor <= 1, "input.floor", "at most 1, a linear sigma0", self.floor
        )
        if self.relative_floor is not None:
            _require_positive(self.relative_floor, "input.relative_floor")
        self._check_statistics()

    def _check_statistics(self) -> None:
        per_beam = f"one number per entry of beams {list(self.beams)}"
        needed = {"global": "a number", "beam": per_beam, "vignette": "null"}[
            self.centre
        ]
        found = self.mean
        fits = {
            "global": isinstance(found, int | float),
            "beam": isinstance(found, tuple) and len(found) == len(self.beams),
            "vignette": found is None,
        }[self.centre]
        where = f"input.mean, with centre {self.centre!r},"
        _require(fits, where, needed, found)
        values = self.std if isinstance(self.std, tuple) else (self.std,)
        if isinstance(self.std, tuple):
            _require(len(values) == len(self.beams), "input.std", per_beam, self.std)
        for value in values:
            if value is not None:
                _require_positive(value, "input.std")

    @property
    def needs_beam(self) -> bool:
        """Whether the constants depend on the beam of the vignette."""
        return isinstance(self.mean, tuple) or isinstance(self.std, tuple)

    @property
    def needs_incidence(self) -> bool:
        """Whether images without an incidence angle cannot be normalised."""
        return self.needs_beam or self.scale == "roughness"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """The network whose pooled tokens are the embedding.

    Parameters
    ----------
    architecture : str
        Name of a network in timm's registry.
    embedding_dim : int
        Length of the embedding: the width of the network times the vectors that `pooling`
        concatenates.
    pooling : {"cls", "mean", "cls+mean", "cls+mean+std", "cls+mean+std+max"}
        Which summary of the tokens is the embedding: the class token, or the mean, the standard
        deviation and the maximum of the patch tokens (registers left out), or several end to end.
    patch_size : int, optional
        Side of a patch in pixels; None for a convolutional network.
    kwargs : mapping
        Further arguments of the network, of those in `xoceansar.models.architecture.ARGUMENTS`. Not
        to be modified.
    file : str
        Name of the weights in the bundle.
    sha256 : str
        SHA-256 of that file: the identity of the weights; empty until they are written.
    """

    architecture: str
    embedding_dim: int
    pooling: Pooling
    patch_size: int | None = 16
    kwargs: dict[str, Any] = field(default_factory=dict, hash=False)
    file: str = "backbone.safetensors"
    sha256: str = ""

    def __post_init__(self) -> None:
        check_architecture(self.architecture)
        check_arguments(self.kwargs)
        _require_choice(self.pooling, "backbone.pooling", POOLINGS)
        _require_positive(self.embedding_dim, "backbone.embedding_dim")
        parts = POOLINGS[self.pooling]
        _require(
            self.embedding_dim % parts == 0,
            f"backbone.embedding_dim, with pooling {self.pooling!r},",
            f"a multiple of {parts}",
            self.embedding_dim,
        )
        if self.patch_size is not None:
            _require_positive(self.patch_size, "backbone.patch_size")

    @property
    def width(self) -> int:
        """Length of one token vector."""
        return self.embedding_dim // POOLINGS[self.pooling]

    def tokens(self, size: int) -> int:
        """Count the patch tokens of a square image.

        Parameters
        ----------
        size : int
            Side of the image, in pixels.

        Returns
        -------
        int
            Number of tokens; a convnet counts as one of patch 16.
        """
        return max(1, size // (self.patch_size or 16)) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """One head: what it predicts, from what, and which backbone it belongs to.

    Parameters
    ----------
    name : str
        Unique in the bundle.
    kind : {"linear", "logistic", "knn", "mlp", "distance"}
        How it is applied (`xoceansar.models.heads`).
    target : str
        Variable that it gives, a name of `xoceansar.conventions.VARIABLES`.
    units : str
        Units of the target; ``1`` for classes.
    pooling : str
        Pooling of the backbone that it was fitted on.
    backbone_sha256 : str
        Weights of the backbone that it was fitted on.
    classes : tuple of str
        Flag meanings of a classifier, in the order of its probabilities; empty for a regression.
    ancillary : tuple of {"sigma0_mean_db", "incidence", "gmf_wind", "texture_cos2", "texture_sin2"}
        Inputs beside the embedding, in the order of `ANCILLARY`
        (`xoceansar.models.heads.head_inputs`).
    lower_bound : float, optional
        Physical minimum of the target: 0 for a wave height.
    intervals : IntervalSpec, optional
        What a regression was calibrated on to give prediction intervals.
    temperature : float
        Divides the logits of a classifier, so that its probabilities are calibrated; 1 for
        probabilities as fitted. Not the temperature of a kNN, which weighs neighbours.
    encoding : {"direct", "axis"}
        ``direct``: the head gives the target itself. ``axis``: it gives (cos 2a, sin 2a) of a
        direction, with a the angle from the look direction towards the flight direction
        (`xoceansar.sar.direction.look_angle`): one image does not tell the two ends of an axis
        apart, and what the image shows does not depend on the heading.
    metrics : mapping
        Scores from the fit. Not to be modified.
    polarisations, beams : tuple of str
        What it was fitted on; anything else is out of its domain.
    file, sha256 : str
        Its file in the bundle; empty until it is written.
    """

    name: str
    kind: HeadKind
    target: str
    units: str
    pooling: Pooling
    backbone_sha256: str
    classes: tuple[str, ...] = ()
    ancillary: tuple[Ancillary, ...] = ()
    lower_bound: float | None = None
    intervals: IntervalSpec | None = None
    temperature: float = 1.0
    encoding: Encoding = "direct"
    metrics: dict[str, Any] = field(default_factory=dict, hash=False)
    polarisations: tuple[str, ...] = ("VV",)
    beams: tuple[str, ...] = ("wv1", "wv2")
    file: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        where = f"heads[{self.name!r}]"
        _require(self.name.isidentifier(), f"{where}.name", "an identifier", self.name)
        _require_choice(self.kind, f"{where}.kind", get_args(HeadKind))
        _require_choice(self.pooling, f"{where}.pooling", POOLINGS)
        _require(bool(self.target), f"{where}.target", "a variable", self.target)
        in_order = tuple(a for a in ANCILLARY if a in self.ancillary)
        _require(
            self.ancillary == in_order,
            f"{where}.ancillary",
            f"a subset of {list(ANCILLARY)}, in that order",
            self.ancillary,
        )
        if self.kind == "logistic" or self.classes:
            _require(
                len(self.classes) > 1, f"{where}.classes", "two or more", self.classes
            )
            _require(
                self.kind not in ("linear", "distance"),
                f"{where}.kind",
                "logistic, knn or mlp",
                self.kind,
            )
            _require(
                self.lower_bound is None,
                f"{where}.lower_bound",
                "null for a classifier",
                self.lower_bound,
            )
        self._check_calibration(where)
        self._check_encoding(where)

    def _check_calibration(self, where: str) -> None:
        _require_positive(self.temperature, f"{where}.temperature")
        if not self.classes:
            _require(
                self.temperature == 1,
                f"{where}.temperature, of a regression,",
                "1",
                self.temperature,
            )
        if self.intervals is not None:
            bounded = not self.classes and f"{self.target}_lower" in VARIABLES
            _require(
                bounded,
                f"{where}.intervals",
                "null for classes and for a target without "
                f"{self.target}_lower in xoceansar.conventions.VARIABLES",
                self.intervals,
            )

    def _check_encoding(self, where: str) -> None:
        _require_choice(self.encoding, f"{where}.encoding", get_args(Encoding))
        if self.encoding == "direct":
            return
        for name, needed, fits in (
            ("target", "a direction", self.target.endswith("_direction")),
            ("units", "degree", self.units == "degree"),
            ("kind", "linear, knn or mlp", self.kind in ("linear", "knn", "mlp")),
            ("classes", "empty", not self.classes),
            ("lower_bound", "null", self.lower_bound is None),
        ):
            found = getattr(self, name)
            _require(fits, f"{where}.{name}, with encoding 'axis',", needed, found)

    def needs(self, source: str) -> bool:
        """Say whether an ancillary input is made from something.

        Parameters
        ----------
        source : {"sigma0_mean", "incidence", "texture"}
            What it may be made from.

        Returns
        -------
        bool
        """
        return any(source in SOURCES[name] for name in self.ancillary)

    @property
    def is_classifier(self) -> bool:
        """Whether it gives probabilities of classes."""
        return bool(self.classes)

    @property
    def n_outputs(self) -> int:
        """Columns that it gives: the classes of a classifier, two of an axis, or one."""
        return len(self.classes) or (2 if self.encoding == "axis" else 1)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ModelHandle:
    """A model, named and described, without its weights.

    It is small, hashable and picklable: methods and Dask tasks carry it, and each process reads
    the weights once, when it first needs them. Made by `load_model` and `write_bundle`.

    Parameters
    ----------
    name : str
        Name of the bundle.
    path : str
        Folder of the bundle on this machine.
    backbone : BackboneSpec
        The network.
    input : InputSpec
        What it takes.
    heads : tuple of HeadSpec
        What can be retrieved.
    detectors : tuple of DetectorSpec
        What can be found in the images.
    simulated : bool
        Whether it was trained on simulated vignettes only.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:N``; resolved where the
        weights are loaded.
    precision : {"auto", "bf16", "fp32"}
        ``auto``: bf16 where the device computes it fast, else fp32.
    """

    name: str
    path: str
    backbone: BackboneSpec
    input: InputSpec
    heads: tuple[HeadSpec, ...] = ()
    detectors: tuple[DetectorSpec, ...] = ()
    simulated: bool = False
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        _require_choice(self.precision, "precision", get_args(Precision))
        known = self.device.split(":")[0] in ("auto", "cpu", "cuda")
        _require(known, "device", "'auto', 'cpu', 'cuda' or 'cuda:N'", self.device)
        check_patches(self.input.size, self.backbone.patch_size)
        names = [head.name for head in self.heads]
        names += [detector.name for detector in self.detectors]
        twice = sorted({name for name in names if names.count(name) > 1})
        _require(not twice, "heads and detectors", "of different names", twice)

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the backbone's weights: the identity of every embedding made with it."""
        return self.backbone.sha256

    @property
    def embedding_dim(self) -> int:
        """Length of the embedding."""
        return self.backbone.embedding_dim

    @property
    def card(self) -> str:
        """The model card (README.md of the bundle); empty if there is none.

        Raises
        ------
        BundleError
            If it is not text in UTF-8.
        """
        readme = Path(self.path) / "README.md"
        if not readme.exists():
            return ""
        content = read_regular(readme, most=_LARGEST_CARD, error=BundleError)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BundleError(
                f"the model card {readme} must be text in UTF-8: {error}. Save it again as UTF-8."
            ) from error

    def head(self, name: str) -> HeadSpec:
        """Find a head by its name or, failing that, by the variable that it gives.

        Parameters
        ----------
        name : str
            Name of a head or of its target; the first match in the bundle's order.

        Returns
        -------
        HeadSpec

        Raises
        ------
        BundleError
            If the bundle has none; the message lists what it has.
        """
        for matches in (
            [head for head in self.heads if head.name == name],
            [head for head in self.heads if name == head.target],
        ):
            if matches:
                return matches[0]
        known = {head.name: head.target for head in self.heads}
        raise BundleError(
            f"model {self.name!r} has no head for {name!r}; its heads give {known}. "
            "Use another model (model=...), or fit a head with xoceansar.train.fit."
        )

    def __dask_tokenize__(self) -> tuple[str, str]:
        """Identify the results: everything but the place of the files."""
        content = asdict(self)
        del content["path"]
        return ("xoceansar.ModelHandle", repr(content))

    def __repr__(self) -> str:
        size, spacing = self.input.size, self.input.spacing
        lines = [
            f"<ModelHandle {self.name}>",
            f"  backbone   {self.backbone.architecture}, "
            f"{self.backbone.pooling} -> {self.embedding_dim}, "
            f"weights {self.weights_sha256[:12]}",
            f"  input      sigma0 ({self.input.scale}), {size} x {size} px at {spacing:g} m, "
            f"{'/'.join(self.input.polarisations)}, {'/'.join(self.input.beams)}",
        ]
        for head in self.heads:
            units = f"{len(head.classes)} classes" if head.classes else head.units
            lines.append(
                f"  head       {head.name}: {head.target} [{units}], {head.kind}"
            )
        lines += [
            f"  detector   {detector.name}: boxes, score of {detector.threshold:.2g} or more"
            for detector in self.detectors
        ]
        lines.append(f"  runs on    {self.device}, {self.precision}")
        if self.simulated:
            lines.append("  trained on simulated vignettes only")
        return "\n".join(lines)
