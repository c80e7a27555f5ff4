"""Metadata of real products, completed where the copies at hand lack a file or its name."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from xoceansar.simulate.products.wide_product import Vectors, _vectors

DATA = Path(
    os.environ.get("XOCEANSAR_SAFE_DATA")
    or Path(__file__).parents[3] / "shared" / "data" / "safe"
)
#: Noise that is written where a product has none, linear.
NESZ = 0.004

_NOISE = """<?xml version="1.0" encoding="UTF-8"?>
<noise>
  {header}
  <noiseRangeVectorList count="{count}">
{vectors}
  </noiseRangeVectorList>
  <noiseAzimuthVectorList count="0"/>
</noise>
"""
_VECTOR = """    <noiseRangeVector>
      <azimuthTime>{time}</azimuthTime>
      <line>{line}</line>
      <pixel count="{count}">{pixel}</pixel>
      <noiseRangeLut count="{count}">{value}</noiseRangeLut>
    </noiseRangeVector>"""


def real(pattern):
    """Find a product, or skip the test."""
    found = sorted(DATA.glob(pattern))
    if not found:
        pytest.skip(f"no metadata of a real product {pattern} here")
    return found[0]


def complete(pattern, folder):
    """Copy a product, with every file that its manifest lists but pixels and RFI."""
    source = real(pattern)
    target = folder / (source.name.removesuffix(".SAFE") + ".SAFE")
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    target.chmod(0o755)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    listed = re.findall(
        r'href="\./(annotation/[^"]*\.xml)"', (target / "manifest.safe").read_text()
    )
    for path in (target / name for name in sorted(listed)):
        kind = path.name.split("-")[0]
        if path.exists() or kind == "rfi":
            continue
        if not _rename(path):
            make = _add_noise if kind == "noise" else _add_polarisation
            make(path)
    return target


def _rename(path):
    """Give a file of a copy with short names, ``noise-ew-hh.xml``, its own."""
    kind, rest = re.fullmatch(r"((?:noise-|calibration-)?)(.*)", path.name).groups()
    _, mode, _, polarisation, *_ = rest.split("-")
    short = path.with_name(f"{kind}{mode}-{polarisation}.xml")
    if short.exists():
        short.rename(path)
    return path.exists()


def _add_polarisation(path):
    """Make the annotation or calibration of the other polarisation from the one there."""
    stem = re.sub(r"-(?:vv|vh)-.*", "", path.name)
    other = next(path.parent.glob(f"{stem}-v?-*.xml"))
    text = other.read_text()
    path.write_text(
        text.replace(
            "<polarisation>VH</polarisation>", "<polarisation>VV</polarisation>"
        )
    )


def _add_noise(path):
    """Write noise of `NESZ`, a fifth stronger at the edges of the swath, in IPF 3's layout."""
    calibration = path.with_name(path.name.replace("noise-", "calibration-"))
    if not calibration.exists():
        _add_polarisation(calibration)
    root = etree.parse(calibration).getroot()
    amplitude: Vectors = _vectors(root, "calibrationVector", "sigmaNought")
    times = [node.findtext("azimuthTime") for node in root.iter("calibrationVector")]
    vectors = []
    for time, line, pixel, value in zip(
        times, amplitude.line, amplitude.sample, amplitude.value, strict=True
    ):
        across = np.linspace(-1, 1, pixel.size)
        noise = NESZ * (1 + 0.2 * across**2) * value**2
        vectors.append(
            _VECTOR.format(
                time=time,
                line=int(line),
                count=pixel.size,
                pixel=" ".join(f"{p:.0f}" for p in pixel),
                value=" ".join(f"{v:.6e}" for v in noise),
            )
        )
    header = etree.tostring(root.find("adsHeader"), encoding="unicode").strip()
    path.write_text(
        _NOISE.format(header=header, count=len(vectors), vectors="\n".join(vectors))
    )
