"""Vignettes that the shipped bundle was not made for: real ones altered, and other scenes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from xoceansar.simulate import scene
from xoceansar.simulate.sea.environment import sample_environment

__all__ = ["PERTURBATIONS", "other_incidence"]

Array = npt.NDArray[Any]
Rng = np.random.Generator


def _amplitude(image: Array, rng: Rng) -> Array:
    """Take amplitude (digital numbers) for intensity, their mean put right."""
    amplitude = np.sqrt(np.maximum(image, 0.0))
    return amplitude * (image.mean() / amplitude.mean())


def _noisy(image: Array, rng: Rng) -> Array:
    """Add speckled noise of the level of the sea."""
    return image + image.mean() * rng.exponential(1.0, image.shape)


def _blurred(image: Array, rng: Rng) -> Array:
    """Blur by 2 pixels: half the resolution or less."""
    return ndimage.gaussian_filter(image, 2.0, mode="nearest")


def _shuffled(image: Array, rng: Rng) -> Array:
    """Make white noise with the histogram of the image."""
    return rng.permutation(image.ravel()).reshape(image.shape)


def _brighter(image: Array, rng: Rng) -> Array:
    """Make a gain error of 3 dB."""
    return image * 10**0.3


def _rotated(image: Array, rng: Rng) -> Array:
    """Turn azimuth and range by 30 degrees."""
    return ndimage.rotate(image, 30.0, reshape=False, order=1, mode="reflect")


def _zoomed(image: Array, rng: Rng) -> Array:
    """Take pixels of 25 m for pixels of 50 m."""
    lines, samples = (size // 4 for size in image.shape)
    centre = image[lines : image.shape[0] - lines, samples : image.shape[1] - samples]
    return ndimage.zoom(centre, 2.0, order=1)


def _land(image: Array, rng: Rng) -> Array:
    """Make a log-normal scene of -8 dB with 4 dB of contrast at all scales."""
    lines, samples = image.shape
    wavenumber = np.hypot(
        np.fft.fftfreq(lines)[:, None], np.fft.rfftfreq(samples)[None]
    )
    wavenumber[0, 0] = np.inf
    white = np.fft.rfft2(rng.normal(size=image.shape))
    field = np.fft.irfft2(white / wavenumber, image.shape)
    field *= 4.0 / field.std()
    looks = rng.gamma(30.0, 1 / 30.0, image.shape)
    return 10 ** ((field - 8.0) / 10) * looks


#: What happens to an image (line, sample), linear sigma0.
PERTURBATIONS: Mapping[str, Callable[[Array, Rng], Array]] = {
    "amplitude_for_intensity": _amplitude,
    "noise_added": _noisy,
    "blurred": _blurred,
    "white_noise": _shuffled,
    "gain_3_dB": _brighter,
    "rotated_30_degrees": _rotated,
    "zoomed_2x": _zoomed,
    "land_like": _land,
}


def other_incidence(n: int, seed: int, incidence: float = 30.0) -> tuple[Array, Array]:
    """Simulate vignettes between the two beams of wave mode.

    Parameters
    ----------
    n : int
        Number of vignettes.
    seed : int
        Of the draw.
    incidence : float
        In degrees.

    Returns
    -------
    sigma0 : ndarray (n, 384, 384)
        Linear.
    incidence : ndarray (n,)
        In degrees.
    """
    images = []
    for row in range(n):
        root = np.random.SeedSequence(seed, spawn_key=(row,))
        draw, made, speckle = root.spawn(3)
        environment = sample_environment(np.random.default_rng(draw))
        other = replace(environment, incidence=incidence)
        images.append(scene(made, environment=other).observe(speckle))
    return np.stack(images), np.full(n, incidence)
