"""Fill the measurement files of a real Sentinel-1 product with a simulated sea.

The annotation, calibration and noise are those of the product, so that a reader does all that it
does with real data; only the pixels are simulated.
"""

import re
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from lxml import etree

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.conventions import SIMULATED_FILE
from xoceansar.errors import DomainError, OceansarError
from xoceansar.sar.calibration import Vectors
from xoceansar.sar.geometry import GeolocationGrid
from xoceansar.sar.polarisation import polarisation_ratio

__all__ = ["Backscatter", "fill_safe"]

Array = npt.NDArray[np.float64]
#: Linear sigma0 in VV at lines and samples (broadcast together), and at their incidence in degrees.
Backscatter = Callable[[Array, Array, Array], npt.ArrayLike]

#: Lines that are written at once.
_BAND: Final = 512
#: Pixels between the places where the sea is computed; between them it is linear.
_STEP: Final = 32
#: Side of a speckle cell in pixels: GRD pixels are half as large as the resolution.
_CELL: Final = 2
_DN: Final = 65535
_NOTE: Final = "SIMULATED.txt"
_COMPLEX_DN: Final = 32767
#: Names in the manifest: of the processing facilities, and of the auxiliary files, which readers
#: pass on as attributes.
_FACILITY: Final = re.compile(r'(facility\b[^>]*\bname=")(?!Simulated)')
_AUXILIARY: Final = re.compile(
    rf'(_AUX_(?:CAL|PP1|INS)(?:(?!{SIMULATED_FILE})[^"])*)\.SAFE'
)


@dataclass(frozen=True, eq=False)
class _Image:
    """What the annotation of one measurement file says."""

    stem: str
    polarisation: str
    lines: int
    samples: int
    slc: bool
    grid: GeolocationGrid
    amplitude: Vectors
    noise: Vectors
    azimuth: list[tuple[slice, slice, Array, Array]]


def fill_safe(
    template: str | Path,
    folder: str | Path,
    sigma0: Backscatter,
    *,
    polarisations: tuple[str, ...] = ("VV", "HH"),
    lines: int | None = None,
    samples: int | None = None,
    looks: float = 4.4,
    seed: int = 0,
) -> Path:
    """Copy a GRD or stripmap SLC product and write simulated pixels into its measurement files.

    Parameters
    ----------
    template : str or Path
        A ``.SAFE`` folder with annotation, calibration and noise; its measurements may be empty.
    folder : str or Path
        Where to put the copy, which keeps the product's name.
    sigma0 : callable
        Linear sigma0 in VV as a function of line, sample (pixel coordinates, broadcast together)
        and incidence (degree). Evaluated every 32 pixels and interpolated.
    polarisations : tuple of str, default ("VV", "HH")
        Which files to fill: HH is the same sea over the polarisation ratio of Mouche et al. (2005).
        Others hold zeros, which are no data.
    lines, samples : int, optional
        Keep the first of them, by changing the two sizes in the annotation and nothing else.
    looks : float, default 4.4
        Looks of a speckle cell of 2 by 2 pixels: 4.4 for IW GRDH, 10.7 for EW GRDM, 29.7 for SM GRDH.
        Pixels of SLC products are complex Gaussian, one look each. Infinite for no speckle.
    seed : int, default 0
        Of the speckle.

    Returns
    -------
    Path
        The filled product. A file ``SIMULATED.txt`` in it says what it is, and so do the names of the
        facilities and of the auxiliary files in its manifest (``_SIMULATED``), which xsar passes on
        as attributes.

    Raises
    ------
    OceansarError
        If the template is no product with a manifest, annotation, calibration and noise, or the
        folder holds a product of that name that is not simulated, such as the template itself.
    DomainError
        If `lines` or `samples` exceed the product's, or it holds bursts (IW and EW SLC).
    MissingDependencyError
        If rasterio is not installed.

    Notes
    -----
    ``|DN|^2 = (sigma0 + nesz) A^2`` times unit-mean gamma speckle, in whole numbers, with random
    phases in SLC products. A is bilinear, and the noise is the product of its range part, bilinear,
    and its azimuth part, linear. Where a product has azimuth noise, but none for a pixel, no
    sub-swath reaches: such borders hold zeros. One band of 512 lines is in memory.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441; looks: Sentinel-1 Product Definition,
    S1-RS-MDA-52-7440, section 5.

    Examples
    --------
    >>> path = fill_safe(  # doctest: +SKIP
    ...     "S1A_EW_GRDM_1SDH_....SAFE", "filled", lambda line, sample, incidence: 0.02
    ... )
    """
    template = Path(template)
    _check(template)
    target = local_target(folder, "a product") / template.name
    if target.exists():
        if target.samefile(template) or not (target / _NOTE).exists():
            raise OceansarError(
                f"{target} is the template, or was not simulated, and is not replaced. Give "
                "another folder."
            )
        shutil.rmtree(target)
    # Not the modes, which may be read-only.
    shutil.copytree(template, target, copy_function=shutil.copyfile)
    target.chmod(0o755)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for number, note in enumerate(sorted((target / "annotation").glob("*.xml"))):
        _cut(note, lines, samples)
        image = _read(note)
        filled = image.polarisation in polarisations
        chance = np.random.default_rng([seed, number])
        _write(target, image, sigma0 if filled else None, looks, chance)
    _mark(target)
    return target


def _check(template: Path) -> None:
    notes = sorted((template / "annotation").glob("*.xml"))
    if not notes or not (template / "manifest.safe").exists():
        raise OceansarError(
            f"{template} is no SAFE product: it has no manifest.safe or no annotation. Give "
            "the .SAFE folder."
        )
    for note in notes:
        if "<burst>" in note.read_text():
            raise DomainError(
                f"{note.name} holds bursts, which overlap. Give the GRD product of the same "
                "pass."
            )


def _mark(target: Path) -> None:
    """Say that the pixels are simulated, where people and where readers look."""
    words = "The pixels are simulated: not a measurement of the sea.\n"
    (target / _NOTE).write_text(words)
    manifest = target / "manifest.safe"
    text = _FACILITY.sub(
        r"\1Simulated, not a measurement; after ", manifest.read_text()
    )
    manifest.write_text(_AUXILIARY.sub(rf"\1{SIMULATED_FILE}", text))


def _cut(note: Path, lines: int | None, samples: int | None) -> None:
    text = note.read_text()
    for name, size in (("numberOfLines", lines), ("numberOfSamples", samples)):
        found = re.search(rf"<{name}>(\d+)</{name}>", text)
        if found is None:
            raise OceansarError(f"{note} has no {name}.")
        if size is None:
            continue
        if not 2 <= size <= int(found[1]):
            raise DomainError(f"{name} must be 2 to {found[1]}; got {size}.")
        text = text.replace(found[0], f"<{name}>{size}</{name}>", 1)
    note.write_text(text)


def _read(note: Path) -> _Image:
    root: Any = etree.parse(note).getroot()
    folder = note.parent / "calibration"
    files = [folder / f"{kind}-{note.name}" for kind in ("calibration", "noise")]
    if not all(file.exists() for file in files):
        raise OceansarError(f"{note} has no calibration or noise beside it.")
    calibration, noise = (etree.parse(file).getroot() for file in files)
    # Before IPF 2.9 noise had no azimuth part, and other names.
    range_noise = ("noiseRangeVector", "noiseRangeLut")
    if next(noise.iter(range_noise[0]), None) is None:
        range_noise = ("noiseVector", "noiseLut")
    information = root.find(".//imageAnnotation/imageInformation")
    return _Image(
        stem=note.stem,
        polarisation=str(root.findtext(".//adsHeader/polarisation")),
        lines=int(information.findtext("numberOfLines")),
        samples=int(information.findtext("numberOfSamples")),
        slc=root.findtext(".//adsHeader/productType") == "SLC",
        grid=_grid(root),
        amplitude=_vectors(calibration, "calibrationVector", "sigmaNought"),
        noise=_vectors(noise, *range_noise),
        azimuth=[_azimuth(v) for v in noise.iter("noiseAzimuthVector")],
    )


def _numbers(node: Any, name: str) -> Array:
    return np.array(node.findtext(name).split(), dtype=float)


def _vectors(root: Any, tag: str, name: str) -> Vectors:
    nodes = list(root.iter(tag))
    return Vectors(
        line=np.array([float(node.findtext("line")) for node in nodes]),
        sample=tuple(_numbers(node, "pixel") for node in nodes),
        value=tuple(_numbers(node, name) for node in nodes),
    )


def _azimuth(node: Any) -> tuple[slice, slice, Array, Array]:
    ends = {
        name: int(node.findtext(name))
        for name in (
            "firstAzimuthLine", "lastAzimuthLine", "firstRangeSample", "lastRangeSample"
        )
    }  # fmt: skip
    return (
        slice(ends["firstAzimuthLine"], ends["lastAzimuthLine"] + 1),
        slice(ends["firstRangeSample"], ends["lastRangeSample"] + 1),
        _numbers(node, "line"),
        _numbers(node, "noiseAzimuthLut"),
    )


def _grid(root: Any) -> GeolocationGrid:
    points = list(root.iter("geolocationGridPoint"))
    lines, row = np.unique(
        [int(p.findtext("line")) for p in points], return_inverse=True
    )
    samples, column = np.unique(
        [int(p.findtext("pixel")) for p in points], return_inverse=True
    )
    tables = []
    for name in ("longitude", "latitude", "incidenceAngle"):
        table = np.zeros((lines.size, samples.size))
        table[row, column] = [float(p.findtext(name)) for p in points]
        tables.append(table)
    return GeolocationGrid(lines.astype(float), samples.astype(float), *tables)


def _write(
    target: Path,
    image: _Image,
    sigma0: Backscatter | None,
    looks: float,
    chance: np.random.Generator,
) -> None:
    rasterio = require("rasterio", extra="simulate")
    path = target / "measurement" / f"{image.stem}.tiff"
    path.unlink(missing_ok=True)
    profile = {
        "driver": "GTiff", "width": image.samples, "height": image.lines, "count": 1,
        "dtype": "complex_int16" if image.slc else "uint16", "sparse_ok": True, "blockysize": 16,
    }  # fmt: skip
    with warnings.catch_warnings():
        # The measurements of GRD and SLC products have no map projection.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        file = rasterio.open(path, "w", **profile)
    with file:
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION="simulated sea")
        if sigma0 is None:
            return
        amplitude = image.amplitude.table(image.samples).astype(np.float32)
        noise = image.noise.table(image.samples).astype(np.float32)
        for start in range(0, image.lines, _BAND):
            rows = np.arange(start, min(start + _BAND, image.lines), dtype=float)
            gain = _between(image.amplitude.line, amplitude, rows) ** 2
            power = _sea(image, sigma0, rows) * gain
            factor = _factor(image, rows)
            power += _between(image.noise.line, noise, rows) * factor
            power[factor == 0] = 0
            make = _complex if image.slc else _detected
            file.write(
                make(power, looks, chance), 1,
                window=((start, start + rows.size), (0, image.samples)),
            )  # fmt: skip


def _between(
    lines: Array, table: npt.NDArray[np.float32], at: Array
) -> npt.NDArray[np.float32]:
    """Interpolate vectors between their lines; the ends are extended."""
    index = np.interp(at, lines, np.arange(lines.size))
    first = np.clip(np.floor(index), 0, lines.size - 2).astype(int)
    part = (index - first).astype(np.float32)[:, None]
    mean: npt.NDArray[np.float32] = (1 - part) * table[first] + part * table[first + 1]
    return mean


def _factor(image: _Image, rows: Array) -> npt.NDArray[np.float32]:
    """Return the azimuth part of the noise; zero where no sub-swath reaches."""
    fill = 0.0 if image.azimuth else 1.0
    factor = np.full((rows.size, image.samples), fill, np.float32)
    for lines, samples, line, value in image.azimuth:
        inside = (rows >= lines.start) & (rows < lines.stop)
        factor[inside, samples] = np.interp(rows[inside], line, value)[:, None]
    return factor


def _sea(image: _Image, sigma0: Backscatter, rows: Array) -> npt.NDArray[np.float32]:
    """Compute the sea on a coarse lattice of the band, and interpolate it."""
    line = np.unique(np.r_[rows[0] : rows[-1] : _STEP, rows[-1]])
    sample = np.unique(np.r_[0.0 : image.samples - 1 : _STEP, image.samples - 1.0])
    angle = image.grid.incidence_at(line[:, None], sample[None, :])
    coarse = np.broadcast_to(sigma0(line[:, None], sample[None, :], angle), angle.shape)
    if image.polarisation == "HH":
        coarse = coarse / polarisation_ratio(angle)
    at = np.arange(image.samples, dtype=float)
    index = np.interp(at, sample, np.arange(sample.size))
    first = np.clip(np.floor(index), 0, sample.size - 2).astype(int)
    part = (index - first).astype(np.float32)
    coarse = coarse.astype(np.float32)
    across = (1 - part) * coarse[:, first] + part * coarse[:, first + 1]
    return _between(line, across, rows)


def _detected(
    power: npt.NDArray[np.float32], looks: float, chance: np.random.Generator
) -> npt.NDArray[np.uint16]:
    """Give the numbers of a GRD product, speckled by gamma numbers over cells of pixels."""
    if np.isfinite(looks):
        cells = tuple(-(-n // _CELL) for n in power.shape)
        gamma = chance.standard_gamma(looks, cells, dtype=np.float32)
        gamma = (gamma / np.float32(looks)).repeat(_CELL, axis=0).repeat(_CELL, axis=1)
        power = power * gamma[: power.shape[0], : power.shape[1]]
    return np.clip(np.rint(np.sqrt(power)), 0, _DN).astype(np.uint16)


def _complex(
    power: npt.NDArray[np.float32], looks: float, chance: np.random.Generator
) -> npt.NDArray[np.complex64]:
    """Give the numbers of an SLC product: whole, of random phase."""
    if np.isfinite(looks):
        power = power * chance.standard_exponential(power.shape, dtype=np.float32)
    amplitude = np.sqrt(power)
    phase = 2 * np.float32(np.pi) * chance.random(power.shape, dtype=np.float32)
    numbers = np.empty(power.shape, np.complex64)
    numbers.real = np.rint(amplitude * np.cos(phase))
    numbers.imag = np.rint(amplitude * np.sin(phase))
    for part in (numbers.real, numbers.imag):
        np.clip(part, -_COMPLEX_DN, _COMPLEX_DN, out=part)
    return numbers
