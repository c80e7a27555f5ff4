"""Views of a vignette for self-supervised training: crops, flips, gain and speckle of sigma0.

Each image has its own seed, so views do not depend on how images are put into batches, on the
rank, or on the global state of torch and numpy.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from xoceansar._typing import Array
from xoceansar.errors import DimensionError, TrainingError
from xoceansar.models.spec import InputSpec

Tensor = torch.Tensor

N_GLOBAL: Final = 2
#: Places tried for a crop before one without variation is accepted.
_DRAWS: Final = 8
#: The cube-root law of `_speckle` is within 1 % of the gamma law's quantiles from here on.
_LEAST_LOOKS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How the views of a vignette differ from each other.

    Notes
    -----
    The effect on direction labels, with phi the angle of a wave or wind direction clockwise
    from ``ground_heading`` (azimuth, the direction of increasing ``line``):

    =================================  =============
    flip along (``line`` reversed)     180 - phi
    flip across (``sample`` reversed)  -phi
    both                               180 + phi
    crop, gain, speckle                phi
    =================================  =============

    A flip across also swaps near and far range, and so the trend of sigma0 with incidence.
    What is left out, and why. Rescaled crops: the metres of a pixel are what a wavelength, and
    with it a wave height, is read from. Rotation: azimuth and range are not alike, as the
    azimuth cut-off and the modulations of the radar belong to one axis each. Blur: it
    imitates the azimuth cut-off, which tells the sea state. Solarisation and colour: sigma0
    is calibrated, and its order and level are physical.

    References
    ----------
    ESA, Sentinel-1 acquisition modes, wave mode (radiometric stability and accuracy).
    """

    #: Sides of the two global crops and of the local crops, in pixels.
    global_size: int
    local_size: int
    #: Number of local crops of each image; 0 for none.
    n_local: int
    #: Standard deviation of the calibration gain of a view, in dB. The radiometric stability of
    #: Sentinel-1 is 0.5 dB and its accuracy 1 dB, both at three standard deviations: the default is
    #: wider than either and far narrower than the range of the sea (20 dB), so the level keeps its
    #: meaning.
    gain_db: float = 0.5
    #: Range of the number of looks of the added speckle, drawn uniformly in its logarithm. A pixel
    #: of 50 m has about 100 looks of its own: at most as much speckle is added.
    looks: tuple[float, float] = (100.0, 400.0)
    #: Probability, for each view, of added speckle and of each flip.
    speckle_probability: float = 0.5
    flip_along: float = 0.5
    flip_across: float = 0.5

    def __post_init__(self) -> None:
        for name in ("global_size", "local_size"):
            value = getattr(self, name)
            _require(value >= 1, name, "1 pixel or more", value)
        _require(self.n_local >= 0, "n_local", "0 or more", self.n_local)
        _require(0 <= self.gain_db < math.inf, "gain_db", "0 dB or more", self.gain_db)
        low, high = self.looks
        _require(
            _LEAST_LOOKS <= low <= high < math.inf,
            "looks",
            f"two increasing numbers of at least {_LEAST_LOOKS:g}",
            self.looks,
        )
        for name in ("speckle_probability", "flip_along", "flip_across"):
            value = getattr(self, name)
            _require(0 <= value <= 1, name, "between 0 and 1", value)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Side of each view, the global ones first."""
        return (self.global_size,) * N_GLOBAL + (self.local_size,) * self.n_local


def _require(condition: bool, name: str, needed: str, found: object) -> None:
    if not condition:
        raise TrainingError(f"augmentation.{name} must be {needed}; got {found!r}.")


@dataclass(slots=True)
class Views:
    """The views of a batch."""

    #: (2, n, 1, g, g), float32: Global crops.
    global_: Tensor
    #: (n_local, n, 1, l, l), float32: Local crops.
    local: Tensor
    #: Crops that have no variation after every draw: no data but the fill value.
    empty: int


@dataclass(slots=True)
class _Draws:
    """Random numbers of a batch: (n, views) each, `corners` (n, views, draws, 2)."""

    corners: Array
    gain_db: Array
    looks: Array
    along: Array
    across: Array
    noise_seeds: list[int]


def make_views(
    images: Tensor,
    seeds: Array,
    augmentation: Augmentation,
    spec: InputSpec,
    scale: Tensor | None = None,
    mean: Tensor | None = None,
) -> Views:
    """Cut and perturb the views of each image.

    Shapes: `images` (n, 1, S, S), `seeds` (n,), scale, mean (n,).

    Notes
    -----
    Gain and speckle act on sigma0, and the result is what the input spec makes of it. With a
    gain of g dB, f = 10^(g/10), and speckle w of mean 1, an image ``x = (s - m) / d`` becomes,
    in decibel and roughness,

        x + (g + 10 log10 w) / d,

    and in linear scale, with r = m / d,

        (f / k) w (x + r) - (j / k) r,

    where j is f if m is the vignette's own mean and else 1, and k the same for d. So where the
    vignette's own mean (decibel), or mean and spread (linear), is taken out at inference, a
    gain changes nothing, and none is applied. The floor under the logarithm moves with it.

    Speckle of L looks is gamma distributed with mean 1 and variance 1/L, drawn through the
    cube-root law ``w = (1 - 1/(9L) + z / (3 sqrt L))^3``. Normal z is drawn on the device of
    `images`: devices differ in speckle, in nothing else. A crop without variation (missing
    data have one fill value) is drawn again, up to seven times.

    References
    ----------
    Wilson and Hilferty (1931), https://doi.org/10.1073/pnas.17.12.684.

    Examples
    --------
    >>> spec = InputSpec(scale="dB", size=32, mean=-12.0, std=6.0)
    >>> augmentation = Augmentation(global_size=16, local_size=8, n_local=3)
    >>> views = make_views(torch.randn(5, 1, 32, 32), np.arange(5), augmentation, spec)
    >>> tuple(views.global_.shape), tuple(views.local.shape), views.empty
    ((2, 5, 1, 16, 16), (3, 5, 1, 8, 8), 0)
    """
    _check(images, seeds, augmentation)
    in_db = spec.scale != "linear"
    offset = None if in_db else _per_image(spec.mean, mean, images, "mean")
    divisor = _per_image(spec.std, scale, images, "scale")
    draws = _draw(seeds, augmentation, images.shape[-1])
    noise = _noise(draws, augmentation, images.device)
    views, empty = [], 0
    for view, size in enumerate(augmentation.sizes):
        crops, missed = _crop(images, draws, view, size)
        gain = _tensor(draws.gain_db[:, view], images.device)
        decibel = _speckle_db(noise, draws, augmentation, view)
        views.append(_perturb(crops, gain, decibel, spec, offset, divisor))
        empty += missed
    side = augmentation.local_size
    none = torch.empty((0, len(images), 1, side, side), device=images.device)
    local = torch.stack(views[N_GLOBAL:]) if augmentation.n_local else none
    return Views(torch.stack(views[:N_GLOBAL]), local, empty)


def _check(images: Tensor, seeds: Array, augmentation: Augmentation) -> None:
    if images.ndim != 4 or images.shape[1] != 1 or images.shape[2] != images.shape[3]:
        raise DimensionError(
            "make_views needs images of shape (n, 1, S, S), as network_input makes them; got "
            f"{tuple(images.shape)}."
        )
    if np.shape(seeds) != (len(images),):
        raise DimensionError(
            f"make_views needs one seed for each of the {len(images)} images; got the shape "
            f"{np.shape(seeds)}."
        )
    if np.asarray(seeds).dtype.kind not in "iu":
        raise TrainingError(f"seeds must be integers; got {np.asarray(seeds).dtype}.")
    if max(augmentation.sizes) > images.shape[-1]:
        raise TrainingError(
            f"crops of {max(augmentation.sizes)} pixels do not fit in images of "
            f"{images.shape[-1]}. Reduce crops.global_size and crops.local_size, or increase "
            "input.size."
        )


def _per_image(
    constant: float | tuple[float, ...] | None,
    given: Tensor | None,
    images: Tensor,
    name: str,
) -> Tensor:
    """One number for each image, (n, 1, 1): the constant of the spec, or what was given."""
    n = len(images)
    if isinstance(constant, int | float):
        return torch.full((n, 1, 1), float(constant), device=images.device)
    if given is None:
        raise TrainingError(
            f"the input has no constant for all images here, so make_views needs {name}=, a "
            f"tensor of {n} numbers (VignetteDataset.{name} has them)."
        )
    if given.shape != (n,):
        raise DimensionError(
            f"{name} must have one number for each of the {n} images; got the shape "
            f"{tuple(given.shape)}."
        )
    return given.to(images.device, torch.float32)[:, None, None]


def _draw(seeds: Array, augmentation: Augmentation, side: int) -> _Draws:
    """Draw all that is random but the noise, the same numbers whatever the data."""
    room = side - np.array(augmentation.sizes)[:, None, None] + 1
    low, high = np.log(augmentation.looks)
    shape = (len(seeds), len(room))
    draws = _Draws(
        corners=np.empty((*shape, _DRAWS, 2), np.int64),
        gain_db=np.empty(shape),
        looks=np.empty(shape),
        along=np.empty(shape, bool),
        across=np.empty(shape, bool),
        noise_seeds=[],
    )
    for i, seed in enumerate(np.asarray(seeds).astype(np.uint64)):
        rng = np.random.Generator(np.random.Philox(int(seed)))
        draws.corners[i] = rng.integers(0, room, draws.corners.shape[1:])
        draws.gain_db[i] = rng.normal(0.0, augmentation.gain_db, len(room))
        looks = np.exp(rng.uniform(low, high, len(room)))
        speckled, along, across = rng.random((3, len(room)))
        draws.looks[i] = np.where(
            speckled < augmentation.speckle_probability, looks, np.inf
        )
        draws.along[i] = along < augmentation.flip_along
        draws.across[i] = across < augmentation.flip_across
        draws.noise_seeds.append(int(rng.integers(2**63)))
    return draws


def _crop(images: Tensor, draws: _Draws, view: int, side: int) -> tuple[Tensor, int]:
    """Crops (n, side, side) with their flips, and how many have no variation."""
    rows = np.arange(len(images))
    crops = _cut(images, draws, rows, (view, 0), side)
    flat = rows[_is_flat(crops)]
    for attempt in range(1, _DRAWS):
        if not len(flat):
            break
        crops[flat] = _cut(images, draws, flat, (view, attempt), side)
        flat = flat[_is_flat(crops[flat])]
    return crops, len(flat)


def _is_flat(crops: Tensor) -> Array:
    low, high = crops.flatten(1).aminmax(dim=1)
    return np.asarray((low == high).cpu().numpy())


def _cut(
    images: Tensor, draws: _Draws, rows: Array, which: tuple[int, int], side: int
) -> Tensor:
    """Cut one crop out of each of some images; a flip reverses the index."""
    view, attempt = which
    forward = np.arange(side)
    index = []
    for axis, flips in enumerate((draws.along, draws.across)):
        step = np.where(flips[rows, view, None], forward[::-1], forward)
        first = draws.corners[rows, view, attempt, axis, None]
        index.append(torch.from_numpy(first + step).to(images.device))
    lines, samples = index
    image = torch.from_numpy(rows).to(images.device)
    cut = images[image[:, None, None], 0, lines[:, :, None], samples[:, None, :]]
    return cut.float()


def _tensor(values: Array, device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)[:, None, None]


def _noise(
    draws: _Draws, augmentation: Augmentation, device: torch.device
) -> Tensor | None:
    """Draw normal numbers (n, pixels of all views); None where nothing is speckled."""
    if augmentation.speckle_probability == 0:
        return None
    pixels = sum(size**2 for size in augmentation.sizes)
    out = torch.zeros((len(draws.noise_seeds), pixels), device=device)
    generator = torch.Generator(device)
    for i in np.flatnonzero(np.isfinite(draws.looks).any(axis=1)):
        generator.manual_seed(draws.noise_seeds[i])
        out[i].normal_(generator=generator)
    return out


def _speckle_db(
    noise: Tensor | None, draws: _Draws, augmentation: Augmentation, view: int
) -> Tensor | float:
    """Speckle of a view in dB (n, size, size): 0 for the images that get none."""
    if noise is None:
        return 0.0
    first = sum(size**2 for size in augmentation.sizes[:view])
    side = augmentation.sizes[view]
    normal = noise[:, first : first + side**2].reshape(-1, side, side)
    inverse = _tensor(1.0 / draws.looks[:, view], noise.device)
    root = torch.addcmul(1.0 - inverse / 9.0, normal, inverse.sqrt() / 3.0)
    return root.log10_().mul_(30.0)


def _perturb(
    crops: Tensor,
    gain_db: Tensor,
    speckle_db: Tensor | float,
    spec: InputSpec,
    offset: Tensor | None,
    divisor: Tensor,
) -> Tensor:
    """Apply gain and speckle to one view; see `make_views` for the equations."""
    if offset is None:
        change = speckle_db if spec.mean is None else speckle_db + gain_db
        return (crops + change / divisor)[:, None]
    gain, speckle = _factor(gain_db), _factor(speckle_db)
    ratio = offset / divisor
    left = gain * ratio if spec.mean is None else ratio
    view = gain * speckle * (crops + ratio) - left
    return (view / gain if spec.std is None else view)[:, None]


def _factor(decibel: Tensor | float) -> Tensor:
    return torch.pow(10.0, torch.as_tensor(decibel) / 10.0)
