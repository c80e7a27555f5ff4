"""What a bundle says about its detector: a frozen dataclass, checked when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy.typing as npt

from xoceansar.errors import BundleError, WeightsMismatchError
from xoceansar.models.spec.backbone_spec import BackboneSpec

#: Largest value of each count: a description may come from anyone, and costs memory before the weights
#: show what is true.
_MOST: Final = {
    "width": 8192,
    "n_heads": 256,
    "n_points": 64,
    "hidden": 65536,
    "encoder_layers": 64,
    "decoder_layers": 64,
    "n_queries": 10_000,
}
_COARSEST: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """A detector on the patch tokens of a backbone, and the backbone that it belongs to.

    Parameters
    ----------
    backbone_sha256 : str
        Weights of the backbone that it was fitted on.
    strides : tuple of int
        Pixels of the image in a cell of each feature map, ascending. The last one is the patch of
        the backbone; the ones before it, each half the next, are up-sampled from the final patch map and
        hold details of the image, for targets smaller than a patch.
    width : int
        Length of a feature.
    n_heads, n_points : int
        Of the deformable attention: heads, and points that each samples in each map.
    hidden : int
        Width of the hidden layers of the transformer.
    encoder_layers, decoder_layers : int
        Depth.
    n_queries : int
        Places that are looked at in one window of the network, more where it is crowded; and targets
        that `xoceansar.ops.icebergs` keeps of a vignette, unless told otherwise.
    threshold : float
        Score from which a detection counts: that of the best F1 on validation vignettes.
    name : str
        Unique in the bundle.
    metrics : mapping
        Scores from the fit. Not to be modified.
    polarisations, beams : tuple of str
        What it was fitted on.
    file, sha256 : str
        Its file in the bundle; empty until it is written.

    Raises
    ------
    BundleError
        If a value is out of its range; the message names the field.
    """

    backbone_sha256: str
    strides: tuple[int, ...] = (4, 8, 16)
    width: int = 256
    n_heads: int = 8
    n_points: int = 4
    hidden: int = 1536
    encoder_layers: int = 2
    decoder_layers: int = 3
    n_queries: int = 64
    threshold: float = 0.5
    name: str = "icebergs"
    metrics: dict[str, Any] = field(default_factory=dict, hash=False)
    polarisations: tuple[str, ...] = ("VV",)
    beams: tuple[str, ...] = ("wv1", "wv2")
    file: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        where = f"detectors[{self.name!r}]"
        for name, most in _MOST.items():
            value, least = getattr(self, name), 0 if name == "encoder_layers" else 1
            if not least <= value <= most:
                raise BundleError(
                    f"{where}.{name} must be from {least} to {most}; got {value}."
                )
        if self.width % self.n_heads:
            raise BundleError(
                f"{where}.width must be a multiple of n_heads {self.n_heads}; got {self.width}."
            )
        steps = zip(self.strides, self.strides[1:], strict=False)
        if (
            not self.strides
            or any(b != 2 * a for a, b in steps)
            or any(a & (a - 1) for a in self.strides[:-1])
            or not 2 <= self.strides[0] <= self.strides[-1] <= _COARSEST
        ):
            raise BundleError(
                f"{where}.strides must be powers of two from 2 to {_COARSEST}, each twice the one "
                f"before; got {list(self.strides)}."
            )
        if not 0 < self.threshold < 1:
            raise BundleError(
                f"{where}.threshold must lie between 0 and 1; got {self.threshold}."
            )


@dataclass(frozen=True, slots=True)
class TrainedDetector:
    """A detector with its weights, as a training makes it and a bundle takes it.

    Parameters
    ----------
    spec : DetectorSpec
        What it is.
    weights : mapping of str to ndarray
        By the names of `xoceansar.models.networks.detection_transformer.Detector`.
    """

    spec: DetectorSpec
    weights: Mapping[str, npt.NDArray[Any]]


def check_detector(spec: DetectorSpec, backbone: BackboneSpec) -> None:
    """Refuse a detector that was fitted on another backbone."""
    if spec.backbone_sha256 != backbone.sha256:
        raise WeightsMismatchError(
            f"detector {spec.name!r} was fitted on the backbone {spec.backbone_sha256[:12]} and "
            f"this one is {backbone.sha256[:12] or '(unwritten)'}. Fit it again with "
            "xoceansar.train.fit_detector."
        )
    if backbone.patch_size != spec.strides[-1]:
        raise WeightsMismatchError(
            f"detector {spec.name!r} takes patches of {spec.strides[-1]} pixels; those of the "
            f"backbone {backbone.architecture!r} have {backbone.patch_size}."
        )
