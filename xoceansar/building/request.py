"""What a build is asked for: everything that decides the model, and nothing of how it is computed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from xoceansar._paths import is_url
from xoceansar._version import __version__
from xoceansar.conventions import VARIABLES
from xoceansar.conventions.beams import Beam
from xoceansar.conventions.quantities import kilometres, nanoseconds_of
from xoceansar.errors import TrainingError
from xoceansar.models.spec import Pooling
from xoceansar.ops.feature_blocks import FEATURE_BLOCKS
from xoceansar.processing.settings import differences_of

HeadKind = Literal["linear", "mlp", "knn"]
#: Backbones that are no name of a model.
NO_BACKBONE: Final = "none"
PRETRAIN: Final = "pretrain"
#: Truths that are no file.
OCN: Final = "ocn"
ERA5: Final = "era5"
#: Targets that are fitted where the truth has them and none is named.
TARGETS: Final = ("swh", "wind_speed", "ocean_class")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a model is to be built from, and how.

    Parameters
    ----------
    inputs : tuple of str
        Products, or one store of vignettes.
    truth : tuple of str
        ``("ocn",)``, ``("era5",)``, or files.
    reference : tuple of str
        Where the OCN products or the files of ERA5 are.
    targets : tuple of str
        Variables to fit heads for; empty for all of `TARGETS` that the truth has.
    units : mapping of str to str
        Units of targets whose file does not say them.
    features : tuple of str
        Blocks of physical parameters.
    backbone : str
        ``none``, ``pretrain``, or a model or a checkpoint.
    recipe : mapping
        Of a pretraining, as plain values; empty without.
    architecture, pooling : str
        Of a checkpoint of another library; empty where it is none.
    head : {"linear", "mlp", "knn"}
        Kind of the heads.
    later, test, calibration : float
        Fractions of the vignettes with a truth: the last passes, and passes of the rest.
    confidence : float
        Of the intervals that are scored.
    max_distance, max_time : str
        Limits of a match.
    beam : str or None
        The one that is kept.
    spacing, shape
        Of the images.
    images : bool
        Whether the archive keeps them.
    seed : int
        Of the splits and the fits.
    version : str
        Of this package.
    """

    inputs: tuple[str, ...]
    truth: tuple[str, ...]
    reference: tuple[str, ...]
    targets: tuple[str, ...]
    units: Mapping[str, str]
    features: tuple[str, ...]
    backbone: str
    recipe: Mapping[str, Any]
    architecture: str
    pooling: Pooling
    head: HeadKind
    later: float
    test: float
    calibration: float
    confidence: float
    max_distance: str
    max_time: str
    beam: Beam | None
    spacing: float
    shape: tuple[int, int]
    images: bool
    seed: int
    version: str = __version__

    def __post_init__(self) -> None:
        """Check what is asked for."""
        self._check_names()
        for name in ("later", "test", "calibration"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise TrainingError(f"{name} is a fraction above 0; got {value}.")
        if not self.later + self.test + self.calibration <= 0.8:
            raise TrainingError(
                "later, test and calibration leave a fifth of the vignettes or more to learn "
                f"from; got {self.later}, {self.test} and {self.calibration}."
            )
        if not 0 < self.confidence < 1:
            raise TrainingError(
                f"confidence must be a number between 0 and 1, as 0.9; got {self.confidence}."
            )
        kilometres(self.max_distance, "max_distance")
        nanoseconds_of(self.max_time, "max_time")

    def _check_names(self) -> None:
        unknown = [name for name in self.features if name not in FEATURE_BLOCKS]
        if unknown or len(set(self.features)) < len(self.features):
            raise TrainingError(
                f"features are some of {list(FEATURE_BLOCKS)}, each once; got "
                f"{list(self.features)}."
            )
        if not self.features and self.backbone == NO_BACKBONE:
            raise TrainingError(
                "a model is made of a backbone, of features, or of both; got neither. Give "
                "backbone='pretrain', or features=['texture']."
            )
        strange = [name for name in self.targets if name not in VARIABLES]
        if strange:
            raise TrainingError(
                f"targets are variables that the library knows; {strange} are none. Use "
                "'swh', 'wind_speed', 'ocean_class' or another of xoceansar.conventions.VARIABLES."
            )
        if self.head not in get_args(HeadKind):
            raise TrainingError(
                f"head must be 'linear', 'mlp' or 'knn'; got {self.head!r}."
            )
        if self.truth == (ERA5,) and not self.reference:
            raise TrainingError(
                "truth='era5' needs the files of ERA5. Give reference='era5/*.nc', with swh or "
                "the wind u10, v10 at the times of the products."
            )

    @property
    def has_backbone(self) -> bool:
        """Whether heads take an embedding."""
        return self.backbone != NO_BACKBONE

    @property
    def inputs_of_heads(self) -> tuple[str, ...]:
        """What heads are made of, as `xoceansar.train.fit` takes it."""
        return (*(["embedding"] if self.has_backbone else []), *self.features)

    def to_json(self) -> str:
        """Write it as text, which a folder keeps."""
        return json.dumps(asdict(self), sort_keys=True, indent=1) + "\n"

    def check(self, written: str, where: str) -> None:
        """Refuse to go on with what was begun for another request."""
        try:
            theirs: dict[str, Any] = json.loads(written)
        except ValueError as error:
            raise TrainingError(
                f"{where} is damaged ({error}). Remove its folder, or give another one."
            ) from error
        differences = differences_of(theirs, json.loads(self.to_json()))
        if differences:
            raise TrainingError(
                f"the stages beside {where} were made for another model: {differences}. "
                "Go on with what was asked for then, or build in another folder: to=..."
            )


def places(paths: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    """Return paths that mean the same from any folder; URLs as they are."""
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    return tuple(
        str(p) if is_url(str(p)) else str(Path(p).expanduser().absolute())
        for p in given
    )
