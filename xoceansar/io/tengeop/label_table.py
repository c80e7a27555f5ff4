"""The metadata file of TenGeoP-SARwv, whose two coordinates are published in either order."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from xoceansar._paths import read_regular
from xoceansar.errors import ProductError, warn
from xoceansar.io.safe.product_names import VignetteName

Order = Literal["lonlat", "latlon"]
Floats = npt.NDArray[np.float64]

#: Bytes that the file may have: 37,000 lines take 4 MB.
_FILE_BYTES: Final = 64 << 20
#: Local solar time at which Sentinel-1 passes, and 12 hours later; hours.
_PASS: Final = 6.0
#: How much more an order must agree with the passes than the other, from -1 to 1, to be believed.
_MARGIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Row:
    """What the file says about a vignette."""

    #: Class, ``F`` to ``O``.
    code: str
    #: ``wv1`` or ``wv2``.
    swath: str
    #: Degrees, longitude from -180 to 180.
    longitude: float
    latitude: float


#: A row for each vignette, by its stem.
Table: TypeAlias = dict[str, Row]


def read_table(path: Path, order: Order | None = None) -> Table:
    """Read the metadata file.

    Notes
    -----
    One order for the whole file. Where latitudes beyond 90 degrees rule neither out, that one is
    taken under which the satellite passes at 6 or 18 hours of local solar time,
    ``UTC + longitude / 15``, as Sentinel-1 does; where that does not tell them apart either, it
    must be given. Where it contradicts the range there is a warning.
    """
    content = read_regular(path, most=_FILE_BYTES, error=ProductError)
    lines = content.decode("utf-8", errors="replace").splitlines()
    stems, rows = [], []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        stem = PurePosixPath(words[0].replace("\\", "/")).stem.lower() if words else ""
        if VignetteName(stem).is_valid:
            stems.append(stem)
            rows.append(_row(words, path, number))
    if not rows:
        raise ProductError(
            f"{path} must have lines of 'file code swath time coordinate coordinate', with files "
            "named as Sentinel-1 vignettes; found none. It is 58683.txt of "
            "https://doi.org/10.17882/56796."
        )
    first = np.array([row.longitude for row in rows])
    second = np.array([row.latitude for row in rows])
    hours = np.array([_hours(VignetteName(stem)) for stem in stems])
    swap = _choose(first, second, hours, order, path) == "latlon"
    lon, lat = (second, first) if swap else (first, second)
    lon = (lon + 180) % 360 - 180
    return {
        stem: replace(row, longitude=float(x), latitude=float(y))
        for stem, row, x, y in zip(stems, rows, lon, lat, strict=True)
    }


def _row(words: list[str], path: Path, number: int) -> Row:
    """Read a line, its coordinates as they stand: the first as longitude."""
    try:
        first, second = (float(word) for word in words[4:][-2:])
    except ValueError:
        raise ProductError(
            f"line {number} of {path} must be 'file code swath time coordinate coordinate'; "
            f"got {' '.join(words)!r}."
        ) from None
    return Row(words[1].upper(), words[2].lower(), first, second)


def _hours(name: VignetteName) -> float:
    return float(
        (name.start - name.start.astype("datetime64[D]")) / np.timedelta64(1, "h")
    )


def _choose(
    first: Floats, second: Floats, hours: Floats, order: Order | None, path: Path
) -> Order:
    latitudes: dict[Order, Floats] = {"lonlat": second, "latlon": first}
    longitudes: dict[Order, Floats] = {"lonlat": first, "latlon": second}
    possible = [o for o, lat in latitudes.items() if (np.abs(lat) <= 90).all()]
    if order is not None:
        possible = [o for o in possible if o == order]
    if not possible:
        raise ProductError(
            f"the coordinates of {path} are not {order or 'longitude and latitude'} in degrees: "
            f"they reach {np.abs(first).max():g} and {np.abs(second).max():g}, and a latitude "
            "ends at 90."
        )
    if order is not None:
        return order
    agreement = {o: _agreement(lon, hours) for o, lon in longitudes.items()}
    other: dict[Order, Order] = {"lonlat": "latlon", "latlon": "lonlat"}
    best: Order = max(possible, key=lambda o: agreement[o])
    clear = agreement[best] - agreement[other[best]]
    if len(possible) == 2 and clear < _MARGIN:
        raise ProductError(
            f"the coordinates of {path} may be in either order: all are within 90 degrees, and "
            "the times of day do not tell. Give coordinate_order='lonlat' or 'latlon'."
        )
    if len(possible) == 1 and clear < -_MARGIN:
        warn(
            f"the coordinates of {path} are read as {best}, for only then are latitudes within "
            "90 degrees, and yet the other order would agree better with the passes of "
            "Sentinel-1. Check them, and give coordinate_order=."
        )
    return best


def _agreement(longitude: Floats, hours: Floats) -> float:
    """How nearly the local solar time is that of a pass: 1 if always, 0 if it is any time."""
    local = hours + longitude / 15
    return float(np.cos(2 * np.pi * (local - _PASS) / 12).mean())
