"""The manifest of a simulated product, which says plainly that it is simulated.

References
----------
SAFE 1.3 core specification (PGSI-GSEG-EOPG-FS-05-0001); Sentinel-1 Product Specification
(S1-RS-MDA-52-7441), section 3.
"""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from xoceansar._version import __version__
from xoceansar.conventions import SIMULATED_FILE
from xoceansar.simulate.products.acquisition import PLATFORMS, Image, compact
from xoceansar.simulate.products.product_geometry import Frame
from xoceansar.simulate.products.xml_writer import Content, Node, render, single

__all__ = [
    "FACILITY",
    "NAMESPACES",
    "SOFTWARE",
    "DataFile",
    "manifest_xml",
    "product_name",
    "wrapped",
]

#: Who made a product, as its manifest says.
FACILITY: Final = {
    "country": "none",
    "name": "Simulated, not a measurement",
    "organisation": "xoceansar",
    "site": "none",
}
#: Name of the processor in manifests and images.
SOFTWARE: Final = f"xoceansar {__version__} simulation of the Sentinel-1 IPF"

NAMESPACES: Final = {
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xmlns:gml": "http://www.opengis.net/gml",
    "xmlns:xfdu": "urn:ccsds:schema:xfdu:1",
    "xmlns:safe": "http://www.esa.int/safe/sentinel-1.0",
    "xmlns:s1": "http://www.esa.int/safe/sentinel-1.0/sentinel-1",
    "xmlns:s1sar": "http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar",
    "xmlns:s1sarl1": "http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-1",
    "xmlns:s1sarl2": "http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-2",
    "xmlns:gx": "http://www.google.com/kml/ext/2.2",
    "version": "esa/safe/sentinel-1.0/sentinel-1/sar/level-1/slc/standard/wvsp",
}
_SCHEMAS: Final = {
    "s1Level1ProductSchema": "s1-level-1-product.xsd",
    "s1Level1NoiseSchema": "s1-level-1-noise.xsd",
    "s1Level1CalibrationSchema": "s1-level-1-calibration.xsd",
    "s1ObjectTypesSchema": "s1-object-types.xsd",
    "s1Level1MeasurementSchema": "s1-level-1-measurement.xsd",
}
_REPEAT: Final = 175  # orbits


@dataclass(frozen=True)
class DataFile:
    """A file of the product.

    Attributes
    ----------
    kind : {"product", "noise", "calibration", ""}
        Prefix of its identifier; empty for the measurement.
    stem : str
        Name of its vignette.
    path : str
        Relative to the product.
    size : int
        Bytes.
    md5 : str
        Hexadecimal.
    """

    kind: str
    stem: str
    path: str
    size: int
    md5: str

    @property
    def identifier(self) -> str:
        """ID in the manifest."""
        return self.kind + self.stem.replace("-", "")

    @property
    def schema(self) -> str:
        """ID of the schema."""
        return f"s1Level1{(self.kind or 'measurement').capitalize()}Schema"


def product_name(first: Image, last: Image, manifest: bytes) -> str:
    """Name the product; the last four digits are the CRC-16 of the manifest, as in real ones."""
    common = first.acquisition
    kind = f"{common.platform}_WV_SLC__1SS{common.polarisation[0]}"
    times = f"{compact(first.start)}_{compact(last.stop)}"
    unique = binascii.crc_hqx(manifest, 0xFFFF)
    numbers = f"{common.orbit:06d}_{common.datatake:06X}_{unique:04X}"
    return f"{kind}_{times}_{numbers}.SAFE"


def manifest_xml(images: Sequence[Image], files: Sequence[DataFile]) -> bytes:
    """Write the manifest."""
    annotations = [f for f in files if f.kind]
    package: list[tuple[str, Content]] = [
        (
            "xfdu:contentUnit",
            Node(
                {"unitType": "Metadata Unit", "repID": f.schema},
                [("dataObjectPointer", Node({"dataObjectID": f.identifier}))],
            ),
        )
        for f in annotations
    ]
    unit = Node(
        {
            "unitType": "SAFE Archive Information Package",
            "textInfo": "Sentinel-1 WV Level-1 SLC Product",
            "dmdID": "acquisitionPeriod platform generalProductInformation "
            "measurementOrbitReference measurementFrameSet",
            "pdiID": "processing",
        },
        package,
    )
    metadata = [
        *[_pointer(f) for f in annotations],
        wrapped("processing", "Processing", _processing(images)),
        wrapped("platform", "Platform Description", _platform(images[0])),
        wrapped("measurementOrbitReference", "Orbit Reference", _orbit(images[0])),
        wrapped(
            "generalProductInformation",
            "General Product Information",
            _general(images[0]),
        ),
        wrapped("acquisitionPeriod", "Acquisition Period", _period(images)),
        wrapped("measurementFrameSet", "Frame Set", _frames(images)),
        *[_schema(name, path) for name, path in _SCHEMAS.items()],
    ]
    content: dict[str, Content] = {
        "informationPackageMap": {"xfdu:contentUnit": unit},
        "metadataSection": [("metadataObject", item) for item in metadata],
        "dataObjectSection": [("dataObject", _data_object(f)) for f in files],
    }
    return render("xfdu:XFDU", Node(NAMESPACES, content))


def _pointer(file: DataFile) -> Node:
    return Node(
        {
            "ID": f"{file.identifier}Annotation",
            "classification": "DESCRIPTION",
            "category": "DMD",
        },
        {"dataObjectPointer": Node({"dataObjectID": file.identifier})},
    )


def _schema(name: str, path: str) -> Node:
    vocabulary = "SDF" if "Measurement" in name else "XML Schema"
    reference = Node(
        {
            "mimeType": "text/xml",
            "vocabularyName": vocabulary,
            "locatorType": "URL",
            "href": f"./support/{path}",
        }
    )
    return Node(
        {"ID": name, "classification": "SYNTAX", "category": "REP"},
        {"metadataReference": reference},
    )


def wrapped(name: str, title: str, content: Content) -> Node:
    """Write a metadata object around its content."""
    processing = name == "processing"
    wrap = Node(
        {"mimeType": "text/xml", "vocabularyName": "SAFE", "textInfo": title},
        {"xmlData": content},
    )
    return Node(
        {
            "ID": name,
            "classification": "PROVENANCE" if processing else "DESCRIPTION",
            "category": "PDI" if processing else "DMD",
        },
        {"metadataWrap": wrap},
    )


def _data_object(file: DataFile) -> Node:
    mime = "text/xml" if file.kind else "application/octet-stream"
    stream = Node(
        {"mimeType": mime, "size": str(file.size)},
        {
            "fileLocation": Node({"locatorType": "URL", "href": f"./{file.path}"}),
            "checksum": Node({"checksumName": "MD5"}, file.md5),
        },
    )
    return Node({"ID": file.identifier, "repID": file.schema}, {"byteStream": stream})


def _processing(images: Sequence[Image]) -> Content:
    """Say who made it. Times are those of the acquisition: equal calls give equal products."""
    first, last = images[0], images[-1]
    facility = Node(
        FACILITY,
        {
            "safe:software": Node(
                {"name": SOFTWARE, "version": f"{first.acquisition.ipf:06.2f}"}
            )
        },
    )
    auxiliary = [
        (
            "safe:resource",
            Node(
                {
                    "name": f"{first.acquisition.platform}_AUX_{role}{SIMULATED_FILE}",
                    "role": f"AUX_{role}",
                }
            ),
        )
        for role in ("PP1", "CAL", "INS")
    ]
    times = {"start": first.start, "stop": last.stop}
    inner = Node(
        {"name": "SLC Processing", **times}, [("safe:facility", facility), *auxiliary]
    )
    resource = Node(
        {"name": "simulated scenes", "role": "Level-1 Intermediate SLC Product"},
        {"safe:processing": inner},
    )
    return {
        "safe:processing": Node(
            {"name": "SLC Post Processing", **times},
            {"safe:facility": facility, "safe:resource": resource},
        )
    }


def _platform(image: Image) -> Content:
    swaths: list[tuple[str, Content]] = [("s1sarl1:mode", "WV")]
    swaths += [("s1sarl1:swath", name) for name in ("WV1", "WV2")]
    return {
        "safe:platform": {
            "safe:nssdcIdentifier": PLATFORMS[image.acquisition.platform].designator,
            "safe:familyName": "SENTINEL-1",
            "safe:number": image.acquisition.platform[2],
            "safe:instrument": {
                "safe:familyName": Node(
                    {"abbreviation": "SAR"}, "Synthetic Aperture Radar"
                ),
                "safe:extension": {"s1sarl1:instrumentMode": swaths},
            },
        }
    }


def _orbit(image: Image) -> Content:
    common = image.acquisition
    platform = PLATFORMS[common.platform]
    cycle, relative = divmod(common.orbit - platform.first_orbit, _REPEAT)
    track = image.frame.track
    ascending = abs(track.heading(0.0)) < 90
    return {
        "safe:orbitReference": [
            ("safe:orbitNumber", Node({"type": "start"}, str(common.orbit))),
            ("safe:orbitNumber", Node({"type": "stop"}, str(common.orbit))),
            ("safe:relativeOrbitNumber", Node({"type": "start"}, str(relative + 1))),
            ("safe:relativeOrbitNumber", Node({"type": "stop"}, str(relative + 1))),
            ("safe:cycleNumber", str(cycle + platform.first_cycle)),
            ("safe:phaseIdentifier", "1"),
            (
                "safe:extension",
                {
                    "s1:orbitProperties": {
                        "s1:pass": "ASCENDING" if ascending else "DESCENDING",
                        "s1:ascendingNodeTime": common.utc(-track.since_ascending_node),
                    }
                },
            ),
        ]
    }


def _general(image: Image) -> Content:
    tag = "s1sarl1:{}".format
    return {
        tag("standAloneProductInformation"): {
            tag("instrumentConfigurationID"): "1",
            tag("missionDataTakeID"): str(image.acquisition.datatake),
            tag("transmitterReceiverPolarisation"): image.acquisition.polarisation,
            tag("productClass"): "S",
            tag("productClassDescription"): "SAR Standard L1 Product",
            tag("productComposition"): "Individual",
            tag("productType"): "SLC",
            tag("productTimelinessCategory"): "Fast-24h",
            tag("sliceProductFlag"): "false",
        }
    }


def _period(images: Sequence[Image]) -> Content:
    first, last = images[0].frame, images[-1].frame
    node = first.track.since_ascending_node
    stop = float(last.time(last.lines - 1))
    return {
        "safe:acquisitionPeriod": {
            "safe:startTime": images[0].start,
            "safe:stopTime": images[-1].stop,
            "safe:extension": {
                "s1:timeANX": {
                    "s1:startTimeANX": single(1e3 * (node + float(first.time(0)))),
                    "s1:stopTimeANX": single(1e3 * (node + stop)),
                }
            },
        }
    }


def _frames(images: Sequence[Image]) -> Content:
    srs = {"srsName": "http://www.opengis.net/gml/srs/epsg.xml#4326"}
    frames: list[tuple[str, Content]] = [
        (
            "safe:frame",
            {"safe:footPrint": Node(srs, {"gml:coordinates": _footprint(image.frame)})},
        )
        for image in images
    ]
    return {"safe:frameSet": frames}


def _footprint(frame: Frame) -> str:
    """Corners in the order of real products: last line near and far, first line far and near."""
    last, far = frame.lines - 1, frame.samples - 1
    seen = frame.locate([last, last, 0, 0], [0, far, far, 0])
    corners = zip(seen.latitude, seen.longitude, strict=True)
    return " ".join(
        f"{latitude:.6f},{longitude:.6f}" for latitude, longitude in corners
    )
