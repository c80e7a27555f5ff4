"""Product annotation of a simulated vignette: every list of a real one, with consistent values.

Geometry, times and processing parameters are those of the simulated acquisition; the instrument
is nominal (`instrument`). Layout and number formats are those of a real stripmap SLC.

References
----------
Sentinel-1 Product Specification (S1-RS-MDA-52-7441), section 6.2.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.simulate.products.acquisition import IMAGING, Image
from xoceansar.simulate.products.doppler_band import (
    AZIMUTH_BANDWIDTH,
    LIGHT,
    RADAR_FREQUENCY,
    WINDOW_COEFFICIENT,
    fm_rate,
    range_time,
)
from xoceansar.simulate.products.instrument_xml import (
    downlink,
    noise_packets,
    quality,
    raw_data,
    replicas,
    statistics,
)
from xoceansar.simulate.products.product_geometry import SEMI_MAJOR, SEMI_MINOR
from xoceansar.simulate.products.xml_writer import (
    Content,
    Node,
    double,
    flag,
    listing,
    render,
    single,
    values,
)

__all__ = ["annotation_xml", "geolocation_pixels"]

Array = npt.NDArray[np.float64]

_GRID_LINES, _GRID_SAMPLES = 4, 21
_PATTERNS: Final = 20  # antenna patterns; with it the files have the real size
_PATTERN_STEP: Final = 32  # samples


def geolocation_pixels(lines: int, samples: int) -> tuple[Array, Array]:
    """Return lines and samples of the geolocation grid and of the image's tie points."""
    line = np.unique(np.linspace(0, lines - 1, _GRID_LINES).round())
    sample = np.unique(np.linspace(0, samples - 1, _GRID_SAMPLES).round())
    return line, sample


def annotation_xml(image: Image, deviation: tuple[float, float]) -> bytes:
    """Write the product annotation."""
    content: dict[str, Content] = {
        "adsHeader": image.header(),
        "qualityInformation": quality(image, deviation),
        "generalAnnotation": _general(image),
        "imageAnnotation": {
            "imageInformation": _image_information(image, deviation),
            "processingInformation": _processing(image),
        },
        "dopplerCentroid": _doppler(image),
        "antennaPattern": _antenna(image),
        "swathTiming": {
            "linesPerBurst": "0",
            "samplesPerBurst": "0",
            "burstList": Node({"count": "0"}),
        },
        "geolocationGrid": _geolocation(image),
        "coordinateConversion": {"coordinateConversionList": Node({"count": "0"})},
        "swathMerging": {"swathMergeList": Node({"count": "0"})},
    }
    return render("product", content)


def _general(image: Image) -> Content:
    rate = IMAGING[image.beam].sampling_rate
    heading = image.frame.track.heading(float(image.frame.time(image.frame.centre[0])))
    return {
        "productInformation": {
            "pass": "Ascending" if abs(heading) < 90 else "Descending",
            "timelinessCategory": "Fast-24h",
            "platformHeading": double(heading),
            "projection": "Slant Range",
            "rangeSamplingRate": double(rate),
            "radarFrequency": double(RADAR_FREQUENCY),
            "azimuthSteeringRate": double(0.0),
        },
        "downlinkInformationList": listing("downlinkInformation", [downlink(image)]),
        "orbitList": listing("orbit", _orbits(image)),
        "attitudeList": listing("attitude", _attitudes(image)),
        "rawDataAnalysisList": listing("rawDataAnalysis", [raw_data(image)]),
        "replicaInformationList": listing("replicaInformation", [replicas(image)]),
        "noiseList": listing("noise", noise_packets(image)),
        "terrainHeightList": listing("terrainHeight", _terrain(image)),
        "azimuthFmRateList": listing("azimuthFmRate", _fm_rates(image)),
    }


def _seconds_around(image: Image, before: int, after: int, step: float) -> Array:
    """List the ticks of a regular clock from `before` steps before the vignette."""
    first = math.floor(float(image.frame.time(0)) / step)
    return step * np.arange(first - before, first + after, dtype=float)


def _orbits(image: Image) -> list[Content]:
    """State vectors every ten seconds, from a minute before to as much after."""
    track = image.frame.track
    times = _seconds_around(image, 6, 7, 10.0)
    records: list[Content] = []
    for t, p, v in zip(
        times, track.position(times), track.velocity(times), strict=True
    ):
        position = dict(zip("xyz", map(double, p), strict=True))
        velocity = dict(zip("xyz", map(double, v), strict=True))
        records.append(
            {
                "time": image.acquisition.utc(t),
                "frame": "Earth Fixed",
                "position": position,
                "velocity": velocity,
            }
        )
    return records


def _attitudes(image: Image) -> list[Content]:
    """Zero-Doppler attitude every second: x along the velocity, z to the Earth's centre."""
    track = image.frame.track
    records: list[Content] = []
    for t in _seconds_around(image, 1, 5, 1.0):
        down = -track.position(t) / np.linalg.norm(track.position(t))
        forward = track.velocity(t) / np.linalg.norm(track.velocity(t))
        axes = np.stack([forward, np.cross(down, forward), down], axis=-1)
        q = _quaternion(axes)
        rate = -track.angular_speed * np.cross(down, forward)
        records.append(
            {
                "time": image.acquisition.utc(t),
                "frame": "Earth Fixed",
                **{f"q{i}": single(x) for i, x in enumerate(q)},
                **{f"w{k}": double(x) for k, x in zip("xyz", rate, strict=True)},
                "roll": double(0.0),
                "pitch": double(0.0),
                "yaw": double(0.0),
            }
        )
    return records


def _quaternion(axes: Array) -> Array:
    """Quaternion, scalar first, of a rotation matrix, from its largest eigenvector."""
    m = axes
    k = np.array(
        [
            [np.trace(m), m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]],
            [0, m[0, 0] - m[1, 1] - m[2, 2], m[0, 1] + m[1, 0], m[0, 2] + m[2, 0]],
            [0, 0, m[1, 1] - m[0, 0] - m[2, 2], m[1, 2] + m[2, 1]],
            [0, 0, 0, m[2, 2] - m[0, 0] - m[1, 1]],
        ]
    )
    vector: Array = np.linalg.eigh(k, UPLO="U")[1][:, -1]
    return vector if vector[0] >= 0 else -vector


def _terrain(image: Image) -> list[Content]:
    times = float(image.frame.time(0)) + 10.0 * np.arange(-1, 2)
    return [
        {"azimuthTime": image.acquisition.utc(t), "value": double(0.0)} for t in times
    ]


def _middle(image: Image) -> str:
    return image.utc(image.frame.centre[0])


def _fm_rates(image: Image) -> list[Content]:
    """Azimuth FM rate as a polynomial of the range time."""
    frame = image.frame
    knots = np.linspace(0, frame.samples - 1, 16)
    time, rate = range_time(frame, knots), fm_rate(frame, knots)
    polynomial = np.polynomial.Polynomial.fit(time - time[0], rate, 2).convert().coef
    return [
        {
            "azimuthTime": _middle(image),
            "t0": double(time[0]),
            "azimuthFmRatePolynomial": values(polynomial, ".15e"),
        }
    ]


def _image_information(image: Image, deviation: tuple[float, float]) -> Content:
    frame = image.frame
    node = image.acquisition.utc(-frame.track.since_ascending_node)
    return {
        "productFirstLineUtcTime": image.start,
        "productLastLineUtcTime": image.stop,
        "ascendingNodeTime": node,
        "anchorTime": image.start,
        "productComposition": "Individual",
        "sliceNumber": "0",
        "sliceList": Node({"count": "0"}),
        "slantRangeTime": double(float(range_time(frame, 0))),
        "pixelValue": "Complex",
        "outputPixels": "16 bit Signed Integer",
        "rangePixelSpacing": single(frame.sample_spacing),
        "azimuthPixelSpacing": single(frame.azimuth_spacing),
        "azimuthTimeInterval": double(frame.line_interval),
        "azimuthFrequency": double(1 / frame.line_interval),
        "numberOfSamples": str(frame.samples),
        "numberOfLines": str(frame.lines),
        "zeroDopMinusAcqTime": double(0.0),
        "incidenceAngleMidSwath": double(float(frame.locate(*frame.centre).incidence)),
        "imageStatistics": statistics(deviation),
    }


def _processing(image: Image) -> Content:
    def band(total: float) -> Content:
        return {
            "windowType": "Hamming",
            "windowCoefficient": double(WINDOW_COEFFICIENT),
            "totalBandwidth": double(total),
            "processingBandwidth": double(total),
            "lookBandwidth": double(total),
            "numberOfLooks": "1",
            "lookOverlap": double(0.0),
        }

    swath: dict[str, Content] = {
        "swath": image.beam.upper(),
        "rangeProcessing": band(IMAGING[image.beam].bandwidth),
        "azimuthProcessing": band(AZIMUTH_BANDWIDTH),
        "processorScalingFactor": single(1.0),
    }
    return {
        "rawDataAnalysisUsed": "true",
        "orbitDataFileUsed": "false",
        "attitudeDataFileUsed": "false",
        "rxVariationCorrectionApplied": "true",
        "antennaElevationPatternApplied": "true",
        "antennaAzimuthPatternApplied": "true",
        "antennaAzimuthElementPatternApplied": "false",
        "dcMethod": "Data Analysis",
        "dcInputData": "Range Compressed",
        "rangeSpreadingLossCompensationApplied": "true",
        "srgrConversionApplied": "false",
        "detectionPerformed": "false",
        "thermalNoiseCorrectionPerformed": flag(False),
        "chirpSource": "Nominal",
        "pgSource": "Extracted",
        "rrfSpectrum": "Extended Tapered",
        "applicationLutId": "WV_Default",
        "swathProcParamsList": listing("swathProcParams", [swath]),
        "inputDimensionsList": listing(
            "inputDimensions",
            [
                {
                    "azimuthTime": image.start,
                    "swath": image.beam.upper(),
                    "numberOfInputSamples": str(image.frame.samples),
                    "numberOfInputLines": str(image.frame.lines),
                }
            ],
        ),
        "referenceRange": double(8e5),
        "ellipsoidName": "WGS84",
        "ellipsoidSemiMajorAxis": double(SEMI_MAJOR),
        "ellipsoidSemiMinorAxis": double(SEMI_MINOR),
        "bistaticDelayCorrectionApplied": "true",
        "topsFilterConvention": "All Lines",
        "orbitSource": "Downlink",
        "attitudeSource": "Downlink",
    }


def _doppler(image: Image) -> Content:
    """Centroids of the antenna and of the image, which the mean motion of the sea sets apart."""
    frame, band = image.frame, image.band
    at = np.linspace(0, frame.samples - 1, 20)
    estimate: dict[str, Content] = {
        "azimuthTime": _middle(image),
        "t0": double(float(range_time(frame, 0))),
        "geometryDcPolynomial": values(band.geometry, ".6e"),
        "dataDcPolynomial": values(band.data, ".6e"),
        "dataDcRmsError": double(0.0),
        "dataDcRmsErrorAboveThreshold": "false",
        "fineDceAzimuthStartTime": image.start,
        "fineDceAzimuthStopTime": image.stop,
        "fineDceList": listing(
            "fineDce",
            [
                {"slantRangeTime": double(t), "frequency": double(f)}
                for t, f in zip(
                    range_time(frame, at), band.centroid(frame, at), strict=True
                )
            ],
        ),
    }
    return {"dcEstimateList": listing("dcEstimate", [estimate])}


def _antenna(image: Image) -> Content:
    """Two-way elevation pattern: a sinc-squared main lobe about mid-swath."""
    frame = image.frame
    at = np.arange(0, frame.samples, _PATTERN_STEP)
    seen = frame.locate(frame.centre[0], at)
    beamwidth = 0.886 * LIGHT / RADAR_FREQUENCY / 0.821  # of an aperture 0.821 m high
    offset = np.radians(seen.elevation - seen.elevation.mean()) / beamwidth
    gain = np.sinc(0.886 * offset) ** 2
    pattern = np.stack([gain, np.zeros_like(gain)], axis=-1)
    tables: dict[str, Content] = {
        "slantRangeTime": values(range_time(frame, at), ".15e"),
        "elevationAngle": values(seen.elevation, ".6e"),
        "elevationPattern": values(pattern, ".6e"),
        "incidenceAngle": values(seen.incidence, ".6e"),
        "terrainHeight": double(0.0),
        "roll": double(float(seen.elevation.mean())),
    }
    records: list[Content] = [
        {"swath": image.beam.upper(), "azimuthTime": image.utc(line), **tables}
        for line in np.linspace(0, frame.lines - 1, _PATTERNS)
    ]
    return {"antennaPatternList": listing("antennaPattern", records)}


def _geolocation(image: Image) -> Content:
    frame = image.frame
    line, sample = geolocation_pixels(frame.lines, frame.samples)
    seen = frame.locate(line[:, None], sample)
    time = range_time(frame, sample)
    points: list[Content] = [
        {
            "azimuthTime": image.utc(line[i]),
            "slantRangeTime": double(time[j]),
            "line": f"{line[i]:.0f}",
            "pixel": f"{sample[j]:.0f}",
            "latitude": double(seen.latitude[i, j]),
            "longitude": double(seen.longitude[i, j]),
            "height": double(0.0),
            "incidenceAngle": double(seen.incidence[i, j]),
            "elevationAngle": double(seen.elevation[i, j]),
        }
        for i in range(len(line))
        for j in range(len(sample))
    ]
    return {"geolocationGridPointList": listing("geolocationGridPoint", points)}
