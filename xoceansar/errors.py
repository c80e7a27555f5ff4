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
    "ChunkingError",
    "ConfidenceError",
    "DimensionError",
    "DomainError",
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
    """Base of every error that xoceansar raises on purpose."""


class MissingVariableError(OceansarError, ValueError):
    """A variable or coordinate that the operation needs is absent."""


class DimensionError(OceansarError, ValueError):
    """The dimensions of the input do not have the expected names or sizes."""


class UnitsError(OceansarError, ValueError):
    """The physical quantity or its units are not the expected ones."""


class ChunkingError(OceansarError, ValueError):
    """An image axis is split over several Dask chunks."""


class DomainError(OceansarError, ValueError):
    """The input lies outside what the model was trained on (polarisation, spacing, size)."""


class ConfidenceError(OceansarError, ValueError):
    """A confidence is no probability, or more than the model's calibration gives."""


class PathError(OceansarError, ValueError):
    """A path cannot be read or written here: it is a URL, a device or pipe, or too large."""


class ProductError(OceansarError, ValueError):
    """A product cannot be read: a file is missing, cut short or malformed."""


class UnsupportedProductError(ProductError):
    """The path is a product, and not one that this reader reads (OCN, RAW, IW, ...)."""


class VignetteError(ProductError):
    """One vignette of a product cannot be read; the message names it and the file."""


class BundleError(OceansarError, ValueError):
    """A model bundle is absent, incomplete or of an unknown format."""


class WeightsMismatchError(OceansarError, RuntimeError):
    """Weights do not fit the network or the head that they were meant for."""


class TrainingError(OceansarError, ValueError):
    """A head or a backbone cannot be trained on the given sample."""


class ArchiveError(OceansarError, RuntimeError):
    """An archive cannot be written, or was made with other settings, or has another writer."""


class MissingDependencyError(OceansarError, ImportError):
    """An optional dependency is not installed; the message says how to install it."""


class OceansarWarning(UserWarning):
    """The result is right, and there is something to know about it."""


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
    """
    level, frame = 1, sys._getframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(message, OceansarWarning, stacklevel=level)


def _is_ours(module: str) -> bool:
    return module == _PACKAGE or module.startswith(f"{_PACKAGE}.")
