"""Types that the whole package writes in its signatures."""

from typing import Any, TypeAlias

import numpy.typing as npt

#: An array of any type; what it holds, and along what, is said where it is used.
Array: TypeAlias = npt.NDArray[Any]
