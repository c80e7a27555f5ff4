"""Typed errors and warnings.

Every leaf also inherits the builtin that a caller would catch, and every message says what was
needed, what was found and what to type. This module imports nothing of the package.
"""

import sys
import warnings
from typing import Final

__all__ = [
    "ArchiveError",
    "BundleError",
    "CatalogueError",
    "ChunkingError",
    "ConfidenceError",
    "CredentialsError",
    "DimensionError",
    "DomainError",
    "LabelError",
    "MissingDependencyError",
    "MissingVariableError",
    "OceansarError",
    "OceansarWarning",
    "PathError",
    "ProductError",
    "TrainingError",
    "UnitsError",
    "UnsupportedProductError",
    "VignetteError",
    "WeightsMismatchError",
    "warn",
]

_PACKAGE: Final = __name__.partition(".")[0]


class OceansarError(Exception):
    """Base of every error that xoceansar raises on purpose.

    Examples
    --------
    >>> import xoceansar as xos
    >>> try:
    ...     xos.load_model("no-such-model")
    ... except OceansarError as error:
    ...     print(type(error).__name__)
    BundleError
    """


class MissingVariableError(OceansarError, ValueError):
    """A variable or coordinate that the operation needs is absent.

    Examples
    --------
    >>> import xarray as xr
    >>> xr.Dataset(
    ...     {"swh": ("vignette", [2.0])}
    ... ).oceansar.gmf_wind()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.MissingVariableError: a Dataset with 'sigma0'...
    """


class DimensionError(OceansarError, ValueError):
    """The dimensions of the input do not have the expected names or sizes.

    Examples
    --------
    >>> import xarray as xr
    >>> xr.Dataset({"swh": ("time", [2.0])}).oceansar.select(
    ...     swh=(1, 3)
    ... )  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.DimensionError: something along the dim 'vignette'...
    """


class UnitsError(OceansarError, ValueError):
    """The physical quantity or its units are not the expected ones.

    Examples
    --------
    >>> import xarray as xr
    >>> image = xr.DataArray([[2.0]], dims=("line", "sample"), name="sigma0")
    >>> image.assign_attrs(units="counts").oceansar.quality()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.UnitsError: sigma0 in linear units ('1') or in 'dB' is needed...
    """


class ChunkingError(OceansarError, ValueError):
    """An image axis is split over several Dask chunks.

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.simulate.vignettes(1).chunk(line=100).oceansar.embed()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.ChunkingError: each vignette must lie in one chunk...
    """


class DomainError(OceansarError, ValueError):
    """The input lies outside what the model was trained on (polarisation, spacing, size).

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.simulate.vignettes(1, shape=(64, 64)).oceansar.embed()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.DomainError: model 'sim-vit-tiny' needs images of at least 384 x 384...
    """


class ConfidenceError(OceansarError, ValueError):
    """A confidence is no probability, or more than the model's calibration gives.

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.simulate.vignettes(1).chunk().oceansar.wind(
    ...     confidence=90
    ... )  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.ConfidenceError: confidence must be a number between 0 and 1...
    """


class PathError(OceansarError, ValueError):
    """A path cannot be read or written here: it is a URL, a device or pipe, or too large.

    Examples
    --------
    >>> import xarray as xr
    >>> xr.Dataset({"swh": ("vignette", [2.0])}).oceansar.to_csv(
    ...     "s3://bucket/swh.csv"
    ... )  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.PathError: s3://bucket/swh.csv is a URL...
    """


class ProductError(OceansarError, ValueError):
    """A product cannot be read: a file is missing, cut short or malformed.

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.open_wave_mode("no-such-product.SAFE")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.ProductError: no-such-product.SAFE does not exist...
    """


class UnsupportedProductError(ProductError):
    """The path is a product, and not one that this reader reads (OCN, RAW, IW, ...).

    Examples
    --------
    >>> from pathlib import Path
    >>> import xoceansar as xos
    >>> product = Path(
    ...     "S1A_IW_OCN__2SDV_20210403T083025_20210403T083050_037285_046494_5C25.SAFE"
    ... )
    >>> product.mkdir()
    >>> xos.open_ocn(product)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.UnsupportedProductError: S1A_IW_OCN__2SDV...
    """


class VignetteError(ProductError):
    """One vignette of a product cannot be read; the message names it and the file.

    Examples
    --------
    >>> import xoceansar as xos
    >>> product = xos.simulate.write_safe(".", 1, scale=0.02)
    >>> next(product.glob("measurement/*.tiff")).unlink()
    >>> xos.open_wave_mode(
    ...     product, shape=(4, 4), on_error="raise"
    ... ).load()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.VignetteError: vignette s1a-wv1-slc-vv-20210403t083025...
    """


class BundleError(OceansarError, ValueError):
    """A model bundle is absent, incomplete or of an unknown format.

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.load_model("no-such-model")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.BundleError: there is no model 'no-such-model'...
    """


class WeightsMismatchError(OceansarError, RuntimeError):
    """Weights do not fit the network or the head that they were meant for.

    Examples
    --------
    >>> import xarray as xr
    >>> vectors = xr.DataArray(
    ...     [[1.0, 2.0]], dims=("vignette", "embedding"), name="embedding_vector"
    ... )
    >>> archive, query = (vectors.assign_attrs(weights_sha256=n * 64) for n in "01")
    >>> archive.oceansar.similar(query)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.WeightsMismatchError: the archive was embedded by model None...
    """


class TrainingError(OceansarError, ValueError):
    """A head or a backbone cannot be trained on the given sample.

    Examples
    --------
    >>> import numpy as np
    >>> import xoceansar as xos
    >>> spec = xos.load_model().heads["swh"]
    >>> xos.train.fit_ridge(np.zeros((4, 2)), np.zeros(4), spec)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.TrainingError: head 'swh' is of kind 'mlp'...
    """


class ArchiveError(OceansarError, RuntimeError):
    """An archive cannot be written, or was made with other settings, or has another writer.

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.check_archive("no-such-archive.zarr")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.ArchiveError: ...no-such-archive.zarr holds no Zarr store...
    """


class CatalogueError(OceansarError, ValueError):
    """A catalogue cannot be searched: it does not answer, or what is asked makes no sense.

    Examples
    --------
    >>> import xoceansar as xos
    >>> xos.search(bbox=(350, -50, 360, -40), datetime="2022-11")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    xoceansar.errors.CatalogueError: bbox is (west, south, east, north)...
    """


class CredentialsError(OceansarError, PermissionError):
    """Keys or a token are needed to read what a catalogue lists, and are missing or refused.

    Examples
    --------
    >>> import xoceansar as xos
    >>> try:
    ...     xos.open_wave_mode(found)  # doctest: +SKIP
    ... except CredentialsError as error:
    ...     print(error)  # where to get keys, and where to put them
    """


class MissingDependencyError(OceansarError, ImportError):
    """An optional dependency is not installed; the message says how to install it.

    Examples
    --------
    >>> import xoceansar as xos
    >>> try:
    ...     xos.open_wave_mode(path, reader="xsar")  # doctest: +SKIP
    ... except MissingDependencyError as error:
    ...     print(error)  # how to install xsar
    """


class LabelError(OceansarError, ValueError):
    """A label of a vignette is none, or cannot be kept.

    Examples
    --------
    >>> import xoceansar as xos
    >>> try:
    ...     xos.open_labels("archive.zarr").add("a", "two words")
    ... except LabelError as error:
    ...     print(str(error)[:35])
    a label is the name of a class in l
    """


class OceansarWarning(UserWarning):
    """The result is right, and there is something to know about it.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", OceansarWarning)
    ...     warn("2 of 8 vignettes are land.")  # not shown
    """


def warn(message: str) -> None:
    """Issue an `OceansarWarning` at the line of the caller's own code.

    Parameters
    ----------
    message : str
        What to know, and what to do about it.

    Notes
    -----
    The number of frames between that line and this one differs between a function, its accessor
    method and a Dask task, so it is counted and not given.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("2 of 8 vignettes are land.")
    >>> print(caught[0].message)
    2 of 8 vignettes are land.
    """
    level, frame = 1, sys._getframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(message, OceansarWarning, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module == _PACKAGE or module.startswith(f"{_PACKAGE}.")
