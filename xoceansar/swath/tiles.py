"""A wide swath to vignettes in the layout of the wave mode."""

from collections.abc import Iterable
from typing import Any, Final

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr
from dask.base import is_dask_collection
from dask.delayed import delayed

from xoceansar.conventions import (
    LINE,
    SAMPLE,
    VIGNETTE,
    Quality,
    annotate,
    mask_attrs,
    product_attrs,
)
from xoceansar.errors import DimensionError, DomainError, warn
from xoceansar.sar.geometry import GeolocationGrid
from xoceansar.sar.land import available as land_available
from xoceansar.sar.pixel_quality import implausible_nesz, pixel_flags
from xoceansar.sar.tiling import (
    Share,
    TileAxis,
    cut_tiles,
    reduce_block,
    spread_tiles,
)
from xoceansar.swath.placement import PLACED, Layout, place_flags, placed
from xoceansar.swath.wide_image import WideImage, read_wide

#: Lines and samples of the chunks that images in memory are cut into.
_CHUNK: Final = 4096
_IMAGES: Final = ("sigma0", "nesz")
_FRACTIONS: Final = ("no_data_fraction", "below_noise_fraction")


def vignettes(
    obj: xr.Dataset | xr.DataTree,
    size: float = 19.2e3,
    spacing: float = 50.0,
    overlap: float = 0.0,
    *,
    polarisation: str | Iterable[str] | None = None,
) -> xr.Dataset:
    """Cut a wide swath into vignettes on the ground grid of the wave mode.

    Parameters
    ----------
    obj : Dataset or DataTree
        What xsar opens (Sentinel-1 IW, EW and SM, RADARSAT-2, RCM): its ``dataset``, or better its
        ``datatree``, whose coarse positions are in memory. Or any Dataset with linear ``sigma0``,
        ``incidence``, ``longitude`` and ``latitude`` (degree) over (line, sample), with
        ``lineSpacing`` and ``sampleSpacing``, or ``pixel_spacing``, in metres. ``nesz``,
        ``digital_number`` and ``time`` (line) are used where they are there.
    size : float, default 19200
        Side of a tile, metres; a whole number of pixels.
    spacing : float, default 50
        Metres between pixels, in azimuth and in ground range.
    overlap : float, default 0
        Least overlap of neighbours, as a share of a tile, from 0 to 0.9.
    polarisation : str or iterable of str, optional
        Which polarisations to take; VV and HH where not given, those being what models and model
        functions are made for. For a Dataset that does not say its polarisation, what it is.

    Returns
    -------
    Dataset
        As `xoceansar.open_wave_mode`, dims (vignette, line, sample, corner): one vignette for each
        tile and polarisation, polarisation by polarisation, and row by row. ``beam`` is the mode,
        as ``iw``. Also along vignette: ``row`` (azimuth) and ``column`` (range), from zero,
        ``azimuth_distance`` and ``range_distance``, metres of the tile's middle from the first line
        and from near range; and the scalars ``tile_size`` and ``source_spacing``, metres. Of a
        simulated product, ``simulated`` and ``source`` are in the attributes.

    Raises
    ------
    MissingVariableError
        If calibrated images, positions or the distance between pixels are absent.
    DimensionError
        If the dims are others, `size`, `spacing` and `overlap` make no sense, or the image is
        smaller than a tile.
    DomainError
        If a polarisation is not there, or the product is IW or EW SLC with several bursts.

    Notes
    -----
    Lazy: with Dask input nothing is computed, except that the ground range of an SLC product needs
    its incidence, which is loaded where it is no part of a DataTree. Positions that are Dask arrays
    give lazy coordinates.

    Tiles cover the swath to its edges: they are spread evenly, so that neighbours overlap by
    `overlap` or by as much more as that takes. All lie on one grid of exactly `spacing` metres,
    area-weighted on intensity, ground range being that of the product (GRD) or
    ``slant spacing / sin(incidence)`` (SLC).

    Each chunk of the input is read by one task, which sums it into the output pixels; a row of
    tiles is one chunk of the result. Several variables computed together, as by
    ``dask.compute`` or in one archive, read each chunk once for all.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> dims = ("line", "sample")
    >>> latitude, longitude = np.meshgrid(
    ...     np.arange(8) / 2e3, np.arange(12) / 2e3, indexing="ij"
    ... )
    >>> swath = xr.Dataset(
    ...     {
    ...         "sigma0": (dims, np.full((8, 12), 0.05)),
    ...         "incidence": (dims, np.full((8, 12), 35.0)),
    ...         "longitude": (dims, longitude),
    ...         "latitude": (dims, latitude),
    ...     },
    ...     {"pixel_spacing": 50.0},
    ... )
    >>> tiles = vignettes(swath, size=200, polarisation="VV")
    >>> dict(tiles.sigma0.sizes), tiles.column.values
    ({'vignette': 6, 'line': 4, 'sample': 4}, array([0, 1, 2, 0, 1, 2]))
    """
    size_pixels = _check(size, spacing, overlap)
    wide = read_wide(obj, polarisation)
    _warn_of(wide, spacing)
    layout = Layout(
        lines=_axis(wide.line_edges, spacing, size_pixels, overlap),
        samples=_axis(wide.sample_edges, spacing, size_pixels, overlap),
        line_numbers=wide.lines,
        sample_numbers=wide.samples,
    )
    variables = _variables(wide, layout)
    out = xr.Dataset(
        variables,
        coords=_coords(wide, layout),
        attrs=product_attrs(
            f"vignettes, {size:g} m by {spacing:g} m, overlap {overlap:g}",
            previous=_plain(wide.ds.attrs),
            title="Vignettes of a wide swath",
            overlap=float(overlap),
            **wide.origin,
        ),
    )
    return out if _is_lazy(wide) else out.compute()


def _check(size: float, spacing: float, overlap: float) -> int:
    good = 0 < spacing < np.inf and 0 < size < np.inf and 0 <= overlap <= 0.9
    pixels = round(size / spacing) if good else 0
    if not good or pixels < 1 or abs(pixels * spacing - size) > 1e-6 * size:
        raise DimensionError(
            "size must be a whole number of spacings, and overlap a share from 0 to 0.9; got "
            f"size={size!r}, spacing={spacing!r}, overlap={overlap!r}. Try size=19200, "
            "spacing=50, overlap=0."
        )
    return pixels


def _warn_of(wide: WideImage, spacing: float) -> None:
    coarsest = max(wide.spacing)
    if coarsest > spacing * 1.001:
        raise DomainError(
            f"the image has pixels of {coarsest:g} m, which cannot be averaged to "
            f"{spacing:g} m. Ask for spacing={coarsest:g} or more."
        )
    if wide.polarisations == ("",):
        warn(
            "nothing says the polarisation of these images, and it is not checked. Give it, "
            "as polarisation='VV'."
        )
    if not land_available():
        warn(
            "land cannot be flagged: roaring-landmask is not installed. Install it with: "
            "pip install roaring-landmask"
        )


def _axis(
    edges: npt.NDArray[np.float64], spacing: float, size: int, overlap: float
) -> TileAxis:
    length = float(edges[-1] - edges[0])
    return TileAxis(edges, spacing, size, spread_tiles(length, spacing, size, overlap))


def _is_lazy(wide: WideImage) -> bool:
    return is_dask_collection(wide.ds["sigma0"].data)


def _plain(attrs: dict[Any, Any]) -> dict[str, Any]:
    """Keep the attributes that a file can hold: xsar's footprint is a polygon."""
    return {
        str(name): int(value) if isinstance(value, bool) else value
        for name, value in attrs.items()
        if isinstance(value, str | int | float | np.generic)
    }


def _variables(wide: WideImage, layout: Layout) -> dict[str, xr.DataArray]:
    """One task for each chunk of the image, one for each row of tiles, one to take each out."""
    fields = [name for name in _IMAGES if name == "sigma0" or name in wide.ds]
    parts: dict[str, list[da.Array]] = {
        n: [] for n in (*fields, "quality", *_FRACTIONS)
    }
    columns = layout.shape[1]
    side = layout.lines.size
    for polarisation in wide.polarisations:
        boxes = _boxes(wide, layout, polarisation)
        for name, arrays in parts.items():
            image = (side, side) if name in fields else ()
            dtype = np.uint8 if name == "quality" else np.float32
            arrays += [
                da.from_delayed(  # type: ignore[no-untyped-call]
                    delayed(_take, pure=True)(box, name), (columns, *image), dtype
                )
                for box in boxes
            ]
    variables = {}
    for name, arrays in parts.items():
        dims = (VIGNETTE, LINE, SAMPLE) if name in fields else (VIGNETTE,)
        data = da.concatenate(arrays)  # type: ignore[no-untyped-call]
        variables[name] = annotate(xr.DataArray(data, dims=dims), name)
    variables["quality"].attrs = mask_attrs("quality")
    return variables


def _boxes(wide: WideImage, layout: Layout, polarisation: str) -> list[Any]:
    """Delayed rows of tiles."""
    sources = _blocks(wide, polarisation)
    line_starts = np.concatenate([[0], np.cumsum(sources["sigma0"].chunks[0])])
    sample_starts = np.concatenate([[0], np.cumsum(sources["sigma0"].chunks[1])])
    pieces = {
        name: data.to_delayed(optimize_graph=False)  # type: ignore[no-untyped-call]
        for name, data in sources.items()
    }
    reduce = delayed(_reduce, pure=True)
    # One node of the graph, and not a copy in each task.
    plan = delayed(layout, pure=True)
    shares: list[list[Any]] = []
    for i in range(line_starts.size - 1):
        shares.append([])
        for j in range(sample_starts.size - 1):
            block = {name: blocks[i, j] for name, blocks in pieces.items()}
            shares[-1].append(
                reduce(
                    block["sigma0"],
                    block.get("nesz"),
                    block.get("digital_number"),
                    plan,
                    (int(line_starts[i]), int(sample_starts[j])),
                )
            )
    row_of = delayed(_row, pure=True)
    boxes = []
    for row in range(layout.shape[0]):
        first, last = _span(layout.lines, row, line_starts)
        near = [share for line in shares[first:last] for share in line]
        boxes.append(row_of(near, row, plan, wide.grid))
    return boxes


def _reduce(
    sigma0: npt.NDArray[Any],
    nesz: npt.NDArray[Any] | None,
    number: npt.NDArray[Any] | None,
    layout: Layout,
    at: tuple[int, int],
) -> Share:
    return reduce_block(
        sigma0, nesz, number, lines=layout.lines, samples=layout.samples, at=at
    )


def _blocks(wide: WideImage, polarisation: str) -> dict[str, da.Array]:
    """Return the images that a task reads, in the chunks of sigma0."""
    found = {}
    for name in ("sigma0", "nesz", "digital_number"):
        image = wide.image(name, polarisation)
        if image is not None:
            found[name] = image.reset_coords(drop=True)
    sigma0 = found["sigma0"]
    chunks = sigma0.chunks or tuple(
        da.core.normalize_chunks(_CHUNK, sigma0.shape, dtype=sigma0.dtype)  # type: ignore[no-untyped-call]
    )
    by_dim = dict(zip((LINE, SAMPLE), chunks, strict=True))
    return {name: image.chunk(by_dim).data for name, image in found.items()}


def _span(axis: TileAxis, row: int, starts: npt.NDArray[np.intp]) -> tuple[int, int]:
    """Which chunks a row of tiles touches."""
    begin, end = axis.edges_out[[axis.first[row], axis.first[row] + axis.size]]
    edges = axis.edges[starts]
    first = int(np.searchsorted(edges, begin, "right")) - 1
    last = int(np.searchsorted(edges, end, "left"))
    return max(first, 0), min(last, starts.size - 1)


def _row(
    shares: list[Share], row: int, layout: Layout, grid: GeolocationGrid
) -> dict[str, npt.NDArray[Any]]:
    """Put a row of tiles together and flag them: what a task runs."""
    tiles = cut_tiles(shares, row, layout.lines, layout.samples)
    saturated = tiles.pop("saturated")
    flags, no_data, below = [], [], []
    for column, (sigma0, nesz) in enumerate(
        zip(tiles["sigma0"], tiles["nesz"], strict=True)
    ):
        flag, missing, dark = pixel_flags(sigma0, float(saturated[column]))
        if nesz.any() and implausible_nesz(nesz) is not None:
            flag |= Quality.CALIBRATION_SUSPECT
        flags.append((flag | place_flags(layout, grid, row, column)).value)
        no_data.append(missing)
        below.append(dark)
    return {
        **tiles,
        "quality": np.array(flags, np.uint8),
        "no_data_fraction": np.array(no_data, np.float32),
        "below_noise_fraction": np.array(below, np.float32),
    }


def _take(box: dict[str, npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    return box[name]


def _coords(wide: WideImage, layout: Layout) -> dict[str, xr.DataArray]:
    rows, columns = layout.shape
    row, column = (i.ravel() for i in np.indices((rows, columns)))
    count = len(wide.polarisations)
    middle = layout.lines.index_at(layout.lines.middles)
    values: dict[str, npt.NDArray[Any]] = {
        "row": np.tile(row, count),
        "column": np.tile(column, count),
        "azimuth_distance": np.tile(layout.lines.middles[row], count),
        "range_distance": np.tile(layout.samples.middles[column], count),
        "time": wide.times(np.tile(middle[row], count)),
        "vignette_id": np.array(_names(wide, row, column)),
    }
    texts = {
        "beam": wide.mode,
        "platform": wide.platform or "unknown",
        "product": wide.product or "unknown",
        "ipf_version": str(wide.ds.attrs.get("ipf_version", "unknown")),
    }
    for name, text in texts.items():
        values[name] = np.full(row.size * count, text)
    if wide.polarisations != ("",):
        values["polarisation"] = np.repeat(np.array(wide.polarisations), row.size)
    coords = {
        name: annotate(xr.DataArray(value, dims=VIGNETTE), name)
        for name, value in values.items()
    }
    coords |= _positions(wide, layout, count)
    scalars = {
        "pixel_spacing": layout.lines.spacing,
        "tile_size": layout.lines.size * layout.lines.spacing,
        "source_spacing": max(wide.spacing),
    }
    for name, number in scalars.items():
        coords[name] = annotate(xr.DataArray(number), name)
    return coords


def _names(
    wide: WideImage, row: npt.NDArray[np.intp], column: npt.NDArray[np.intp]
) -> list[str]:
    stem = wide.product.removesuffix(".SAFE").lower() or "scene"
    return [
        "-".join(filter(None, (stem, p.lower(), f"r{r:02d}", f"c{c:02d}")))
        for p in wide.polarisations
        for r, c in zip(row, column, strict=True)
    ]


def _positions(wide: WideImage, layout: Layout, count: int) -> dict[str, xr.DataArray]:
    """Where the tiles lie; lazy where the positions of the image are."""
    tiles = int(np.prod(layout.shape)) * count
    sizes = {SAMPLE: layout.samples.size, "corner": 4}
    found: Any = (
        delayed(placed, pure=True)(layout, wide.grid, count)
        if wide.lazy
        else placed(layout, wide.grid, count)
    )
    coords = {}
    for name, (dtype, dims) in PLACED.items():
        data = found[name]
        if wide.lazy:
            shape = (tiles, *(sizes[dim] for dim in dims))
            data = da.from_delayed(data, shape, dtype)  # type: ignore[no-untyped-call]
        coords[name] = annotate(xr.DataArray(data, dims=(VIGNETTE, *dims)), name)
    return coords
