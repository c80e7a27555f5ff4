"""Write simulated scenes as a Sentinel-1 wave-mode single-look complex product (SAFE)."""

import contextlib
import hashlib
import math
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from xoceansar._paths import local_target
from xoceansar._progress import tracked
from xoceansar.errors import DomainError, OceansarError
from xoceansar.simulate.products.acquisition import (
    IMAGING,
    PLATFORMS,
    SECONDS_BETWEEN,
    Acquisition,
    Image,
    frame_of,
)
from xoceansar.simulate.products.annotation_xml import (
    annotation_xml,
    geolocation_pixels,
)
from xoceansar.simulate.products.calibration_xml import (
    calibration_xml,
    lut_gain,
    noise_xml,
)
from xoceansar.simulate.products.complex_pixels import digital_numbers, in_polarisation
from xoceansar.simulate.products.doppler_band import draw_doppler_band
from xoceansar.simulate.products.geotiff import TiePoints, write_tiff
from xoceansar.simulate.products.manifest_xml import (
    SOFTWARE,
    DataFile,
    manifest_xml,
    product_name,
)
from xoceansar.simulate.products.product_geometry import Frame, Track, track_over
from xoceansar.simulate.products.truth_file import (
    truth_path,
    vignette_truth,
    write_truth,
)
from xoceansar.simulate.sea.orbit import destination
from xoceansar.simulate.sea.scenes import Scene, scene

__all__ = ["processor_version", "truth_path", "write_safe"]

_FIRST_RANGE_DIALECT: Final = 2.90
_DEFAULT_COUNT: Final = 8
_DISTANCE_BETWEEN: Final = 100e3  # m, of vignettes on the ground
_SCENE_SIZE: Final = 21_600.0  # m; images are up to 21.5 km wide (wv1) and 20.4 km long


@dataclass(frozen=True)
class _Order:
    """What to write."""

    acquisition: Acquisition
    legacy_noise: bool
    seed: int
    place: tuple[float, float, float]


def write_safe(
    folder: str | Path,
    n: int | None = None,
    *,
    seed: int = 0,
    scenes: Sequence[Scene] | None = None,
    platform: Literal["S1A", "S1B", "S1C", "S1D"] = "S1A",
    polarisation: Literal["VV", "HH"] = "VV",
    ipf: str | float = "003.71",
    noise: Literal["range", "legacy"] | None = None,
    scale: float = 1.0,
    start: str = "2021-04-03T08:30:25.749829",
    longitude: float = -34.67,
    latitude: float = 36.05,
    heading: float = -168.2,
    orbit: int = 26300,
    datatake: int = 205712,
) -> Path:
    """Write a simulated wave-mode product in the format of the ground segment.

    Parameters
    ----------
    folder : str or Path
        Where to put the product; made if it is not there.
    n : int, optional
        Number of vignettes, wv1 and wv2 in turn; as many as `scenes`, or 8.
    seed : int, default 0
        Chance of scenes, speckle and numbers of lines; equal calls write equal files.
    scenes : sequence of Scene, optional
        Scenes to carry, one a vignette, whose beams and incidences are kept;
        ``simulate.scene(seed + i, latitude=...)`` by default, at the place of each.
    platform : {"S1A", "S1B", "S1C", "S1D"}, default "S1A"
        Satellite.
    polarisation : {"VV", "HH"}, default "VV"
        HH is the VV scene over the polarisation ratio of Mouche et al. (2005).
    ipf : str or float, default "003.71"
        Processor version. It decides the noise dialect, and for 2.90 and 2.91 of S1A and S1B
        the excess of the noise tables by 36.8 to 39.3 dB.
    noise : {"range", "legacy"}, optional
        Noise dialect: ``noiseRangeVectorList`` (the default from IPF 2.90) or
        ``noiseVectorList``.
    scale : float, default 1
        Factor on lines and samples, from 0.02 to 1; the spacing stays, so the image covers the
        middle of the scene. At 1 the files have the real sizes.
    start : str, default "2021-04-03T08:30:25.749829"
        UTC of the first line.
    longitude, latitude : float
        Centre of the first vignette, degrees.
    heading : float
        Direction of increasing line there, degrees clockwise from north; the pass is descending
        beyond 90 degrees.
    orbit, datatake : int
        Absolute orbit and mission data take.

    Returns
    -------
    Path
        The ``.SAFE`` directory. `truth_path` of it is a netCDF file with the truth.

    Raises
    ------
    OceansarError
        If an argument is not one of those named above.
    DomainError
        If a scene is smaller than its image, or the place is near a pole.
    MissingDependencyError
        If scenes are to be simulated and xsarsea is not installed.

    Notes
    -----
    Vignettes start 14.66 s and 100 km apart on a great circle. The scene is interpolated
    cubically to the slant-range grid, centred on the middle pixel, and
    ``|DN|^2 = (sigma0 + nesz) A^2`` on average, in whole numbers. Speckle is complex Gaussian,
    band-limited in range and in azimuth by Hamming windows of coefficient 0.75 about the Doppler
    centroid, as the annotation says. Each Doppler frequency sees the looks of the scene at its own
    time, so cross-spectra of sub-looks hold the motion of the waves (scenes without `looks` stand
    still). The centroid of the image is that of the antenna, drawn within 40 Hz, and that of the
    mean orbital motion of the resolved waves.

    The manifest names this package as the processor and says that the data are simulated.
    Schemas are referred to and not copied. One vignette is in memory at a time.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441.
    Mouche et al. (2005), https://doi.org/10.1109/TGRS.2004.843251.

    Examples
    --------
    >>> import xoceansar as xos
    >>> product = write_safe(".", 1, seed=1, scale=0.02)
    >>> product.name[:16]
    'S1A_WV_SLC__1SSV'
    >>> xos.open_wave_mode(product, shape=(4, 4)).beam.values
    array(['wv1'], dtype='<U3')
    """
    version = processor_version(ipf)
    dialect = noise or ("range" if version >= _FIRST_RANGE_DIALECT else "legacy")
    if not 0.02 <= scale <= 1:
        raise OceansarError(f"scale must be between 0.02 and 1; got {scale}.")
    order = _Order(
        acquisition=Acquisition(
            platform=_one_of("platform", platform, tuple(PLATFORMS)),
            polarisation=_one_of("polarisation", polarisation, ("VV", "HH")),
            ipf=version,
            epoch=_time(start),
            orbit=orbit,
            datatake=datatake,
            scale=scale,
        ),
        legacy_noise=_one_of("noise", dialect, ("range", "legacy")) == "legacy",
        seed=seed,
        place=(longitude, latitude, heading),
    )
    count = _count(scenes, n)
    folder = local_target(folder, "a product")
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=".safe-") as draft,
        tracked(
            _simulated(count, seed, order.place) if scenes is None else scenes,
            "simulating vignettes",
            count,
        ) as views,
    ):
        return _write(folder, Path(draft) / "product", order, views)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise OceansarError(
            f"{name} must be one of {', '.join(choices)}; got {value!r}."
        )
    return value


def processor_version(ipf: str | float) -> float:
    """Read a processor version."""
    if not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", str(ipf)):
        raise OceansarError(
            f"ipf must be a processor version such as '003.71' or 3.71; got {ipf!r}."
        )
    return float(ipf)


def _time(start: str) -> np.datetime64:
    text = str(start)
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?", text):
        with contextlib.suppress(ValueError):
            return np.datetime64(text, "us")
    raise OceansarError(
        f"start must be a time in UTC such as '2021-04-03T08:30:25'; got {start!r}."
    )


def _count(scenes: Sequence[Scene] | None, n: int | None) -> int:
    """Check the number of vignettes."""
    count = (_DEFAULT_COUNT if scenes is None else len(scenes)) if n is None else n
    if not 1 <= count <= 999:
        raise OceansarError(f"a product holds 1 to 999 vignettes; got {count}.")
    if scenes is not None and len(scenes) != count:
        raise OceansarError(
            f"n is {count} and there are {len(scenes)} scenes: leave n out."
        )
    return count


def _latitude(place: tuple[float, float, float], number: int) -> float:
    """Latitude of a vignette, on the great circle of the pass."""
    longitude, latitude, heading = place
    way = _DISTANCE_BETWEEN * (number - 1)
    return float(destination(longitude, latitude, heading, way)[1])


def _simulated(
    count: int, seed: int, place: tuple[float, float, float]
) -> Iterator[Scene]:
    """Scenes one at a time."""
    for i in range(count):
        yield scene(
            seed + i,
            beam=("wv1", "wv2")[i % 2],
            latitude=_latitude(place, i + 1),
            size=_SCENE_SIZE,
        )


def _write(folder: Path, draft: Path, order: _Order, views: Iterable[Scene]) -> Path:
    """Write into the draft, whose name is known only when its manifest is."""
    (draft / "annotation" / "calibration").mkdir(parents=True)
    (draft / "measurement").mkdir()
    track: Track | None = None
    images: list[Image] = []
    files: list[DataFile] = []
    truths: list[dict[str, str | float | int]] = []
    for number, view in enumerate(views, start=1):
        frame = _frame(order, view, number, track)
        track = frame.track
        band = draw_doppler_band(
            np.random.default_rng([order.seed, number, 1]),
            view.truth.get("radial_velocity", 0.0),
        )
        image = Image(number, view.environment.beam, frame, order.acquisition, band)
        try:
            files += _write_vignette(draft, order, image, view)
        except DomainError as error:
            raise DomainError(f"vignette {number}: {error}") from error
        images.append(image)
        sigma0 = in_polarisation(view, order.acquisition.polarisation)
        truths.append(vignette_truth(image, view, sigma0))
    files.sort(key=lambda file: not file.kind)  # measurements last, as in real ones
    manifest = manifest_xml(images, files)
    (draft / "manifest.safe").write_bytes(manifest)
    # The name ends with a checksum of the manifest, which holds those of all files: what has
    # this name already is this product.
    target = folder / product_name(images[0], images[-1], manifest)
    if target.exists():
        shutil.rmtree(target)
    write_truth(truth_path(target), truths, target.name)
    return draft.rename(target)


def _frame(order: _Order, view: Scene, number: int, track: Track | None) -> Frame:
    """Place a vignette; the first one also places the orbit."""
    beam, incidence = view.environment.beam, view.environment.incidence
    imaging, scale = IMAGING[beam], order.acquisition.scale
    chance = np.random.default_rng([order.seed, number])
    sine = math.sin(math.radians(_latitude(order.place, number)))
    usual = imaging.lines[0] + imaging.lines[1] * sine + imaging.lines[2] * sine**2
    spread = int(chance.integers(-imaging.line_spread, imaging.line_spread + 1))
    lines = round((usual + spread) * scale)
    start = SECONDS_BETWEEN * (number - 1)
    if track is None:
        middle = start + (lines - 1) / 2 / imaging.line_rate
        track = track_over(*order.place, time=middle, incidence=incidence)
    return frame_of(
        track, beam, start=start, incidence=incidence, lines=lines, scale=scale
    )


def _write_vignette(
    draft: Path, order: _Order, image: Image, view: Scene
) -> list[DataFile]:
    """Write the four files of a vignette."""
    frame = image.frame
    pixels = digital_numbers(
        in_polarisation(view, image.acquisition.polarisation),
        view,
        frame,
        lut_gain(frame.incidence),
        image.band,
        np.random.SeedSequence([order.seed, image.number]),
    )
    deviation = (float(pixels[::8, :, 0].std()), float(pixels[::8, :, 1].std()))
    texts = {
        "product": annotation_xml(image, deviation),
        "noise": noise_xml(image, view, legacy=order.legacy_noise),
        "calibration": calibration_xml(image),
    }
    files = []
    for kind, text in texts.items():
        prefix = "" if kind == "product" else f"calibration/{kind}-"
        path = f"annotation/{prefix}{image.stem}.xml"
        (draft / path).write_bytes(text)
        md5 = hashlib.md5(text, usedforsecurity=False).hexdigest()
        files.append(DataFile(kind, image.stem, path, len(text), md5))
    path = f"measurement/{image.stem}.tiff"
    size, md5 = write_tiff(
        draft / path,
        pixels,
        _tie_points(frame),
        description=f"{image.stem}: simulated, not a measurement of the sea",
        software=SOFTWARE,
        created=image.start[:19].replace("-", ":").replace("T", " "),
    )
    return [*files, DataFile("", image.stem, path, size, md5)]


def _tie_points(frame: Frame) -> TiePoints:
    line, sample = np.meshgrid(
        *geolocation_pixels(frame.lines, frame.samples), indexing="ij"
    )
    seen = frame.locate(line, sample)
    return TiePoints(line, sample, seen.longitude, seen.latitude)
