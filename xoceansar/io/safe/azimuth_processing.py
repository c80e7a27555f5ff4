"""How an image was focused: what the annotation says of its band, its Doppler and its geometry.

References
----------
Sentinel-1 Product Specification, S1-RS-MDA-52-7441, section 6.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from lxml import etree

from xoceansar.errors import ProductError
from xoceansar.io.safe.times import parse_utc
from xoceansar.io.safe.xml_parsing import floats, parse_xml, text

__all__ = [
    "LIGHT",
    "AzimuthProcessing",
    "checked_processing",
    "parse_processing",
    "window_of",
]

LIGHT: Final = 299_792_458.0
_GENERAL: Final = "generalAnnotation"
_INFORMATION: Final = "imageAnnotation/imageInformation"
_SWATH: Final = (
    "imageAnnotation/processingInformation/swathProcParamsList/swathProcParams"
)
#: What no radar in orbit has is damage: (least, most).
_BOUNDS: Final = {
    "azimuth_frequency": (100.0, 1e5),
    "azimuth_bandwidth": (10.0, 1e5),
    "azimuth_window": (0.5, 1.0),
    "doppler_centroid": (-1e4, 1e4),
    "doppler_centroid_geometric": (-1e4, 1e4),
    "azimuth_fm_rate": (-2e4, -100.0),
    "slant_range": (4e5, 2e6),
    "platform_velocity": (6e3, 9e3),
    "radar_wavelength": (0.01, 1.0),
}


@dataclass(frozen=True)
class AzimuthProcessing:
    """What spectra need of the annotation, at the middle of the image; NaN where all is missing.

    Parameters
    ----------
    azimuth_frequency : float
        Lines per second, Hz.
    azimuth_bandwidth : float
        Processed Doppler bandwidth, Hz.
    azimuth_window : float
        Coefficient of the processor's Hamming window; 1 for none.
    doppler_centroid, doppler_centroid_geometric : float
        Doppler centroid from the data and from orbit and attitude, Hz.
    azimuth_fm_rate : float
        Rate of the Doppler frequency with time, Hz/s; negative.
    slant_range : float
        Metres.
    platform_velocity : float
        Of the satellite over the turning Earth, m/s.
    radar_wavelength : float
        Metres.
    """

    azimuth_frequency: float = math.nan
    azimuth_bandwidth: float = math.nan
    azimuth_window: float = math.nan
    doppler_centroid: float = math.nan
    doppler_centroid_geometric: float = math.nan
    azimuth_fm_rate: float = math.nan
    slant_range: float = math.nan
    platform_velocity: float = math.nan
    radar_wavelength: float = math.nan


def parse_processing(data: bytes, where: str) -> AzimuthProcessing:
    """Read the azimuth processing of a product annotation."""
    root = parse_xml(data, where)
    return checked_processing(lambda: _processing(root), where)


def checked_processing(
    read: Callable[[], AzimuthProcessing], where: str
) -> AzimuthProcessing:
    """Read an azimuth processing, and refuse one that no radar in orbit has."""
    try:
        processing = read()
        for name, value in asdict(processing).items():
            least, most = _BOUNDS[name]
            if not least <= value <= most:
                raise ValueError(
                    f"{name.replace('_', ' ')} is {value:g}; it lies between {least:g} and {most:g}"
                )
        if processing.azimuth_bandwidth > processing.azimuth_frequency:
            raise ValueError("the processed bandwidth is larger than the line rate")
    except (ValueError, OverflowError) as error:
        raise ProductError(
            f"{where}: {error}, and spectra of the complex image need it. Open the product without "
            "complex=True."
        ) from error
    return processing


def _processing(root: etree._Element) -> AzimuthProcessing:
    start = parse_utc(text(root, f"{_INFORMATION}/productFirstLineUtcTime"))
    stop = parse_utc(text(root, f"{_INFORMATION}/productLastLineUtcTime"))
    middle = start + (stop - start) // 2
    near = float(text(root, f"{_INFORMATION}/slantRangeTime"))
    samples = int(text(root, f"{_INFORMATION}/numberOfSamples"))
    rate = float(text(root, f"{_GENERAL}/productInformation/rangeSamplingRate"))
    delay = near + (samples - 1) / 2 / rate
    band = f"{_SWATH}/azimuthProcessing"
    estimate = _nearest(root, "dopplerCentroid/dcEstimateList/dcEstimate", middle)
    fm_rate = _nearest(root, f"{_GENERAL}/azimuthFmRateList/azimuthFmRate", middle)
    frequency = float(text(root, f"{_GENERAL}/productInformation/radarFrequency"))
    return AzimuthProcessing(
        azimuth_frequency=float(text(root, f"{_INFORMATION}/azimuthFrequency")),
        azimuth_bandwidth=float(text(root, f"{band}/processingBandwidth")),
        azimuth_window=window_of(
            text(root, f"{band}/windowType"),
            lambda: float(text(root, f"{band}/windowCoefficient")),
        ),
        doppler_centroid=_polynomial(estimate, "dataDcPolynomial", delay),
        doppler_centroid_geometric=_polynomial(estimate, "geometryDcPolynomial", delay),
        azimuth_fm_rate=_fm_rate(fm_rate, delay),
        slant_range=LIGHT * delay / 2,
        platform_velocity=_speed(root, middle),
        radar_wavelength=LIGHT / frequency,
    )


def window_of(kind: str, coefficient: Callable[[], float]) -> float:
    """Coefficient of a Hamming window; 1 for none."""
    if kind.lower() not in ("hamming", "none"):
        raise ValueError(f"the azimuth window is {kind!r}, and Hamming is known")
    return coefficient() if kind.lower() == "hamming" else 1.0


def _nearest(
    root: etree._Element, path: str, middle: np.datetime64, time: str = "azimuthTime"
) -> etree._Element:
    """Record of a list whose time is nearest."""
    records = root.findall(path)
    if not records:
        raise ValueError(f"there is no <{path}>")
    apart = [abs(parse_utc(text(record, time)) - middle) for record in records]
    return records[int(np.argmin(np.array(apart)))]


def _polynomial(record: etree._Element, tag: str, delay: float) -> float:
    since = delay - float(text(record, "t0"))
    return float(np.polynomial.polynomial.polyval(since, floats(record, tag)))


def _fm_rate(record: etree._Element, delay: float) -> float:
    """Azimuth FM rate; products before IPF 2.4 have three elements instead of one list."""
    if record.find("azimuthFmRatePolynomial") is not None:
        return _polynomial(record, "azimuthFmRatePolynomial", delay)
    since = delay - float(text(record, "t0"))
    terms = [float(text(record, f"c{k}")) * since**k for k in range(3)]
    return sum(terms)


def _speed(root: etree._Element, middle: np.datetime64) -> float:
    record = _nearest(root, f"{_GENERAL}/orbitList/orbit", middle, "time")
    return math.hypot(*(float(text(record, f"velocity/{axis}")) for axis in "xyz"))
