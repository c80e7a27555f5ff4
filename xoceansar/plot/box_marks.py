"""Boxes of icebergs on quick-looks: found ones and true ones."""

from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DimensionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_NAME: Final = "iceberg_box"
#: Colour and dash of found and of true boxes: told apart by both.
_LOOK: Final = {"found": ("#ffb000", "-"), "true": ("#3ddbd9", (0, (1.2, 1.2)))}
#: Free pixels between an iceberg and its box, as a fraction of the image: the box must not hide it.
_MARGIN: Final = 0.008


def boxes_along(ds: xr.Dataset | None, dim: str, n: int) -> xr.DataArray | None:
    """Take the boxes of a Dataset, one set for each image."""
    if ds is None or _NAME not in ds:
        return None
    boxes = ds[_NAME] if dim in ds[_NAME].dims else ds[_NAME].expand_dims(VIGNETTE)
    if boxes.sizes[dim] != n:
        raise DimensionError(
            f"there are boxes for {boxes.sizes[dim]} images and {n} images. Select the same "
            f"rows along {dim!r} in both."
        )
    return boxes.transpose(dim, ..., "edge").compute()


def draw_boxes(ax: "Axes", boxes: np.ndarray, kind: str) -> None:
    """Draw the boxes of one image.

    Shapes: `boxes` (n, 4).
    """
    patches = require("matplotlib.patches", extra="plot")
    colour, dash = _LOOK[kind]
    width, height = ax.get_xlim()[1], ax.get_ylim()[1]
    for low_y, low_x, high_y, high_x in boxes[np.isfinite(boxes).all(axis=1)]:
        ax.add_patch(
            patches.Rectangle(
                ((low_x - _MARGIN) * width, (low_y - _MARGIN) * height),
                (high_x - low_x + 2 * _MARGIN) * width,
                (high_y - low_y + 2 * _MARGIN) * height,
                fill=False, edgecolor=colour, linestyle=dash, linewidth=0.9,
            )
        )  # fmt: skip
