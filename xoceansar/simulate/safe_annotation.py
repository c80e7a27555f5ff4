"""Product annotation of a simulated vignette: every list of a real one, with consistent values.

The geometry, times and processing parameters are those of the simulated acquisition. What the
simulation has no counterpart of (instrument errors, calibration pulses) is written as nominal:
zero counts, unit gains. Layout and number formats are those of a real stripmap SLC.

References
----------
Sentinel-1 Product Specification (S1-RS-MDA-52-7441), section 6.2.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.simulate.safe_geometry import SEMI_MAJOR, SEMI_MINOR
from xoceansar.simulate.safe_image import IMAGING, LIGHT, Image, utc
from xoceansar.simulate.safe_xml import (
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

_RADAR_FREQUENCY: Final = 5.405000454334350e9  # Hz
_AZIMUTH_BANDWIDTH: Final = 1399.0  # Hz, processed
_HAMMING: Final = 0.75
_GRID_LINES, _GRID_SAMPLES = 4, 21
_PATTERNS: Final = 20  # antenna patterns; with it the files have the real size
_PATTERN_STEP: Final = 32  # samples

#: Counters of the downlink, all zero here.
_BIT_ERRORS: Final = (
    *("SyncMarker", "DataTakeId", "EccNumber", "TestMode", "RxChannelId"),
    *("InstrumentConfigId", "PacketCount", "PriCount", "SsbErrorFlag", "BaqMode"),
    *("BaqBlockLength", "RangeDecimation", "RxGain", "TxRampRate"),
    *("TxPulseStartFrequency", "Rank", "Pri", "Swst", "Swl", "Polarisation"),
    *("TempComp", "ElevationBeamAddress", "AzimuthBeamAddress", "SasTestMode"),
    *("CalType", "CalibrationBeamAddress", "CalMode", "TxPulseNumber", "SignalType"),
    *("SwapFlag", "SwathNumber", "NumberOfQuads"),
)
_GAPS: Final = ("Downlink", "Instrument", "SsbError")


def geolocation_pixels(lines: int, samples: int) -> tuple[Array, Array]:
    """Lines and samples of the geolocation grid (and of the tie points of the image)."""
    line = np.unique(np.linspace(0, lines - 1, _GRID_LINES).round())
    sample = np.unique(np.linspace(0, samples - 1, _GRID_SAMPLES).round())
    return line, sample


def annotation_xml(image: Image, statistics: tuple[float, float]) -> bytes:
    """Write the product annotation.

    Parameters
    ----------
    image : Image
        The vignette.
    statistics : tuple of float
        Standard deviation of the real and of the imaginary part of the pixels.

    Returns
    -------
    bytes
        The document.
    """
    content: dict[str, Content] = {
        "adsHeader": image.header(),
        "qualityInformation": _quality(image, statistics),
        "generalAnnotation": _general(image),
        "imageAnnotation": {
            "imageInformation": _image_information(image, statistics),
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


def _swath(image: Image) -> str:
    return image.beam.upper()


def _complex(real: float, imaginary: float) -> Content:
    return {"re": single(real), "im": single(imaginary)}


def _statistics(deviation: tuple[float, float]) -> dict[str, Content]:
    return {
        "outputDataMean": _complex(0.0, 0.0),
        "outputDataStdDev": _complex(*deviation),
    }


def _quality(image: Image, statistics: tuple[float, float]) -> Content:
    gaps: dict[str, Content] = {}
    for name in _GAPS:
        lower = name[0].lower() + name[1:]
        gaps[f"num{name}InputDataGaps"] = "0"
        signal = "InInputData" if name == "Downlink" else ""
        gaps[f"{lower}Gaps{signal}SignificantFlag"] = "false"
        gaps[f"num{name}InputMissingLines"] = "0"
        gaps[f"{lower}MissingLinesSignificantFlag"] = "false"
    gaps = {
        key.replace("instrumentGaps", "instrumentGapsInInputData").replace(
            "ssbErrorGaps", "ssbErrorGapsInInputData"
        ): value
        for key, value in gaps.items()
    }
    record: dict[str, Content] = {
        "azimuthTime": image.start,
        "downlinkQuality": {
            "iInputDataMean": double(0.0),
            "qInputDataMean": double(0.0),
            "inputDataMeanOutsideNominalRangeFlag": "false",
            "iInputDataStdDev": double(1.0),
            "qInputDataStdDev": double(1.0),
            "inputDataStDevOutsideNominalRangeFlag": "false",
            **gaps,
            "chirpSourceUsed": "Nominal",
            "pgSourceUsed": "Extracted",
            "rrfSpectrumUsed": "Extended Tapered",
            "replicaReconstructionFailedFlag": "false",
            "meanPgProductAmplitude": double(1.0),
            "stdDevPgProductAmplitude": double(0.0),
            "meanPgProductPhase": double(0.0),
            "stdDevPgProductPhase": double(0.0),
            "pgProductDerivationFailedFlag": "false",
            "invalidDownlinkParamsFlag": "false",
        },
        "rawDataAnalysisQuality": {
            "iBias": double(0.0),
            "iBiasSignificanceFlag": "false",
            "qBias": double(0.0),
            "qBiasSignificanceFlag": "false",
            "iqGainImbalance": double(1.0),
            "iqGainSignificanceFlag": "false",
            "iqQuadratureDeparture": double(0.0),
            "iqQuadratureDepartureSignificanceFlag": "false",
        },
        "dopplerCentroidQuality": {
            "dcMethod": "Data Analysis",
            "dopplerCentroidUncertainFlag": "false",
        },
        "imageQuality": {
            "imageStatistics": _statistics(statistics),
            "outputDataMeanOutsideNominalRangeFlag": "false",
            "outputDataStDevOutsideNominalRangeFlag": "false",
        },
    }
    return {
        "productQualityIndex": double(0.0),
        "qualityDataList": listing("qualityData", [record]),
    }


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
            "radarFrequency": double(_RADAR_FREQUENCY),
            "azimuthSteeringRate": double(0.0),
        },
        "downlinkInformationList": listing("downlinkInformation", [_downlink(image)]),
        "orbitList": listing("orbit", _orbits(image)),
        "attitudeList": listing("attitude", _attitudes(image)),
        "rawDataAnalysisList": listing("rawDataAnalysis", [_raw_data(image)]),
        "replicaInformationList": listing("replicaInformation", [_replicas(image)]),
        "noiseList": listing("noise", _noise_packets(image)),
        "terrainHeightList": listing("terrainHeight", _terrain(image)),
        "azimuthFmRateList": listing("azimuthFmRate", _fm_rates(image)),
    }


def _downlink(image: Image) -> Content:
    imaging = IMAGING[image.beam]
    at = {"azimuthTime": image.start}
    bandwidth = imaging.bandwidth
    pulse = 45e-6
    return {
        "swath": _swath(image),
        "azimuthTime": image.start,
        "firstLineSensingTime": image.start,
        "lastLineSensingTime": image.stop,
        "prf": double(imaging.line_rate),
        "bitErrorCount": {f"numErr{name}": "0" for name in _BIT_ERRORS}
        | {"numIspHeaderErrors": "0"},
        "downlinkValues": {
            "pri": double(1 / imaging.line_rate),
            "rank": "9",
            "dataTakeId": str(image.datatake),
            "eccNumber": "31",
            "rxChannelId": "1",
            "instrumentConfigId": "1",
            "dataFormat": {
                "baqBlockLength": "256",
                "echoFormat": "FDBAQ",
                "noiseFormat": "BAQ 5 Bit",
                "calibrationFormat": "Decimation",
                "meanBitRate": double(0.0),
            },
            "rangeDecimation": {
                "decimationFilterBandwidth": double(bandwidth),
                "samplingFrequencyAfterDecimation": double(imaging.sampling_rate),
                "filterLength": "40",
            },
            "rxGain": double(0.0),
            "txPulseLength": double(pulse),
            "txPulseStartFrequency": double(-bandwidth / 2),
            "txPulseRampRate": double(bandwidth / pulse),
            "swathNumber": "10" if image.beam == "wv1" else "11",
            "swlList": listing("swl", [at | {"value": double(3.3e-4)}]),
            "swstList": listing("swst", [at | {"value": double(1e-4)}]),
            "pointingStatusList": listing(
                "pointingStatus",
                [
                    at
                    | {
                        "aocsOpMode": "Normal Pointing Mode",
                        "rollErrorFlag": "false",
                        "pitchErrorFlag": "false",
                        "yawErrorFlag": "false",
                    }
                ],
            ),
        },
    }


def _seconds_around(image: Image, before: int, after: int, step: float) -> Array:
    """Times on a regular clock from `before` steps before the vignette."""
    first = math.floor(float(image.frame.time(0)) / step)
    return step * np.arange(first - before, first + after, dtype=float)


def _orbits(image: Image) -> list[Content]:
    """State vectors every ten seconds, from a minute before to a minute after."""
    track = image.frame.track
    times = _seconds_around(image, 6, 9, 10.0)
    records: list[Content] = []
    for t, p, v in zip(
        times, track.position(times), track.velocity(times), strict=True
    ):
        position = dict(zip("xyz", map(double, p), strict=True))
        velocity = dict(zip("xyz", map(double, v), strict=True))
        records.append(
            {
                "time": utc(image.epoch, t),
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
    for t in _seconds_around(image, 2, 6, 1.0):
        down = -track.position(t) / np.linalg.norm(track.position(t))
        forward = track.velocity(t) / np.linalg.norm(track.velocity(t))
        axes = np.stack([forward, np.cross(down, forward), down], axis=-1)
        q = _quaternion(axes)
        rate = -track.angular_speed * np.cross(down, forward)
        records.append(
            {
                "time": utc(image.epoch, t),
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


def _raw_data(image: Image) -> Content:
    support: dict[str, Content] = {}
    for name, nominal in (("iBias", 0.0), ("qBias", 0.0), ("iqGain", 1.0)):
        support[f"{name}UpperBound"] = double(nominal + 1e-3)
        support[f"{name}LowerBound"] = double(nominal - 1e-3)
    support["iqQuadratureDepartureUpperBound"] = double(1.0)
    support["iqQuadratureDepartureLowerBound"] = double(-1.0)
    support["iBiasUsedForCorrection"] = double(0.0)
    support["qBiasUsedForCorrection"] = double(0.0)
    support["iqGainImbalanceUsedForCorrection"] = double(1.0)
    support["iqQuadratureDepartureUsedForCorrection"] = double(0.0)
    return {
        "azimuthTime": image.start,
        "iBias": double(0.0),
        "qBias": double(0.0),
        "iqQuadratureDeparture": double(0.0),
        "iqGainImbalance": double(1.0),
        "support": support,
    }


def _replicas(image: Image) -> Content:
    ramp = IMAGING[image.beam].bandwidth / 45e-6
    replica: dict[str, Content] = {
        "azimuthTime": image.start,
        "crossCorrelationBandwidth": single(1.0),
        "crossCorrelationPslr": single(-13.26),
        "crossCorrelationIslr": single(-9.68),
        "crossCorrelationPeakLocation": single(0.0),
        "reconstructedReplicaValidFlag": "true",
        "pgProductAmplitude": single(1.0),
        "pgProductPhase": single(0.0),
        "modelPgProductAmplitude": single(1.0),
        "modelPgProductPhase": single(0.0),
        "relativePgProductValidFlag": "true",
        "absolutePgProductValidFlag": "true",
        "internalTimeDelay": single(0.0),
    }
    return {
        "swath": _swath(image),
        "referenceReplica": {
            "azimuthTime": image.start,
            "chirpSource": "Nominal",
            "pgSource": "Extracted",
            "amplitudeCoefficients": values([1.0, 0.0, 0.0, 0.0], ".6e"),
            "phaseCoefficients": values(
                [0.0, -IMAGING[image.beam].bandwidth / 2, ramp / 2, 0.0], ".6e"
            ),
            "timeDelay": single(0.0),
            "gain": _complex(1.0, 0.0),
        },
        "replicaList": listing(
            "replica", [replica, replica | {"azimuthTime": image.stop}]
        ),
    }


def _noise_packets(image: Image) -> list[Content]:
    return [
        {
            "swath": _swath(image),
            "azimuthTime": time,
            "noisePowerCorrectionFactor": single(1.0),
            "numberOfNoiseLines": "8",
        }
        for time in (image.start, image.stop)
    ]


def _terrain(image: Image) -> list[Content]:
    times = float(image.frame.time(0)) + 10.0 * np.arange(-1, 2)
    return [{"azimuthTime": utc(image.epoch, t), "value": double(0.0)} for t in times]


def _range_time(image: Image, sample: npt.ArrayLike) -> Array:
    result: Array = 2 * image.frame.slant_range(sample) / LIGHT
    return result


def _middle(image: Image) -> str:
    return image.utc(image.frame.centre[0])


def _fm_rates(image: Image) -> list[Content]:
    """Azimuth FM rate ``-2 V^2 / (lambda R)`` as a polynomial of the range time."""
    frame = image.frame
    knots = np.linspace(0, frame.samples - 1, 16)
    ground_speed = frame.azimuth_spacing / frame.line_interval
    satellite_speed = float(np.linalg.norm(frame.track.velocity(0.0)))
    wavelength = LIGHT / _RADAR_FREQUENCY
    rate = -2 * ground_speed * satellite_speed / (wavelength * frame.slant_range(knots))
    time = _range_time(image, knots)
    polynomial = np.polynomial.Polynomial.fit(time - time[0], rate, 2).convert().coef
    return [
        {
            "azimuthTime": _middle(image),
            "t0": double(time[0]),
            "azimuthFmRatePolynomial": values(polynomial, ".15e"),
        }
    ]


def _image_information(image: Image, statistics: tuple[float, float]) -> Content:
    frame = image.frame
    node = utc(image.epoch, -frame.track.since_ascending_node)
    return {
        "productFirstLineUtcTime": image.start,
        "productLastLineUtcTime": image.stop,
        "ascendingNodeTime": node,
        "anchorTime": image.start,
        "productComposition": "Individual",
        "sliceNumber": "0",
        "sliceList": Node({"count": "0"}),
        "slantRangeTime": double(float(_range_time(image, 0))),
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
        "imageStatistics": _statistics(statistics),
    }


def _processing(image: Image) -> Content:
    def band(total: float) -> Content:
        return {
            "windowType": "Hamming",
            "windowCoefficient": double(_HAMMING),
            "totalBandwidth": double(total),
            "processingBandwidth": double(total),
            "lookBandwidth": double(total),
            "numberOfLooks": "1",
            "lookOverlap": double(0.0),
        }

    swath: dict[str, Content] = {
        "swath": _swath(image),
        "rangeProcessing": band(IMAGING[image.beam].bandwidth),
        "azimuthProcessing": band(_AZIMUTH_BANDWIDTH),
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
                    "swath": _swath(image),
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
    """Zero Doppler: the images are on the zero-Doppler grid and the sea has no mean motion."""
    at = np.linspace(0, image.frame.samples - 1, 20)
    zero = values([0.0, 0.0, 0.0], ".6e")
    estimate: dict[str, Content] = {
        "azimuthTime": _middle(image),
        "t0": double(float(_range_time(image, 0))),
        "geometryDcPolynomial": zero,
        "dataDcPolynomial": zero,
        "dataDcRmsError": double(0.0),
        "dataDcRmsErrorAboveThreshold": "false",
        "fineDceAzimuthStartTime": image.start,
        "fineDceAzimuthStopTime": image.stop,
        "fineDceList": listing(
            "fineDce",
            [
                {"slantRangeTime": double(t), "frequency": double(0.0)}
                for t in _range_time(image, at)
            ],
        ),
    }
    return {"dcEstimateList": listing("dcEstimate", [estimate])}


def _antenna(image: Image) -> Content:
    """Two-way elevation pattern: a sinc-squared main lobe about mid-swath."""
    frame = image.frame
    at = np.arange(0, frame.samples, _PATTERN_STEP)
    seen = frame.locate(frame.centre[0], at)
    beamwidth = 0.886 * LIGHT / _RADAR_FREQUENCY / 0.821  # of an aperture 0.821 m high
    offset = np.radians(seen.elevation - seen.elevation.mean()) / beamwidth
    gain = np.sinc(0.886 * offset) ** 2
    pattern = np.stack([gain, np.zeros_like(gain)], axis=-1)
    tables: dict[str, Content] = {
        "slantRangeTime": values(_range_time(image, at), ".15e"),
        "elevationAngle": values(seen.elevation, ".6e"),
        "elevationPattern": values(pattern, ".6e"),
        "incidenceAngle": values(seen.incidence, ".6e"),
        "terrainHeight": double(0.0),
        "roll": double(float(seen.elevation.mean())),
    }
    records = [
        {"swath": _swath(image), "azimuthTime": image.utc(line)} | tables
        for line in np.linspace(0, frame.lines - 1, _PATTERNS)
    ]
    return {"antennaPatternList": listing("antennaPattern", records)}


def _geolocation(image: Image) -> Content:
    frame = image.frame
    line, sample = geolocation_pixels(frame.lines, frame.samples)
    seen = frame.locate(line[:, None], sample)
    time = _range_time(image, sample)
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
