"""Which vignettes are meant: by position, by name, or by mask."""

import operator
from collections.abc import Callable, Iterable, Sized
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import MissingVariableError, OceansarError

_FORMS: Final = (
    "Give a position, a vignette_id, several of them, a slice, or a mask with True or False for "
    "each vignette."
)


def positions_of(
    asked: Any, count: int, names: Callable[[], Iterable[Any]]
) -> npt.NDArray[np.int64]:
    """Find the positions of the vignettes that are asked for.

    Examples
    --------
    >>> positions_of([False, False, True], 3, list).tolist()
    [2]
    >>> positions_of(["b", 0], 3, lambda: ["a", "b", "c"]).tolist()
    [1, 0]
    """
    if isinstance(asked, slice):
        return np.arange(count, dtype=np.int64)[_checked(asked)]
    items = _items(asked)
    if any(isinstance(item, bool | np.bool_) for item in items):
        return _masked(asked, items, count)
    known: list[str] = []
    if any(isinstance(item, str) for item in items):
        known = [str(name) for name in names()]
    first = {name.lower(): i for i, name in reversed(list(enumerate(known)))}
    first |= {name: i for i, name in reversed(list(enumerate(known)))}
    return np.array(
        [
            _place(item, known, first)
            if isinstance(item, str)
            else _position(item, count)
            for item in items
        ],
        np.int64,
    )


def _items(asked: Any) -> list[Any]:
    if isinstance(asked, str | bytes) or not isinstance(asked, Iterable):
        return [asked]
    if not hasattr(asked, "dtype"):
        return list(asked)
    array = np.asarray(asked)
    if array.ndim > 1 or array.dtype.kind in "mM":
        raise OceansarError(
            f"an array of {array.dtype} with the shape {array.shape} says of no vignette which "
            f"it is. {_FORMS}"
        )
    return [array.item()] if array.ndim == 0 else list(array)


def _checked(asked: slice) -> slice:
    try:
        asked.indices(0)
    except (TypeError, ValueError) as error:
        raise OceansarError(f"{asked!r} is no slice of positions. {_FORMS}") from error
    return asked


def _masked(asked: Any, items: list[Any], count: int) -> npt.NDArray[np.int64]:
    alone = not isinstance(asked, Sized) or getattr(asked, "ndim", 1) == 0
    if alone or len(items) != count:
        found = f"the single value {items[0]}" if alone else f"{len(items)} values"
        raise OceansarError(
            f"a mask has True or False for each of {count} vignettes; got {found}. {_FORMS}"
        )
    if not all(isinstance(item, bool | np.bool_) for item in items):
        raise OceansarError(f"{asked!r} is in part a mask. {_FORMS}")
    return np.flatnonzero(np.array(items, bool)).astype(np.int64)


def _place(name: str, known: list[str], first: dict[str, int]) -> int:
    place = first.get(name, first.get(name.lower()))
    if place is None:
        raise MissingVariableError(
            f"no vignette has the id {name!r}. There are {len(known)}: {known[:3]} ..."
        )
    return place


def _position(item: Any, count: int) -> int:
    try:
        place = operator.index(item)
    except TypeError as error:
        raise OceansarError(f"{item!r} is no vignette. {_FORMS}") from error
    if not -count <= place < count:
        raise OceansarError(
            f"positions from 0 to {count - 1} are there; got {place}."
            if count
            else f"there are no vignettes, and so no position {place}."
        )
    return place % count
