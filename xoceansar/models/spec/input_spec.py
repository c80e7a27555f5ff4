"""What the network takes."""

from dataclasses import dataclass
from typing import Literal, get_args

from xoceansar.models.spec.architecture import LARGEST_INPUT
from xoceansar.models.spec.choices import (
    Centre,
    Scale,
    require,
    require_choice,
    require_positive,
)


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

    Examples
    --------
    >>> spec = InputSpec(scale="dB", size=384, centre="vignette", mean=None, std=4.0)
    >>> spec.spacing, spec.polarisations
    (50.0, ('VV',))
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
        require_choice(self.quantity, "input.quantity", ["sigma0"])
        require_choice(self.scale, "input.scale", get_args(Scale))
        require_choice(self.centre, "input.centre", get_args(Centre))
        require_positive(self.size, "input.size")
        require(
            self.size <= LARGEST_INPUT,
            "input.size",
            f"at most {LARGEST_INPUT}",
            self.size,
        )
        require_positive(self.spacing, "input.spacing")
        require_positive(self.floor, "input.floor")
        require(
            self.floor <= 1, "input.floor", "at most 1, a linear sigma0", self.floor
        )
        if self.relative_floor is not None:
            require_positive(self.relative_floor, "input.relative_floor")
            require(
                self.relative_floor < 1,
                "input.relative_floor",
                "below 1, the mean, to which it would raise all that is lower",
                self.relative_floor,
            )
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
        require(fits, where, needed, found)
        values = self.std if isinstance(self.std, tuple) else (self.std,)
        if isinstance(self.std, tuple):
            require(len(values) == len(self.beams), "input.std", per_beam, self.std)
        for value in values:
            if value is not None:
                require_positive(value, "input.std")

    @property
    def needs_beam(self) -> bool:
        """Whether the constants depend on the beam of the vignette."""
        return isinstance(self.mean, tuple) or isinstance(self.std, tuple)

    @property
    def needs_incidence(self) -> bool:
        """Whether images without an incidence angle cannot be normalised."""
        return self.needs_beam or self.scale == "roughness"
