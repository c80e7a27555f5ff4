"""Parts of the annotation that describe the instrument and the downlink: all nominal.

The simulation has no counterpart of instrument errors, calibration pulses or packet counters, so
counters are zero, gains are one and flags are clear. Rates and bandwidths are those of the beam.

References
----------
Sentinel-1 Product Specification (S1-RS-MDA-52-7441), sections 6.2.2 and 6.2.3.
"""

from typing import Final

from xoceansar.simulate.products.acquisition import IMAGING, Image
from xoceansar.simulate.products.xml_writer import (
    Content,
    double,
    listing,
    single,
    values,
)

__all__ = [
    "complex_pair",
    "downlink",
    "noise_packets",
    "quality",
    "raw_data",
    "replicas",
    "statistics",
]

_PULSE_LENGTH: Final = 45e-6  # s

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


def complex_pair(real: float, imaginary: float) -> Content:
    """Return a complex number."""
    return {"re": single(real), "im": single(imaginary)}


def statistics(deviation: tuple[float, float]) -> Content:
    """Return ``imageStatistics`` of pixels with zero mean."""
    return {
        "outputDataMean": complex_pair(0.0, 0.0),
        "outputDataStdDev": complex_pair(*deviation),
    }


def quality(image: Image, deviation: tuple[float, float]) -> Content:
    """Return ``qualityInformation``: nothing missing, nothing out of bounds."""
    record: dict[str, Content] = {
        "azimuthTime": image.start,
        "downlinkQuality": {
            **_input_data("Mean", 0.0),
            "inputDataMeanOutsideNominalRangeFlag": "false",
            **_input_data("StdDev", 1.0),
            "inputDataStDevOutsideNominalRangeFlag": "false",
            **_gaps("Downlink", "downlinkGapsInInputDataSignificantFlag"),
            **_gaps("Instrument", "instrumentGapsInInputDataSignificantFlag"),
            **_gaps("SsbError", "ssbErrorGapsInInputDataSignificantFlag"),
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
            "imageStatistics": statistics(deviation),
            "outputDataMeanOutsideNominalRangeFlag": "false",
            "outputDataStDevOutsideNominalRangeFlag": "false",
        },
    }
    return {
        "productQualityIndex": double(0.0),
        "qualityDataList": listing("qualityData", [record]),
    }


def _input_data(moment: str, value: float) -> dict[str, Content]:
    return {f"{part}InputData{moment}": double(value) for part in "iq"}


def _gaps(origin: str, significant: str) -> dict[str, Content]:
    missing = significant.replace("GapsInInputData", "MissingLines")
    return {
        f"num{origin}InputDataGaps": "0",
        significant: "false",
        f"num{origin}InputMissingLines": "0",
        missing: "false",
    }


def downlink(image: Image) -> Content:
    """Return ``downlinkInformation``."""
    imaging = IMAGING[image.beam]
    at = {"azimuthTime": image.start}
    bandwidth = imaging.bandwidth
    return {
        "swath": image.beam.upper(),
        "azimuthTime": image.start,
        "firstLineSensingTime": image.start,
        "lastLineSensingTime": image.stop,
        "prf": double(imaging.line_rate),
        "bitErrorCount": {f"numErr{name}": "0" for name in _BIT_ERRORS}
        | {"numIspHeaderErrors": "0"},
        "downlinkValues": {
            "pri": double(1 / imaging.line_rate),
            "rank": "9",
            "dataTakeId": str(image.acquisition.datatake),
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
            "txPulseLength": double(_PULSE_LENGTH),
            "txPulseStartFrequency": double(-bandwidth / 2),
            "txPulseRampRate": double(bandwidth / _PULSE_LENGTH),
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


def raw_data(image: Image) -> Content:
    """Return ``rawDataAnalysis``: no bias, no imbalance."""
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


def replicas(image: Image) -> Content:
    """Return ``replicaInformation``: an ideal chirp at the ends of the acquisition."""
    ramp = IMAGING[image.beam].bandwidth / _PULSE_LENGTH
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
        "swath": image.beam.upper(),
        "referenceReplica": {
            "azimuthTime": image.start,
            "chirpSource": "Nominal",
            "pgSource": "Extracted",
            "amplitudeCoefficients": values([1.0, 0.0, 0.0, 0.0], ".6e"),
            "phaseCoefficients": values(
                [0.0, -IMAGING[image.beam].bandwidth / 2, ramp / 2, 0.0], ".6e"
            ),
            "timeDelay": single(0.0),
            "gain": complex_pair(1.0, 0.0),
        },
        "replicaList": listing(
            "replica", [replica, replica | {"azimuthTime": image.stop}]
        ),
    }


def noise_packets(image: Image) -> list[Content]:
    """Return the ``noise`` records: packets before and after the acquisition."""
    return [
        {
            "swath": image.beam.upper(),
            "azimuthTime": time,
            "noisePowerCorrectionFactor": single(1.0),
            "numberOfNoiseLines": "8",
        }
        for time in (image.start, image.stop)
    ]
