"""The picture of one vignette: of the images that an archive keeps, else of its product."""

import io
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._paths import is_url
from xoceansar._pictures import grey_levels, png
from xoceansar.conventions import LINE, SAMPLE, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.layout.images import find_images
from xoceansar.layout.vignette_dims import along_vignettes
from xoceansar.plot.spectrum_panels import spectrum

#: Pictures that stay in memory.
_KEPT: Final = 2000
#: Pixels of the sides of a large and of a small picture.
SIDES: Final = {"large": 384, "small": 112}


class Pictures:
    """Pictures of vignettes, read when they are asked for.

    Parameters
    ----------
    ds : Dataset
        Which may keep images.
    products : tuple of ndarray, or None
        Of an archive: first row, number of rows and path of each product.
    images : Dataset, optional
        Images in place of those of `ds`.
    places : ndarray (n,), optional
        Where each vignette is in `images`; -1 where it is not.
    """

    def __init__(
        self,
        ds: xr.Dataset,
        products: tuple[Any, Any, Any] | None = None,
        images: xr.Dataset | None = None,
        places: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self._ds, self._products, self._places = ds, products, places
        self._made: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._lock, self._drawing = Lock(), Lock()
        self._images: xr.DataArray | None = None
        if images is not None:
            self._images = find_images(along_vignettes(images))[0]
            return
        try:
            self._images = find_images(ds)[0]
        except OceansarError:
            return

    @property
    def available(self) -> bool:
        """Whether there are any, or products to read them from."""
        return self._images is not None or self._products is not None

    def picture(self, row: int, size: str, name: str) -> bytes:
        """Draw a vignette, as PNG."""
        key = (row, size)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        pixels = self._pixels(row, name)
        # both sizes at once: what is shown small is clicked next
        made = {
            (row, each): png(grey_levels(pixels, side)) for each, side in SIDES.items()
        }
        with self._lock:
            self._made |= made
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return made[key]

    def spectrum(self, row: int) -> bytes:
        """Draw the spectrum of a vignette, as PNG."""
        with self._drawing:  # pyplot has one state
            figure = spectrum(self._ds.isel({VIGNETTE: [row]}))
            content = io.BytesIO()
            figure.savefig(content, format="png", dpi=90)
        return content.getvalue()

    @property
    def has_spectra(self) -> bool:
        """Whether the archive keeps spectra."""
        return "cross_spectrum_real" in self._ds

    def _pixels(self, row: int, name: str) -> Any:
        place = row if self._places is None else int(self._places[row])
        if self._images is not None and place < 0:
            raise MissingVariableError("the images that were given have none of it.")
        if self._images is not None:
            one = self._images.isel({VIGNETTE: place})
        else:
            one = find_images(self._from_product(row, name))[0].isel({VIGNETTE: 0})
        return np.asarray(one.transpose(LINE, SAMPLE).values)

    def _from_product(self, row: int, name: str) -> xr.Dataset:
        if self._products is None:
            raise MissingVariableError(
                "there are no images. Pass them: xoceansar.explore(result, images=ds), or keep them "
                "in the archive: process(..., outputs=[..., 'sigma0'])."
            )
        first, rows, paths = self._products
        within = np.flatnonzero((first <= row) & (row < first + rows))
        if not len(within):
            raise MissingVariableError("no product of the archive has this vignette.")
        path = str(paths[within[0]])
        if is_url(path):
            raise MissingVariableError(
                f"the image is in {path}, and nothing is read from another machine here."
            )
        if not Path(path).exists():
            raise MissingVariableError(f"the image is in {path}, which is not there.")
        from xoceansar.io.safe.wave_mode import open_wave_mode

        return open_wave_mode(path, vignettes=[name])


def products_of(units: xr.Dataset) -> tuple[Any, Any, Any] | None:
    """Read which product has which rows of an archive."""
    if not {"first_row", "row_count", "source_path"} <= set(units.variables):
        return None
    return (
        np.asarray(units["first_row"].values),
        np.asarray(units["row_count"].values),
        text_values(units["source_path"]),
    )
