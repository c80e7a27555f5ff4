"""Quick-looks: the images themselves, with what was retrieved from them and what is true."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar._pictures import NO_DATA
from xoceansar.conventions import LINE, OCEAN_CLASS, SAMPLE, VIGNETTE, Quality
from xoceansar.conventions.flags import flag_numbers
from xoceansar.errors import DimensionError, MissingVariableError, OceansarError
from xoceansar.layout.ice_cover import under_ice
from xoceansar.layout.images import find_images
from xoceansar.ops.quality_flags import whole_flags
from xoceansar.plot.box_marks import boxes_along, draw_boxes
from xoceansar.plot.figures import new_figure
from xoceansar.plot.style import CAUTION, INK, provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: What is written below an image, and how.
_LABELS: Final[Mapping[str, str]] = {
    "swh": "SWH {:.1f} m",
    "wind_speed": "wind {:.1f} m/s",
    OCEAN_CLASS: "{}",
}
_PANEL: Final = 2.1  # inches
#: Height of a line of the foot, inches, and its letters in an inch.
_FOOT_LINE: Final = 0.115
_FOOT_LETTERS: Final = 20
_HALO: Final[Mapping[str, Any]] = {
    "linewidth": 2.2,
    "foreground": "black",
    "alpha": 0.65,
}


def vignettes(
    obj: xr.Dataset | xr.DataArray,
    *,
    truth: xr.Dataset | None = None,
    icebergs: xr.Dataset | None = None,
    labels: Mapping[str, str] | None = None,
    columns: int = 4,
    percentile: tuple[float, float] = (1.0, 99.0),
    limit: int = 32,
) -> "Figure":
    """Draw the images as quick-looks, with the labels below them.

    Parameters
    ----------
    obj : Dataset or DataArray
        ``sigma0`` or ``sigma0_db`` (vignette, line, sample), with the coordinates of
        `xoceansar.open_wave_mode`; retrieved variables along ``vignette`` become labels.
    truth : Dataset, optional
        The same variables, known: written in brackets behind the retrieved ones. Matched by
        ``vignette_id`` where both have it, by position otherwise. Its ``iceberg_box`` is drawn
        dotted where `icebergs` are given.
    icebergs : Dataset, optional
        Of ``.oceansar.icebergs()`` for the same images: a box around each.
    labels : mapping of str to str, optional
        Which variables to write and how: ``{"swh": "Hs = {:.2f} m"}``. ``swh``, ``wind_speed``
        and ``ocean_class`` with its probability otherwise, where they are there.
    columns : int, default 4
        Images in a row.
    percentile : tuple of float, default (1, 99)
        Each image is stretched from black to white between these percentiles of its own values.
    limit : int, default 32
        More images than this are refused.

    Returns
    -------
    Figure
        Not shown; ``figure.savefig(path)`` writes it.

    Raises
    ------
    OceansarError
        If there are more images than `limit`, or none.
    MissingVariableError, DimensionError, UnitsError
        If `obj` holds no images, or `truth` lacks vignettes.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    Loads the images and the labels, in one pass. Range runs to the right, from near to far, and azimuth
    upwards in the direction of flight, which for a right-looking radar is the view from above. The
    needle in the corner points north.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> figure = xos.plot.vignettes(sea, labels={"swh": "Hs = {:.1f} m"})
    >>> [ax.get_images()[0].get_array().shape for ax in figure.axes[:2]]
    [(64, 64), (64, 64)]
    """
    data, name, dim = _as_rows(obj)
    n = data.sizes[dim]
    if not 1 <= n <= limit:
        raise OceansarError(
            f"one figure holds 1 to {limit} images; got {n}. Select some, for example "
            f"ds.isel({dim}=slice(0, {limit})), or pass limit={n}."
        )
    truths = None if truth is None else _aligned(truth, data, dim)
    formats = _LABELS if labels is None else labels
    _check_labels(data, dim, labels)
    wanted = [
        str(key)
        for key in (*formats, OCEAN_CLASS, "class_probability", "quality")
        if key in data and dim in data[key].dims
    ]
    loaded = data[list(dict.fromkeys([name, *wanted]))].compute()
    rows = [loaded.isel({dim: i}) for i in range(n)]
    lines = [
        _label_lines(row, None if truths is None else truths.isel({dim: i}), formats)
        for i, row in enumerate(rows)
    ]
    boxes = {
        kind: boxes_along(each, dim, n)
        for kind, each in (("true", truths), ("found", icebergs))
        if icebergs is not None
    }
    drawn = [kind for kind, array in boxes.items() if array is not None]
    columns = max(min(columns, n), 1)
    foot = _foot(data, [name, *wanted], percentile, drawn, columns * _PANEL)
    below = max(len(each) for each in lines)
    figure, axes = _panels(n, columns, below, len(foot))
    for i, (ax, row, each) in enumerate(zip(axes, rows, lines, strict=True)):
        _draw_image(ax, row[name].transpose(LINE, SAMPLE), percentile)
        ax.set_title(
            place(row), fontsize=6.5, color=INK, pad=3, loc="left", linespacing=1.25
        )
        ax.set_xlabel(
            "\n".join(each), fontsize=7, color=INK, loc="left", linespacing=1.3
        )
        _flags(ax, row)
        for kind, array in boxes.items():
            if array is not None:
                draw_boxes(ax, array.isel({dim: i}).values, kind)
    for i, (text, colour) in enumerate(reversed(foot)):
        figure.text(
            0.06 / figure.get_figwidth(), (0.02 + i * _FOOT_LINE) / figure.get_figheight(), text,
            fontsize=6, style="italic", color=colour, va="bottom",
        )  # fmt: skip
    return figure


def _check_labels(data: xr.Dataset, dim: str, labels: Mapping[str, str] | None) -> None:
    """Refuse labels that would write nothing."""
    names = sorted(str(n) for n, v in data.variables.items() if v.dims == (dim,))
    for name in labels or {}:
        if name not in names:
            raise MissingVariableError(
                f"labels name {name!r}, which has no value for each image; there are {names}."
            )


def _as_rows(obj: xr.Dataset | xr.DataArray) -> tuple[xr.Dataset, str, str]:
    """Return a Dataset of images along one dim, the name of the images and of the dim."""
    images, _ = find_images(obj)
    name = str(images.name or "sigma0")
    data = obj if isinstance(obj, xr.Dataset) else images.to_dataset(name=name)
    extra = [str(dim) for dim in images.dims if dim not in (LINE, SAMPLE)]
    if len(extra) > 1:
        raise DimensionError(
            f"quick-looks need images with dims (vignette, line, sample); got {images.dims}. "
            "Select with .isel(...) or stack with .stack(vignette=[...])."
        )
    return (
        (data, name, extra[0])
        if extra
        else (data.expand_dims(VIGNETTE), name, VIGNETTE)
    )


def _aligned(truth: xr.Dataset, data: xr.Dataset, dim: str) -> xr.Dataset:
    """Bring the truth into the order of the images."""
    key = "vignette_id"
    if key in truth.variables and key in data.variables and dim in truth[key].dims:
        rows = {str(v): i for i, v in enumerate(truth[key].values.tolist())}
        ids = [str(v) for v in np.atleast_1d(data[key].values).tolist()]
        absent = [v for v in ids if v not in rows]
        if absent:
            raise MissingVariableError(
                f"the truth lacks {len(absent)} of the {len(ids)} vignettes, first "
                f"{absent[0]!r}. Pass the truth of the same product."
            )
        return truth.isel({dim: [rows[v] for v in ids]}).compute()
    if truth.sizes.get(dim) != data.sizes[dim]:
        raise DimensionError(
            f"the truth has {truth.sizes.get(dim)} rows along {dim!r} and the images "
            f"{data.sizes[dim]}, and they have no vignette_id to match them by."
        )
    return truth.compute()


def _panels(
    n: int, columns: int, lines: int, foot_lines: int
) -> tuple["Figure", list["Axes"]]:
    """Make the axes, with room for lines of text below each, and below them all."""
    rows = -(-n // columns)
    foot = 0.06 + foot_lines * _FOOT_LINE
    size = (columns * _PANEL, rows * (_PANEL + 0.38 + 0.135 * lines) + foot)
    figure = new_figure(figsize=size)
    grid = figure.subplots(rows, columns, squeeze=False)
    rect = (0, foot / size[1], 1, 1 - foot / size[1])
    figure.set_layout_engine("constrained", w_pad=0.04, h_pad=0.04, rect=rect)
    axes = list(grid.ravel())
    for spare in axes[n:]:
        spare.remove()
    return figure, axes[:n]


def _draw_image(
    ax: "Axes", image: xr.DataArray, percentile: tuple[float, float]
) -> None:
    values = np.asarray(image.values, float)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, percentile) if finite.size else (0.0, 1.0)
    matplotlib = require("matplotlib", extra="plot")
    grey = matplotlib.colormaps["gray"].with_extremes(bad=NO_DATA)
    spacing = (
        float(image.coords["pixel_spacing"]) / 1e3
        if "pixel_spacing" in image.coords
        else 1.0
    )
    height, width = (n * spacing for n in values.shape)
    ax.imshow(
        values, cmap=grey, vmin=low, vmax=high if high > low else low + 1, origin="lower",
        extent=(0, width, 0, height), interpolation="antialiased",
    )  # fmt: skip
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(linewidth=0.5, edgecolor=INK)
    if not finite.size:
        ax.text(
            width / 2,
            height / 2,
            "no data",
            ha="center",
            va="center",
            fontsize=8,
            color=INK,
        )
    _scale_bar(ax, width, height, "km" if "pixel_spacing" in image.coords else "pixels")
    if "ground_heading" in image.coords:
        _north(ax, float(image.coords["ground_heading"]))


def _scale_bar(ax: "Axes", width: float, height: float, unit: str) -> None:
    """Draw the axes of the image from its lower left corner, as long as a round length."""
    effects = require("matplotlib.patheffects", extra="plot")
    halo = [effects.withStroke(**_HALO)]
    steps = np.array([1, 2, 5]) * 10.0 ** np.arange(-1, 4)[:, None]
    length = float(steps[steps <= width / 3.5].max(initial=steps.min()))
    x, y = 0.05 * width, 0.05 * height
    arrow = {"arrowstyle": "-|>,head_width=0.15,head_length=0.3", "color": "white", "lw": 1.2,
             "shrinkA": 0, "shrinkB": 0, "path_effects": halo}  # fmt: skip
    ax.annotate("", (x + length, y), (x, y), arrowprops=arrow)
    ax.annotate("", (x, y + length), (x, y), arrowprops=arrow)
    text: dict[str, Any] = {"color": "white", "fontsize": 6, "path_effects": halo}
    ax.text(
        x + length * 1.08,
        y,
        f"range\n{length:g} {unit}",
        va="center",
        linespacing=1,
        **text,
    )
    ax.text(x, y + length * 1.08, "azimuth", va="bottom", ha="left", **text)


def _north(ax: "Axes", heading: float) -> None:
    """Draw a needle: azimuth, upwards, has this heading, and range is to its right."""
    if not np.isfinite(heading):
        return
    effects = require("matplotlib.patheffects", extra="plot")
    halo = [effects.withStroke(**_HALO)]
    x, y = -np.sin(np.radians(heading)), np.cos(np.radians(heading))
    ax.annotate(
        "", (0.89 + 0.055 * x, 0.86 + 0.055 * y), (0.89 - 0.055 * x, 0.86 - 0.055 * y),
        xycoords="axes fraction", textcoords="axes fraction",
        arrowprops={"arrowstyle": "-|>,head_width=0.2,head_length=0.35", "color": "white",
                    "lw": 1.2, "shrinkA": 0, "shrinkB": 0, "path_effects": halo},
    )  # fmt: skip
    ax.text(
        0.89 - 0.1 * x, 0.86 - 0.1 * y, "N", transform=ax.transAxes, ha="center", va="center",
        color="white", fontsize=6.5, path_effects=halo,
    )  # fmt: skip


def place(one: xr.Dataset) -> str:
    """Say beam, polarisation, time and position."""
    first = [
        str(one[key].values) for key in ("beam", "polarisation") if key in one.coords
    ]
    if "time" in one.coords and not np.isnat(one["time"].values):
        first.append(str(one["time"].values.astype("datetime64[s]")).replace("T", " "))
    second = []
    for key, letters in (("latitude", "NS"), ("longitude", "EW")):
        value = float(one[key].values) if key in one.coords else np.nan
        if np.isfinite(value):
            second.append(f"{abs(value):.2f}°{letters[value < 0]}")
    if "incidence" in one.coords:
        second.append(f"incidence {float(one['incidence'].mean()):.1f}°")
    return "\n".join(" · ".join(parts) for parts in (first, second) if parts)


def _label_lines(
    one: xr.Dataset, truth: xr.Dataset | None, formats: Mapping[str, str]
) -> list[str]:
    lines = []
    for name, template in formats.items():
        if name not in one or one[name].ndim:
            continue
        ice = under_ice(one, one[name])
        if ice is not None and ice.any():
            lines.append(f"{_words(name, template)}: none under sea ice")
            continue
        text, value = _say(one[name], template), _value(one[name])
        if name == OCEAN_CLASS and "class_probability" in one and value is not None:
            text += f" {float(one['class_probability'].max()):.0%}"
        if truth is None or name not in truth:
            lines.append(text)
            continue
        true = _value(truth[name])
        if isinstance(true, str) and true != value:  # too long for one line
            lines += [text, f"(true: {true})"]
        else:
            lines.append(f"{text}  (true: {_short(true, template)})")
    return lines


def _say(array: xr.DataArray, template: str) -> str:
    value = _value(array)
    if value is None:
        return f"{_words(str(array.name), template)} none"
    return _written(template, value)


def _words(name: str, template: str) -> str:
    return template.partition("{")[0].strip() or name.replace("_", " ")


def _written(template: str, value: Any) -> str:
    try:
        return template.format(value)
    except (LookupError, ValueError, AttributeError) as error:
        raise OceansarError(
            f"the label {template!r} cannot be written of {value!r} ({error!r}). A label has one pair "
            "of braces, as 'Hs = {:.2f} m', or '{}' for text."
        ) from error


def _value(array: xr.DataArray) -> Any:
    """Return a number, the name of a flag, or None where missing."""
    number = array.item()
    if isinstance(number, float) and not np.isfinite(number):
        return None
    codes = flag_numbers(array.attrs.get("flag_values"))
    if codes is None:
        return number
    flags = codes.tolist()
    names = str(array.attrs.get("flag_meanings", "")).split()
    return names[flags.index(number)].replace("_", " ") if number in flags else None


def _short(true: Any, template: str) -> str:
    """Say a true value behind the retrieved one, without the words that stand there already."""
    if true is None:
        return "unknown"
    if isinstance(true, str):
        return "same"
    return _written(template[template.find("{") : template.rfind("}") + 1], true)


def _flags(ax: "Axes", one: xr.Dataset) -> None:
    if "quality" not in one or one["quality"].ndim:
        return
    flags = Quality(int(whole_flags(one["quality"])))
    if not flags:
        return
    raised = [str(f.name).lower().replace("_", " ") for f in flags]
    ax.text(
        0.03, 0.97, ", ".join(raised), transform=ax.transAxes, va="top", fontsize=6.5,
        color="white", bbox={"boxstyle": "square,pad=0.25", "fc": CAUTION, "ec": "none"},
    )  # fmt: skip


def _foot(
    data: xr.Dataset,
    names: list[str],
    percentile: tuple[float, float],
    boxes: list[str],
    width: float,
) -> list[tuple[str, str]]:
    """Say what is drawn, and what is simulated: lines that fit the width, and their colours."""
    low, high = percentile
    said = f"grey: sigma0 from percentile {low:g} to {high:g} of each image"
    if "found" in boxes:
        said += "; boxes: icebergs found"
        said += ", dotted: true ones" if "true" in boxes else ""
    caution = provenance(data.attrs, *(data[name].attrs for name in names))
    letters = int(width * _FOOT_LETTERS)
    return [
        (line, colour)
        for text, colour in ((caution, CAUTION), (said, INK))
        for line in textwrap.wrap(text, letters)
    ]
