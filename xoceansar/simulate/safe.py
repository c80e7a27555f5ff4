"""Write simulated scenes as a Sentinel-1 wave-mode single-look complex product (SAFE)."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar import conventions
from xoceansar.errors import DomainError, OceansarError
from xoceansar.simulate import safe_pixels
from xoceansar.simulate.imaging import SLC_RESOLUTION
from xoceansar.simulate.safe_annotation import annotation_xml, geolocation_pixels
from xoceansar.simulate.safe_geometry import Frame, Track, track_over
from xoceansar.simulate.safe_image import IMAGING, SECONDS_BETWEEN, Image, frame_of
from xoceansar.simulate.safe_luts import calibration_xml, lut_gain, noise_xml
from xoceansar.simulate.safe_manifest import (
    SOFTWARE,
    DataFile,
    manifest_xml,
    product_name,
)
from xoceansar.simulate.safe_tiff import TiePoints, write_tiff
from xoceansar.simulate.scene import Scene, scene

__all__ = ["polarisation_ratio", "truth_path", "write_safe"]

_PLATFORMS: Final = ("S1A", "S1B", "S1C", "S1D")
_POLARISATIONS: Final = ("VV", "HH")
_FIRST_RANGE_DIALECT: Final = 2.90
_SCENE_SIZE: Final = 21_600.0  # m; the image is 21.1 km wide (wv1) and 20.4 km long
_TRUTH_SIZE: Final = 19_200.0  # m, the grid that vignettes are read on


def polarisation_ratio(incidence: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Compute the ratio of VV to HH backscatter of the sea, linear.

    Parameters
    ----------
    incidence : array_like
        Degrees.

    Returns
    -------
    ndarray
        ``0.00650704 exp(0.128983 theta) + 0.992839``.

    References
    ----------
    Mouche et al. (2005), https://doi.org/10.1109/TGRS.2004.843251, the ratio of incidence alone.

    Examples
    --------
    >>> polarisation_ratio([23.8, 36.8]).round(3)
    array([1.133, 1.743])
    """
    theta = np.asarray(incidence, dtype=float)
    result: npt.NDArray[np.float64] = 0.00650704 * np.exp(0.128983 * theta) + 0.992839
    return result


def truth_path(product: str | Path) -> Path:
    """Return where `write_safe` puts the truth of a product: beside it, not inside.

    Parameters
    ----------
    product : str or Path
        The ``.SAFE`` directory.

    Returns
    -------
    Path
        A netCDF file of the same name.

    Examples
    --------
    >>> truth_path("data/S1A_WV_SLC.SAFE").name
    'S1A_WV_SLC.truth.nc'
    """
    return Path(product).with_suffix(".truth.nc")


@dataclass(frozen=True)
class _Product:
    """What all vignettes of a product share."""

    platform: str
    polarisation: str
    ipf: float
    legacy_noise: bool
    scale: float
    epoch: np.datetime64
    orbit: int
    datatake: int
    seed: int


def write_safe(
    folder: str | Path,
    n: int = 8,
    *,
    seed: int = 0,
    scenes: Sequence[Scene] | None = None,
    platform: str = "S1A",
    polarisation: Literal["VV", "HH"] = "VV",
    ipf: str | float = "003.71",
    noise: Literal["range", "legacy"] | None = None,
    scale: float = 1.0,
    start: str | np.datetime64 = "2021-04-03T08:30:25.749829",
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
    n : int, default 8
        Number of vignettes, at most 999; wv1 and wv2 alternate. Ignored with `scenes`.
    seed : int, default 0
        Chance of scenes and speckle; equal calls write equal files.
    scenes : sequence of Scene, optional
        Scenes to carry, one a vignette, whose beams and incidences are kept;
        ``simulate.scene(seed + i)`` by default.
    platform : {"S1A", "S1B", "S1C", "S1D"}, default "S1A"
        Satellite.
    polarisation : {"VV", "HH"}, default "VV"
        HH is the VV scene over `polarisation_ratio`.
    ipf : str or float, default "003.71"
        Processor version; decides the noise dialect, and for 2.90 and 2.91 of S1A and S1B the
        excess of the noise tables by 36.8 to 39.3 dB.
    noise : {"range", "legacy"}, optional
        Noise dialect: ``noiseRangeVectorList`` (the default from IPF 2.90) or
        ``noiseVectorList``.
    scale : float, default 1
        Factor on lines and samples, from 0.02; the spacing stays, so the image covers the middle
        of the scene. At 1 the files have the real sizes.
    start : str or datetime64
        UTC of the first line.
    longitude, latitude : float
        Centre of the first vignette, degrees.
    heading : float
        Direction of increasing line there, degrees clockwise from north; beyond 90 degrees from
        north the pass is descending.
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

    Notes
    -----
    Vignettes start 14.66 s and 100 km apart on a great circle. The scene is interpolated
    bilinearly to the slant-range grid, centred on the middle pixel, and
    ``|DN|^2 = (sigma0 + nesz) A^2`` on average. Speckle is complex Gaussian with a resolution cell
    of 5 m by 5 m: an average over an area has ``area / 25 m^2`` looks. It has no spectral
    support beyond that correlation (no Doppler, no sub-looks), so cross-spectra of the written
    image are not those of a real one.

    The manifest names this package as the processor. Schemas are referred to and not copied.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441.
    """
    product = _Product(
        platform=_one_of("platform", platform, _PLATFORMS),
        polarisation=_one_of("polarisation", polarisation, _POLARISATIONS),
        ipf=(version := _version(ipf)),
        legacy_noise=_one_of(
            "noise",
            noise or ("range" if version >= _FIRST_RANGE_DIALECT else "legacy"),
            ("range", "legacy"),
        )
        == "legacy",
        scale=_scale(scale),
        epoch=np.datetime64(start, "us"),
        orbit=orbit,
        datatake=datatake,
        seed=seed,
    )
    if scenes is not None:
        n = len(scenes)
    if not 1 <= n <= 999:
        raise OceansarError(f"a product holds 1 to 999 vignettes; got {n}.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    place = (longitude, latitude, heading)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".safe-") as temporary:
        draft = Path(temporary) / "product"
        return _write(folder, draft, product, place, _scenes(scenes, n, seed))


def _one_of(name: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise OceansarError(
            f"{name} must be one of {', '.join(choices)}; got {value!r}."
        )
    return value


def _version(ipf: str | float) -> float:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,2})?", str(ipf)):
        raise OceansarError(
            f"ipf must be a processor version such as '003.71' or 3.71; got {ipf!r}."
        )
    return float(ipf)


def _scale(scale: float) -> float:
    if not 0.02 <= scale <= 1.0:
        raise OceansarError(f"scale must be between 0.02 and 1; got {scale}.")
    return scale


def _scenes(scenes: Sequence[Scene] | None, n: int, seed: int) -> Iterator[Scene]:
    """Scenes one at a time: they need not be in memory together."""
    if scenes is not None:
        yield from scenes
        return
    for i in range(n):
        yield scene(seed + i, beam=("wv1", "wv2")[i % 2], size=_SCENE_SIZE)


def _write(
    folder: Path,
    draft: Path,
    product: _Product,
    place: tuple[float, float, float],
    scenes: Iterator[Scene],
) -> Path:
    """Write into the draft, whose name is known only when its manifest is."""
    (draft / "annotation" / "calibration").mkdir(parents=True)
    (draft / "measurement").mkdir()
    track: Track | None = None
    images: list[Image] = []
    files: list[DataFile] = []
    truths: list[xr.Dataset] = []
    for number, view in enumerate(scenes, start=1):
        frame = _frame(product, view, number, track, place)
        track = frame.track
        image = Image(
            number=number,
            beam=view.environment.beam,
            frame=frame,
            epoch=product.epoch,
            platform=product.platform,
            polarisation=product.polarisation,
            ipf=product.ipf,
            orbit=product.orbit,
            datatake=product.datatake,
            scale=product.scale,
        )
        clean = _polarised(view, product.polarisation)
        files += _write_vignette(draft, product, image, view, clean)
        images.append(image)
        truths.append(_truth(image, view, clean))
    manifest = manifest_xml(images, _in_order(files))
    (draft / "manifest.safe").write_bytes(manifest)
    # The name ends with a checksum of the manifest, which holds those of all files: what has
    # this name already is this product.
    target = folder / product_name(images[0], images[-1], manifest)
    if target.exists():
        shutil.rmtree(target)
    _write_truth(truth_path(target), truths, target.name)
    return draft.rename(target)


def _in_order(files: list[DataFile]) -> list[DataFile]:
    """All annotation of all vignettes, then all measurements, as real manifests list them."""
    return [f for f in files if f.kind] + [f for f in files if not f.kind]


def _frame(
    product: _Product,
    view: Scene,
    number: int,
    track: Track | None,
    place: tuple[float, float, float],
) -> Frame:
    """Place a vignette; the first one also places the orbit."""
    beam, incidence = view.environment.beam, view.environment.incidence
    imaging = IMAGING[beam]
    chance = np.random.default_rng([product.seed, number])
    spread = int(chance.integers(-imaging.line_spread, imaging.line_spread + 1))
    lines = round((imaging.lines + spread) * product.scale)
    start = SECONDS_BETWEEN * (number - 1)
    if track is None:
        middle = start + (lines - 1) / 2 / imaging.line_rate
        track = track_over(*place, time=middle, incidence=incidence)
    return frame_of(
        track, beam, start=start, incidence=incidence, lines=lines, scale=product.scale
    )


def _polarised(view: Scene, polarisation: str) -> npt.NDArray[np.float32]:
    """Backscatter of the scene in the product's polarisation."""
    if polarisation == "VV":
        return view.sigma0
    return view.sigma0 / polarisation_ratio(view.incidence).astype(np.float32)


def _cells(
    view: Scene, image: Image
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Positions of lines and samples in the scene, in cells; the centres coincide."""
    frame = image.frame
    ny, nx = view.sigma0.shape
    azimuth = (np.arange(frame.lines) - frame.centre[0]) * frame.azimuth_spacing
    length, width = np.ptp(azimuth), np.ptp(frame.ground_range)
    if length > ny * view.spacing or width > nx * view.spacing:
        raise DomainError(
            f"vignette {image.number} covers {length / 1e3:.2f} x {width / 1e3:.2f} km and "
            f"its scene {ny * view.spacing / 1e3:.2f} x {nx * view.spacing / 1e3:.2f} km. "
            f"Pass scenes made with simulate.scene(size={_SCENE_SIZE:.0f}), or a smaller scale."
        )
    rows = azimuth / view.spacing + (ny - 1) / 2
    columns = frame.ground_range / view.spacing + (nx - 1) / 2
    return rows, columns


def _write_vignette(
    draft: Path,
    product: _Product,
    image: Image,
    view: Scene,
    clean: npt.NDArray[np.float32],
) -> list[DataFile]:
    """Write the four files of a vignette."""
    frame = image.frame
    rows, columns = _cells(view, image)
    nesz = np.interp(columns, np.arange(len(view.nesz)), view.nesz)
    slant = frame.sample_spacing / np.sin(np.radians(view.environment.incidence))
    pixels = safe_pixels.digital_numbers(
        clean,
        rows,
        columns,
        nesz=nesz,
        gain=lut_gain(frame.incidence),
        taps=(
            safe_pixels.speckle_taps(frame.azimuth_spacing, SLC_RESOLUTION),
            safe_pixels.speckle_taps(slant, SLC_RESOLUTION),
        ),
        seed=np.random.SeedSequence([product.seed, image.number]),
    )
    deviation = (float(pixels[::8, :, 0].std()), float(pixels[::8, :, 1].std()))
    texts = {
        "product": annotation_xml(image, deviation),
        "noise": noise_xml(image, nesz, legacy=product.legacy_noise),
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
        description=f"{image.stem}: simulated, not a measurement",
        software=SOFTWARE,
        created=image.start[:19].replace("-", ":").replace("T", " "),
    )
    files.append(DataFile("", image.stem, path, size, md5))
    return files


def _tie_points(frame: Frame) -> TiePoints:
    line, sample = np.meshgrid(
        *geolocation_pixels(frame.lines, frame.samples), indexing="ij"
    )
    seen = frame.locate(line, sample)
    return TiePoints(line, sample, seen.longitude, seen.latitude)


def _truth(image: Image, view: Scene, clean: npt.NDArray[np.float32]) -> xr.Dataset:
    """What a retrieval of this vignette should find."""
    frame = image.frame
    rows, columns = _cells(view, image)
    weights = [
        _mean_weights(*_middle_of(cells, view.spacing), size)
        for cells, size in zip((rows, columns), clean.shape, strict=True)
    ]
    centre = frame.locate(*frame.centre)
    heading = frame.ground_heading
    values = {
        "vignette_id": image.stem,
        "sigma0_mean": weights[0] @ clean.astype(np.float64) @ weights[1],
        "swh": view.truth["swh"],
        "wind_speed": view.truth["wind_speed"],
        "wind_to_direction": view.wind_to_direction(heading),
        "ocean_class": np.int8(
            conventions.OCEAN_CLASSES.index(view.environment.ocean_class)
        ),
        "iceberg_count": np.int32(len(view.icebergs)),
        "longitude": float(centre.longitude),
        "latitude": float(centre.latitude),
        "ground_heading": heading,
    }
    return xr.Dataset({name: ("vignette", [value]) for name, value in values.items()})


def _middle_of(cells: npt.NDArray[np.float64], spacing: float) -> tuple[float, float]:
    """Ends, in cells, of the middle 19.2 km, or of the image where it is smaller."""
    half = min(_TRUTH_SIZE / spacing, float(np.ptp(cells))) / 2
    middle = float(cells[0] + cells[-1]) / 2
    return middle - half, middle + half


def _mean_weights(first: float, last: float, size: int) -> npt.NDArray[np.float64]:
    """Weights of cell values in the mean of their linear interpolation over an interval."""

    def primitive(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Integrate the hat function ``max(0, 1 - |t|)`` from minus infinity."""
        t = np.clip(t, -1.0, 1.0)
        return np.where(t < 0, (1 + t) ** 2 / 2, 1 - (1 - t) ** 2 / 2)

    cells = np.arange(size)
    weights = primitive(last - cells) - primitive(first - cells)
    result: npt.NDArray[np.float64] = weights / weights.sum()
    return result


def _write_truth(path: Path, truths: list[xr.Dataset], product: str) -> None:
    dataset = xr.concat(truths, dim="vignette")
    dataset = dataset.assign(
        {name: conventions.annotate(dataset[name], name) for name in dataset.data_vars}
    )
    dataset["ocean_class"].attrs = conventions.class_attrs()
    dataset = dataset.set_coords(
        ["vignette_id", "longitude", "latitude", "ground_heading"]
    )
    dataset.attrs = {
        "Conventions": conventions.CF_VERSION,
        "source": f"{SOFTWARE}; simulated, not a measurement",
        "product": product,
        "simulated": 1,
    }
    dataset.to_netcdf(path, engine="scipy")
