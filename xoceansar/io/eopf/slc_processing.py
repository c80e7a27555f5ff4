"""How an image in an EOPF product was focused, as the annotation of the SAFE format says it."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.io.eopf.eopf_stems import described, found_at, properties
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.io.safe.azimuth_processing import (
    LIGHT,
    AzimuthProcessing,
    checked_processing,
    window_of,
)
from xoceansar.io.safe.times import parse_utc

__all__ = ["read_processing"]

Array = npt.NDArray[np.float64]

_SWATH: Final = "image_annotation/processing_information/swath_proc_params_list/0/azimuth_processing"
_FREQUENCY: Final = "image_annotation/image_information/azimuth_frequency"
_RATES: Final = "general_annotation/azimuth_fm_rate_list"
_RADAR: Final = "general_annotation/product_information/radar_frequency"
#: Below it a radar frequency is in GHz, as STAC has it; the converter writes Hz.
_LEAST_HERTZ: Final = 1e6
#: How far outside of an image its Doppler estimates may lie.
_NEAR: Final = np.timedelta64(10, "s")


def read_processing(store: EopfStore, group: str) -> AzimuthProcessing:
    """Read the azimuth processing of a vignette."""
    return checked_processing(lambda: _processing(store, group), store.where(group))


def _processing(store: EopfStore, group: str) -> AzimuthProcessing:
    attributes = store.attributes(group)
    image = described(attributes)
    inside = f"{group}/".lstrip("/")
    times = store.times(f"{inside}measurements/azimuth_time")
    delays = store.values(f"{inside}measurements/slant_range_time").astype(float)
    middle = times[0] + (times[-1] - times[0]) // 2
    delay = float(delays[0] + delays[-1]) / 2
    doppler = f"{inside}conditions/doppler_centroid"
    estimate = _estimate(store.times(f"{doppler}/azimuth_time"), times)
    orbit = f"{inside}conditions/orbit"
    velocity = store.values(f"{orbit}/velocity").reshape(-1, 3)
    nearest = int(np.abs(store.times(f"{orbit}/azimuth_time") - middle).argmin())
    return AzimuthProcessing(
        azimuth_frequency=_number(image, _FREQUENCY),
        azimuth_bandwidth=_number(image, f"{_SWATH}/processing_bandwidth"),
        azimuth_window=window_of(
            str(found_at(image, f"{_SWATH}/window_type")),
            lambda: _number(image, f"{_SWATH}/window_coefficient"),
        ),
        doppler_centroid=_centroid(
            store, doppler, "data_dc_polynomial", estimate, delay
        ),
        doppler_centroid_geometric=_centroid(
            store, doppler, "geometry_dc_polynomial", estimate, delay
        ),
        azimuth_fm_rate=_fm_rate(image, middle, delay),
        slant_range=LIGHT * delay / 2,
        platform_velocity=math.hypot(*velocity[nearest].tolist()),
        radar_wavelength=LIGHT / _radar_frequency(attributes, image),
    )


def _number(tree: Mapping[str, Any], path: str) -> float:
    value = found_at(tree, path)
    if value is None:
        raise ValueError(f"there is no {path}")
    return float(value)


def _radar_frequency(attributes: Mapping[str, Any], image: Mapping[str, Any]) -> float:
    value = found_at(image, _RADAR) or properties(attributes).get("sar:center_frequency")  # fmt: skip
    if value is None:
        raise ValueError("there is no radar frequency")
    return float(value) * (1e9 if float(value) < _LEAST_HERTZ else 1.0)


def _estimate(
    estimates: npt.NDArray[np.datetime64], lines: npt.NDArray[np.datetime64]
) -> int:
    """Find the Doppler estimate that is nearest to the middle of an image.

    The converter gives every vignette the times of the first of the product: where they are those of another
    image, the estimate in the middle of all is taken, of the one or few that an image has.
    """
    middle = lines[0] + (lines[-1] - lines[0]) // 2
    near = (estimates >= lines[0] - _NEAR) & (estimates <= lines[-1] + _NEAR)
    if not near.all():
        middle = estimates[0] + (estimates[-1] - estimates[0]) // 2
    return int(np.abs(estimates - middle).argmin())


def _centroid(
    store: EopfStore, group: str, name: str, estimate: int, delay: float
) -> float:
    """Evaluate a polynomial: its columns rise in degree, whatever their labels say."""
    terms = store.values(f"{group}/{name}").astype(float)
    terms = terms.reshape(-1, terms.shape[-1])[estimate]
    since = delay - float(store.values(f"{group}/t0").ravel()[estimate])
    return float(np.polynomial.polynomial.polyval(since, terms[np.isfinite(terms)]))


def _fm_rate(image: Mapping[str, Any], middle: np.datetime64, delay: float) -> float:
    records = found_at(image, _RATES)
    if not isinstance(records, list) or not records:
        raise ValueError(f"there is no {_RATES}")
    apart = [abs(parse_utc(str(one["azimuth_time"])) - middle) for one in records]
    record = records[int(np.argmin(np.array(apart)))]
    origin = record.get("t0", record.get("t_0"))
    terms = record.get("azimuth_fm_rate_polynomial")
    if terms is None:
        terms = [record.get(f"c{k}") for k in range(3)]
    if origin is None or None in terms:
        raise ValueError(f"{_RATES} has no polynomial")
    since = delay - float(origin)
    return float(np.polynomial.polynomial.polyval(since, np.asarray(terms, float)))
