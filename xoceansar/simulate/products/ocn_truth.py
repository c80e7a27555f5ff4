"""What a simulated Level-2 product is made of: names, places and truth of vignettes, and the errors put on it."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import LINE, OCEAN_CLASSES, SAMPLE, VIGNETTE
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.simulate.products.truth_file import truth_path
from xoceansar.simulate.sea.environment import BEAMS, beam_incidence

__all__ = ["Errors", "Measured", "measured_vignettes", "open_truth"]

_NEEDED: Final = (
    "vignette_id", "longitude", "latitude", "ground_heading", "swh", "wind_speed", "wind_to_direction",
)  # fmt: skip
_PARTS: Final = 9  # of a stem


@dataclass(frozen=True)
class Errors:
    """Standard deviations of what is put on the truth.

    Attributes
    ----------
    swh : float
        Of the total wave height, m.
    wind : float
        Of the wind speed, m/s.
    direction : float
        Of the directions of wind and waves, degrees.
    model_wind : float
        Of the wind speed of the model, m/s, drawn by itself.
    """

    swh: float
    wind: float
    direction: float
    model_wind: float

    def __post_init__(self) -> None:
        """Refuse what is no standard deviation."""
        for name, value in vars(self).items():
            if not 0 <= value < 100:
                raise OceansarError(f"{name}_error must be 0 to 100; got {value}.")

    def stated(self, seed: int) -> dict[str, Any]:
        """Say what the errors are, as attributes of a file."""
        return {
            "comment": "Simulated, not a measurement: the truth of the simulated sea plus normal errors of "
            f"standard deviation {self.swh:g} m in oswTotalHs, {self.wind:g} m/s in oswWindSpeed and "
            f"owiWindSpeed, {self.direction:g} degrees in directions and {self.model_wind:g} m/s in "
            f"oswEcmwfWindSpeed and owiEcmwfWindSpeed, drawn with seed {seed}",
            "simulated": np.int32(1),
            **{f"simulated_{name}_error": value for name, value in vars(self).items()},
        }


@dataclass(frozen=True)
class Measured:
    """One vignette as a Level-2 processor would have measured it; NaN where not known.

    Attributes
    ----------
    stem : str
        Of the SLC files.
    longitude, latitude, heading, incidence : float
        Degrees.
    swh, wind_speed, wind_direction : float
        With their errors; wind in m/s, from which it blows.
    model_speed, model_direction : float
        The same of the wind model.
    peak_wavelength, peak_direction : float
        Of the longest swell, m, and to which it travels.
    azimuth_cutoff : float
        Metres.
    radial_velocity : float
        Away from the radar, m/s.
    sigma0, nesz : float
        Linear.
    icy : bool
        Whether the class is that of sea ice.
    """

    stem: str
    longitude: float
    latitude: float
    heading: float
    incidence: float
    swh: float
    wind_speed: float
    wind_direction: float
    model_speed: float
    model_direction: float
    peak_wavelength: float
    peak_direction: float
    azimuth_cutoff: float
    radial_velocity: float
    sigma0: float
    nesz: float
    icy: bool

    @property
    def parts(self) -> list[str]:
        """Platform, beam, level, polarisation, start, stop, orbit, data take and number."""
        return self.stem.split("-")

    @property
    def beam(self) -> str:
        """``wv1`` or ``wv2``."""
        return self.parts[1]


def open_truth(source: xr.Dataset | str | Path) -> xr.Dataset:
    """Give the truth of vignettes: a Dataset as it is, of a product what `write_safe` put beside it."""
    if isinstance(source, xr.Dataset):
        return source
    path = truth_path(source)
    if not path.is_file():
        raise OceansarError(
            f"{path} is not there: a simulated product has its truth beside it. Give a product of "
            "simulate.write_safe, or a Dataset of simulate.vignettes."
        )
    return xr.load_dataset(path, engine="scipy")


def measured_vignettes(
    truth: xr.Dataset, errors: Errors, seed: int
) -> Iterator[Measured]:
    """Put errors on the truth of each vignette, which depend on the seed and its name alone."""
    absent = [name for name in _NEEDED if name not in truth]
    if absent:
        raise MissingVariableError(
            f"the Dataset has no {', '.join(absent)}. Give one of simulate.vignettes, or a product of "
            "simulate.write_safe."
        )
    columns = _columns(truth)
    for row in range(truth.sizes[VIGNETTE]):
        one = {name: values[row] for name, values in columns.items()}
        yield _measured(str(truth["vignette_id"].values[row]), one, errors, seed)


def _columns(truth: xr.Dataset) -> dict[str, npt.NDArray[np.float64]]:
    """Numbers of the vignettes, NaN where the Dataset does not know them."""
    names = (
        *_NEEDED[1:], "peak_wavelength", "peak_to_direction", "azimuth_cutoff", "radial_velocity", "incidence",
        "sigma0_mean", "nesz", "ocean_class",
    )  # fmt: skip
    columns = {}
    for name in names:
        source = "sigma0" if name == "sigma0_mean" and name not in truth else name
        if source not in truth:
            columns[name] = np.full(truth.sizes[VIGNETTE], np.nan)
            continue
        array = truth[source]
        pixels = [dim for dim in (LINE, SAMPLE) if dim in array.dims]
        columns[name] = array.mean(pixels).values.astype(np.float64)
    return columns


def _measured(stem: str, one: dict[str, Any], errors: Errors, seed: int) -> Measured:
    if stem.count("-") != _PARTS - 1 or stem.split("-")[1] not in BEAMS:
        raise OceansarError(
            f"{stem!r} is not the name of a Wave Mode vignette (s1a-wv1-slc-vv-START-STOP-ORBIT-TAKE-NNN), "
            "of which a Level-2 product could be written."
        )
    beam = stem.split("-")[1]
    rng = np.random.default_rng([seed, zlib.crc32(stem.encode())])
    swh, speed, turn, model, swell = rng.standard_normal(5)
    coming_from = one["wind_to_direction"] + 180
    incidence = one["incidence"]
    if not np.isfinite(incidence):
        incidence = beam_incidence(beam, one["latitude"])
    return Measured(
        stem=stem,
        longitude=one["longitude"],
        latitude=one["latitude"],
        heading=one["ground_heading"] % 360,
        incidence=float(incidence),
        # no height and no speed is negative: what an error makes so is turned round
        swh=abs(one["swh"] + errors.swh * swh),
        wind_speed=abs(one["wind_speed"] + errors.wind * speed),
        wind_direction=(coming_from + errors.direction * turn) % 360,
        model_speed=abs(one["wind_speed"] + errors.model_wind * model),
        model_direction=(coming_from + errors.direction * turn) % 360,
        peak_wavelength=one["peak_wavelength"],
        peak_direction=(one["peak_to_direction"] + errors.direction * swell) % 360,
        azimuth_cutoff=one["azimuth_cutoff"],
        radial_velocity=one["radial_velocity"],
        sigma0=one["sigma0_mean"],
        nesz=one["nesz"] if np.isfinite(one["nesz"]) else _nominal_noise(beam),
        icy=one["ocean_class"] == OCEAN_CLASSES.index("sea_ice"),
    )


def _nominal_noise(beam: str) -> float:
    """Mean noise of a beam; its ends have 0.6 dB more than its middle."""
    return float(10 ** ((BEAMS[beam].nesz_db + 0.2) / 10))
