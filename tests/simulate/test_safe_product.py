"""The written product, file by file: names, checksums, tables, images, truth."""

import binascii
import hashlib
import itertools
import re
from datetime import datetime

import numpy as np
import pytest
import xarray as xr
from lxml import etree

from tests.simulate.made_scenes import made_scene
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import DomainError, OceansarError
from xoceansar.simulate.products.complex_pixels import polarisation_ratio
from xoceansar.simulate.products.safe_product import truth_path, write_safe

BEAMS = ("wv1", "wv2", "wv1")
#: S-1 Mission Performance Centre, as xsar applies them, dB.
CORRECTION = {
    ("S1A", 1): -38.13,
    ("S1A", 2): -36.84,
    ("S1B", 1): -39.30,
    ("S1B", 2): -37.44,
}


@pytest.fixture(scope="module")
def scenes():
    return [
        made_scene(beam, level)
        for beam, level in zip(BEAMS, (0.2, 0.05, 0.3), strict=True)
    ]


@pytest.fixture(scope="module")
def product(tmp_path_factory, scenes):
    return write_safe(tmp_path_factory.mktemp("safe"), scenes=scenes, scale=0.05)


def xml(path):
    return etree.parse(path).getroot()


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def texts(root, path):
    return [element.text for element in root.findall(path)]


def numbers(element):
    values = np.array(element.text.split(), float)
    assert len(values) == int(element.get("count"))
    return values


def read_pixels(path):
    """Read a measurement with GDAL."""
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(path) as image:
        return image.read(1), image.profile, image.gcps


def calibrated(product, number):
    """Sigma0, nesz and their files by the formulas of the product specification."""
    dn, _, _ = read_pixels(only(product, f"measurement/*-{number:03d}.tiff"))
    folder = product / "annotation" / "calibration"
    vector = xml(only(folder, f"calibration-*-{number:03d}.xml")).find(
        ".//calibrationVector"
    )
    noise = xml(only(folder, f"noise-*-{number:03d}.xml"))
    lut = noise.find(".//noiseRangeLut")
    lut = noise.find(".//noiseLut") if lut is None else lut
    samples = np.arange(dn.shape[1])
    at = numbers(vector.find("pixel"))
    gain = np.interp(samples, at, numbers(vector.find("sigmaNought")))
    eta = np.interp(samples, numbers(noise.find(".//pixel")), numbers(lut))
    return abs(dn) ** 2 / gain**2, eta / gain**2


def test_names_are_those_of_the_specification(product):
    assert re.fullmatch(
        r"S1A_WV_SLC__1SSV_20210403T083025_20210403T083055_026300_032390_[0-9A-F]{4}\.SAFE",
        product.name,
    )
    files = sorted(
        str(p.relative_to(product)) for p in product.rglob("*") if p.is_file()
    )
    stem = (
        r"s1a-wv[12]-slc-vv-20210403t0830\d\d-20210403t0830\d\d-026300-032390-00[123]"
    )
    patterns = [
        rf"annotation/{stem}\.xml",
        rf"annotation/calibration/calibration-{stem}\.xml",
        rf"annotation/calibration/noise-{stem}\.xml",
        rf"measurement/{stem}\.tiff",
    ]
    for pattern in patterns:
        assert sum(bool(re.fullmatch(pattern, file)) for file in files) == 3
    assert len(files) == 13  # and the manifest


def test_manifest_lists_every_file_with_its_size_and_checksum(product):
    manifest = (product / "manifest.safe").read_bytes()
    assert product.stem.endswith(f"_{binascii.crc_hqx(manifest, 0xFFFF):04X}")
    root = etree.fromstring(manifest)
    listed = {}
    for item in root.findall("dataObjectSection/dataObject/byteStream"):
        path = product / item.find("fileLocation").get("href")
        data = path.read_bytes()
        assert int(item.get("size")) == len(data)
        assert item.findtext("checksum") == hashlib.md5(data).hexdigest()
        listed[path.resolve()] = item
    files = {p.resolve() for p in product.rglob("*") if p.is_file()}
    assert files - set(listed) == {(product / "manifest.safe").resolve()}


def test_manifest_says_that_it_is_simulated(product):
    root = xml(product / "manifest.safe")
    software = root.findall(".//{*}software")
    assert software
    assert all(s.get("name").startswith("xoceansar") for s in software)
    assert {s.get("version") for s in software} == {"003.71"}
    facility = root.find(".//{*}facility")
    assert facility.get("name") == "Simulated, not a measurement"


def test_times_places_and_footprints_agree(product):
    manifest = xml(product / "manifest.safe")
    frames = texts(manifest, ".//{*}footPrint/{*}coordinates")
    assert len(frames) == 3
    starts, centres = [], []
    for number, frame in enumerate(frames, start=1):
        root = xml(only(product, f"annotation/*-{number:03d}.xml"))
        assert root.findtext("adsHeader/imageNumber") == f"{number:03d}"
        assert root.findtext("adsHeader/swath") == BEAMS[number - 1].upper()
        starts.append(datetime.fromisoformat(root.findtext("adsHeader/startTime")))
        points = root.findall(".//geolocationGridPoint")
        grid = np.array(
            [[float(p.findtext(k)) for k in ("line", "pixel", "latitude", "longitude")]
             for p in points]
        )  # fmt: skip
        (far_line, far_pixel) = grid[:, :2].max(axis=0)
        # Real footprints begin at the last line, near range, and turn by far range.
        order = [(far_line, 0), (far_line, far_pixel), (0, far_pixel), (0, 0)]
        corners = [grid[(grid[:, 0] == a) & (grid[:, 1] == b)][0, 2:] for a, b in order]
        listed = [[float(x) for x in pair.split(",")] for pair in frame.split()]
        np.testing.assert_allclose(listed, corners, atol=1e-6)
        centres.append(grid[:, 2:].mean(axis=0))
        # The pass descends and the radar looks west.
        assert corners[0][0] < corners[3][0]
        assert corners[1][1] < corners[0][1]
    steps = [(b - a).total_seconds() for a, b in itertools.pairwise(starts)]
    assert steps == [14.66, 14.66]
    # Two vignettes of one beam are 200 km apart.
    north, east = (centres[2] - centres[0]) * [111.0, 111.3 * np.cos(np.radians(35))]
    assert np.hypot(north, east) == pytest.approx(200, rel=0.01)
    assert centres[0] == pytest.approx([36.05, -34.67], abs=5e-3)


def test_state_vectors_and_range_times_give_the_geolocation(product):
    """Range and Doppler of every grid point, from the annotated orbit alone."""
    root = xml(only(product, "annotation/*-002.xml"))
    epoch = datetime.fromisoformat(root.findtext("adsHeader/startTime"))

    def seconds(text):
        return (datetime.fromisoformat(text) - epoch).total_seconds()

    orbits = root.findall(".//orbitList/orbit")
    times = np.array([seconds(o.findtext("time")) for o in orbits])
    assert times[0] <= -60
    assert times[-1] >= 50
    place, speed = (
        np.array(
            [[float(o.findtext(f"{kind}/{axis}")) for axis in "xyz"] for o in orbits]
        )
        for kind in ("position", "velocity")
    )
    near = np.argsort(abs(times))[:9]
    for point in root.findall(".//geolocationGridPoint")[::7]:
        t = seconds(point.findtext("azimuthTime"))
        satellite, velocity = (
            np.array(
                [
                    np.polyval(np.polyfit(times[near], v[near, k], 8), t)
                    for k in range(3)
                ]
            )
            for v in (place, speed)
        )
        lat, lon = (
            np.radians(float(point.findtext(k))) for k in ("latitude", "longitude")
        )
        a, e2 = 6378137.0, 6.69437999014e-3
        prime = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        ground = prime * np.array(
            [
                np.cos(lat) * np.cos(lon),
                np.cos(lat) * np.sin(lon),
                (1 - e2) * np.sin(lat),
            ]
        )
        ray = ground - satellite
        slant_range = float(point.findtext("slantRangeTime")) * 299792458.0 / 2
        assert np.linalg.norm(ray) == pytest.approx(slant_range, abs=0.05)
        assert abs(ray @ velocity) / np.linalg.norm(velocity) < 0.05
        up = ground / [1, 1, 1 - e2]
        up = up / np.linalg.norm(up)
        incidence = np.degrees(np.arccos(-(ray @ up) / np.linalg.norm(ray)))
        assert float(point.findtext("incidenceAngle")) == pytest.approx(
            incidence, abs=1e-4
        )


def test_the_image_has_the_real_layout(product):
    for number, beam in enumerate(BEAMS, start=1):
        path = only(product, f"measurement/*-{number:03d}.tiff")
        dn, profile, (points, crs) = read_pixels(path)
        root = xml(only(product, f"annotation/*-{number:03d}.xml"))
        lines, samples = (
            int(root.findtext(f".//imageInformation/numberOf{k}"))
            for k in ("Lines", "Samples")
        )
        assert dn.shape == (lines, samples)
        assert samples == {"wv1": 284, "wv2": 225}[beam]
        assert profile["dtype"] == "complex_int16"
        assert profile["driver"] == "GTiff"
        assert profile["blockysize"] == 1
        assert "compress" not in profile
        # Offsets and byte counts of a strip per line, the pixels, and a header below 5 kB.
        header = path.stat().st_size - lines * (4 * samples + 8)
        assert 4000 < header < 5000
        assert crs.to_epsg() == 4326
        grid = root.findall(".//geolocationGridPoint")
        assert len(points) == len(grid) == 84
        for point, annotated in zip(points, grid, strict=True):
            assert point.row == float(annotated.findtext("line"))
            assert point.col == float(annotated.findtext("pixel"))
            assert point.x == pytest.approx(
                float(annotated.findtext("longitude")), abs=1e-12
            )
            assert point.y == pytest.approx(
                float(annotated.findtext("latitude")), abs=1e-12
            )


def test_sigma0_of_the_files_is_that_of_the_scenes(product, scenes):
    truth = xr.open_dataset(truth_path(product), engine="scipy")
    for number, view in enumerate(scenes, start=1):
        raw, nesz = calibrated(product, number)
        level = float(view.sigma0[0, 0])
        # 50,000 pixels, 1.3 to 1.6 of them a look: 0.6 % at one sigma.
        assert (raw - nesz).mean() == pytest.approx(level, rel=0.025)
        assert truth.sigma0_mean[number - 1] == pytest.approx(level, rel=1e-6)
        middle = len(view.nesz) // 2
        assert nesz[len(nesz) // 2] == pytest.approx(view.nesz[middle], rel=1e-4)


def test_truth_is_beside_the_product(product):
    path = truth_path(product)
    assert path.parent == product.parent
    truth = xr.open_dataset(path, engine="scipy").load()
    assert truth.attrs["simulated"] == 1
    assert truth.attrs["product"] == product.name
    assert [str(v) for v in truth.vignette_id.values] == sorted(
        (p.stem for p in (product / "measurement").iterdir()), key=lambda s: s[-3:]
    )
    np.testing.assert_allclose(truth.swh, 2.0)
    assert truth.swh.attrs["units"] == "m"
    assert set(truth.ocean_class.values) == {OCEAN_CLASSES.index("pure_ocean_waves")}
    # Thirty degrees from the look direction towards the flight direction, that is to the left.
    np.testing.assert_allclose(
        truth.wind_to_direction, (truth.ground_heading + 90 - 30) % 360, atol=1e-9
    )
    assert float(truth.ground_heading[0]) == pytest.approx(360 - 168.2, abs=1e-6)
    assert float(truth.longitude[0]) == pytest.approx(-34.67, abs=1e-8)


def test_truth_averages_the_interpolated_field(tmp_path):
    n, spacing = 432, 50.0
    y, x = np.mgrid[:n, :n] / n
    field = 0.1 + 0.3 * x**2 + 0.2 * (y > 0.52) + 0.5 * (abs(x - 0.5) < 0.01)
    view = made_scene(sigma0=field)
    path = write_safe(tmp_path, scenes=[view], scale=0.3)
    truth = xr.open_dataset(truth_path(path), engine="scipy")
    root = xml(only(path, "annotation/*.xml"))
    lines = int(root.findtext(".//numberOfLines"))
    azimuth = float(root.findtext(".//azimuthPixelSpacing"))
    half = (lines - 1) / 2 * azimuth / spacing
    at = (n - 1) / 2 + np.linspace(-half, half, 20_001)
    down = np.array([np.interp(at, np.arange(n), field[:, k]).mean() for k in range(n)])
    samples = 1705
    slant = 299792458 / 2 / (8 / 3 * 37.53472224e6)
    ground = samples / 2 * slant / np.sin(np.radians(23.8)) / spacing
    at = (n - 1) / 2 + np.linspace(-ground, ground, 20_001)
    expected = np.interp(at, np.arange(n), down).mean()
    assert float(truth.sigma0_mean[0]) == pytest.approx(expected, rel=2e-3)
    raw, nesz = calibrated(path, 1)
    assert (raw - nesz).mean() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("platform", "ipf"),
    [
        *[
            ("S1A", v)
            for v in ("2.53", "002.72", 2.84, "002.90", 2.91, 3.1, "003.31", 3.4)
        ],
        *[("S1B", v) for v in (2.84, "2.90", 2.91, 3.31)],
        ("S1C", 2.9),
    ],
)
def test_noise_follows_the_processor_version(tmp_path, ipf, platform):
    views = [made_scene(beam, nesz_db=-24.0) for beam in ("wv1", "wv2")]
    product = write_safe(tmp_path, scenes=views, scale=0.02, ipf=ipf, platform=platform)
    version = xml(product / "manifest.safe").find(".//{*}software").get("version")
    assert re.fullmatch(r"\d{3}\.\d{2}", version)
    assert float(version) == float(ipf)
    for number, view in enumerate(views, start=1):
        root = xml(only(product, f"annotation/calibration/noise-*-{number:03d}.xml"))
        lines = int(
            xml(only(product, f"annotation/*-{number:03d}.xml")).findtext(
                ".//numberOfLines"
            )
        )
        if float(ipf) < 2.9:
            assert [c.tag for c in root] == ["adsHeader", "noiseVectorList"]
            at = [int(t) for t in texts(root, "noiseVectorList/noiseVector/line")]
            assert len(at) == 5
            assert at[-1] > lines
        else:
            assert [c.tag for c in root][1:] == [
                "noiseRangeVectorList",
                "noiseAzimuthVectorList",
            ]
            assert root[2].get("count") == "0"
            at = [
                int(t)
                for t in texts(root, "noiseRangeVectorList/noiseRangeVector/line")
            ]
            assert len(at) == 3
            assert 0.6 * lines < at[-1] < 0.75 * lines
        _, nesz = calibrated(product, number)
        factor = CORRECTION.get((platform, number), 0.0)
        factor = factor if float(ipf) in (2.90, 2.91) else 0.0
        middle = view.nesz[len(view.nesz) // 2]
        corrected = nesz[len(nesz) // 2] * 10 ** (factor / 10)
        assert corrected == pytest.approx(middle, rel=1e-4)


def test_noise_dialect_can_be_chosen(tmp_path):
    view = made_scene()
    old = write_safe(tmp_path, scenes=[view], scale=0.02, ipf=3.31, noise="legacy")
    assert (
        xml(only(old, "annotation/calibration/noise-*")).find("noiseVectorList")
        is not None
    )
    new = write_safe(tmp_path, scenes=[view], scale=0.02, ipf=2.72, noise="range")
    assert (
        xml(only(new, "annotation/calibration/noise-*")).find("noiseVectorList") is None
    )


@pytest.mark.parametrize("platform", ["S1B", "S1C", "S1D"])
def test_hh_and_other_satellites(tmp_path, platform):
    view = made_scene("wv2", 0.3)
    product = write_safe(
        tmp_path, scenes=[view], scale=0.05, polarisation="HH", platform=platform
    )
    assert product.name.startswith(f"{platform}_WV_SLC__1SSH_")
    image = only(product, "measurement/*.tiff")
    assert image.name.startswith(f"{platform.lower()}-wv2-slc-hh-")
    manifest = xml(product / "manifest.safe")
    assert manifest.findtext(".//{*}transmitterReceiverPolarisation") == "HH"
    assert manifest.findtext(".//{*}platform/{*}number") == platform[2]
    raw, nesz = calibrated(product, 1)
    ratio = float(polarisation_ratio(36.8, 150.0))
    assert (raw - nesz).mean() == pytest.approx(0.3 / ratio, rel=0.025)


def test_orbit_numbers_fit_real_manifests(tmp_path):
    # (absolute, relative, cycle) of real products.
    for platform, orbit, relative, cycle in [
        ("S1A", 37258, 86, 227),
        ("S1B", 26300, 24, 157),
        ("S1C", 638, 15, 7),
    ]:
        product = write_safe(
            tmp_path, scenes=[made_scene()], scale=0.02, platform=platform, orbit=orbit
        )
        manifest = xml(product / "manifest.safe")
        assert texts(manifest, ".//{*}relativeOrbitNumber") == [str(relative)] * 2
        assert manifest.findtext(".//{*}cycleNumber") == str(cycle)
        assert f"_{orbit:06d}_" in product.name


@pytest.mark.parametrize(
    ("heading", "direction"), [(-168.0, "DESCENDING"), (-12.0, "ASCENDING")]
)
def test_the_heading_decides_the_pass(tmp_path, heading, direction):
    product = write_safe(tmp_path, scenes=[made_scene()], scale=0.02, heading=heading)
    assert xml(product / "manifest.safe").findtext(".//{*}pass") == direction
    root = xml(only(product, "annotation/*.xml"))
    assert root.findtext(".//productInformation/pass") == direction.capitalize()


def test_a_vignette_across_the_180_degree_meridian(tmp_path):
    product = write_safe(
        tmp_path, scenes=[made_scene()], scale=1 / 3, longitude=180.0, latitude=-50.0
    )
    root = xml(only(product, "annotation/*.xml"))
    longitude = np.array(
        [float(t) for t in texts(root, ".//geolocationGridPoint/longitude")]
    )
    assert (abs(longitude) <= 180).all()
    assert (abs(longitude) > 179.9).all()
    assert longitude.min() < 0 < longitude.max()


def test_equal_calls_write_equal_files(tmp_path, product, scenes):
    again = write_safe(tmp_path, scenes=scenes, scale=0.05)
    assert again.name == product.name
    for path in product.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(product)).read_bytes()
    other = write_safe(tmp_path, scenes=scenes, scale=0.05, seed=1)
    assert other.name[:-9] == again.name[:-9]
    assert other.name != again.name


def test_numbers_of_lines_vary_as_along_an_orbit(tmp_path):
    product = write_safe(tmp_path, scenes=[made_scene()] * 8, scale=0.2)
    sizes = {p.stat().st_size for p in (product / "measurement").iterdir()}
    assert len(sizes) > 1


def test_writing_again_repairs_the_product(tmp_path):
    view = made_scene()
    product = write_safe(tmp_path, scenes=[view], scale=0.02)
    image = only(product, "measurement/*.tiff")
    good = image.read_bytes()
    image.write_bytes(good[:100])
    assert write_safe(tmp_path, scenes=[view], scale=0.02) == product
    assert image.read_bytes() == good
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        product.name,
        truth_path(product).name,
    ]


def test_a_failure_leaves_nothing_behind(tmp_path):
    views = [made_scene(), made_scene("wv2", size=1000.0)]
    with pytest.raises(
        DomainError, match=r"vignette 2: .* scene only 1\.00 x 1\.00 km"
    ):
        write_safe(tmp_path / "new", scenes=views, scale=0.1)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"platform": "S2A"}, "platform must be one of S1A, S1B, S1C, S1D; got 'S2A'"),
        ({"polarisation": "VH"}, "polarisation must be one of VV, HH"),
        ({"ipf": "new"}, "ipf must be a processor version"),
        ({"ipf": float("nan")}, "ipf must be a processor version"),
        ({"noise": "new"}, "noise must be one of range, legacy"),
        ({"scale": 0}, "scale must be between 0.02 and 1"),
        ({"scale": float("nan")}, "scale must be between 0.02 and 1"),
        ({"start": "yesterday"}, "start must be a time in UTC such as"),
        ({"start": "2021-13-03T08:30:25"}, "start must be a time in UTC such as"),
        ({"start": "2021-04-03T08:30:25+02:00"}, "start must be a time in UTC"),
        ({"n": 0, "scenes": None}, "1 to 999 vignettes; got 0"),
        ({"scenes": []}, "1 to 999 vignettes; got 0"),
        ({"n": 2}, "n is 2 and there are 1 scenes"),
        ({"latitude": 85.0}, "latitude must be between -80 and 80"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, message):
    with pytest.raises(OceansarError, match=message):
        write_safe(tmp_path, **{"scenes": [made_scene()], "scale": 0.02, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_simulated_scenes_by_default(tmp_path):
    pytest.importorskip("xsarsea")
    product = write_safe(tmp_path, 2, seed=5, scale=0.05)
    truth = xr.open_dataset(truth_path(product), engine="scipy")
    assert truth.sizes["vignette"] == 2
    from xoceansar.simulate.sea.scenes import scene

    made = scene(6, beam="wv2", size=21_600)
    assert float(truth.swh[1]) == made.truth["swh"]
    assert [p.name[4:7] for p in sorted((product / "measurement").iterdir())] == [
        "wv1",
        "wv2",
    ]
