"""Maps one after another, as a film."""

from collections.abc import Hashable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar._progress import tracked
from xoceansar._typing import Array
from xoceansar.conventions.quantities import Duration
from xoceansar.errors import DimensionError, MissingDependencyError, OceansarError
from xoceansar.gridding.time_sections import time_steps
from xoceansar.io.export.tabular_files import draft_of
from xoceansar.plot.map_sheet import MapRegion, choose_region, draw_map
from xoceansar.plot.map_values import span
from xoceansar.plot.marks import colouring, draw_marks
from xoceansar.plot.timed_values import read_timed

if TYPE_CHECKING:
    from matplotlib.animation import AbstractMovieWriter
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

#: Maps in a film: each takes about a second to draw.
_MOST: Final = 400
_DPI: Final = 100
#: How matplotlib calls what writes files of an ending.
_WRITERS: Final = {".gif": "pillow", ".mp4": "ffmpeg"}


def animate(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    path: str | Path,
    every: Duration = "1D",
    frames_per_second: float = 4.0,
    region: MapRegion | None = None,
    cmap: "str | Colormap | None" = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    land: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write a film of maps, one for each step of time: a month in half a minute.

    Parameters
    ----------
    obj : Dataset or DataArray
        One value for each vignette, with the coordinates ``time``, ``longitude`` and ``latitude``.
    variable : hashable, optional
        Variable of a Dataset; needed where it holds more than one that can be mapped.
    path : str or path-like
        A ``.gif``, or an ``.mp4``, for which the program ffmpeg must be installed.
    every : str or timedelta, default "1D"
        Step of time; the first begins at midnight of the first day, UTC.
    frames_per_second : float, default 4
        Maps in a second.
    region, cmap, vmin, vmax
        As for `xoceansar.plot.map`; the same for all maps, those that suit all vignettes where not given.
    title : str, optional
        What the maps show; the variable's ``long_name`` otherwise.
    land : bool, default True
        Draw land and coastline.
    overwrite : bool, default False
        Replace a film that is there.

    Returns
    -------
    Path
        The film.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError
        If the variable, its places or times are absent, or `every` makes more than 400 maps.
    OceansarError
        If the ending is neither ``.gif`` nor ``.mp4``, or there is no vignette with a time.
    MissingDependencyError
        If matplotlib, cartopy, cmocean or ffmpeg is not installed.

    Notes
    -----
    Loads the variable and its coordinates. A step without a vignette is an empty map: none is left out. The film is in place only when it is whole.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> xos.plot.animate(sea, "swh", path="swh.gif", land=False).name
    'swh.gif'
    """
    draft_writer = _writer(Path(path), frames_per_second)
    whole = read_timed(obj, variable, "a film")
    colours = colouring(whole.values, cmap, vmin, vmax)
    area = choose_region(region, whole.values)
    edges, step = time_steps(whole.time, every)
    if edges.size > _MOST:
        raise DimensionError(
            f"every={every!r} makes {edges.size} maps, and a film has {_MOST} at the most. Say a longer step, or select "
            "a shorter time: ds.oceansar.select(time='2021-04')."
        )
    bounds = np.searchsorted(whole.time, np.append(edges, edges[-1] + step))

    def frame(k: int) -> Array:
        rows = np.arange(bounds[k], bounds[k + 1])
        period = f"{span(edges[k], edges[k] + step)} · {rows.size:,} vignettes"
        values = replace(whole.part(rows).values, period=period)
        figure = draw_map(
            values, colours, lambda ax: draw_marks(ax, values, colours, None), area, ax=None, projection=None,
            zoomed=region is not None, title=title, land=land, locator=None,
        )  # fmt: skip
        return _pixels(figure)

    with (
        draft_of(path, overwrite=overwrite) as draft,
        tracked(range(edges.size), "drawing maps", edges.size) as steps,
    ):
        _write(draft_writer, draft, (frame(k) for k in steps))
    return Path(path).expanduser()


def _writer(path: Path, frames_per_second: float) -> "AbstractMovieWriter":
    """Make what writes files of such an ending."""
    animation = require("matplotlib.animation", extra="plot")
    name = _WRITERS.get(path.suffix.lower())
    if name is None:
        raise OceansarError(
            f"a film is a .gif or an .mp4; got {str(path)!r}. Say path='{path.stem or 'film'}.gif'."
        )
    if not 0 < frames_per_second <= 60:
        raise OceansarError(
            f"from one map in many seconds to 60 in one can be shown; got frames_per_second={frames_per_second!r}."
        )
    if not animation.writers.is_available(name):
        raise MissingDependencyError(
            "an .mp4 is written by the program ffmpeg, which is not installed. Install it (apt install ffmpeg, or conda "
            f"install ffmpeg), or say path='{path.stem}.gif'."
        )
    writer: AbstractMovieWriter = animation.writers[name](fps=frames_per_second)
    return writer


def _pixels(figure: "Figure") -> Array:
    """Draw a figure to pixels, an even number of them as films have."""
    agg = require("matplotlib.backends.backend_agg", extra="plot")
    canvas = agg.FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    return pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2].copy()


def _write(writer: "AbstractMovieWriter", path: Path, frames: Iterator[Array]) -> None:
    """Show pictures one after another in a figure without margins, as matplotlib's writers want them."""
    figures = require("matplotlib.figure", extra="plot")
    agg = require("matplotlib.backends.backend_agg", extra="plot")
    first = next(frames)
    rows, columns = first.shape[:2]
    screen = figures.Figure(figsize=(columns / _DPI, rows / _DPI), dpi=_DPI)
    agg.FigureCanvasAgg(screen)
    picture = screen.figimage(first)
    with writer.saving(screen, str(path), _DPI):
        writer.grab_frame()
        for pixels in frames:
            picture.set_data(pixels)
            writer.grab_frame()
