"""RADARSAT-2 and RCM images in the layouts of xsar's RadarSat2Dataset and RcmDataset, cut into tiles."""

from dataclasses import dataclass

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from xoceansar import errors
from xoceansar.conventions import Quality
from xoceansar.sar.geometry import offset_position
from xoceansar.sar.polarisation import polarisation_ratio

Affine = pytest.importorskip("affine").Affine

# xsar divides zeros by zeros where it takes the incidence from the pixels.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in divide")

#: ScanSAR narrow of RADARSAT-2 has pixels of 25 m, ScanSAR of 50 m of RCM of 20 m.
LINES, SAMPLES = 400, 500
HEADING = 190.0
FIRST, STEP = 25.0, 0.01  # incidence of the first sample, and its growth, degrees
NESZ = 0.002


@dataclass
class Image:
    """A tree as xsar opens it, and the truth in it."""

    tree: xr.DataTree
    sigma0: np.ndarray
    spacing: float

    @property
    def dataset(self):
        """As xsar's `dataset`: the measurement with the attributes of the tree."""
        ds = self.tree["measurement"].to_dataset()
        ds.attrs = self.tree.attrs
        return ds


def incidence():
    return np.broadcast_to(FIRST + STEP * np.arange(SAMPLES), (LINES, SAMPLES))


def positions(spacing, lines, samples):
    return offset_position(
        -50.0,
        45.0,
        HEADING,
        (np.asarray(lines)[:, None] - LINES / 2) * spacing,
        (np.asarray(samples)[None] - SAMPLES / 2) * spacing,
    )


def flipped(array, chunk):
    """Turn both axes twice: chunks are then those of an image that xsar has turned."""
    lazy = da.from_array(array[..., ::-1, ::-1], chunks=chunk)
    return lazy[..., ::-1, ::-1]


def measured(spacing, names, seed):
    """Variables that both have: numbers, calibrated images and noise, in `names`' order."""
    rng = np.random.default_rng(seed)
    level = 0.02 + 2e-5 * np.arange(LINES)[:, None] + 4e-5 * np.arange(SAMPLES)[None]
    table = 2e7 * (1 + 1e-4 * np.arange(SAMPLES))
    power = (level + NESZ) * table * rng.gamma(8.0, 1 / 8.0, (2, LINES, SAMPLES))
    power[1] /= 6
    number = np.rint(np.sqrt(power)).astype(np.uint16)
    number[:, :40] = 0  # the border of the image
    digital = xr.DataArray(
        flipped(number, (1, 150, 200)),
        dims=("pol", "line", "sample"),
        coords={"pol": names, "line": np.arange(LINES), "sample": np.arange(SAMPLES)},
    )
    sigma0_raw = digital**2.0 / xr.DataArray(table, dims="sample")
    nesz = xr.full_like(sigma0_raw, NESZ)
    ds = xr.Dataset(
        {
            "samples_flipped": True,
            "lines_flipped": False,
            "digital_number": digital,
            "sigma0_raw": sigma0_raw,
            "nesz": nesz,
            "sigma0": sigma0_raw - nesz,
        }
    )
    truth = number.astype(float) ** 2 / table - NESZ
    truth[:, :40] = np.nan
    return ds, truth


def radarsat2():
    """As RadarSat2Dataset: incidence by the pixels, times per line, spacings as floats."""
    spacing = 25.0
    ds, truth = measured(spacing, ["VV", "VH"], 1)
    angle = np.radians(incidence())
    ds["beta0_raw"] = ds.sigma0_raw / np.sin(angle)
    ds["gamma0_raw"] = ds.sigma0_raw / np.cos(angle)
    ratio = ds.gamma0_raw[0] / ds.beta0_raw[0]
    ds["incidence"] = np.degrees(np.arctan(ratio)).reset_coords(drop=True)
    longitude, latitude = positions(spacing, np.arange(LINES), np.arange(SAMPLES))
    for name, values in (("longitude", longitude), ("latitude", latitude)):
        ds[name] = ("line", "sample"), da.from_array(values, chunks=(150, 200))
    start = np.datetime64("2022-04-07T18:21:27", "ns")
    times = start + np.arange(LINES) * np.timedelta64(3_500_000, "ns")
    ds["time"] = "line", da.from_array(times, chunks=150)
    ds["sampleSpacing"] = xr.DataArray(
        spacing, attrs={"units": "m", "referential": "slant"}
    )
    ds["lineSpacing"] = xr.DataArray(spacing, attrs={"units": "m"})
    name = "RS2_OK135107_PK1187782_DK1151894_SCNA_20220407_182127_VV_VH_SGF"
    attrs = {
        "name": f"RADARSAT2_DS:/data/{name}:",
        "short_name": f"RADARSAT2_DS:{name}:",
        "product": "SGF",
        "safe": name,
        "swath": "SCNA",
        "multidataset": False,
        "pols": "VV VH",
        "start_date": "2022-04-07 18:21:27",
        "footprint": object(),
        "pixel_line_m": spacing,
        "pixel_sample_m": spacing,
        "approx_transform": Affine.identity(),
    }
    return Image(with_nodes(ds, spacing, attrs), truth, spacing)


def rcm():
    """As RcmDataset: no times, spacings as arrays with attributes, noise subtracted or not."""
    spacing = 20.0
    ds, truth = measured(spacing, ["HH", "HV"], 2)
    angle = incidence().astype(np.float32)
    longitude, latitude = positions(spacing, np.arange(LINES), np.arange(SAMPLES))
    for name, values in (
        ("incidence", angle), ("longitude", longitude), ("latitude", latitude)
    ):  # fmt: skip
        ds[name] = ("line", "sample"), da.from_array(values, chunks=(150, 200))
    for name in ("sampleSpacing", "lineSpacing"):
        ds[name] = xr.DataArray(np.array(spacing), attrs={"units": "m"})
    name = "RCM1_OK2767220_PK2769320_1_SC50MB_20230930_214014_HH_HV_GRD"
    attrs = {
        "name": f"RCM_DS:/data/{name}:",
        "short_name": f"RCM_DS:{name}:",
        "product": "GRD",
        "safe": name,
        "swath": "SC50MB",
        "multidataset": False,
        "pols": "HH HV",
        "pixel_line_m": np.array(spacing),
        "pixel_sample_m": np.array(spacing),
        "approx_transform": Affine.identity(),
    }
    return Image(with_nodes(ds, spacing, attrs), truth, spacing)


def with_nodes(ds, spacing, attrs):
    """Make the tree: positions by line and pixel, and no incidence among them."""
    nodes = {
        "line": np.linspace(0, LINES - 1, 5),
        "pixel": np.linspace(0, SAMPLES - 1, 6),
    }
    longitude, latitude = positions(spacing, *nodes.values())
    both = ("line", "pixel")
    coarse = xr.Dataset(
        {
            "latitude": (both, latitude),
            "longitude": (both, longitude),
            "height": (both, 0 * latitude),
        },
        coords=nodes,
        attrs={"history": "annotations"},
    )
    tree = xr.DataTree.from_dict({"measurement": ds, "geolocation_annotation": coarse})
    tree.attrs = attrs
    return tree


@pytest.fixture(params=[radarsat2, rcm], ids=["radarsat2", "rcm"])
def image(request):
    return request.param()


def cut(obj, **kwargs):
    return obj.oceansar.vignettes(size=4000.0, spacing=100.0, **kwargs)


@pytest.mark.parametrize("kind", ["tree", "dataset"])
def test_tiles_hold_the_mean_of_their_pixels(image, no_compute, kind):
    tiles = cut(getattr(image, kind))
    with dask.config.set(scheduler="threads"):
        tiles = tiles.compute()
    factor = round(100 / image.spacing)
    pixels = 40 * factor
    compared = 0
    for k in range(tiles.sizes["vignette"]):
        tile = tiles.isel(vignette=k)
        line, sample = (
            float(tile[name]) / image.spacing - pixels / 2
            for name in ("azimuth_distance", "range_distance")
        )
        if line < 40 or line % 1 or sample % 1:
            continue
        box = image.sigma0[
            0, int(line) : int(line) + pixels, int(sample) : int(sample) + pixels
        ]
        expected = box.reshape(40, factor, 40, factor).mean((1, 3))
        np.testing.assert_allclose(tile.sigma0, expected, rtol=1e-5)
        compared += 1
    assert compared >= 3
    np.testing.assert_allclose(tiles.nesz.where(tiles.sigma0.notnull()).mean(), NESZ)


def test_names_and_angles(image):
    tiles = cut(image.tree).compute()
    co, platform, mode = (
        ("VV", "RS2", "scna") if image.spacing == 25 else ("HH", "RCM1", "sc50mb")
    )
    assert set(tiles.polarisation.values) == {co}
    assert set(tiles.platform.values) == {platform}
    assert set(tiles.beam.values) == {mode}
    assert tiles.vignette_id.values[0].startswith(
        f"{image.tree.attrs['safe'].lower()}-"
    )
    assert float(tiles.source_spacing) == image.spacing
    middle = tiles.range_distance / image.spacing - 0.5
    np.testing.assert_allclose(
        tiles.incidence.mean("sample"), FIRST + STEP * middle, atol=2e-3
    )
    np.testing.assert_allclose(tiles.ground_heading, HEADING, atol=0.2)
    assert "simulated" not in tiles.attrs
    assert "approx_transform" not in tiles.attrs


def test_places_are_those_of_the_pixels(image):
    tiles = cut(image.tree).compute()
    longitude, latitude = offset_position(
        -50.0,
        45.0,
        HEADING,
        tiles.azimuth_distance.values - (LINES / 2 + 0.5) * image.spacing,
        tiles.range_distance.values - (SAMPLES / 2 + 0.5) * image.spacing,
    )
    np.testing.assert_allclose(tiles.longitude, longitude, atol=1e-5)
    np.testing.assert_allclose(tiles.latitude, latitude, atol=1e-5)


def test_borders_of_zeros_are_no_data_and_leave_the_incidence(image):
    """The incidence of RADARSAT-2 is NaN where the pixels are zero."""
    tiles = cut(image.tree).compute()
    flagged = (tiles.quality & Quality.NO_DATA.value) != 0
    np.testing.assert_array_equal(flagged, tiles.row == 0)
    share = 40 * image.spacing / 4000
    np.testing.assert_allclose(
        tiles.no_data_fraction[(tiles.row == 0).values], share, atol=0.03
    )
    assert np.isfinite(tiles.incidence).all()


def test_times_are_given_where_there_are_any():
    tiles = cut(radarsat2().tree).compute()
    passed = (tiles.time - np.datetime64("2022-04-07T18:21:27")) / np.timedelta64(
        1, "s"
    )
    np.testing.assert_allclose(
        passed, (tiles.azimuth_distance / 25 - 0.5) * 3.5e-3, atol=1e-6
    )
    assert np.isnat(cut(rcm().tree).time.values).all()


def test_hh_of_rcm_can_be_converted():
    tiles = cut(rcm().tree).compute()
    converted = tiles.oceansar.to_vv()
    seen = (tiles.row > 0).values
    ratio = (converted.sigma0 / tiles.sigma0)[seen]
    expected = polarisation_ratio(tiles.incidence.values[seen])[:, None]
    np.testing.assert_allclose(ratio, np.broadcast_to(expected, ratio.shape), rtol=1e-5)
    wind = converted.oceansar.gmf_wind().wind_speed
    assert np.isfinite(wind[seen]).all()


def test_pixels_that_are_too_coarse_are_refused():
    """RADARSAT-2 ScanSAR wide has pixels of 50 m, those of RCM's 100 m mode are of 40 m."""
    image = radarsat2()
    with pytest.raises(errors.DomainError, match="spacing=25"):
        image.tree.oceansar.vignettes(size=400.0, spacing=20.0)
