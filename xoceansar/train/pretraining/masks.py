"""Blocks of patches that are hidden from the student."""

import math

import numpy as np
import numpy.typing as npt

from xoceansar.errors import TrainingError

Mask = npt.NDArray[np.bool_]

#: Patches of the smallest rectangle, its aspect ratio and the draws before giving up, as in DINOv2.
_SMALLEST = 4
_ASPECT = 0.3
_DRAWS = 10


def block_masks(
    n: int,
    grid: tuple[int, int],
    *,
    probability: float,
    ratio: tuple[float, float],
    rng: np.random.Generator,
) -> Mask:
    """Draw masks made of rectangles, as DINOv2 does.

    Shapes: gives (n, rows, columns). True where a patch is hidden, in random order.

    Notes
    -----
    The range of the ratio is divided into as many equal bins as there are masks that hide
    anything, and each draws its share from its own bin, so that every batch has the same mix of
    easy and hard ones [1]_. Rectangles of 4 patches to all that are still wanted, of aspect 0.3 to
    1/0.3, are added [2]_ while they fit; a mask never hides more than its share, and hides less
    where ten rectangles in a row did not fit. A share of less than 4 patches is one small
    rectangle or several, and a share of less than one patch hides one.

    References
    ----------
    .. [1] Oquab et al. (2024), doi:10.48550/arXiv.2304.07193.
    .. [2] Bao et al. (2022), doi:10.48550/arXiv.2106.08254.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> masks = block_masks(4, (8, 8), probability=0.5, ratio=(0.1, 0.5), rng=rng)
    >>> int(masks.any(axis=(1, 2)).sum())
    2
    """
    low, high = ratio
    if not (0 <= probability <= 1 and 0 <= low <= high <= 1 and min(grid) > 0):
        raise TrainingError(
            "masks need a probability within 0 to 1, a rising ratio within 0 to 1 and a grid of "
            f"patches; got probability={probability}, ratio={ratio}, grid={grid}."
        )
    masks = np.zeros((n, *grid), dtype=bool)
    hiding = int(n * probability)
    edges = np.linspace(low, high, hiding + 1)
    for i in range(hiding):
        share = rng.uniform(edges[i], edges[i + 1])
        _hide(masks[i], max(1, int(share * grid[0] * grid[1])), rng)
    return rng.permutation(masks)


def _hide(mask: Mask, wanted: int, rng: np.random.Generator) -> None:
    """Add rectangles to a mask until it hides as many patches as wanted, or none fits."""
    while wanted > 0:
        added = _add_rectangle(mask, wanted, rng)
        if not added:
            break
        wanted -= added
    if not mask.any():  # a grid of one row takes few rectangles
        mask.flat[rng.integers(mask.size)] = True


def _add_rectangle(mask: Mask, most: int, rng: np.random.Generator) -> int:
    """Add a rectangle with 1 to `most` patches that were not hidden, and return how many."""
    rows, columns = mask.shape
    for _ in range(_DRAWS):
        area = rng.uniform(min(_SMALLEST, most), most)
        aspect = math.exp(rng.uniform(math.log(_ASPECT), -math.log(_ASPECT)))
        height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if height > rows or width > columns:
            continue
        top = rng.integers(rows - height + 1)
        left = rng.integers(columns - width + 1)
        block = mask[top : top + height, left : left + width]
        added = height * width - int(block.sum())
        if 0 < added <= most:
            block[:] = True
            return added
    return 0
