"""Calibration and noise annotation of a simulated vignette.

References
----------
Sentinel-1 Product Specification (S1-RS-MDA-52-7441), sections 6.3 and 6.4.
Umr-lops/xsar `_patch_lut` (noise scale of IPF 2.90 and 2.91, S-1 Mission Performance Centre).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.simulate.products.acquisition import Image
from xoceansar.simulate.products.complex_pixels import pixel_cells
from xoceansar.simulate.products.xml_writer import (
    Content,
    Node,
    listing,
    render,
    single,
    values,
)
from xoceansar.simulate.sea.scenes import Scene

__all__ = [
    "BETA_NOUGHT",
    "NOISE_INFLATION_DB",
    "calibration_xml",
    "lut_gain",
    "lut_samples",
    "noise_xml",
]

Array = npt.NDArray[np.float64]

#: Amplitude gain of the beta nought table, constant over the image as in real products.
BETA_NOUGHT: Final = 120.0

#: By how many dB the noise tables of IPF 2.90 and 2.91 are too high.
NOISE_INFLATION_DB: Final[Mapping[tuple[str, str], float]] = MappingProxyType(
    {
        ("S1A", "wv1"): 38.13,
        ("S1A", "wv2"): 36.84,
        ("S1B", "wv1"): 39.30,
        ("S1B", "wv2"): 37.44,
    }
)
_INFLATED: Final = (2.90, 2.91)
_STEP: Final = 40  # samples between the values of a table


def lut_gain(incidence: Array) -> Array:
    """Compute the sigma nought table A: ``A^2 = beta^2 / sin(incidence)``."""
    result: Array = BETA_NOUGHT / np.sqrt(np.sin(np.radians(incidence)))
    return result


def lut_samples(samples: int) -> npt.NDArray[np.int64]:
    """List the samples at which tables are given: every 40th, and the last.

    Examples
    --------
    >>> lut_samples(123)
    array([  0,  40,  80, 120, 122])
    """
    return np.append(np.arange(0, samples - 1, _STEP), samples - 1)


def calibration_xml(image: Image) -> bytes:
    """Write the calibration annotation: five equal vectors a second apart, beyond the end."""
    at = lut_samples(image.frame.samples)
    incidence = image.frame.incidence[at]
    gain = lut_gain(incidence)
    gamma = gain * np.sqrt(np.cos(np.radians(incidence)))
    beta = np.full(len(at), BETA_NOUGHT)
    tables: dict[str, Content] = {
        "pixel": values(at, "d"),
        "sigmaNought": values(gain, ".6e"),
        "betaNought": values(beta, ".6e"),
        "gamma": values(gamma, ".6e"),
        "dn": values(beta, ".6e"),
    }
    content: dict[str, Content] = {
        "adsHeader": image.header(),
        "calibrationInformation": {"absoluteCalibrationConstant": single(1.0)},
        "calibrationVectorList": listing(
            "calibrationVector", [_at(image, i) | tables for i in range(5)]
        ),
    }
    return render("calibration", content)


def noise_xml(image: Image, view: Scene, *, legacy: bool) -> bytes:
    """Write the noise annotation."""
    at = lut_samples(image.frame.samples)
    excess = 0.0
    if image.acquisition.ipf in _INFLATED:
        beam = (image.acquisition.platform, image.beam)
        excess = NOISE_INFLATION_DB.get(beam, 0.0)
    _, columns = pixel_cells(view, image.frame)
    nesz = np.interp(columns[at], np.arange(len(view.nesz)), view.nesz)
    power = nesz * lut_gain(image.frame.incidence[at]) ** 2 * 10 ** (excess / 10)
    tag = "noise" if legacy else "noiseRange"
    tables: dict[str, Content] = {
        "pixel": values(at, "d"),
        f"{tag}Lut": values(power, ".6e"),
    }
    vectors = [_at(image, i) | tables for i in range(5 if legacy else 3)]
    content: dict[str, Content] = {
        "adsHeader": image.header(),
        f"{tag}VectorList": listing(f"{tag}Vector", vectors),
    }
    if not legacy:
        content["noiseAzimuthVectorList"] = Node({"count": "0"})
    return render("noise", content)


def _at(image: Image, index: int) -> dict[str, Content]:
    """Time and line of a vector; a second apart at full size, in proportion when scaled."""
    line = round(index * image.vector_spacing)
    return {"azimuthTime": image.utc(line), "line": str(line)}
