"""What a bundle says about a head."""

from dataclasses import dataclass, field
from typing import Any, get_args

from xoceansar.conventions import OCEAN_CLASS, VARIABLES
from xoceansar.models.spec.choices import (
    ANCILLARY,
    POOLINGS,
    SOURCES,
    Ancillary,
    Encoding,
    HeadKind,
    Pooling,
    require,
    require_choice,
    require_positive,
)
from xoceansar.models.spec.feature_block import FeatureBlock
from xoceansar.models.spec.intervals import IntervalSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """One head: what it predicts, from what, and which backbone it belongs to.

    Parameters
    ----------
    name : str
        Unique in the bundle.
    kind : {"linear", "logistic", "knn", "mlp", "distance"}
        How it is applied.
    target : str
        Variable that it gives, as ``swh``.
    units : str
        Units of the target; ``1`` for classes.
    pooling : str
        Pooling of the backbone that it was fitted on.
    backbone_sha256 : str
        Weights of the backbone that it was fitted on.
    classes : tuple of str
        Flag meanings of a classifier, in the order of its probabilities; empty for a regression.
        The target of a classifier is ``ocean_class``, and no other head has it.
    ancillary : tuple of {"sigma0_mean_db", "incidence", "gmf_wind", "texture_cos2", "texture_sin2"}
        Inputs beside the embedding and after the features, in this order.
    features : tuple of FeatureBlock
        Physical parameters that it takes after the embedding, in this order.
    embedding : bool
        Whether it takes the embedding; without it, it is applied without running the backbone.
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
        (`xoceansar.sar.look_angle`): one image does not tell the two ends of an axis
        apart, and what the image shows does not depend on the heading.
    metrics : mapping
        Scores from the fit. Not to be modified.
    polarisations, beams : tuple of str
        What it was fitted on; anything else is out of its domain.
    file, sha256 : str
        Its file in the bundle; empty until it is written.

    Examples
    --------
    >>> spec = HeadSpec(
    ...     name="swh",
    ...     kind="linear",
    ...     target="swh",
    ...     units="m",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ...     ancillary=("incidence",),
    ... )
    >>> spec.encoding, spec.classes, spec.beams
    ('direct', (), ('wv1', 'wv2'))
    """

    name: str
    kind: HeadKind
    target: str
    units: str
    pooling: Pooling
    backbone_sha256: str
    classes: tuple[str, ...] = ()
    ancillary: tuple[Ancillary, ...] = ()
    features: tuple[FeatureBlock, ...] = ()
    embedding: bool = True
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
        require(self.name.isidentifier(), f"{where}.name", "an identifier", self.name)
        require_choice(self.kind, f"{where}.kind", get_args(HeadKind))
        require_choice(self.pooling, f"{where}.pooling", POOLINGS)
        require(bool(self.target), f"{where}.target", "a variable", self.target)
        in_order = tuple(a for a in ANCILLARY if a in self.ancillary)
        require(
            self.ancillary == in_order,
            f"{where}.ancillary",
            f"a subset of {list(ANCILLARY)}, in that order",
            self.ancillary,
        )
        blocks = [block.name for block in self.features]
        require(
            len(set(blocks)) == len(blocks),
            f"{where}.features",
            "blocks of different names",
            blocks,
        )
        require(
            self.embedding or bool(self.features or self.ancillary),
            f"{where}.embedding",
            "true for a head without features",
            self.embedding,
        )
        if self.kind == "logistic" or self.classes:
            require(
                len(self.classes) > 1, f"{where}.classes", "two or more", self.classes
            )
            require(
                self.kind not in ("linear", "distance"),
                f"{where}.kind",
                "logistic, knn or mlp",
                self.kind,
            )
            require(
                self.lower_bound is None,
                f"{where}.lower_bound",
                "null for a classifier",
                self.lower_bound,
            )
        self._check_calibration(where)
        self._check_encoding(where)
        require(
            bool(self.classes) == (self.target == OCEAN_CLASS),
            f"{where}.target",
            f"{OCEAN_CLASS!r} where there are classes, and nowhere else",
            self.target,
        )

    def _check_calibration(self, where: str) -> None:
        require_positive(self.temperature, f"{where}.temperature")
        if not self.classes:
            require(
                self.temperature == 1,
                f"{where}.temperature, of a regression,",
                "1",
                self.temperature,
            )
        if self.intervals is not None:
            bounded = not self.classes and f"{self.target}_lower" in VARIABLES
            require(
                bounded,
                f"{where}.intervals",
                "null for classes and for a target without "
                f"{self.target}_lower in xoceansar.conventions.VARIABLES",
                self.intervals,
            )

    def _check_encoding(self, where: str) -> None:
        require_choice(self.encoding, f"{where}.encoding", get_args(Encoding))
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
            require(fits, f"{where}.{name}, with encoding 'axis',", needed, found)

    def needs(self, source: str) -> bool:
        """Say whether an ancillary input is made from something.

        Parameters
        ----------
        source : {"sigma0_mean", "incidence", "texture"}
            What it may be made from.

        Returns
        -------
        bool

        Examples
        --------
        >>> import xoceansar as xos
        >>> head = xos.load_model().heads["swh"]
        >>> head.needs("incidence"), head.needs("texture")
        (True, False)
        """
        return any(source in SOURCES[name] for name in self.ancillary)

    @property
    def inputs_in_words(self) -> str:
        """What it takes, in the order of its inputs."""
        parts = ["embedding"] if self.embedding else []
        parts += [f"{block.name} ({len(block.columns)})" for block in self.features]
        return " + ".join([*parts, *self.ancillary])

    @property
    def n_beside(self) -> int:
        """Inputs beside the embedding: features and ancillary ones."""
        return sum(len(block.columns) for block in self.features) + len(self.ancillary)

    @property
    def is_classifier(self) -> bool:
        """Whether it gives probabilities of classes."""
        return bool(self.classes)

    @property
    def n_outputs(self) -> int:
        """Columns that it gives: the classes of a classifier, two of an axis, or one."""
        return len(self.classes) or (2 if self.encoding == "axis" else 1)
