"""Cross-spectra of vignettes: where the energy of the image is, and where its waves go."""

import math
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._optional import require
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DimensionError, OceansarError
from xoceansar.ops.wave_measures import cutoff, spectra_of
from xoceansar.plot.figures import new_figure
from xoceansar.plot.quicklooks import place
from xoceansar.plot.style import CAUTION, INK, provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["spectrum"]

Array = npt.NDArray[np.float64]

_PANEL: Final = 3.0  # inches
#: Wavelengths that are marked by rings, m.
_RINGS: Final = (400.0, 200.0, 100.0, 75.0, 50.0, 30.0)
_RING: Final[dict[str, Any]] = {"color": "0.45", "lw": 0.6, "ls": (0, (3, 3))}
#: Share of the cells within the drawn circle above which colours are saturated.
_SATURATED: Final = 99.8
#: Directions and steps of wavenumber of a polar drawing.
_POLAR: Final = (180, 120)


def spectrum(
    obj: xr.Dataset | xr.DataArray,
    *,
    kind: Literal["cartesian", "polar"] = "cartesian",
    lag: int = 1,
    shortest: float = 60.0,
    limit: int = 6,
) -> "Figure":
    """Draw the cross-spectrum of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Cross-spectra (`xoceansar.ops.spectra`, or ``open_ocn(..., spectra=True)``), complex images,
        or images with pixels of 50 m or less, whose spectra do not tell where waves go.
    kind : {"cartesian", "polar"}, optional
        Over range and azimuth wavenumber, the real part beside the imaginary part; or the imaginary part
        by compass direction.
    lag : {0, 1, 2}, default 1
        Separation of the looks.
    shortest : float, default 60.0
        Wavelength at the rim, m.
    limit : int, default 6
        More vignettes than this are refused.

    Returns
    -------
    Figure
        Not shown; ``figure.savefig(path)`` writes it.

    Raises
    ------
    OceansarError
        If there are more vignettes than `limit`, or none.
    MissingVariableError, DimensionError
        If there is nothing to draw.
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    Loads the spectra. Range, away from the radar, runs to the right and the direction of flight upwards,
    as in the quick-looks. Rings are wavelengths; beyond the dotted lines waves are shorter than the
    azimuth cut-off. Both halves are drawn: S(-k) = conj S(k). Waves travel towards red.

    Examples
    --------
    >>> import xoceansar as xos
    >>> figure = xos.plot.spectrum(xos.simulate.vignettes(1, seed=1))
    >>> figure.axes[0].get_xlabel()
    'range wavenumber (rad/m)'
    """
    if kind not in ("cartesian", "polar"):
        raise DimensionError(f"kind={kind!r} is not one of ['cartesian', 'polar'].")
    measured, source = spectra_of(obj)
    if VIGNETTE not in measured.dims:
        measured = measured.expand_dims(VIGNETTE)
    count = measured.sizes[VIGNETTE]
    if not 1 <= count <= limit:
        raise OceansarError(
            f"one figure holds the spectra of 1 to {limit} vignettes; got {count}. Select some, for "
            f"example ds.isel({VIGNETTE}=slice(0, {limit})), or pass limit={count}."
        )
    directed = source == "cross-spectra"
    if kind == "polar" and not directed:
        raise DimensionError(
            "a polar drawing says where waves go, and images of intensity do not. Open the SLC product "
            "with xoceansar.open_wave_mode(..., complex=True)."
        )
    names = (
        ["cross_spectrum_real", "cross_spectrum_imag"]
        if directed
        else ["image_spectrum"]
    )
    chosen = measured if not directed else measured.sel(lag=[lag])
    loaded = chosen[names].compute()
    cutoffs = cutoff(measured).azimuth_cutoff.values.reshape(-1)
    across = 2 if directed and kind == "cartesian" else 1
    figure = new_figure(
        figsize=(across * (_PANEL + 0.55) + 0.3, count * (_PANEL + 0.35) + 0.25),
        layout="constrained",
    )
    sub = {"projection": "polar"} if kind == "polar" else {}
    axes = figure.subplots(count, across, squeeze=False, subplot_kw=sub)
    for row in range(count):
        one = (
            loaded.isel({VIGNETTE: row}).squeeze("lag", drop=True)
            if directed
            else loaded.isel({VIGNETTE: row})
        )
        heading = float(one.coords.get("ground_heading", xr.DataArray(math.nan)))
        if kind == "polar":
            _draw_polar(axes[row, 0], one, heading, shortest)
        else:
            for ax, name in zip(axes[row], names, strict=True):
                _draw_plane(ax, one, name, shortest, float(cutoffs[row]), heading)
        axes[row, 0].set_title(place(one), fontsize=6.5, color=INK, loc="left", pad=8)
    line = provenance(measured.attrs)
    if line:
        figure.supxlabel(
            line, fontsize=6, style="italic", color=CAUTION, x=0.02, ha="left"
        )
    return figure


def _plane(one: xr.Dataset, name: str) -> tuple[Array, Array, Array]:
    """Both halves of a spectrum: wavenumbers along range and azimuth, values (azimuth, range)."""
    kx, ky = (one[axis].values for axis in ("range_wavenumber", "azimuth_wavenumber"))
    half = (
        one[name]
        .transpose(*one["azimuth_wavenumber"].dims, *one["range_wavenumber"].dims)
        .values
    )
    sign = -1 if name.endswith("imag") else 1
    other = sign * half[::-1, :0:-1]
    return np.concatenate([-kx[:0:-1], kx]), ky, np.concatenate([other, half], axis=1)


def _draw_plane(
    ax: "Axes", one: xr.Dataset, name: str, shortest: float, cut: float, heading: float
) -> None:
    kx, ky, values = _plane(one, name)
    rim = 2 * math.pi / shortest
    inside = np.hypot(kx, ky[:, None]) <= rim
    there = values[inside & np.isfinite(values)]
    largest = float(np.percentile(np.abs(there), _SATURATED)) if there.size else 1.0
    imaginary = name.endswith("imag")
    mesh = ax.pcolormesh(
        kx, ky, np.where(inside, values, np.nan), shading="nearest", rasterized=True,
        cmap="RdBu_r" if imaginary else "magma_r",
        vmin=-largest if imaginary else 0, vmax=largest or 1.0,
    )  # fmt: skip
    bar = ax.figure.colorbar(mesh, ax=ax, shrink=0.8, pad=0.02)
    bar.ax.tick_params(labelsize=6)
    bar.set_label(
        "imaginary part (m²/rad²): waves go to red"
        if imaginary
        else "real part (m²/rad²)",
        fontsize=7,
    )
    around = np.linspace(0, 2 * math.pi, 181)
    for length in (*(r for r in _RINGS if r > shortest), shortest):
        k = 2 * math.pi / length
        ax.plot(k * np.cos(around), k * np.sin(around), **_RING)
        ax.text(
            -k * 0.7071, -k * 0.7071, f"{length:g} m", fontsize=5.5, color="0.3",
            ha="center", va="center", bbox={"fc": "white", "ec": "none", "alpha": 0.7, "pad": 0.4},
        )  # fmt: skip
    if math.isfinite(cut) and cut > shortest:
        for side in (-1, 1):
            ax.axhline(side * 2 * math.pi / cut, color=INK, lw=0.8, ls=":")
        ax.text(
            -rim * 0.98, 2 * math.pi / cut, f"cut-off {cut:.0f} m", fontsize=5.5, color=INK,
            ha="left", va="bottom",
        )  # fmt: skip
    _point_north(ax, heading)
    ax.set(xlim=(-rim, rim), ylim=(-rim, rim), aspect="equal")
    ax.set_xlabel("range wavenumber (rad/m)", fontsize=7)
    ax.set_ylabel("azimuth wavenumber (rad/m)", fontsize=7)
    ax.tick_params(labelsize=6)
    ax.locator_params(nbins=5)


def _point_north(ax: "Axes", heading: float) -> None:
    """Draw a needle: azimuth, upwards, has this heading, and range is to its right."""
    if not math.isfinite(heading):
        return
    x, y = -math.sin(math.radians(heading)), math.cos(math.radians(heading))
    ax.annotate(
        "", (0.9 + 0.05 * x, 0.9 + 0.05 * y), (0.9 - 0.05 * x, 0.9 - 0.05 * y),
        xycoords="axes fraction", textcoords="axes fraction",
        arrowprops={"arrowstyle": "-|>,head_width=0.2,head_length=0.35", "color": INK, "lw": 1.0,
                    "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    ax.text(
        0.9 + 0.08 * x, 0.9 + 0.08 * y, "N", transform=ax.transAxes, ha="center", va="center",
        color=INK, fontsize=6.5,
    )  # fmt: skip


def _draw_polar(ax: Any, one: xr.Dataset, heading: float, shortest: float) -> None:
    """Draw the energy that goes to each direction: the imaginary part where it is positive."""
    interpolate = require("scipy.interpolate", extra="plot")
    kx, ky, values = _plane(one, "cross_spectrum_imag")
    rim = 2 * math.pi / shortest
    bearing = np.radians(np.linspace(0, 360, _POLAR[0], endpoint=False))
    k = (np.arange(_POLAR[1]) + 0.5) * rim / _POLAR[1]
    # towards which: heading + 90 - atan2(ky, kx)
    angle = math.radians(heading + 90) - bearing[:, None]
    at = np.stack([k * np.sin(angle), k * np.cos(angle)], axis=-1)
    grid = interpolate.RegularGridInterpolator(
        (ky, kx), np.nan_to_num(values), bounds_error=False, fill_value=np.nan
    )
    density = grid(at)
    largest = (
        float(np.nanpercentile(density, _SATURATED))
        if np.isfinite(density).any()
        else 1.0
    )
    mesh = ax.pcolormesh(
        bearing, k, np.maximum(density, 0).T, shading="nearest", cmap="magma_r",
        vmin=0, vmax=max(largest, 1e-12), rasterized=True,
    )  # fmt: skip
    ax.set_theta_zero_location("N")
    ax.set_theta_direction(-1)
    rings = [length for length in _RINGS if length > shortest]
    ax.set_rgrids(
        [2 * math.pi / length for length in rings],
        labels=[f"{length:g} m" for length in rings],
        fontsize=5.5,
    )
    ax.set_rlim(0, rim)
    ax.tick_params(labelsize=6)
    ax.grid(color="0.6", lw=0.4)
    bar = ax.figure.colorbar(mesh, ax=ax, shrink=0.75, pad=0.1)
    bar.ax.tick_params(labelsize=6)
    bar.set_label("imaginary part (m²/rad²), by direction towards which", fontsize=7)
