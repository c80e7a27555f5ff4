"""Open Sentinel-1 Wave Mode SLC products as one lazy Dataset of calibrated vignettes."""

import hashlib
import math
import operator
import os
import pickle
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr
from dask.base import tokenize

from xoceansar._paths import is_url, local_path
from xoceansar._processors import processors
from xoceansar._progress import tracked
from xoceansar.conventions import (
    LINE,
    SAMPLE,
    VIGNETTE,
    annotate,
    mask_attrs,
    product_attrs,
)
from xoceansar.conventions.beams import Beam, Beams, one_beam
from xoceansar.errors import (
    ChunkingError,
    DimensionError,
    OceansarError,
    ProductError,
    VignetteError,
    warn,
)
from xoceansar.io.guard import guard
from xoceansar.io.remote import StorageOptions
from xoceansar.io.safe.acquisitions import each_once, report
from xoceansar.io.safe.annotation import Annotation
from xoceansar.io.safe.ground_grid import GridSpec, VignetteGrid
from xoceansar.io.safe.product import Product, VignetteFiles
from xoceansar.io.safe.product_names import ROLES, VignetteName
from xoceansar.io.safe.slc_images import complex_variables
from xoceansar.io.safe.vignette_block import FIELDS, read_block
from xoceansar.io.safe.vignette_source import (
    Options,
    Reader,
    Source,
    load_annotation,
    load_annotations,
    require_file,
)
from xoceansar.io.stac.listed_products import ProductInputs, find_products
from xoceansar.layout.positions import positions_of
from xoceansar.sar.calibration import noise_scaling
from xoceansar.sar.land import available as land_available

__all__ = ["open_wave_mode"]

Chunks = int | Mapping[str, int]
#: Vignettes by index, by identifier, or by a mask (``True`` or ``False`` for each).
Selection = int | slice | str | Iterable[int] | Iterable[str]

_CORNER: Final = "corner"
#: Annotations read at a time, where storage answers slowly. Of local files no more than there are processors:
#: threads that wait for Python's lock in turns take a fifth longer.
_THREADS: Final = 8
#: Tasks of each: a task for each vignette would take as long as its smaller steps.
_TURNS: Final = 4
#: Of a vignette: 8192 x 8192, finer than the radar sees.
_MOST_PIXELS: Final = 1 << 26
#: Middles by name that are so near may be in another order by the annotations.
_UNTOLD: Final = np.timedelta64(2, "s")
_STRINGS: Final = (
    "vignette_id",
    "beam",
    "polarisation",
    "platform",
    "product",
    "ipf_version",
)


@dataclass(frozen=True, eq=False)
class _Opened:
    """A vignette that was opened: where to read it, and its coordinates."""

    source: Source
    coords: dict[str, Any]


def open_wave_mode(
    paths: ProductInputs,
    *,
    reader: Reader = "direct",
    spacing: float = 50.0,
    shape: tuple[int, int] = (384, 384),
    vignettes: Selection | None = None,
    beam: Beams | None = None,
    chunks: Chunks = 8,
    on_error: Literal["flag", "raise"] = "flag",
    uncalibrated: bool = False,
    complex: bool = False,
    verify: bool = True,
    storage_options: StorageOptions | None = None,
    root: str | os.PathLike[str] | None = None,
) -> xr.Dataset:
    """Open Wave Mode SLC products, calibrated and on a common ground grid.

    Parameters
    ----------
    paths : str, path-like, GeoDataFrame, STAC item, dict, or iterable of them
        A ``.SAFE`` folder, its ``manifest.safe``, a zip archive of it (stored or deflated;
        read in place), a zip archive or a folder of several, several of these, or a glob
        pattern; or the URL of one on object storage (``s3://bucket/S1A_WV_SLC__....SAFE``), which
        fsspec opens; or products in the EOPF format (``S01SWVSLC_....zarr`` or ``.zarr.zip``, at URLs too). Or what a catalogue lists: rows of `xoceansar.search` or the file they were written to, items or collections of
        items of pystac, dicts of them, JSON files or their URLs; then the files of the vignettes that are listed, and of no other, are read.
    reader : {"direct", "xsar"}, optional
        Who calibrates. ``direct`` parses the XML that it needs and maps the pixels into one
        pass; ``xsar`` runs xsar's own calibration, some 50 times slower, to the same numbers.
    spacing : float, optional
        Metres between pixels, in azimuth and in ground range.
    shape : tuple of int, optional
        Number of pixels in azimuth and in range. The default, 19.2 km, fits both beams.
    vignettes : int, slice, str, iterable of int or str, or mask, optional
        Which vignettes: indices in order of time, identifiers, or True or False for each. All by
        default.
    beam : str or iterable of str, optional
        Keep one beam, ``"wv1"`` or ``"WV2"``; `vignettes` then counts in what remains.
    chunks : int or mapping, optional
        Vignettes in each Dask chunk, as a number or as ``{"vignette": n}``.
    on_error : {"flag", "raise"}, optional
        What to do with a vignette that cannot be read: make its rows missing, set
        ``unreadable`` in its quality and warn; or raise. A file found damaged only when its
        pixels are read raises then.
    uncalibrated : bool, optional
        Whether to keep a vignette whose calibration or noise file is missing: without noise
        removal, or as squared digital numbers. Its quality says ``calibration_suspect``.
    complex : bool, optional
        Whether to give the complex image too, ``slc`` (vignette, slc_line, slc_sample), and what the
        annotation says of its focusing, for `spectra` and the other measurements of waves.
    verify : bool, optional
        Whether the pixels too are held to the MD5 that the manifest has of each file, as the XML
        files always are and members of a zip archive to their CRC; the EOPF format has none. It takes some 0.16 s of the
        processor for each vignette of 100 MB; without it a damaged file that is not in a zip
        archive is a wrong value that nothing shows.
    storage_options : mapping, optional
        For URLs: keyword arguments of the file system, such as ``{"anon": True}``. They travel to
        the workers with the tasks; credentials in the environment do not need to. For what a catalogue
        lists: ``key``, ``secret``, ``token``, ``anon``, ``profile``, ``endpoint_url``, ``region_name`` of object storage; ``username``
        and ``password``, ``access_token``, ``refresh_token``, ``token_url`` of web addresses; ``verify``, a file of
        certificates. Those of them that are credentials stay in this process, and never travel.
    root : str or path-like, optional
        For what a catalogue lists: a folder in which files are looked for first, as `xoceansar.download` writes
        them, or as the archive is mounted (``/eodata``).

    Returns
    -------
    Dataset
        Dims (vignette, line, sample, corner), sorted by time. Lazy: ``sigma0``, ``nesz``
        (vignette, line, sample) float32, linear; ``quality`` (vignette) flag masks;
        ``no_data_fraction``, ``below_noise_fraction`` (vignette). In memory, along vignette:
        ``vignette_id``, ``time``, ``longitude``, ``latitude``, ``beam``, ``polarisation``,
        ``platform``, ``product``, ``ipf_version``, ``ground_heading``, ``noise_scaling``,
        ``incidence`` (vignette, sample), ``corner_longitude`` and ``corner_latitude``
        (vignette, corner); and ``pixel_spacing``. With ``complex=True`` also, lazy, ``slc`` complex64,
        a vignette a chunk, whose squared modulus is sigma0 with noise, NaN beyond the image; and along vignette
        ``azimuth_spacing`` and ``range_spacing`` on the ground, ``azimuth_frequency``, ``azimuth_bandwidth``,
        ``azimuth_window``, ``doppler_centroid``, ``doppler_centroid_geometric``, ``azimuth_fm_rate``, ``slant_range``,
        ``platform_velocity``, ``radar_wavelength``, missing where the annotation lacks one of them.

    Raises
    ------
    ProductError
        If a path is no product, or a product that is cut short; or `vignettes` matches
        nothing.
    UnsupportedProductError
        If a product is not Wave Mode SLC (OCN, RAW, IW, ...).
    VignetteError
        With ``on_error="raise"``, if a vignette cannot be read.
    CredentialsError
        If what a catalogue lists needs keys or a token, and there are none or they are refused.
    ChunkingError, DimensionError
        If `chunks`, `shape` or `spacing` makes no sense.

    Notes
    -----
    Opening reads the manifest and one annotation of each vignette, and no pixel. One task of
    each chunk reads the pixels of its vignettes once, for all variables. With the look-up
    tables A (bilinear) and eta (extended by its nearest vector), and area weights w,

    sigma0 = sum(w abs(DN)**2 / A**2) - sum(w eta / A**2).

    Negative values, below the noise floor, are kept. The noise of IPF 2.90 and 2.91 is
    rescaled (``noise_scaling``); a product that the processor denoised is not denoised again.

    Of two processings of one acquisition, the one by the higher IPF version is taken, then the one
    processed later, then Fast-24h over NRT, then the first given; a warning says so.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441.

    Examples
    --------
    >>> import xoceansar
    >>> ds = xoceansar.open_wave_mode("S1A_WV_SLC__1SSV_....SAFE")  # doctest: +SKIP
    >>> ds = xoceansar.open_wave_mode("2021/*.zip", beam="wv2")  # doctest: +SKIP
    """
    options = Options(
        reader=_one_of("reader", reader, ("direct", "xsar")),
        grid=_grid_spec(spacing, shape),
        raises=_one_of("on_error", on_error, ("flag", "raise")) == "raise",
        uncalibrated=bool(uncalibrated),
        land=land_available(),
    )
    kept = one_beam(beam, error=ProductError)
    size = _chunk_size(chunks)
    products = find_products(
        paths,
        storage_options=storage_options,
        root="" if root is None else str(local_path(root)),
        verify=bool(verify),
    )
    report(products, raises=options.raises, verify=verify)
    listed = each_once(products)
    if kept is not None:
        listed = [one for one in listed if one[1].name.beam == kept]
    chosen = listed if vignettes is None else _select(listed, kept, vignettes)
    if not options.land:
        warn(
            "land cannot be flagged: roaring-landmask is not installed. Install it with: "
            "pip install roaring-landmask"
        )
    if not verify:
        chosen = [
            (product, files.without_md5("measurement")) for product, files in chosen
        ]
    opened = _open_all(chosen, options)
    opened.sort(key=lambda one: one.coords["time"])
    simulated = any(product.simulated for product, _ in chosen)
    ds = _dataset(opened, options, size).assign_attrs(_origin(simulated))
    if complex:
        images = complex_variables([one.source for one in opened], options)
        ds = ds.assign(slc=images.pop("slc")).assign_coords(images)
    return ds


def _one_of(argument: str, value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ProductError(f"{argument}={value!r} is not one of {list(allowed)}.")
    return value


def _grid_spec(spacing: float, shape: tuple[int, int]) -> GridSpec:
    try:
        sizes = tuple(operator.index(size) for size in shape)
        sensible = math.isfinite(spacing) and spacing > 0
    except TypeError:
        sizes, sensible = (), False
    if len(sizes) != 2 or min(sizes) < 1 or not sensible:
        raise DimensionError(
            f"two positive whole numbers and a positive spacing are needed; got "
            f"shape={shape!r}, spacing={spacing!r}. Try shape=(384, 384), spacing=50."
        )
    if sizes[0] * sizes[1] > _MOST_PIXELS:
        raise DimensionError(
            f"shape={shape!r} asks for more than {_MOST_PIXELS} pixels of a vignette, which is "
            "20 km large. Try shape=(384, 384), spacing=50."
        )
    return GridSpec(float(spacing), (sizes[0], sizes[1]))


def _chunk_size(chunks: Chunks) -> int:
    asked = dict(chunks) if isinstance(chunks, Mapping) else {VIGNETTE: chunks}
    unknown = sorted(set(asked) - {VIGNETTE})
    size = asked.get(VIGNETTE, 8)
    if unknown or not isinstance(size, int) or size < 1:
        raise ChunkingError(
            f"chunks is a positive number of vignettes, or {{'vignette': n}}: lines and "
            f"samples of a vignette stay together. Got {chunks!r}."
        )
    return size


def _select(
    listed: list[tuple[Product, VignetteFiles]], beam: Beam | None, asked: Selection
) -> list[tuple[Product, VignetteFiles]]:
    """Vignettes by position in order of time, by identifier or by mask."""
    listed = _in_time(listed)
    of_beam = "" if beam is None else f" of beam {beam}"
    where = f"vignettes={asked!r} is none of the {len(listed)} vignettes{of_beam}"
    try:
        picked = positions_of(
            asked, len(listed), lambda: [files.name.stem for _, files in listed]
        )
    except OceansarError as error:
        raise ProductError(f"{where}: {error}") from error
    if not picked.size:
        raise ProductError(f"{where}. Select some that are there, from 0.")
    return [listed[k] for k in np.unique(picked)]


def _in_time(
    listed: list[tuple[Product, VignetteFiles]],
) -> list[tuple[Product, VignetteFiles]]:
    """Order as the opened vignettes are, by the middles of the images.

    Names have whole seconds, which leave open the order of two satellites at one time: there,
    and only there, the annotations tell.
    """
    rows = sorted(listed, key=lambda one: _middle(one[1].name))
    middles = np.array([_middle(files.name) for _, files in rows], "datetime64[ns]")
    near = np.diff(middles) <= _UNTOLD
    unclear = np.r_[near, False] | np.r_[False, near] if len(rows) > 1 else near
    for k in np.flatnonzero(unclear):
        middles[k] = _middle_read(*rows[k])
    return [rows[k] for k in np.argsort(middles, kind="stable")]


def _middle(name: VignetteName) -> np.datetime64:
    return name.start + (name.stop - name.start) // 2


def _middle_read(product: Product, files: VignetteFiles) -> np.datetime64:
    try:
        return load_annotation(Source(product.store, files, 1.0)).middle
    except VignetteError:
        return _middle(files.name)


def _open_all(
    chosen: list[tuple[Product, VignetteFiles]], options: Options
) -> list[_Opened]:
    """Open vignettes; threads read and parse, for neither holds Python's lock all the time."""
    opened = []
    remote = any(
        is_url(product.store.where(files.path("annotation")))
        for product, files in chosen
    )
    threads = _THREADS if remote else min(_THREADS, processors())
    size = 1 + len(chosen) // (_TURNS * _THREADS)
    blocks = [chosen[k : k + size] for k in range(0, len(chosen), size)]
    with ThreadPoolExecutor(threads) as pool:
        tasks = [pool.submit(_open_block, block, options) for block in blocks]
        rows = (row for task in tasks for row in task.result())
        with tracked(rows, "opening vignettes", len(chosen)) as each:
            for one, error in each:
                if error is not None:
                    if options.raises:
                        raise error
                    warn(
                        f"{error} Its rows are missing and its quality says 'unreadable'."
                    )
                opened.append(one)
    return opened


def _open_block(
    block: list[tuple[Product, VignetteFiles]], options: Options
) -> list[tuple[_Opened, VignetteError | None]]:
    """Open vignettes, each step of all of them: in turns the steps would push each other out of the cache."""
    sources = [_source(product, files) for product, files in block]
    notes = load_annotations(sources)
    return [
        _opened(product, source, note, options)
        for (product, _), source, note in zip(block, sources, notes, strict=True)
    ]


def _source(product: Product, files: VignetteFiles) -> Source:
    name = files.name
    return Source(
        product.store.part(files.path(role) for role in ROLES),
        files,
        noise_scaling(product.ipf_version, name.platform, name.beam),
        simulated=product.simulated,
    )


def _opened(
    product: Product, source: Source, note: Annotation | VignetteError, options: Options
) -> tuple[_Opened, VignetteError | None]:
    """Place a vignette, and see that its other files are there."""
    name = source.files.name
    known = {
        "vignette_id": name.stem,
        "beam": name.beam,
        "polarisation": name.polarisation,
        "platform": name.platform,
        "product": product.name,
        "ipf_version": product.ipf_version,
        "noise_scaling": source.noise_scaling,
    }
    located = None
    try:
        if isinstance(note, VignetteError):
            raise note
        source = replace(source, annotation=note)
        with guard(name.stem, source.store.where(source.files.path("annotation"))):
            located = _located(note, options)
        _require_files(source, options)
    except VignetteError as error:
        located = located or _nowhere(name, options)
        return _Opened(replace(source, readable=False), known | located), error
    return _Opened(source, known | located), None


def _require_files(source: Source, options: Options) -> None:
    require_file(source, "measurement")
    if not options.uncalibrated:
        require_file(source, "calibration")
        require_file(source, "noise")


def _located(note: Annotation, options: Options) -> dict[str, Any]:
    grid = VignetteGrid(note, options.grid)
    longitude, latitude = grid.centre
    corners = grid.corners
    return {
        "time": note.middle,
        "longitude": longitude,
        "latitude": latitude,
        "ground_heading": grid.heading,
        "incidence": grid.incidence,
        "corner_longitude": corners[0],
        "corner_latitude": corners[1],
    }


def _nowhere(name: VignetteName, options: Options) -> dict[str, Any]:
    """Coordinates of a vignette of which only the name is known."""
    return {
        "time": _middle(name),
        "longitude": np.nan,
        "latitude": np.nan,
        "ground_heading": np.nan,
        "incidence": np.full(options.grid.shape[1], np.nan, np.float32),
        "corner_longitude": np.full(4, np.nan),
        "corner_latitude": np.full(4, np.nan),
    }


def _dataset(opened: Sequence[_Opened], options: Options, size: int) -> xr.Dataset:
    arrays = _lazy([one.source for one in opened], options, size)
    variables = {
        name: annotate(
            xr.DataArray(
                array, dims=(VIGNETTE, LINE, SAMPLE) if FIELDS[name][1] else (VIGNETTE,)
            ),
            name,
        )
        for name, array in arrays.items()
    }
    variables["quality"].attrs = mask_attrs("quality")
    return xr.Dataset(
        variables,
        coords=_coords(opened, options),
        attrs=product_attrs(
            f"open_wave_mode, reader {options.reader}",
            title="Sentinel-1 Wave Mode vignettes",
            reader=options.reader,
        ),
    )


def _origin(simulated: bool) -> dict[str, Any]:
    """Say where the images come from; one simulated product makes the whole simulated."""
    if simulated:
        source = "simulated Sentinel-1 Wave Mode SLC; not a measurement of the sea"
        return {"source": source, "simulated": 1}
    return {"source": "Sentinel-1 Wave Mode SLC (Copernicus Sentinel data)"}


def _coords(opened: Sequence[_Opened], options: Options) -> dict[str, xr.DataArray]:
    count = len(opened)
    kinds: dict[str, tuple[Any, tuple[str, ...], tuple[int, ...]]] = {
        **{name: (np.str_, (), ()) for name in _STRINGS},
        "time": ("datetime64[ns]", (), ()),
        "longitude": (np.float64, (), ()),
        "latitude": (np.float64, (), ()),
        "ground_heading": (np.float64, (), ()),
        "noise_scaling": (np.float64, (), ()),
        "incidence": (np.float32, (SAMPLE,), (options.grid.shape[1],)),
        "corner_longitude": (np.float64, (_CORNER,), (4,)),
        "corner_latitude": (np.float64, (_CORNER,), (4,)),
    }
    coords = {}
    for name, (dtype, dims, sizes) in kinds.items():
        values: npt.NDArray[Any] = np.array(
            [one.coords[name] for one in opened], dtype=dtype
        ).reshape(count, *sizes)
        coords[name] = annotate(xr.DataArray(values, dims=(VIGNETTE, *dims)), name)
    coords["pixel_spacing"] = annotate(
        xr.DataArray(options.grid.spacing), "pixel_spacing"
    )
    return coords


def _lazy(sources: list[Source], options: Options, size: int) -> dict[str, da.Array]:
    """One reading task for each chunk, and one that takes each variable out of it."""
    if not sources:  # nothing to read, and no block to tell a task its shape
        return {
            name: da.empty((0, *(options.grid.shape if image else ())), dtype=dtype)
            for name, (dtype, image) in FIELDS.items()
        }
    boxes = np.empty(len(sources), dtype=object)
    boxes[:] = sources
    # dask would pickle, unpickle and pickle again what it names
    name = f"vignettes-{hashlib.sha256(pickle.dumps(sources)).hexdigest()}"
    chunks = da.from_array(boxes, chunks=size, name=name)  # type: ignore[no-untyped-call]
    read = chunks.map_blocks(
        _read_box, options=options, dtype=object, meta=np.empty(0, object)
    )
    arrays = {}
    for name, (dtype, image) in FIELDS.items():
        sizes = options.grid.shape if image else ()
        arrays[name] = read.map_blocks(
            _take,
            name=f"{name}-{tokenize(read.name, name)}",
            field=name,
            dtype=dtype,
            meta=np.empty((0,) * (1 + len(sizes)), dtype),
            new_axis=[1, 2] if image else None,
            chunks=(read.chunks[0], *((n,) for n in sizes)),
        )
    return arrays


def _read_box(sources: npt.NDArray[Any], options: Options) -> npt.NDArray[Any]:
    """Read a chunk; its dict of arrays travels in an array of one object."""
    box = np.empty(1, dtype=object)
    box[0] = read_block(list(sources), options)
    return box


def _take(box: npt.NDArray[Any], field: str) -> npt.NDArray[Any]:
    """Take one variable out of what was read."""
    found: npt.NDArray[Any] = box[0][field]
    return found
