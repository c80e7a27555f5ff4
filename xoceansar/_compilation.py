"""Functions that are compiled when first called."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(*, reassociating: bool = False) -> Callable[[_Function], _Function]:
    """Compile on the first call, keep on disk, let other threads run meanwhile.

    With `reassociating`, sums are taken in any order and no value may be NaN.
    """
    compiler = numba.njit(cache=True, nogil=True, fastmath=reassociating)
    return cast("Callable[[_Function], _Function]", compiler)
