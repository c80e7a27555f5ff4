"""Land behind the maps, from the coastlines inside roaring-landmask: never a download.

The mask is sampled on the pixels of the map itself, in the map's own projection, so that nothing
is warped and no polygon can cross the edge of the map.

References
----------
Wessel and Smith (1996), GSHHG, https://doi.org/10.1029/96JB00104.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import MissingDependencyError, warn
from xoceansar.plot.map_frame import pixel_places, pixel_shape
from xoceansar.plot.style import COAST, LAND
from xoceansar.sar.land import is_land

if TYPE_CHECKING:
    from cartopy.crs import Projection
    from cartopy.mpl.geoaxes import GeoAxes


#: Samples of the mask along each side of a pixel; their mean makes smooth coasts.
SAMPLES: Final = 2


def draw_land(ax: "GeoAxes", *, pixels: int = 1000) -> bool:
    """Draw land and coastline over the present extent of a map."""
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    shape = pixel_shape(ax, pixels)
    extent = (west, east, south, north)
    try:
        land = land_fraction(ax.projection, extent, shape)
    except MissingDependencyError as error:
        warn(f"the map has no land: {error}")
        return False
    colors = require("matplotlib.colors", extra="plot")
    image = np.empty((*shape, 4), np.float32)
    image[..., :3] = colors.to_rgb(LAND)
    image[..., 3] = land
    ax.imshow(
        image, extent=extent, origin="lower", transform=ax.projection, zorder=0.5,
        interpolation="bilinear", aspect=ax.get_aspect(),
    )  # fmt: skip
    if 0 < land.mean() < 1:
        x, y = (np.linspace(a, b, n * 2 + 1)[1::2] for a, b, n in
                ((west, east, shape[1]), (south, north, shape[0])))  # fmt: skip
        ax.contour(
            x, y, land, [0.5], colors=COAST, linewidths=0.5, zorder=0.6,
            transform=ax.projection, transform_first=False,
        )  # fmt: skip
    ax.set_xlim(west, east)
    ax.set_ylim(south, north)
    return True


@lru_cache(maxsize=16)
def land_fraction(
    projection: "Projection",
    extent: tuple[float, float, float, float],
    shape: tuple[int, int],
) -> npt.NDArray[np.float32]:
    """Sample the land mask on the pixels of a map."""
    rows, columns = (n * SAMPLES for n in shape)
    places = pixel_places(projection, extent, (rows, columns))
    land = is_land(places[..., 0], places[..., 1])
    blocks = land.reshape(shape[0], SAMPLES, shape[1], SAMPLES)
    fraction: npt.NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    fraction.flags.writeable = False
    return fraction
