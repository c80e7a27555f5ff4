"""What a notebook shows of an object: what was understood, its first vignettes, and warnings."""

import time
import warnings as python_warnings
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._html import Picture, card
from xoceansar._pictures import grey_levels, png
from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE, Quality
from xoceansar.conventions.names import QUALITY_WORDS
from xoceansar.errors import OceansarError, OceansarWarning
from xoceansar.layout.images import XarrayObject, find_images
from xoceansar.ops.description import describe, read_stored
from xoceansar.ops.quality_flags import whole_flags
from xoceansar.plot.quicklooks import place
from xoceansar.plot.style import provenance

#: Vignettes that are drawn, pixels of their sides, and bytes of a chunk that is read for them.
_SHOWN: Final = 6
_SIDE: Final = 112
_MOST_BYTES: Final = 256 << 20
#: Seconds after which no further chunk is read.
_PATIENCE: Final = 2.0


def notebook_card(obj: XarrayObject) -> str:
    """Describe an object in HTML as the accessor sees it."""
    with python_warnings.catch_warnings(record=True) as caught:
        python_warnings.simplefilter("always", OceansarWarning)
        pictures = _thumbnails(obj)
    said = [str(w.message) for w in caught if issubclass(w.category, OceansarWarning)]
    cautions = [*_flags_in_words(obj), *_provenance(obj), *dict.fromkeys(said)]
    return card(describe(obj), warnings=cautions, pictures=pictures)


def flag_words(flags: int) -> list[str]:
    """Say what the bits of ``quality`` mean."""
    return [words for bit, words in QUALITY_WORDS.items() if flags & bit]


def _provenance(obj: XarrayObject) -> list[str]:
    variables = obj.data_vars.values() if isinstance(obj, xr.Dataset) else ()
    words = provenance(obj.attrs, *(variable.attrs for variable in variables))
    return [f"{words}."] if words else []


def _flags_in_words(obj: XarrayObject) -> list[str]:
    """Count the vignettes of each flag, where that costs no computation."""
    if not isinstance(obj, xr.Dataset) or "quality" not in obj:
        return []
    stored = read_stored(obj["quality"])
    stored = stored.coords.get("quality", stored)
    if stored.chunks is not None:
        return []
    try:
        flags = whole_flags(stored).values.astype(np.int64)
    except OceansarError as error:
        return [str(error)]
    counts = {bit: int((flags & bit != 0).sum()) for bit in Quality}
    return [
        f"{n} of {flags.size} vignettes: {QUALITY_WORDS[bit]} ({str(bit.name).lower()})."
        for bit, n in counts.items()
        if n
    ]


def _thumbnails(obj: XarrayObject) -> list[Picture]:
    """Draw the first images, chunk by chunk, as long as a person waits for them."""
    try:
        images, _ = find_images(obj)
    except OceansarError:
        return []
    leading = [dim for dim in images.dims if dim not in (LINE, SAMPLE)]
    images = images.transpose(*leading, LINE, SAMPLE)
    shape = tuple(images.sizes[dim] for dim in leading)
    first = [tuple(i) for i in np.argwhere(np.ones(_within(shape), bool))[:_SHOWN]]
    if not images.size:
        return []
    end = time.monotonic() + _PATIENCE
    pictures: list[Picture] = []
    for together in _by_chunk(images, first):
        if pictures and time.monotonic() > end:
            break
        values = [images[i] for i in together]
        pictures += _drawn(images, values)
    return pictures


def _within(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(min(n, _SHOWN) for n in shape)


def _by_chunk(images: xr.DataArray, first: list[tuple[int, ...]]) -> list[list[Any]]:
    """Group the vignettes that lie in one chunk."""
    groups: dict[tuple[int, ...], list[Any]] = {}
    ends = [np.cumsum(sizes) for sizes in images.variable.chunks or ()]
    for i in first:
        key = tuple(
            int(np.searchsorted(end, place, side="right"))
            for end, place in zip(ends, i, strict=False)
        )
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def _drawn(images: xr.DataArray, some: list[xr.DataArray]) -> list[Picture]:
    """Read images of one chunk, and draw them; what cannot be read harms no other."""
    size = images.dtype.itemsize * np.prod([max(c) for c in images.chunks or ()] or [0])
    if size > _MOST_BYTES:
        words = f"not drawn: a chunk of the images has {size / 1e6:,.0f} MB"
        return [Picture(b"", words)]
    try:
        lazy = xr.Dataset({str(k): one.variable for k, one in enumerate(some)})
        arrays = [values.values for values in lazy.compute().values()]
    except Exception as error:  # noqa: BLE001  of any reader; the description stays
        if len(some) > 1:
            return [picture for one in some for picture in _drawn(images, [one])]
        return [Picture(b"", f"cannot be read: {_first_line(error)}")]
    return [_picture(one, array) for one, array in zip(some, arrays, strict=True)]


def _picture(image: xr.DataArray, pixels: Array) -> Picture:
    known = image.coords.to_dataset()
    lazy = [name for name, values in known.coords.items() if values.chunks is not None]
    try:
        caption = place(known.drop_vars(lazy))
    except (
        TypeError,
        ValueError,
    ):  # a place or time that is none; the description says so
        caption = ""
    if not np.isfinite(pixels).any():
        caption = f"no data\n{caption}"
    return Picture(png(grey_levels(pixels, _SIDE)), caption)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
