"""Open Level-2 OCN Wave Mode products: ESA's own waves and wind, one row for each vignette."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import xarray as xr

from xoceansar._paths import local_path
from xoceansar.conventions import VIGNETTE, annotate, mask_attrs, product_attrs
from xoceansar.conventions import Quality as Bits
from xoceansar.errors import ProductError, VignetteError, warn
from xoceansar.io.guard import guard
from xoceansar.io.ocn.listed_ocn import find_ocn_files
from xoceansar.io.ocn.ocn_file import Vignette, read_file
from xoceansar.io.ocn.ocn_listing import OcnFile
from xoceansar.io.ocn.ocn_processings import each_once
from xoceansar.io.ocn.ocn_variables import FLAGS, N_PARTITIONS, PARTITIONS, SCALARS
from xoceansar.io.ocn.spectra_rows import with_spectra
from xoceansar.io.ocn.trial_reading import try_reading
from xoceansar.io.remote import StorageOptions
from xoceansar.io.safe.product_names import OcnName
from xoceansar.io.stac.listed_products import ProductInputs

__all__ = ["open_ocn"]

PARTITION: Final = "partition"
#: Vignettes that a warning names.
_MOST_SHOWN: Final = 3
_STRINGS: Final = (
    "vignette_id",
    "beam",
    "polarisation",
    "platform",
    "product",
    "source_product",
    "ipf_version",
)
_COORDS: Final = (*_STRINGS, "time", "longitude", "latitude", "incidence", "ground_heading")  # fmt: skip
_ANCILLARY: Final = {
    "swh": "swh_standard_error swh_quality",
    "wind_speed_mean": "wind_quality",
    "wind_to_direction_mean": "wind_quality",
    "partition_swh": "partition_quality",
    "partition_to_direction": "partition_ambiguity",
    "radial_velocity": "radial_velocity_standard_error radial_velocity_valid_fraction",
}
#: What the table of names cannot know of these variables.
_NOTES: Final[Mapping[str, dict[str, str]]] = {
    "sigma0_mean": {
        "long_name": "mean of the noise-corrected sigma0 of the vignette",
        "comment": "linear; oswNrcsNeszCorr of the product, which is in decibel; where the product "
        "has none, oswNrcs less the mean of owiNesz",
    },
    "nesz": {
        "long_name": "mean noise-equivalent sigma zero of the vignette",
        "comment": "linear; mean of owiNesz",
    },
    "cross_spectrum_snr": {
        "comment": "linear; oswSnr of the product, which is in decibel"
    },
    "radial_velocity": {
        "comment": "rvlRadVel: along the line of sight, not on the ground; -(wavelength / 2) "
        "(doppler_centroid - doppler_centroid_geometric), from which doppler_mispointing is not "
        "taken. Mean over confident cells. Not corrected orbit by orbit: it may be off by 1 m/s, and of "
        "the wrong sign; not for validation"
    },
    "radial_velocity_standard_error": {
        "comment": "rvlRadVelStd, mean over confident cells: how precise each is, and not how accurate"
    },
    "radial_velocity_valid_fraction": {
        "comment": "cells that rvlConfDcObs calls confident, without land and, where the product says, ice"
    },
    "doppler_centroid": {"comment": "rvlDcObs, mean over confident cells"},
    "doppler_centroid_geometric": {"comment": "rvlDcGeo, mean over confident cells"},
    "doppler_mispointing": {
        "comment": "rvlDcMiss, mean over confident cells; not applied to radial_velocity, and applying it "
        "makes some products better and others worse"
    },
    "stokes_drift_eastward": {"comment": "rvlUssX, of WAVEWATCH III: not measured"},
    "stokes_drift_northward": {"comment": "rvlUssY, of WAVEWATCH III: not measured"},
    "look_separation_time": {
        "comment": "oswLookSeparationTime, of neighbouring looks: the cross-spectrum of lag 2 is of twice that"
    },
    "partition_ambiguity_factor": {
        "comment": "oswAmbiFac; positive where the imaginary part of the cross-spectrum agrees with the direction"
    },
    "wind_speed": {"comment": "oswWindSpeed: one value for the wave cell"},
    "wind_to_direction": {
        "comment": "oswWindDirection turned by 180 degrees; it follows the ECMWF direction"
    },
    "ground_heading": {
        "comment": "oswHeading, the direction of the image lines; owiHeading of the same file, with "
        "which the winds of the grid were computed, may differ by some 5 degrees"
    },
    "wind_quality": {
        "comment": "of wind_speed_mean; 'bad' where owiHeading is not the direction of the image "
        "lines; -1: missing"
    },
    "partition_to_direction": {
        "comment": "oswDirmet, which says to which direction the waves travel"
    },
}


def open_ocn(
    paths: ProductInputs,
    *,
    spectra: bool = False,
    on_error: Literal["flag", "raise"] = "flag",
    verify: bool = True,
    storage_options: StorageOptions | None = None,
    root: str | os.PathLike[str] | None = None,
) -> xr.Dataset:
    """Open Level-2 OCN Wave Mode products in the vocabulary of this library.

    Parameters
    ----------
    paths : str, path-like, GeoDataFrame, STAC item, dict or iterable of them
        What ``xoceansar.search(level="ocn")`` found (rows, one row, the ``.parquet`` of a list) or STAC items of Level 2: of
        these only the files of the chosen vignettes are read, and for products that OData lists the manifest.
        Or a ``S1x_WV_OCN__....SAFE`` folder, its ``manifest.safe``, a zip archive of it, a
        measurement file (``s1x-wvN-ocn-...nc``), a folder of such files or products, several of
        these, or a glob pattern; or a product in the EOPF format (``S01SWVOCN_....zarr`` or ``.zarr.zip``,
        at URLs too).
    spectra : bool, optional
        Whether to read the spectra too, 0.6 MB in memory for each vignette.
    on_error : {"flag", "raise"}, optional
        What to do with a file that cannot be read: make its row missing, set ``unreadable`` in
        its quality and warn; or raise.
    verify : bool, optional
        Whether files of a product are held to the MD5 that its manifest has of each, as members of a
        zip archive always are to their CRC. Without it a damaged file that is not in a zip
        archive may be a wrong value that nothing shows.
        Files that no checksum vouches for are read by another process first. The EOPF format has none.
    storage_options : mapping, optional
        For URLs: keyword arguments of the file system, such as ``{"anon": True}``. For what catalogues list:
        credentials, as in `open_wave_mode`.
    root : str or path-like, optional
        Folder in which the files of what catalogues list are looked for first.

    Returns
    -------
    Dataset
        Dims (vignette, partition), sorted by time, in memory. Along vignette: the coordinates
        ``vignette_id``, ``time``, ``longitude``, ``latitude``, ``incidence``,
        ``ground_heading``, ``beam``, ``polarisation``, ``platform``, ``product``,
        ``source_product``, ``ipf_version``; ``swh`` with ``swh_standard_error`` and
        ``swh_quality``, ``wind_sea_swh``; ``wind_speed`` and ``wind_to_direction`` of the wave
        cell, the same ``_mean`` over the wind grid with ``wind_quality``, and ``_model`` by
        ECMWF; ``azimuth_cutoff``, ``range_cutoff``, ``normalised_variance``,
        ``sigma0_skewness``, ``sigma0_kurtosis``; ``sigma0_mean``, ``sigma0_raw_mean``,
        ``nesz`` and ``cross_spectrum_snr``, linear; ``look_separation_time``;
        ``radial_velocity`` with ``radial_velocity_standard_error``, ``doppler_centroid``,
        ``doppler_centroid_geometric`` and ``doppler_mispointing``, means over the confident cells
        of the Doppler grid, whose share is ``radial_velocity_valid_fraction``;
        ``stokes_drift_eastward`` and ``stokes_drift_northward`` by a wave model;
        ``water_depth``, ``land_fraction``, ``quality``. Along (vignette, partition):
        ``partition_swh``, ``partition_wavelength``, ``partition_to_direction``,
        ``partition_ambiguity``, ``partition_ambiguity_factor``, ``partition_quality``.

        With `spectra`: ``wave_spectrum`` and ``wave_spectrum_partition``,
        ``quality_cross_spectrum_real`` and ``_imag`` (vignette, wave_to_direction, wavenumber), with
        ``resolved_wavelength`` (vignette, wave_to_direction); ``cross_spectrum_real`` and ``_imag``
        (vignette, lag, azimuth_bin, range_bin), at the coordinates ``azimuth_wavenumber``
        (vignette, azimuth_bin) and ``range_wavenumber`` (vignette, range_bin), rad/m, in cells of
        ``azimuth_wavenumber_width`` by ``range_wavenumber_width``.

    Raises
    ------
    ProductError
        If a path holds no product.
    UnsupportedProductError
        If it is another product: another level, or another mode.
    VignetteError
        With ``on_error="raise"``, if a file cannot be read.

    Notes
    -----
    Reads every file at once: some 40 numbers of each 0.8 MB, and no spectrum unless asked. Fill values
    (-999, and negative ones of what cannot be negative) are missing values, and so is what an
    older layout lacks: ``swh`` (oswTotalHs) is written since mid-2022. A value that no sea has (a
    wind of 300 m/s, a latitude of 95) is missing too, and its vignette is flagged
    ``calibration_suspect``; both are counted in warnings. So is flagged what was acquired while its satellite was not
    calibrated (`xoceansar.sar.CALIBRATION_EVENTS`). Directions are towards which the wind
    blows and the waves travel: those of the wind are turned, those of the waves are so in the
    product. ``time`` is the middle of the first and last second that the file states.
    ``wind_quality`` is the quality that nine in ten cells of the wind grid reach; it is bad where
    ``owiHeading``, with which their wind was computed, is not the direction of the image lines.

    Of two processings of one vignette the one by the higher IPF version is taken, then the one processed later,
    then Fast-24h over NRT, then the first given; a warning says so.

    A spectrum is read whole or is missing, with a warning that says why: where an older layout has none,
    where it holds fill values, where its grid has other sizes than most of what is opened. Cross-spectra are
    densities, of which twice the sum times the widths of the cells, with half of the column of range wavenumber
    0, is the variance of the relative modulation of intensity; their imaginary part is positive towards where
    waves travel. `to_efth` gives the wave spectra to the library wavespectra.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441, section 5 (Level 2 OCN).

    Examples
    --------
    >>> import xoceansar
    >>> ocn = xoceansar.open_ocn("S1A_WV_OCN__2SSV_....SAFE")  # doctest: +SKIP
    >>> ocn = xoceansar.open_ocn("measurement/*.nc")  # doctest: +SKIP
    >>> found = xoceansar.search(
    ...     bbox=(-40, 30, -20, 45), datetime="2022-11", level="ocn"
    ... )  # doctest: +SKIP
    >>> ocn = xoceansar.open_ocn(found)  # doctest: +SKIP
    """
    if on_error not in ("flag", "raise"):
        raise ProductError(f"on_error={on_error!r} is not one of ['flag', 'raise'].")
    raises = on_error == "raise"
    files = each_once(
        find_ocn_files(
            paths,
            storage_options=storage_options,
            root="" if root is None else str(local_path(root)),
            raises=raises,
            verify=verify,
        )
    )
    read = [_read(file, spectra=spectra, raises=raises) for file in files]
    read.sort(key=lambda one: (one.values["time"], one.values["vignette_id"]))
    _note_absent(read)
    _note_doubts(read)
    ds = _dataset([one.values for one in read], any(one.simulated for one in read))
    return with_spectra(ds, read) if spectra else ds


def _read(file: OcnFile, *, spectra: bool, raises: bool) -> Vignette:
    name = file.name
    known: dict[str, Any] = {
        "vignette_id": name.stem,
        "beam": name.beam,
        "platform": name.platform,
    }
    try:
        with guard(name.stem, file.where):
            content = file.read()
            if not file.is_checked:
                try_reading(content, file.where)
            found = read_file(file.where, name, content, spectra=spectra)
    except VignetteError as error:
        if raises:
            raise
        warn(f"{error} Its row is missing.")
        found = Vignette(_missing(name), absent=(), doubts=())
    known |= found.values
    known["product"] = file.product or known["source_product"]
    return replace(found, values=known)


def _missing(name: OcnName) -> dict[str, Any]:
    """Values of a vignette of which only the name is known."""
    partitions: dict[str, Any] = {
        key: np.full(N_PARTITIONS, -1, np.int8)
        if field.flag
        else np.full(N_PARTITIONS, np.nan)
        for key, field in PARTITIONS.items()
    }
    return {
        **dict.fromkeys(SCALARS, np.nan),
        **partitions,
        "radial_velocity_valid_fraction": np.nan,
        "time": name.start + (name.stop - name.start) // 2,
        "swh_quality": np.int8(-1),
        "wind_quality": np.int8(-1),
        "quality": np.uint8(Bits.UNREADABLE.value),
        "polarisation": name.polarisation,
        "ipf_version": "",
        "source_product": "",
    }


def _dataset(rows: list[dict[str, Any]], simulated: bool) -> xr.Dataset:
    variables = {name: _variable(name, rows) for name in rows[0]}
    coords = {name: variables.pop(name) for name in _COORDS}
    return xr.Dataset(
        variables,
        coords=coords,
        attrs=product_attrs(
            "open_ocn",
            title="Sentinel-1 Wave Mode Level-2 ocean products",
            **_origin(simulated),
        ),
    )


def _origin(simulated: bool) -> dict[str, Any]:
    """Say where the values come from; one simulated file makes the whole simulated."""
    if simulated:
        source = "simulated Sentinel-1 Wave Mode OCN; not a measurement of the sea"
        return {"source": source, "simulated": 1}
    return {"source": "Sentinel-1 Wave Mode OCN (Copernicus Sentinel data)"}


def _variable(name: str, rows: list[dict[str, Any]]) -> xr.DataArray:
    dims = (VIGNETTE, PARTITION) if name in PARTITIONS else (VIGNETTE,)
    values = np.array([row[name] for row in rows])
    if name == "time":
        values = values.astype("datetime64[ns]")
    array = annotate(xr.DataArray(values, dims=dims), name, **_NOTES.get(name, {}))
    if name == "quality":
        array.attrs = mask_attrs("quality")
    if name in FLAGS:
        meanings = FLAGS[name]
        array.attrs["flag_values"] = np.arange(len(meanings), dtype=np.int8)
        array.attrs["flag_meanings"] = " ".join(meanings)
        array.attrs.setdefault("comment", "-1: missing")
    if name in _ANCILLARY:
        array.attrs["ancillary_variables"] = _ANCILLARY[name]
    return array


def _note_absent(read: list[Vignette]) -> None:
    """Say which values are missing because the files do not have them."""
    counts = Counter(source for one in read for source in one.absent)
    unfilled = sum(_has_no_height(one) for one in read)
    if unfilled:
        counts.pop(SCALARS["swh"].source, None)
        note = (
            f"{unfilled} of {len(read)} vignettes have no total wave height (oswTotalHs): products "
            "before mid-2022 and vignettes over land have none. Their swh is missing; "
            "partition_swh may hold the heights of the swell partitions."
        )
    else:
        note = f"some of {len(read)} files are of a layout that lacks variables."
    if counts:
        lacking = ", ".join(f"{source} (in {n})" for source, n in counts.items())
        note += f" What comes from these is missing where the file has none: {lacking}."
    if unfilled or counts:
        warn(note)


def _has_no_height(one: Vignette) -> bool:
    readable = not one.values["quality"] & Bits.UNREADABLE.value
    return bool(readable and np.isnan(one.values["swh"]))


def _note_doubts(read: list[Vignette]) -> None:
    """Say which values cannot be, and were left out."""
    doubtful = [one for one in read if one.doubts]
    if not doubtful:
        return
    shown = "; ".join(
        f"{one.values['vignette_id']}: {', '.join(one.doubts)}"
        for one in doubtful[:_MOST_SHOWN]
    )
    more = "" if len(doubtful) <= _MOST_SHOWN else "; ..."
    warn(
        f"{len(doubtful)} of {len(read)} vignettes have values that cannot be. These are left out and "
        "the quality says 'calibration_suspect'; where a heading of the wind grid is wrong, the "
        f"wind_quality says 'bad'. {shown}{more}."
    )
