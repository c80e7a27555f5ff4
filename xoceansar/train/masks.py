"""Which patches of a crop are hidden from the student: rectangles, as in DINOv2."""

import itertools
import math
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["block_masks"]

#: Least patches of a rectangle, and its least and greatest ratio of height to width (DINOv2).
_LEAST: Final = 4
_ASPECT: Final = (0.3, 1 / 0.3)
#: Rectangles tried before a mask that nothing fits into any more is left as it is.
_ATTEMPTS: Final = 10


def block_masks(
    n: int,
    grid: tuple[int, int],
    *,
    probability: float,
    ratio: tuple[float, float],
    rng: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """Draw the masks of a batch.

    Parameters
    ----------
    n : int
        Crops.
    grid : tuple of int
        Rows and columns of their patches.
    probability : float
        Fraction of the crops that are masked, in [0, 1].
    ratio : tuple of float
        Least and greatest fraction of the patches of a masked crop.
    rng : numpy.random.Generator
        Source of all that is drawn.

    Returns
    -------
    ndarray (n, rows, columns), bool
        True where a patch is hidden.

    Notes
    -----
    ``int(n probability)`` crops are masked. The range of ratios is divided evenly among them, so
    that every batch has light and heavy masks, and they stand in random order. Rectangles of at
    least 4 patches and of aspect 0.3 to 1 / 0.3 are added until the target is reached; it is never
    exceeded, and missed by a few patches where nothing fits any more.

    References
    ----------
    Oquab et al. (2023), https://doi.org/10.48550/arXiv.2304.07193; Bao et al. (2022),
    https://doi.org/10.48550/arXiv.2106.08254.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> masks = block_masks(4, (8, 8), probability=0.5, ratio=(0.1, 0.5), rng=rng)
    >>> int(masks.any(axis=(1, 2)).sum())
    2
    """
    masks = np.zeros((n, *grid), dtype=bool)
    masked = int(n * probability)
    edges = np.linspace(*ratio, masked + 1)
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        _fill(masks[i], int(masks[i].size * rng.uniform(low, high)), rng)
    return masks[rng.permutation(n)]


def _fill(mask: npt.NDArray[np.bool_], target: int, rng: np.random.Generator) -> None:
    """Add rectangles in place until the target is reached or nothing fits."""
    failures = 0
    while failures < _ATTEMPTS and (left := target - int(mask.sum())) > 0:
        # What is left may be less than the least rectangle, of which part is masked already.
        area = rng.uniform(min(_LEAST, left), left)
        aspect = math.exp(rng.uniform(*np.log(_ASPECT)))
        height = max(1, round(math.sqrt(area * aspect)))
        width = max(1, round(math.sqrt(area / aspect)))
        failures += not _add(mask, height, width, left, rng)


def _add(
    mask: npt.NDArray[np.bool_],
    height: int,
    width: int,
    most: int,
    rng: np.random.Generator,
) -> bool:
    """Mask a rectangle somewhere, if it fits and adds between 1 and `most` patches."""
    rows, columns = mask.shape
    if height > rows or width > columns or height * width < min(_LEAST, mask.size):
        return False
    top = rng.integers(0, rows - height + 1)
    left = rng.integers(0, columns - width + 1)
    part = mask[top : top + height, left : left + width]
    if not 0 < int((~part).sum()) <= most:
        return False
    part[:] = True
    return True
