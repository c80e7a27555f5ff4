"""Numbers of an open Level-2 OCN file, with fill values missing and impossible ones told."""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import Quality
from xoceansar.errors import ProductError
from xoceansar.io.ocn.ocn_variables import FLAGS, OLD_WORDS

if TYPE_CHECKING:
    import netCDF4

__all__ = ["NOT_STORED", "OcnValues"]

Array = npt.NDArray[np.float64]

#: Attribute of variables of which an EOPF product has no values, as of those that are all missing.
NOT_STORED: Final = "not_stored"
#: Values at or below are fill values, which not every variable declares.
_FILL: Final = -998.0
#: Values that a variable may have: the cross-spectra of a vignette have some 71,000.
_MOST_VALUES: Final = 1 << 20


class OcnValues:
    """Values of one open file, and what is wrong with them.

    Parameters
    ----------
    file : Dataset
        Of netCDF4, open.
    where : str
        Its path, for messages.
    """

    def __init__(self, file: "netCDF4.Dataset", where: str) -> None:
        self.file, self.where = file, where
        self.doubts: list[str] = []
        self.flags = Quality(0)

    def attribute(self, name: str) -> str:
        """Text of a global attribute; empty where there is none."""
        known = name in self.file.ncattrs()
        return str(self.file.getncattr(name)).strip() if known else ""

    def has(self, source: str) -> bool:
        """Say whether there are values of a variable."""
        known = source in self.file.variables
        return known and NOT_STORED not in self.file[source].ncattrs()

    def stored(self, source: str) -> Array:
        """Values of a variable as floats, NaN where they are masked; empty where there is no such one."""
        if source not in self.file.variables:
            return np.empty(0)
        variable = self.file[source]
        kind = getattr(variable.dtype, "kind", "O")  # text has the type str
        if kind not in "iuf":
            raise ProductError(
                f"{self.where}: {source} does not hold numbers. Download the product again."
            )
        if math.prod(variable.shape) > _MOST_VALUES:
            raise ProductError(
                f"{self.where}: {source} announces {' x '.join(map(str, variable.shape))} values, "
                "more than any vignette has. Download the product again."
            )
        return np.ma.filled(np.ma.asarray(variable[...]).astype(float), np.nan)

    def numbers(self, source: str) -> Array:
        """Values with those missing too that are fill values and not declared so."""
        values = self.stored(source)
        return np.where(values <= _FILL, np.nan, values)

    def possible(self, source: str, limits: tuple[float, float]) -> Array:
        """Values with those missing that are fill values or cannot be, which are counted."""
        values = self.numbers(source)
        low, high = limits
        if low == 0:
            values = np.where(values < 0, np.nan, values)
        wrong = (values < low) | (values > high)
        if wrong.any():
            example = values[wrong].flat[0]
            self.doubt(
                f"{wrong.sum()} of {wrong.size} {source} outside of {low:g} to {high:g} "
                f"({example:g})"
            )
        return np.where(wrong, np.nan, values)

    def codes(self, key: str, source: str, values: Array) -> npt.NDArray[np.int8]:
        """Values of a flag by what the file says they mean; -1 where missing or of no meaning."""
        ours = FLAGS[key]
        names = dict(enumerate(ours))
        if source in self.file.variables:
            attributes: dict[str, Any] = self.file[source].__dict__
            words = str(attributes.get("flag_meanings", "")).split()
            codes = np.atleast_1d(attributes.get("flag_values", range(len(words))))
            if words and len(words) == len(codes):
                names = dict(zip(codes.tolist(), words, strict=True))
        old = OLD_WORDS.get(key, {})
        meanings = [old.get(names.get(v, ""), names.get(v, "")) for v in values]
        return np.array([ours.index(m) if m in ours else -1 for m in meanings], np.int8)

    def doubt(self, text: str) -> None:
        """Note what is in the file and cannot be."""
        self.doubts.append(text)
        self.flags |= Quality.CALIBRATION_SUSPECT
