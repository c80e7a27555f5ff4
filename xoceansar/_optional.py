"""Import optional dependencies on first use, with an error that says how to install them."""

from importlib import import_module
from typing import Any

from xoceansar.errors import MissingDependencyError


def require(module: str, *, extra: str) -> Any:
    """Import an optional dependency."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{module} is needed here and could not be imported ({error}). {install_words(extra)}"
        ) from error


def install_words(extra: str) -> str:
    """Say how to install an extra: from a clone, since no registry has the package."""
    words = f"In your clone of xoceansar, type: pip install '.[{extra}]'"
    if extra == "xsar":
        words += " && pip install --no-deps xsar   (xsar declares GDAL, which it never imports)"
    return words
