"""Maps of one value or category for each vignette."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

import xarray as xr

from xoceansar.plot.arrows import draw_arrows
from xoceansar.plot.map_sheet import MapRegion, choose_region, draw_map
from xoceansar.plot.map_values import read_values
from xoceansar.plot.marks import colouring, draw_marks

if TYPE_CHECKING:
    from cartopy.crs import Projection
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


def map(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    ax: "GeoAxes | None" = None,
    projection: "Projection | str | None" = None,
    region: MapRegion | None = None,
    cmap: "str | Colormap | None" = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    land: bool = True,
    footprints: bool | None = None,
    locator: bool | None = None,
    arrows: Hashable | None = None,
) -> "Figure":
    """Draw one value for each vignette, or a field over a swath, on a map.

    Parameters
    ----------
    obj : Dataset or DataArray
        A DataArray (vignette), or a Dataset that holds it, with the coordinates ``longitude`` and
        ``latitude`` along the same dim, degrees; or a field (row, column) with both along both, as
        `xoceansar.ops.field` gives it.
    variable : hashable, optional
        Variable or coordinate of `obj`; needed where a Dataset holds more than one that can be
        mapped. Numbers, CF flags, flag masks and text can.
    ax : GeoAxes, optional
        Where to draw; its projection and limits stay. A new figure otherwise.
    projection : cartopy Projection or str, optional
        Of the new figure, or its name as "Robinson"; chosen from the region otherwise.
    region : tuple of float, "global" or "world", optional
        West, east, south and north in degrees, west > east across the antimeridian; the
        vignettes with a margin otherwise.
    cmap : str or Colormap, optional
        For numbers; one that suits the variable otherwise.
    vmin, vmax : float, optional
        Ends of the colour bar; from the values, without the outermost percent, otherwise.
    title : str, optional
        What the map shows; the variable's ``long_name`` otherwise.
    land : bool, default True
        Draw land and coastline.
    footprints : bool, optional
        Draw the vignettes' outlines, by ``corner_longitude`` and ``corner_latitude``, in place
        of points; where they are large enough to see otherwise. A field is always drawn by its
        cells.
    locator : bool, optional
        Draw a small globe that says where the region lies; where it is small otherwise.
    arrows : hashable, optional
        Variable of `obj` that says where something travels or comes from, as ``swell_to_direction`` or
        ``wind_to_direction_ambiguities``: an arrow from each position along each of its directions there,
        of one length, towards which it goes.

    Returns
    -------
    Figure
        ``figure.axes[0]`` is the map; with `ax`, the figure of that. Nothing is shown and no backend
        chosen: ``figure.savefig(path)``, or ``matplotlib.pyplot.show()``.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError
        If the variable or its positions are absent, or cannot be drawn as one value each; or `arrows`
        is no direction towards or from.
    OceansarError
        If `ax` is not a cartopy GeoAxes, or `region` no region.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    Loads `variable` and its coordinates. Vignettes without a value are drawn as hollow grey marks,
    never as the first class or the lowest value. Nothing is downloaded: land comes from the
    GSHHG coastlines in roaring-landmask.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> figure = xos.plot.map(sea, "swh", land=False)
    >>> figure.axes[1].get_ylabel()
    'Significant wave height (m)'
    """
    values = read_values(obj, variable)
    colours = colouring(values, cmap, vmin, vmax)

    def paint(axes: "GeoAxes") -> "ScalarMappable":
        marks = draw_marks(axes, values, colours, footprints)
        if arrows is not None:
            draw_arrows(axes, obj, arrows)
        return marks

    return draw_map(
        values, colours, paint, choose_region(region, values), ax=ax, projection=projection,
        zoomed=region is not None, title=title, land=land, locator=locator,
    )  # fmt: skip
