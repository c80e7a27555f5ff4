"""Import optional dependencies on first use, with an error that says how to install them."""

from importlib import import_module
from typing import Any

from xoceansar.errors import MissingDependencyError

__all__ = ["require"]

_XSAR_HINT = (
    "pip install 'xoceansar[xsar]' && pip install --no-deps xsar   "
    "(xsar declares GDAL, which it never imports)"
)


def require(module: str, *, extra: str) -> Any:
    """Import an optional dependency.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        The extra of this package that brings it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        If the module, or one that it needs, is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        hint = _XSAR_HINT if extra == "xsar" else f"pip install 'xoceansar[{extra}]'"
        raise MissingDependencyError(
            f"{module} is needed here and could not be imported ({error}). "
            f"Install it with: {hint}"
        ) from error
