"""Values that are well formed and cannot be: refused, or flagged as suspect, never passed."""

import pkgutil
import re
import struct
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from lxml import etree

from tests.io.conftest import LEVELS, SHAPE
from xoceansar import open_wave_mode
from xoceansar.conventions import Quality
from xoceansar.errors import OceansarWarning, ProductError, VignetteError
from xoceansar.io.safe import annotation, plausibility, vignette_source
from xoceansar.sar.geometry import from_unit_vector

SHARED = Path(__file__).parents[2] / "../shared/data/safe"
BAD = 1
GOOD = [0, 2, 3]


def read(path, **kwargs):
    return open_wave_mode(path, shape=SHAPE, **kwargs).load()


def vector(change, tag, index=None):
    """Edit the values of a tag, of one of its vectors or of all."""

    def edit(text):
        counter = iter(range(10**6))

        def replaced(match):
            if index is not None and next(counter) != index:
                return match[0]
            values = [float(x) for x in match[2].split()]
            return match[1] + " ".join(f"{x:.6e}" for x in change(np.array(values)))

        new = re.sub(rf"(<{tag}[^>]*>)([^<]*)", replaced, text)
        assert new != text
        return new

    return edit


def at(k, change):
    def edit(values):
        values[k] = change(values[k])
        return values

    return edit


def value(tag, new):
    def edit(text):
        changed = re.sub(rf"(<{tag}>)[^<]*", rf"\g<1>{new}", text)
        assert changed != text
        return changed

    return edit


def grid(change):
    """Edit the points of the geolocation grid, as (line, pixel, latitude, longitude, incidence)."""
    fields = ("line", "pixel", "latitude", "longitude", "incidenceAngle")

    def edit(text):
        root = etree.fromstring(text.encode())
        points = root.findall(".//geolocationGridPoint")
        table = np.array([[float(p.findtext(f)) for f in fields] for p in points])
        for point, row in zip(points, change(table), strict=True):
            for field, number in zip(fields, row, strict=True):
                point.find(field).text = repr(float(number))
        return etree.tostring(root).decode()

    return edit


def exchanged(column, first, second):
    """Exchange the places of two lines (0) or samples (1) of the grid."""

    def change(table):
        nodes = np.unique(table[:, column])
        one, other = table[:, column] == nodes[first], table[:, column] == nodes[second]
        out = table.copy()
        out[one, 2:4], out[other, 2:4] = table[other, 2:4], table[one, 2:4]
        return out

    return change


def reversed_lines(table):
    out = table.copy()
    out[:, 0] = table[:, 0].max() - table[:, 0]
    return out


def incidence(low, high):
    def change(table):
        span = table[:, 4] - table[:, 4].min()
        table[:, 4] = low + (high - low) * span / span.max()
        return table

    return change


def one_cell(column, number):
    def change(table):
        table[7, column] = number
        return table

    return change


def exchanged_points(column, first, second):
    """Exchange one value of two points of the grid."""

    def change(table):
        table[[first, second], column] = table[[second, first], column]
        return table

    return change


REFUSED = {
    "noise 1e308": ("noise", vector(at(3, lambda x: 1e308), "noiseRangeLut", 0)),
    "noise -1e308": ("noise", vector(at(3, lambda x: -1e308), "noiseRangeLut")),
    "noise negative": ("noise", vector(at(3, lambda x: -x), "noiseRangeLut", 1)),
    "noise in other digits": ("noise", lambda t: re.sub(r"(<noiseRangeLut[^>]*>)\d", "\\g<1>\u0663", t)),
    "vector x 1e-30": ("calibration", vector(lambda v: v * 1e-30, "sigmaNought", 1)),
    "token x 1e6": ("calibration", vector(at(5, lambda x: x * 1e6), "sigmaNought", 2)),
    "incidence 1.5": ("annotation", grid(incidence(1.0, 2.0))),
    "incidence of wv1": ("annotation", grid(incidence(22.9, 24.3))),
    "latitude 500": ("annotation", grid(one_cell(2, 500.0))),
    "longitude 1e20": ("annotation", grid(one_cell(3, 1e20))),
    "a point twice": ("annotation", grid(lambda t: np.vstack([t[:7], [[*t[6, :2], *t[7, 2:]]], t[8:]]))),
    "azimuth spacing 1e30": ("annotation", value("azimuthPixelSpacing", "1e30")),
    "range spacing 1e30": ("annotation", value("rangePixelSpacing", "1e30")),
    "range spacing a third too large": ("annotation", value("rangePixelSpacing", "3.1")),
    "azimuth spacing doubled": ("annotation", value("azimuthPixelSpacing", "8.2")),
    "lines reversed": ("annotation", grid(reversed_lines)),
    "samples exchanged": ("annotation", grid(exchanged(1, 0, -1))),
    "first and last line exchanged": ("annotation", grid(exchanged(0, 0, -1))),
    "inner lines exchanged": ("annotation", grid(exchanged(0, 1, 2))),
    "latitudes of two points exchanged": ("annotation", grid(exchanged_points(2, 5, 70))),
    "longitudes of two points exchanged": ("annotation", grid(exchanged_points(3, 30, 31))),
    "incidences of two points exchanged": ("annotation", grid(exchanged_points(4, 30, 32))),
    "a latitude 100 m off": ("annotation", grid(lambda t: t + [0, 0, 9e-4, 0, 0] * (np.arange(len(t)) == 33)[:, None])),
    "a height that is none": ("annotation", value("height", "1e300")),
    "all places one": ("annotation", grid(lambda t: np.column_stack([t[:, :2], 0 * t[:, 2:4], t[:, 4]]))),
    **{
        f"time {text}": ("annotation", value(tag, text))
        for text in ("now", "-1", "9021-04-03T08:30:25.0", "2021-04-03T08:30:25+05:00", "NaT", "2021-04-04T08:30:25", "2021-13-03T08:30:25")
        for tag in ("productFirstLineUtcTime",)
    },
    "last line a day later": ("annotation", value("productLastLineUtcTime", "2021-04-04T08:30:43.0")),
    "number with underscore": ("annotation", value("numberOfLines", "4_92")),
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(product):
    return read(product.path)


@pytest.mark.parametrize(("role", "edit"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_takes_its_vignette_out(copy, plain, role, edit):
    file = copy.file(role, BAD)
    file.write_text(edit(file.read_text()))
    copy.sign()
    with pytest.warns(OceansarWarning) as caught:
        ds = read(copy.path)
    (message,) = {str(one.message) for one in caught}
    assert message.startswith(f"vignette {copy.stems[BAD]}: {file}")
    assert "Download the product again" in message
    assert ds.quality.values[BAD] == Quality.UNREADABLE | Quality.NO_DATA
    assert ds.sigma0[BAD].isnull().all()
    for name in ("sigma0", "quality", "time", "ground_heading"):
        np.testing.assert_array_equal(ds[name].values[GOOD], plain[name].values[GOOD])
    with pytest.raises(VignetteError, match=copy.stems[BAD]):
        read(copy.path, on_error="raise")


def without(count):
    """Shorten one of the noise vectors, its pixels with it."""

    def edit(text):
        block = re.findall(r"<noiseRangeVector>.*?</noiseRangeVector>", text, re.DOTALL)[1]  # fmt: skip
        short = re.sub(
            r"(<(?:pixel|noiseRangeLut)[^>]*>)([^<]*)",
            lambda m: m[1] + " ".join(m[2].split()[:-count]),
            block,
        )
        return text.replace(block, short)

    return edit


SUSPECT = {
    "all sigmaNought x 10": ("calibration", vector(lambda v: v * 10, "sigmaNought"), "betaNought.*100"),
    "one vector x 1.2": ("calibration", vector(lambda v: v * 1.2, "sigmaNought", 2), "vectors that differ by a factor 1.2"),
    "one token x 1.2": ("calibration", vector(at(4, lambda x: x * 1.2), "sigmaNought", 0), "values that differ by a factor 1.2"),
    "betaNought of another unit": ("calibration", vector(lambda v: v / 3, "betaNought"), "does not follow from its betaNought"),
    "noise shortened": ("noise", without(4), "noise vectors of unequal length"),
    "noise shortened by one": ("noise", without(1), "noise vectors of unequal length"),
    "noise with zeros inside": ("noise", vector(at(slice(3, 5), lambda x: 0 * x), "noiseRangeLut", 1), "zeros inside"),
    "noise with zeros first": ("noise", vector(at(0, lambda x: 0 * x), "noiseRangeLut", 0), "zeros inside"),
    "a noise vector x 3": ("noise", vector(lambda v: v * 3, "noiseRangeLut", 1), "noise vectors that differ by a factor 3"),
    "the last noise vector x 1.45": ("noise", vector(lambda v: v * 1.45, "noiseRangeLut", 2), "noise vectors that differ by a factor 1.45"),
    "a noise value x 1.3": ("noise", vector(at(5, lambda x: x * 1.3), "noiseRangeLut", 1), "noise values that are off their neighbours by a factor 1.3"),
    "the first noise value x 1.45": ("noise", vector(at(0, lambda x: x * 1.45), "noiseRangeLut", 0), "noise values that are off their neighbours by a factor 1.2"),
    "a noise value x 3": ("noise", vector(at(5, lambda x: x * 3), "noiseRangeLut", 1), "noise values that differ by a factor 3"),
    "all noise zero": ("noise", vector(lambda v: 0 * v, "noiseRangeLut"), "median NESZ of 0"),
    "calibration / 30": ("calibration", lambda t: vector(lambda v: v / 30, "betaNought")(vector(lambda v: v / 30, "sigmaNought")(t)), "mean sigma0 of|median NESZ of"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("role", "edit", "words"), SUSPECT.values(), ids=SUSPECT.keys()
)
def test_what_contradicts_itself_is_flagged_and_said(copy, role, edit, words):
    file = copy.file(role, BAD)
    file.write_text(edit(file.read_text()))
    copy.sign()
    with pytest.warns(OceansarWarning, match=words) as caught:
        ds = read(copy.path)
    (message,) = {str(one.message) for one in caught}
    assert message.startswith(f"vignette {copy.stems[BAD]} has ")
    assert "calibration_suspect" in message
    suspect = (ds.quality.values & Quality.CALIBRATION_SUSPECT) > 0
    assert suspect.tolist() == [False, True, False, False]
    assert not ((ds.quality.values & Quality.UNREADABLE) > 0).any()


@pytest.mark.parametrize("factor", [40.0, -3.0])
def test_a_mean_that_no_surface_has_is_flagged(copy, factor):
    """Brighter than +10 dB, and below minus the noise floor: by the pixels, and by the noise."""
    if factor > 0:
        file = copy.file("measurement", 0)
        data = bytearray(file.read_bytes())
        begin = len(data) - 4 * pixels_of(copy, 0)
        numbers = np.frombuffer(data, "<i2", offset=begin)
        numbers[:] = np.clip(numbers * np.sqrt(factor), -30000, 30000)
        file.write_bytes(data)
    else:
        file = copy.file("noise", 0)
        file.write_text(vector(lambda v: v * 300, "noiseRangeLut")(file.read_text()))
    copy.sign()
    with pytest.warns(OceansarWarning, match="mean sigma0 of .* which no surface has"):
        ds = read(copy.path)
    assert ds.quality.values[0] & Quality.CALIBRATION_SUSPECT
    assert not (ds.quality.values[1:] & Quality.CALIBRATION_SUSPECT).any()
    expected = LEVELS[0] * factor if factor > 0 else LEVELS[0] - 299 * 10**-2.6
    assert float(ds.sigma0[0].mean()) == pytest.approx(expected, rel=0.05)


def pixels_of(copy, index):
    text = copy.file("annotation", index).read_text()
    return np.prod([int(re.search(rf"<{tag}>(\d+)", text)[1]) for tag in ("numberOfLines", "numberOfSamples")])  # fmt: skip


def strips(change):
    """Edit the offsets of the strips of a TIFF, one strip a line."""

    def edit(data):
        (at,) = struct.unpack("<I", data[4:8])
        (entries,) = struct.unpack("<H", data[at : at + 2])
        for k in range(entries):
            tag, kind, count, place = struct.unpack("<HHII", data[at + 2 + 12 * k : at + 14 + 12 * k])  # fmt: skip
            if tag == 273:
                assert kind == 4
                end = place + 4 * count
                offsets = np.frombuffer(data[place:end], "<u4").astype(np.int64)
                return data[:place] + change(offsets).astype("<u4").tobytes() + data[end:]  # fmt: skip
        raise AssertionError

    return edit


@pytest.mark.parametrize(
    "change",
    [
        lambda o: np.full_like(o, o[0]),
        lambda o: o[::-1],
        lambda o: o - o[0],
        lambda o: o - o[0] + 8,
        lambda o: np.r_[o[0] - 40, o[1:]],
        lambda o: np.r_[o[:5], o[4], o[6:]],
        lambda o: np.r_[o[1], o[0], o[2:]],
        lambda o: np.r_[o[:-1], o[-1] - 4],
    ],
    ids=["equal", "reversed", "at zero", "after the magic", "first in the header",
         "one twice", "two exchanged", "last overlaps"],
)  # fmt: skip
def test_strips_out_of_place_are_refused(copy, plain, change):
    file = copy.file("measurement", BAD)
    file.write_bytes(strips(change)(file.read_bytes()))
    copy.sign()
    with pytest.warns(OceansarWarning, match=f"{file}: its strips overlap, are out of order or lie in the header"):  # fmt: skip
        ds = read(copy.path)
    assert ds.quality.values[BAD] == Quality.UNREADABLE | Quality.NO_DATA
    np.testing.assert_array_equal(ds.sigma0[GOOD], plain.sigma0[GOOD])


def test_strips_apart_are_read(copy, plain):
    """A gap is no overlap: every line moved up in a file that is longer."""

    def move(data):
        count = pixels_of(copy, BAD) * 4
        return data[:-count] + b"\0" * 64 + data[-count:]

    file = copy.file("measurement", BAD)
    file.write_bytes(strips(lambda o: o + 64)(move(file.read_bytes())))
    copy.sign()
    np.testing.assert_array_equal(read(copy.path).sigma0, plain.sigma0)


def real(pattern):
    found = sorted(SHARED.glob(pattern))
    skip = pytest.mark.skip(reason="the shared data are not here")
    return [pytest.param(p, id=p.name[:20]) for p in found] or [pytest.param(None, marks=skip)]  # fmt: skip


def parsed(path):
    stem = path.stem.split("-")
    name = SimpleNamespace(
        beam=stem[1], polarisation=stem[3].upper(), number=int(stem[-1])
    )
    tables = [path.parent / f"calibration/{kind}-{path.name}" for kind in ("calibration", "noise")]  # fmt: skip
    note = annotation.parse_annotation(path.read_bytes(), name, path.name)
    calibration = annotation.parse_calibration(tables[0].read_bytes(), name, "c.xml")
    noise = (
        annotation.parse_noise(tables[1].read_bytes(), name, "n.xml")
        if tables[1].exists()
        else None
    )
    return note, calibration, noise


@pytest.mark.parametrize("path", real("*_SLC_*.SAFE/annotation/*slc*.xml"))
def test_real_products_are_plausible(path):
    if not (path.parent / f"calibration/calibration-{path.name}").exists():
        pytest.skip("no calibration beside it")
    note, calibration, noise = parsed(path)
    assert plausibility.calibration_doubts(calibration, note) == []
    if noise is not None:
        assert plausibility.noise_doubts(noise, note) == []
    if "-s3-" in path.name:  # the lines of other modes come in bursts
        plausibility.check_grid(note, path.name)
        table = note.grid
        turned = replace(
            note, grid=replace(table, longitude=table.longitude[::-1], latitude=table.latitude[::-1])
        )  # fmt: skip
        with pytest.raises(ProductError, match="looks to the right"):
            plausibility.check_grid(turned, path.name)
        longitude = table.longitude.copy()
        longitude[20, [3, 9]] = longitude[20, [9, 3]]
        odd = replace(note, grid=replace(table, longitude=longitude))
        with pytest.raises(
            ProductError, match=r"line 16880, sample (2850|8550)\) \d+ m off"
        ):
            plausibility.check_grid(odd, path.name)


def raised(note, height):
    """Put land under a grid on the ellipsoid: the radar sees each point at its old distance.

    On a sphere; the satellite is 700 km up.
    """
    ground, orbit = 6371e3, 7071e3
    theta = np.radians(note.grid.incidence)
    far = -ground * np.cos(theta) + np.sqrt(orbit**2 - (ground * np.sin(theta)) ** 2)

    def angle(radius):
        return np.arccos((orbit**2 + radius**2 - far**2) / (2 * orbit * radius))

    turn = angle(ground + height) - angle(ground)
    cosine = (orbit**2 - (ground + height) ** 2 - far**2) / (
        2 * far * (ground + height)
    )
    places = note.grid.places
    across = places[:, -1:] - places[:, :1]
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    longitude, latitude = from_unit_vector(places + turn[..., None] * across)
    moved = replace(
        note.grid, longitude=longitude, latitude=latitude, incidence=np.degrees(np.arccos(cosine))
    )  # fmt: skip
    return replace(note, grid=moved, height=height)


def test_mountains_are_no_fault_of_the_grid(copy):
    path = copy.file("annotation", BAD)
    stem = path.stem.split("-")
    name = SimpleNamespace(beam=stem[1], polarisation="VV", number=int(stem[-1]))
    note = annotation.parse_annotation(path.read_bytes(), name, path.name)
    shape = note.grid.incidence.shape
    island = np.zeros(shape)
    island[1, 8:11] = [900.0, 4200.0, 1300.0]
    rough = np.random.default_rng(1).uniform(0, 3000, shape)
    for height in (np.zeros(shape), island, rough):
        made = raised(note, height)
        if height.any():
            assert np.abs(made.grid.longitude - note.grid.longitude).max() > 0.02
        plausibility.check_grid(made, path.name)
        latitude = made.grid.latitude.copy()
        latitude[2, 12] += 2e-3
        with pytest.raises(ProductError, match="m off the place"):
            plausibility.check_grid(
                replace(made, grid=replace(made.grid, latitude=latitude)), "x"
            )


ROLES = {"annotation": "vignette_source.parse_annotation", "calibration": "vignette_source.parse_calibration",
         "noise": "vignette_source.parse_noise", "measurement": "vignette_source.read_numbers"}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("error", [IndexError, OverflowError, ZeroDivisionError])
def test_whatever_one_file_causes_costs_one_vignette(
    copy, plain, monkeypatch, role, error
):
    path = f"xoceansar.io.safe.{ROLES[role]}"
    original = pkgutil.resolve_name(path)

    def fails(*args):
        if any(copy.stems[BAD] in str(one) for one in args[1:]):
            raise error("somewhere inside")
        return original(*args)

    monkeypatch.setattr(path, fails)
    with pytest.warns(OceansarWarning) as caught:
        ds = read(copy.path)
    (message,) = {str(one.message) for one in caught}
    file = copy.file(role, BAD)
    assert message.startswith(
        f"vignette {copy.stems[BAD]}: {file} cannot be read ({error.__name__}"
    )
    assert "Download the product again" in message
    assert ds.quality.values[BAD] == Quality.UNREADABLE | Quality.NO_DATA
    np.testing.assert_array_equal(ds.sigma0[GOOD], plain.sigma0[GOOD])


def test_each_annotation_is_parsed_once(copy, monkeypatch):
    parsed_names = []
    original = vignette_source.parse_annotation

    def counted(data, name, where):
        parsed_names.append(name.stem)
        return original(data, name, where)

    monkeypatch.setattr(vignette_source, "parse_annotation", counted)
    read(copy.path)
    assert sorted(parsed_names) == sorted(copy.stems)
