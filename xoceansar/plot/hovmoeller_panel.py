"""Values by time and latitude or longitude in one panel."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar.conventions import VARIABLES
from xoceansar.conventions.quantities import Duration
from xoceansar.gridding.cell_statistics import COUNT, GridStatistic
from xoceansar.gridding.time_sections import Along, time_section
from xoceansar.plot.cell_images import coverage_words
from xoceansar.plot.figures import new_figure
from xoceansar.plot.map_sheet import WIDTH
from xoceansar.plot.map_values import Values
from xoceansar.plot.marks import colouring
from xoceansar.plot.style import CAUTION, INK, SEA, provenance, quantity_label, sentence

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

_DEGREES: Final = {"latitude": "NS", "longitude": "EW"}


def hovmoeller(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    along: Along = "latitude",
    cell: float = 2.0,
    every: Duration = "5D",
    statistic: GridStatistic = "mean",
    minimum: int = 1,
    cmap: "str | Colormap | None" = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
) -> "Figure":
    """Draw values gathered in cells of time and latitude, or of time and longitude: a Hovmoeller diagram.

    Parameters
    ----------
    obj : Dataset or DataArray
        One value for each vignette, with the coordinates ``time``, ``longitude`` and ``latitude``.
    variable : hashable, optional
        Which variable of a Dataset.
    along : {"latitude", "longitude"}
        The place. Select the other first: ``ds.oceansar.select(region=...)``.
    cell : float, default 2
        Side of a cell, degrees; a whole number of them makes 180 degrees.
    every : str or timedelta, default "5D"
        Step of time, 31 days at the most; the first begins at midnight of the first day, UTC.
    statistic : {"mean", "median", "std", "min", "max", "count"}
        What is said of the values in a cell; of directions the mean of unit vectors.
    minimum : int, default 1
        Cells with fewer values stay empty.
    cmap, vmin, vmax
        As for `xoceansar.plot.map`.
    title : str, optional
        What the figure shows; the variable's ``long_name`` otherwise.

    Returns
    -------
    Figure
        One panel: time from left to right and latitude upwards; or longitude from left to right and time upwards. Nothing is shown and no backend chosen.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError
        If the variable, its places or times are absent, or cannot be gathered so; if `cell` or `every` makes no cells.
    OceansarError
        If there is no value with a place and a time.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    Loads the variable and its coordinates. Wave height and wind of vignettes of sea ice are left out. Cells without a value are left as empty sea.

    References
    ----------
    Hovmoeller (1949), The Trough-and-Ridge diagram, https://doi.org/10.1111/j.2153-3490.1949.tb01260.x.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(4, seed=1, shape=(64, 64))
    >>> figure = xos.plot.hovmoeller(sea, "swh", every="1D")
    >>> figure.axes[1].get_ylabel()
    'Mean significant wave height (m)'
    """
    section = time_section(
        obj, variable, along=along, cell=cell, every=every, statistic=statistic, minimum=minimum
    )  # fmt: skip
    name = next((n for n in section.data_vars if n != COUNT), COUNT)
    data = section[name]
    values = _values(data, section)
    colours = colouring(values, cmap, vmin, vmax)
    figure = new_figure(
        figsize=(WIDTH, 3.9 if along == "latitude" else 5.4), layout="constrained"
    )
    ax = figure.add_subplot()
    time = data["time"].values
    step = time[1] - time[0] if time.size > 1 else 2 * (time[0] - time[0].astype("datetime64[D]"))  # fmt: skip
    times = np.append(time - step // 2, time[-1] + step // 2)
    centres = data[along].values
    places = np.append(centres - cell / 2, centres[-1] + cell / 2)
    sides: tuple[Any, Any] = (times, places)
    numbers = data.values.astype(float)
    upright = along == "latitude"
    mesh = ax.pcolormesh(
        *(sides if upright else sides[::-1]), numbers.T if upright else numbers, cmap=colours.cmap,
        norm=colours.norm, rasterized=True,
    )  # fmt: skip
    ax.set_facecolor(SEA)
    dates, ticker = (
        require(f"matplotlib.{module}", extra="plot") for module in ("dates", "ticker")
    )
    moment, place = (ax.xaxis, ax.yaxis) if upright else (ax.yaxis, ax.xaxis)
    locator = dates.AutoDateLocator(maxticks=10)
    moment.set_major_locator(locator)
    moment.set_major_formatter(dates.ConciseDateFormatter(locator))
    moment.get_offset_text().set(fontsize=7, color=INK)
    place.set_major_locator(ticker.MaxNLocator(9, steps=[1, 1.5, 2, 3, 5, 6, 10]))
    letters = _DEGREES[along]
    place.set_major_formatter(
        lambda degrees, _: f"{abs(degrees):g}°{letters[int(degrees < 0)] if degrees % 180 else ''}"
    )  # fmt: skip
    ax.tick_params(labelsize=7.5, colors=INK, length=2.5, width=0.6)
    bar = figure.colorbar(mesh, ax=ax, extend=colours.extend, aspect=26, pad=0.02)
    bar.set_label(values.label, fontsize=8, color=INK)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=8, width=0.5, length=3)
    heading = sentence(values.label.partition(" (")[0]) if title is None else title
    ax.set_title(heading, loc="left", fontsize=11, color=INK, fontweight="bold", pad=18)
    ax.annotate(
        values.period, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=8, color=INK
    )  # fmt: skip
    figure.supxlabel(values.provenance, x=0.01, ha="left", fontsize=7, style="italic", color=CAUTION)  # fmt: skip
    return figure


def _values(data: xr.DataArray, section: xr.Dataset) -> Values:
    """Return what is drawn as a map would have it, for its colours and words."""
    name, attrs = str(data.name), {**VARIABLES.get(str(data.name), {}), **data.attrs}
    spread = "standard_deviation" in str(attrs.get("cell_methods", ""))
    count = f"{int(section[COUNT].sum()):,} vignettes"
    numbers = data.values.astype(float).ravel()
    nowhere = np.zeros(numbers.size)
    return Values(
        name=f"{name} spread" if spread else name,
        label=sentence(quantity_label(name, attrs)),
        numbers=numbers,
        longitude=nowhere,
        latitude=nowhere,
        corners=None,
        categories=(),
        period=" · ".join([*coverage_words(section.attrs), count]),
        provenance=provenance(section.attrs, data.attrs),
    )
