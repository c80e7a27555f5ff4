"""Names of Sentinel-1 products and of the files in them.

References
----------
Sentinel-1 Product Specification, S1-RS-MDA-52-7441, section 3.4 (naming convention).
"""

import posixpath
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath
from typing import Final, Literal, TypeVar

import numpy as np

from xoceansar.io.safe.times import parse_utc

__all__ = [
    "ANY_STEM",
    "MOST_IMAGES",
    "OCN_STEM",
    "ROLES",
    "STEM",
    "OcnName",
    "ProductName",
    "Role",
    "VignetteName",
    "find_name",
    "parse_file",
    "parse_ocn_file",
    "parse_product",
]

Role = Literal["annotation", "calibration", "noise", "measurement"]
#: The four files of a vignette.
ROLES: Final[tuple[Role, ...]] = ("annotation", "calibration", "noise", "measurement")

_PRODUCT: Final = re.compile(
    r"(?P<platform>S1[A-Z])_(?P<mode>[A-Z0-9]{2})_(?P<kind>[A-Z0-9]{3})[A-Z_]_"
    r"(?P<level>[0-9])[A-Z]{3}_[0-9]{8}T[0-9]{6}_",
    re.IGNORECASE | re.ASCII,
)


def _stem(kind: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<platform>s1[a-z])-(?P<beam>wv[12])-{kind}-(?P<polarisation>[vh]{{2}})-"
        r"(?P<start>[0-9]{8}t[0-9]{6})-(?P<stop>[0-9]{8}t[0-9]{6})-"
        r"(?P<orbit>[0-9]{6})-(?P<datatake>[0-9a-f]{6})-(?P<number>[0-9]{3})",
        re.IGNORECASE | re.ASCII,
    )


STEM: Final = _stem("slc")
OCN_STEM: Final = _stem("ocn")
ANY_STEM: Final = _stem("(?:slc|ocn)")
#: Images that fit into one orbit, every 14.66 seconds of 98.6 minutes: more are in no product.
MOST_IMAGES: Final = 403
#: Between the first and the last line of an image lie 2.9 seconds.
_LONGEST: Final = np.timedelta64(60, "s")
_ROLES: Final[dict[tuple[str, str], Role]] = {
    ("", ".xml"): "annotation",
    ("calibration-", ".xml"): "calibration",
    ("noise-", ".xml"): "noise",
    ("", ".tiff"): "measurement",
    ("", ".tif"): "measurement",
}


@dataclass(frozen=True)
class ProductName:
    """What the name of a product says.

    Parameters
    ----------
    platform : str
        ``S1A``.
    mode : str
        ``WV``, ``IW``, ``EW``, ``S1`` to ``S6``.
    kind : str
        ``SLC``, ``GRD``, ``RAW`` or ``OCN``.
    """

    platform: str
    mode: str
    kind: str


@dataclass(frozen=True)
class VignetteName:
    """What the file stem of a vignette says.

    Parameters
    ----------
    stem : str
        The stem in lower case: the unique identifier of the vignette.
    """

    stem: str

    def __reduce__(self) -> tuple[type["VignetteName"], tuple[str]]:
        """Leave out of a pickle what the stem says anyway."""
        return type(self), (self.stem,)

    def _field(self, name: str) -> str:
        if self._match is None:
            raise ValueError(f"{self.stem!r} is not the stem of a Wave Mode file")
        return self._match[name]

    @cached_property
    def _match(self) -> re.Match[str] | None:
        return self._pattern().fullmatch(self.stem)

    def _pattern(self) -> re.Pattern[str]:
        return STEM

    @property
    def is_valid(self) -> bool:
        """Whether the stem is that of a Wave Mode file, with times of the calendar."""
        if self._match is None:
            return False
        try:
            return bool(self.start <= self.stop)
        except ValueError:
            return False

    @property
    def is_of_product(self) -> bool:
        """Whether it is valid, and a product can hold such an image."""
        if not self.is_valid or not 1 <= self.number <= MOST_IMAGES:
            return False
        return bool(self.orbit > 0 and self.stop - self.start <= _LONGEST)

    @property
    def platform(self) -> str:
        """``S1A``."""
        return self._field("platform").upper()

    @property
    def beam(self) -> str:
        """``wv1`` or ``wv2``."""
        return self._field("beam")

    @property
    def polarisation(self) -> str:
        """``VV`` or ``HH``."""
        return self._field("polarisation").upper()

    @property
    def number(self) -> int:
        """Number of the image in the product, from 1."""
        return int(self._field("number"))

    @property
    def orbit(self) -> int:
        """Absolute orbit number at the start of the product."""
        return int(self._field("orbit"))

    @property
    def datatake(self) -> str:
        """Mission data take in hexadecimal: one switch-on of the radar, maybe several products."""
        return self._field("datatake").lower()

    @cached_property
    def start(self) -> np.datetime64:
        """First line, UTC, to the second."""
        return parse_utc(self._field("start"))

    @cached_property
    def stop(self) -> np.datetime64:
        """Last line, UTC, to the second."""
        return parse_utc(self._field("stop"))


class OcnName(VignetteName):
    """What the file stem of a vignette says in a Level-2 OCN product.

    Parameters
    ----------
    stem : str
        The stem in lower case: the unique identifier of the vignette.
    """

    def _pattern(self) -> re.Pattern[str]:
        return OCN_STEM


AnyName = TypeVar("AnyName", VignetteName, OcnName)


def parse_product(name: str) -> ProductName | None:
    """Read the name of a product, with or without ``.SAFE``; None if it is no such name.

    Examples
    --------
    >>> parse_product(
    ...     "S1A_WV_OCN__2SSV_20210403T083025_20210403T084452_026300_0_D.SAFE"
    ... )
    ProductName(platform='S1A', mode='WV', kind='OCN')
    """
    found = _PRODUCT.match(name)
    if found is None:
        return None
    return ProductName(*(found[k].upper() for k in ("platform", "mode", "kind")))


def parse_file(path: str) -> tuple[Role, VignetteName] | None:
    """Say which part of which vignette a file is; None for any other file of a product.

    Examples
    --------
    >>> stem = "s1a-wv1-slc-vv-20210403t083025-20210403t083028-026300-032390-001"
    >>> parse_file(f"./annotation/calibration/noise-{stem}.xml")[0]
    'noise'
    >>> parse_file(f"./annotation/rfi/rfi-{stem}.xml")
    """
    stem, suffix = posixpath.splitext(posixpath.basename(path.rstrip("/")).lower())
    found = STEM.search(stem)
    if found is None or found.end() != len(stem):
        return None
    role = _ROLES.get((stem[: found.start()], suffix))
    name = _vignette(stem[found.start() :])
    return None if role is None or name is None else (role, name)


@lru_cache(
    maxsize=1024
)  # each stem comes four times in a manifest, which has 999 at most
def _vignette(stem: str) -> VignetteName | None:
    name = VignetteName(stem)
    return name if name.is_of_product else None


def parse_ocn_file(path: str) -> OcnName | None:
    """Say which vignette a measurement file of a Wave Mode OCN product is.

    Examples
    --------
    >>> stem = "s1a-wv2-ocn-vv-20260112t045817-20260112t045820-062729-07ddb1-036"
    >>> parse_ocn_file(f"measurement/{stem}.nc").beam
    'wv2'
    """
    file = PurePosixPath(path)
    name = OcnName(file.stem.lower())
    return name if file.suffix.lower() == ".nc" and name.is_of_product else None


def find_name(text: str, kind: type[AnyName]) -> AnyName | None:
    """Find the image that a path, a URL or an identifier names last; None where it names none.

    Examples
    --------
    >>> stem = "s1a-wv2-ocn-vv-20260112t045817-20260112t045820-062729-07ddb1-036"
    >>> find_name(f"https://host/Nodes({stem}.nc)/$value", OcnName).number
    36
    >>> find_name(stem, VignetteName)
    """
    pattern = OCN_STEM if issubclass(kind, OcnName) else STEM
    stems = [found.group() for found in pattern.finditer(text)]
    name = kind(stems[-1].lower()) if stems else None
    return name if name is not None and name.is_of_product else None
