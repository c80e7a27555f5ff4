"""The tables of a pretraining config that say what is trained, on what and by which losses.

Keys are the same in TOML and in Python. What a value is good for, where it comes from and what
else was thought of stands beside it in the shipped configs (``xoceansar/train/configs``).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xoceansar.models.spec import InputSpec, Pooling
from xoceansar.models.spec.architecture import (
    check_architecture,
    check_arguments,
)
from xoceansar.models.spec.choices import Centre, Scale

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
#: More is a slip of the keys, and what it stands for cannot be made.
Count = Annotated[int, Field(ge=0, lt=2**31)]
AtLeastOne = Annotated[int, Field(ge=1, lt=2**31)]
#: Fewer are no small change of an image, and `xoceansar.train.pretraining.augmentation` refuses them.
Looks = Annotated[float, Field(ge=10)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Table(BaseModel):
    """A table of the config: frozen, without unknown keys, without conversions of type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False
    )


class InputConfig(Table):
    """How sigma0 becomes network input: `xoceansar.models.InputSpec`, in TOML.

    Parameters
    ----------
    scale, size, centre
        As in `InputSpec`.
    mean : float or tuple of float, optional
        Left out where `centre` is ``vignette``: TOML has no null.
    std : float or tuple of float, optional
        Left out for the vignette's own.
    floor
        As in `InputSpec`.
    relative_floor : float, optional
        Left out for none.
    spacing, polarisations, beams
        As in `InputSpec`.
    """

    scale: Scale
    size: AtLeastOne
    centre: Centre
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    floor: Positive = 1e-4
    relative_floor: Positive | None = None
    spacing: Positive = 50.0
    polarisations: Names = ("VV",)
    beams: Names = ("wv1", "wv2")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.spec()
        return self

    def spec(self) -> InputSpec:
        """Return the input spec, as the bundle will carry it."""
        return InputSpec(**self.model_dump())


class BackboneConfig(Table):
    """The network.

    Parameters
    ----------
    architecture : str
        A plain vision transformer of timm.
    patch_size : int
        Side of a patch, in pixels.
    pooling : {"cls", "mean", "cls+mean", "cls+mean+std", "cls+mean+std+max"}
        Which summary of the tokens is the embedding of the bundle.
    kwargs : dict
        Further arguments of the network, of those in ``models.spec.architecture.ARGUMENTS``. Not
        to be modified.
    start : {"random", "energy"}
        First weights: all random, or local wave spectra in the first block (`energy_start`).
    summary : {"cls", "mean"}
        What DINO and KoLeo compare: the class token, or the mean of the patch tokens.
    """

    architecture: str
    patch_size: AtLeastOne = 16
    pooling: Pooling = "cls"
    kwargs: dict[str, Any] = {}
    start: Literal["random", "energy"] = "random"
    summary: Literal["cls", "mean"] = "cls"

    @model_validator(mode="after")
    def _only_shapes(self) -> Self:
        check_architecture(self.architecture)
        check_arguments(self.kwargs)
        return self


class DataConfig(Table):
    """Which vignettes are trained on, and the memory for them.

    Parameters
    ----------
    min_valid_fraction : float
        Least fraction of pixels with data, in (0, 1].
    exclude : tuple of str
        Quality flags that bar a vignette.
    cache_gib : float
        Memory for prepared vignettes, in GiB.
    """

    min_valid_fraction: Annotated[float, Field(gt=0, le=1)] = 0.9
    exclude: tuple[str, ...] = ("land",)
    cache_gib: Positive = 1.0


class CropsConfig(Table):
    """Sizes of the views, in pixels of the input: no view is rescaled.

    Parameters
    ----------
    global_size : int
        Side of the two global crops.
    local_size : int
        Side of the local crops.
    n_local : int
        Number of local crops; 0 for none.
    """

    global_size: AtLeastOne
    local_size: AtLeastOne
    n_local: Count


class AugmentationConfig(Table):
    """What is done to a view: see `xoceansar.train.pretraining.augmentation`.

    Parameters
    ----------
    gain_db : float
        Standard deviation of the gain, in dB.
    looks : tuple of float
        Least and greatest number of looks of the added speckle.
    speckle_probability, flip_along, flip_across : float
        How often a view has added speckle or is mirrored along a dim.
    """

    gain_db: NotNegative = 0.5
    looks: tuple[Looks, Looks] = (100.0, 400.0)
    speckle_probability: Fraction = 0.5
    flip_along: Fraction = 0.5
    flip_across: Fraction = 0.5

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _require_ordered("augmentation.looks", self.looks)
        return self


class MasksConfig(Table):
    """Which patches of the global crops iBOT hides: see `xoceansar.train.pretraining.masks`.

    Parameters
    ----------
    probability : float
        Fraction of the global crops that are masked.
    ratio : tuple of float
        Least and greatest fraction of the patches of a masked crop.
    """

    probability: Fraction = 0.5
    ratio: tuple[Fraction, Fraction] = (0.1, 0.5)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _require_ordered("masks.ratio", self.ratio)
        return self


class HeadConfig(Table):
    """The projection heads.

    Parameters
    ----------
    prototypes : int
        Length of their output, K.
    hidden, bottleneck : int
        Widths of the hidden layers and of the normalised vector.
    layers : int
        Linear layers before the prototypes.
    shared : bool
        Whether DINO and iBOT have one head in common.
    """

    prototypes: Annotated[int, Field(ge=2, lt=2**31)]
    hidden: AtLeastOne
    bottleneck: AtLeastOne
    layers: AtLeastOne = 3
    shared: bool = True


class LossesConfig(Table):
    """Weights of the losses; 0 switches one off.

    Parameters
    ----------
    dino, ibot, koleo : float
        Weights.
    targets : {"centering", "sinkhorn"}
        How the teacher's logits become probabilities.
    student_temperature : float
        Of the student's probabilities.
    centre_momentum : float
        What the centre keeps of itself at each step, in [0, 1]; for ``centering``.
    """

    dino: NotNegative = 1.0
    ibot: NotNegative = 1.0
    koleo: NotNegative = 0.1
    targets: Literal["centering", "sinkhorn"] = "centering"
    student_temperature: Positive = 0.1
    centre_momentum: Fraction = 0.9

    @model_validator(mode="after")
    def _something_to_learn(self) -> Self:
        if self.dino == self.ibot == self.koleo == 0:
            raise ValueError(
                "losses.dino, losses.ibot or losses.koleo must be above 0; all are 0, so there is "
                "nothing to train."
            )
        return self


def _require_ordered(key: str, pair: tuple[float, float]) -> None:
    if pair[0] > pair[1]:
        raise ValueError(
            f"{key} must be the lower and then the higher; got {list(pair)}."
        )
