"""Maps of vignettes gathered in cells: one grid, the seasons, icebergs, classes."""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar import ops
from xoceansar._optional import require
from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.gridding.cell_statistics import (
    COUNT,
    ICE_FREE,
    SEASONS,
    GridStatistic,
    choose,
)
from xoceansar.plot.cell_images import Field, draw_cells, is_gridded, read_field
from xoceansar.plot.map_frame import Region
from xoceansar.plot.map_sheet import MapRegion, choose_region, draw_map
from xoceansar.plot.marks import Colouring, colouring
from xoceansar.plot.panels import Panel, draw_panels
from xoceansar.plot.style import sentence

if TYPE_CHECKING:
    from cartopy.crs import Projection
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


_SEASON_NAMES: Final = {
    "DJF": "December to February",
    "MAM": "March to May",
    "JJA": "June to August",
    "SON": "September to November",
}
_DENSITY_LABEL: Final = "Icebergs per 1,000 km² searched"
#: Ticks of the bar of fractions, whose scale is that of square roots: rare classes are seen too.
_FRACTIONS: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def grid(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    cell: float = 2.0,
    statistic: GridStatistic = "mean",
    minimum: int = 1,
    ax: "GeoAxes | None" = None,
    projection: "Projection | str | None" = None,
    region: MapRegion | None = None,
    cmap: "str | Colormap | None" = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    land: bool = True,
    locator: bool | None = None,
) -> "Figure":
    """Draw the mean of the vignettes in cells of longitude and latitude.

    Parameters
    ----------
    obj : Dataset or DataArray
        Vignettes, as for `xoceansar.ops.grid`; or values that are in cells already
        (latitude, longitude), from there or from elsewhere.
    variable : hashable, optional
        Which variable of a Dataset; ``observation_count`` of one in cells draws the numbers.
    cell : float, default 2
        Side of a cell, degrees. For vignettes only, as are `statistic` and `minimum`.
    statistic : {"mean", "median", "std", "min", "max", "count"}
        What is said of the values in a cell.
    minimum : int, default 1
        Cells with fewer values stay empty.
    ax : GeoAxes, optional
        Where to draw; its projection and limits stay. A new figure otherwise.
    projection : cartopy Projection or str, optional
        Of the new figure, or its name as "Robinson"; chosen from the region otherwise.
    region : tuple of float, "global" or "world", optional
        West, east, south and north in degrees, west > east across the antimeridian; the
        cells with a value and a margin otherwise.
    cmap : str or Colormap, optional
        One that suits the variable otherwise.
    vmin, vmax : float, optional
        Ends of the colour bar; from the values, without the outermost percent, otherwise.
    title : str, optional
        What the map shows; the variable's ``long_name`` otherwise.
    land : bool, default True
        Draw land and coastline, above the cells.
    locator : bool, optional
        Draw a small globe that says where the region lies; where it is small otherwise.

    Returns
    -------
    Figure
        ``figure.axes[0]`` is the map. Nothing is shown and no backend chosen.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError, OceansarError
        As `xoceansar.ops.grid` and `xoceansar.plot.map`; if values in cells have a further
        dim, as a season.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    Loads the variable and its coordinates. Cells without a value are left as empty sea. They are
    sampled on the pixels of the map, in its own projection: right at the antimeridian and at the
    poles. A later change of the axes' limits shows these pixels larger.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> figure = xos.plot.grid(sea, "swh", land=False)
    >>> figure.axes[1].get_ylabel()
    'Mean significant wave height (m)'
    """
    cells, attrs = _gathered(
        obj, variable, cell=cell, statistic=statistic, minimum=minimum
    )
    _refuse_dims(cells, ())
    field = read_field(cells, attrs, note=_note(cells))
    colours = colouring(field.values, cmap, vmin, vmax)
    return _one_map(
        field, colours, _region(region, field, field.region), ax=ax, projection=projection,
        zoomed=region is not None, title=title, land=land, locator=locator,
    )  # fmt: skip


def seasons(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    cell: float = 2.0,
    statistic: GridStatistic = "mean",
    minimum: int = 1,
    projection: "Projection | str | None" = None,
    region: MapRegion | None = None,
    cmap: "str | Colormap | None" = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    land: bool = True,
) -> "Figure":
    """Draw the mean of each season in cells: four maps with one colour bar.

    Parameters
    ----------
    obj : Dataset or DataArray
        Vignettes with ``time``; or values in cells already (season, latitude, longitude).
    variable : hashable, optional
        Which variable of a Dataset.
    cell : float, default 2
        Side of a cell, degrees. For vignettes only, as are `statistic` and `minimum`.
    statistic : {"mean", "median", "std", "min", "max", "count"}
        What is said of the values in a cell.
    minimum : int, default 1
        Cells with fewer values stay empty.
    projection : cartopy Projection or str, optional
        Of all maps; chosen from the region otherwise.
    region : tuple of float, "global" or "world", optional
        As for `grid`.
    cmap, vmin, vmax
        As for `grid`; the same for all four.
    title : str, optional
        What the maps show; the variable's ``long_name`` otherwise.
    land : bool, default True
        Draw land and coastline, above the cells.

    Returns
    -------
    Figure
        December to February, March to May, June to August, September to November; all years
        together. A season without a value is an empty map.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError, OceansarError
        As `grid`; if the time is not there.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    As `grid`.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> figure = xos.plot.seasons(sea, "swh", land=False)
    >>> len(figure.axes)  # four maps and the colour bar
    5
    """
    cells, attrs = _gathered(
        obj, variable, cell=cell, statistic=statistic, minimum=minimum, by="season"
    )
    _refuse_dims(cells, ("season",))
    cells = cells.reindex(season=list(SEASONS)).transpose("season", ...)
    field = read_field(cells, attrs, note=_note(cells))
    panels = [
        Panel(_SEASON_NAMES[name], numbers)
        for name, numbers in zip(SEASONS, field.numbers, strict=True)
    ]
    return draw_panels(
        panels, field, colouring(field.values, cmap, vmin, vmax),
        _region(region, field, field.region), projection=projection, title=title, land=land,
    )  # fmt: skip


def iceberg_density(
    obj: xr.Dataset | xr.DataArray,
    *,
    cell: float = 2.0,
    minimum: int = 1,
    ax: "GeoAxes | None" = None,
    projection: "Projection | str | None" = None,
    region: MapRegion | None = None,
    cmap: "str | Colormap | None" = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    land: bool = True,
    locator: bool | None = None,
) -> "Figure":
    """Draw the icebergs on 1000 km2 searched, in cells of longitude and latitude.

    Parameters
    ----------
    obj : Dataset or DataArray
        Of ``.oceansar.icebergs()``, or of ``.oceansar.iceberg_density()``.
    cell : float, default 2
        Side of a cell, degrees. For vignettes only, as is `minimum`.
    minimum : int, default 1
        Cells with fewer searched vignettes stay empty.
    ax, projection
        As for `grid`.
    region : tuple of float, "global" or "world", optional
        As for `grid`; where there are icebergs, with a margin, otherwise.
    cmap, vmin, vmax, title, land, locator
        As for `grid`.

    Returns
    -------
    Figure
        ``figure.axes[0]`` is the map. Cells that were searched in vain have the palest colour; those that were not
        are empty.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError, OceansarError
        As `xoceansar.ops.iceberg_density` and `grid`.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    As `grid`.

    Examples
    --------
    >>> import xarray as xr
    >>> import xoceansar as xos
    >>> searched = xr.Dataset(
    ...     {
    ...         "iceberg_count": ("vignette", [3.0, 1.0]),
    ...         "searched_area": ("vignette", [400.0, 400.0], {"units": "km2"}),
    ...     },
    ...     {
    ...         "longitude": ("vignette", [1.0, 0.5]),
    ...         "latitude": ("vignette", [-61.0, -60.5]),
    ...     },
    ... )
    >>> figure = xos.plot.iceberg_density(searched, land=False)
    >>> figure.axes[1].get_ylabel()
    'Icebergs per 1,000 km² searched'
    """
    cells: xr.Dataset | xr.DataArray = obj
    if isinstance(obj, xr.Dataset) and "iceberg_density" not in obj:
        cells = ops.iceberg_density(obj, cell=cell, minimum=minimum)
    density = choose(cells, "iceberg_density")
    _require_cells(density)
    _refuse_dims(density, ())
    attrs = cells.attrs if isinstance(cells, xr.Dataset) else {}
    field = read_field(density, attrs, label=_DENSITY_LABEL, note=_note(density))
    some = field.region_where(field.numbers > 0)
    home = some if np.nansum(field.numbers) > 0 else field.region
    colours = colouring(field.values, cmap, vmin, vmax)
    return _one_map(
        field, colours, _region(region, field, home), ax=ax, projection=projection,
        zoomed=region is not None, title=title, land=land, locator=locator,
    )  # fmt: skip


def class_occurrence(
    obj: xr.Dataset | xr.DataArray,
    classes: str | Iterable[str] | None = None,
    *,
    cell: float = 5.0,
    minimum: int = 1,
    projection: "Projection | str | None" = None,
    region: MapRegion | None = None,
    cmap: "str | Colormap | None" = None,
    title: str | None = None,
    land: bool = True,
) -> "Figure":
    """Draw how often each class occurs, in cells: a map for each.

    Parameters
    ----------
    obj : Dataset or DataArray
        Vignettes with ``ocean_class``, or what ``.oceansar.class_occurrence()`` gives.
    classes : str or iterable of str, optional
        Which, as ``"sea_ice"``; all otherwise.
    cell : float, default 5
        Side of a cell, degrees. For vignettes only, as is `minimum`.
    minimum : int, default 1
        Cells with fewer classified vignettes stay empty.
    projection, region, cmap, title, land
        As for `seasons`.

    Returns
    -------
    Figure
        Maps with one colour bar, from 0 to 100 % on a scale of square roots. Behind the name
        of a class its share of all vignettes.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError, OceansarError
        As `xoceansar.ops.class_occurrence` and `grid`; if there is no such class.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    As `grid`.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> figure = xos.plot.class_occurrence(sea, ["sea_ice", "icebergs"], land=False)
    >>> len(figure.axes)  # two maps and the colour bar
    3
    """
    gathered = isinstance(obj, xr.Dataset) and "class_occurrence" in obj
    cells = obj if gathered else ops.class_occurrence(obj, cell=cell, minimum=minimum)
    assert isinstance(cells, xr.Dataset)
    occurrence = cells["class_occurrence"]
    _refuse_dims(occurrence, ("class",))
    names = _chosen_classes(occurrence, classes)
    occurrence = occurrence.sel({"class": names}).transpose("class", ...)
    label = "Fraction of the vignettes"
    field = read_field(occurrence, cells.attrs, label=label, note=_note(occurrence))
    counts = cells[COUNT].sortby(["latitude", "longitude"]).values
    panels = [
        Panel(
            f"{sentence(name.replace('_', ' '))} · {_share(numbers, counts)}", numbers
        )
        for name, numbers in zip(names, field.numbers, strict=True)
    ]
    colors = require("matplotlib.colors", extra="plot")
    chosen = colouring(field.values, cmap, 0.0, 1.0).cmap
    colours = Colouring(chosen, colors.PowerNorm(0.5, 0.0, 1.0), "neither")
    heading = "How often each ocean class occurs" if title is None else title
    return draw_panels(
        panels, field, colours, _region(region, field, field.region), projection=projection,
        title=heading, land=land, ticks={v: f"{v:.0%}" for v in _FRACTIONS},
    )  # fmt: skip


def _share(fraction: Any, counts: Any) -> str:
    """Say which part of all classified vignettes is of a class."""
    whole = counts.sum()
    share = np.nansum(fraction * counts) / whole if whole else 0.0
    return f"{share:.0%}" if share >= 0.095 or share == 0 else f"{share:.1%}"


def _chosen_classes(
    occurrence: xr.DataArray, classes: str | Iterable[str] | None
) -> list[str]:
    known = [str(name) for name in occurrence["class"].values]
    if classes is None:
        return known
    names = [classes] if isinstance(classes, str) else [str(name) for name in classes]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise MissingVariableError(f"there is no class {unknown}; found {known}.")
    return names


def _gathered(
    obj: xr.Dataset | xr.DataArray, variable: Hashable | None, **how: Any
) -> tuple[xr.DataArray, dict[str, Any]]:
    """Return values in cells, and the attributes of their Dataset."""
    if isinstance(obj, xr.Dataset) and variable is None:
        drawable = [n for n in obj if n != COUNT and is_gridded(obj[n])]
        variable = drawable[0] if len(drawable) == 1 else None
    data = choose(obj, variable)
    if is_gridded(data):
        return data, dict(obj.attrs) if isinstance(obj, xr.Dataset) else {}
    cells = ops.grid(obj, variable, **how)
    name = COUNT if how["statistic"] == "count" else data.name
    return cells[name], dict(cells.attrs)


def _require_cells(data: xr.DataArray) -> None:
    if not is_gridded(data):
        raise DimensionError(
            f"cells (latitude, longitude) are drawn; {data.name!r} has dims {data.dims}. Make "
            "them with ds.oceansar.grid(...) or ds.oceansar.iceberg_density(...)."
        )


def _refuse_dims(data: xr.DataArray, wanted: tuple[str, ...]) -> None:
    expected = {"latitude", "longitude", *wanted}
    if set(data.dims) != expected:
        surplus = [str(d) for d in data.dims if d not in expected]
        say = f" Select first, for example .isel({surplus[0]}=0)." if surplus else ""
        hint = " plot.seasons draws four seasons." if "season" in surplus else ""
        raise DimensionError(
            f"a map of cells with dims {sorted(expected)} is drawn; {data.name!r} has "
            f"{data.dims}.{say}{hint}"
        )


def _note(cells: xr.DataArray) -> str:
    step = np.abs(np.diff(cells["latitude"].values[:2]))
    said = [f"cells of {step[0]:.4g}°"] if step.size else []
    if ICE_FREE in str(cells.attrs.get("cell_methods", "")):
        said.append("without sea ice")
    return " · ".join(said)


def _region(region: MapRegion | None, field: Field, home: Region) -> Region:
    return home if region is None else choose_region(region, field.values)


def _one_map(field: Field, colours: Colouring, region: Region, **how: Any) -> "Figure":
    def paint(axes: "GeoAxes") -> "ScalarMappable":
        return draw_cells(axes, field, field.numbers, colours)

    return draw_map(field.values, colours, paint, region, **how)
