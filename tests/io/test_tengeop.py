"""TenGeoP-SARwv, from small files of its format."""

import os
import re
import warnings

import numpy as np
import pytest
import xarray as xr

from xoceansar.conventions import CLASS_CODES, OCEAN_CLASSES
from xoceansar.errors import MissingVariableError, OceansarWarning, ProductError
from xoceansar.io import open_tengeop

rasterio = pytest.importorskip("rasterio")

#: Sizes of the two beams, a tenth of the real ones: (lines, samples).
SIZE = {"wv1": (49, 57), "wv2": (48, 45)}
SHAPE = (52, 60)


def stem(i, beam="wv1", clock="060000", platform="s1a"):
    start = f"20160301t{clock}"
    take = f"{10000 + i:06d}-{0xA1B2 + i:06x}"
    return f"{platform}-{beam}-slc-vv-{start}-{start}-{take}-{i:03d}"


def write(path, pixels):
    """Write a GeoTIFF or a PNG, by the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = "PNG" if path.suffix == ".png" else "GTiff"
    bands = pixels[None] if pixels.ndim == 2 else pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver=driver,
            count=len(bands),
            height=bands.shape[1],
            width=bands.shape[2],
            dtype=bands.dtype,
        ) as file:
            file.write(bands)


def pixels(beam, seed=0):
    return np.random.default_rng(seed).integers(1, 255, SIZE[beam], dtype=np.uint8)


#: Where and when (UTC) ten vignettes are, all at a quarter past six of local solar time.
LONGITUDE = np.array([-150.0, -100, -60, -20, 10, 30, 60, 89, 120, 170])
LATITUDE = np.array([-60.0, -40, -20, -5, 0, 5, 20, 35, 45, 55])
CLOCK = [
    f"{h:02d}{int(m * 60):02d}00"
    for h, m in ((int(t), t % 1) for t in (6.25 - LONGITUDE / 15) % 24)
]


@pytest.fixture
def folder(tmp_path):
    """One vignette of each class, beams in turn, without metadata."""
    for i, code in enumerate(CLASS_CODES):
        beam = "wv2" if i % 2 else "wv1"
        write(tmp_path / code / f"{stem(i, beam, CLOCK[i])}.tiff", pixels(beam, i))
    return tmp_path


def write_table(path, order="lonlat", rows=range(10), clock="2016-03-01T06:00:00"):
    lines = ["file class swath time a b"]
    for i in rows:
        beam = "wv2" if i % 2 else "wv1"
        place = (LONGITUDE[i], LATITUDE[i])
        first, second = place if order == "lonlat" else place[::-1]
        name = f"{CLASS_CODES[i]}/{stem(i, beam, CLOCK[i])}.png"
        lines.append(
            f"{name} {CLASS_CODES[i]} {beam.upper()} {clock} {first:.4f} {second:.4f}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def by_class(ds):
    return ds.isel(vignette=np.argsort(ds["ocean_class"].values))


@pytest.mark.parametrize("order", ["lonlat", "latlon"])
@pytest.mark.parametrize(
    "clock", ["2016-03-01T06:00:00", "2016-03-01 06:00:00"], ids=["T", "blank"]
)
def test_both_orders_of_the_coordinates_are_told(folder, order, clock):
    write_table(folder / "58683.txt", order, clock=clock)
    ds = by_class(open_tengeop(folder, shape=SHAPE))
    np.testing.assert_allclose(ds["longitude"], LONGITUDE)
    np.testing.assert_allclose(ds["latitude"], LATITUDE)
    assert ds["ocean_class"].values.tolist() == list(range(10))
    assert ds["ocean_class"].attrs["flag_meanings"] == " ".join(OCEAN_CLASSES)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "sparse"])
def test_a_table_without_end_is_refused(folder, kind):
    table = folder / "58683.txt"
    if kind == "pipe":
        os.mkfifo(table)
    elif kind == "device":
        table.symlink_to("/dev/zero")
    elif kind == "folder":
        table.mkdir()
    else:
        with table.open("wb") as file:
            file.truncate(1 << 40)
    words = "1099511627776 bytes" if kind == "sparse" else "must be a file, and is a"
    for given in ({}, {"table": table}):
        with pytest.raises(ProductError, match=f"58683.txt .*{words}"):
            open_tengeop(folder, **given)


def test_a_picture_without_end_is_one_missing_row(folder):
    write_table(folder / "58683.txt")
    picture = next((folder / "F").glob("*.tiff"))
    picture.unlink()
    os.mkfifo(picture)
    ds = by_class(open_tengeop(folder, shape=SHAPE))
    with pytest.warns(OceansarWarning, match="named pipe"):
        missing = ds["quicklook"].isnull().all(["line", "sample"]).values
    assert missing.tolist() == [True] + [False] * 9


@pytest.mark.parametrize("order", ["lonlat", "latlon"])
def test_times_of_day_tell_where_the_range_does_not(folder, order):
    within = [i for i in range(10) if abs(LONGITUDE[i]) <= 90]
    table = write_table(folder / "part.txt", order, rows=within)
    with pytest.warns(OceansarWarning, match="4 .* no place is known"):
        ds = by_class(open_tengeop(folder, table=table))
    np.testing.assert_allclose(ds["longitude"][within], LONGITUDE[within])
    assert int(ds["longitude"].isnull().sum()) == 4


def test_order_that_nothing_tells_must_be_given(tmp_path):
    write(tmp_path / "F" / f"{stem(1)}.tif", pixels("wv1"))
    table = tmp_path / "58683.txt"
    # at three in the morning, by both readings
    table.write_text(f"F/{stem(1)}.png F WV1 20160301T060000 -45.0 -46.0\n")
    with pytest.raises(ProductError, match="coordinate_order='lonlat' or 'latlon'"):
        open_tengeop(tmp_path)
    ds = open_tengeop(tmp_path, coordinate_order="latlon")
    assert (float(ds["longitude"][0]), float(ds["latitude"][0])) == (-46.0, -45.0)


def test_order_that_cannot_be_is_refused(folder):
    write_table(folder / "58683.txt", "lonlat")
    with pytest.raises(ProductError, match="are not latlon"):
        open_tengeop(folder, coordinate_order="latlon")
    text = (folder / "58683.txt").read_text()
    (folder / "58683.txt").write_text(text.replace("55.0000", "155.0000"))
    with pytest.raises(ProductError, match="a latitude ends at 90"):
        open_tengeop(folder)


def test_order_against_the_passes_is_doubted(tmp_path):
    lines = []
    for i in range(6):
        write(tmp_path / "F" / f"{stem(i)}.tif", pixels("wv1"))
        # by the range the second is latitude; by the time of day it is longitude
        lines.append(f"F/{stem(i)}.png F WV1 20160301T060000 {134 + i} {i}")
    (tmp_path / "58683.txt").write_text("\n".join(lines))
    with pytest.warns(OceansarWarning, match="agree better with the passes"):
        ds = open_tengeop(tmp_path)
    assert ds["latitude"].values.max() == 5


def test_longitudes_are_brought_to_one_frame(folder):
    write_table(folder / "58683.txt")
    text = (folder / "58683.txt").read_text().replace("-150.0000", "210.0000")
    (folder / "58683.txt").write_text(text)
    assert float(by_class(open_tengeop(folder))["longitude"][0]) == -150.0


@pytest.mark.parametrize(
    "line", ["{} F WV1 06:00 1.0", "{} F WV1 06:00 east 2.0", "{} F WV1 1.0 2.0"]
)
def test_cut_line_is_named(folder, line):
    (folder / "58683.txt").write_text("heading\n" + line.format(f"F/{stem(1)}.png"))
    with pytest.raises(ProductError, match="line 2 of"):
        open_tengeop(folder)


def test_ragged_images_are_centred_and_keep_their_values(folder):
    write_table(folder / "58683.txt")
    ds = by_class(open_tengeop(folder, shape=SHAPE, chunks=3))
    assert ds["quicklook"].dtype == np.float32
    assert ds["quicklook"].shape == (10, *SHAPE)
    images = ds["quicklook"].values
    for i in range(10):
        beam = "wv2" if i % 2 else "wv1"
        lines, samples = SIZE[beam]
        top, left = (SHAPE[0] - lines) // 2, (SHAPE[1] - samples) // 2
        inside = images[i, top : top + lines, left : left + samples]
        np.testing.assert_array_equal(inside, pixels(beam, i))
        assert np.isfinite(images[i]).sum() == lines * samples


def test_larger_images_are_cut_in_the_middle(folder):
    write_table(folder / "58683.txt")
    ds = by_class(open_tengeop(folder, shape=(20, 60)))
    image = ds["quicklook"].values[0]
    top = (SIZE["wv1"][0] - 20) // 2
    np.testing.assert_array_equal(image[:, 1:58], pixels("wv1", 0)[top : top + 20])


def test_opening_reads_no_pixel(folder, no_compute):
    write_table(folder / "58683.txt")
    ds = open_tengeop(folder, chunks=4)
    assert ds["quicklook"].chunks[0] == (4, 4, 2)


def test_png_and_tiff_are_one_vignette(tmp_path):
    write(tmp_path / "K" / f"{stem(1)}.png", pixels("wv1", 1))
    write(tmp_path / "K" / f"{stem(1)}.tiff", pixels("wv1", 2).astype(np.float32) / 7)
    write(tmp_path / "K" / f"{stem(2)}.png", np.stack([pixels("wv1", 3)] * 3))
    with pytest.warns(OceansarWarning, match="neither in"):
        ds = open_tengeop(tmp_path, shape=SIZE["wv1"])
    assert ds.sizes["vignette"] == 2
    np.testing.assert_allclose(ds["quicklook"][0], pixels("wv1", 2) / 7, rtol=1e-6)
    np.testing.assert_array_equal(ds["quicklook"][1], pixels("wv1", 3))


def test_quicklooks_are_not_sigma0(folder):
    write_table(folder / "58683.txt")
    ds = open_tengeop(folder)
    assert "sigma0" not in ds
    assert "not calibrated sigma0" in ds["quicklook"].attrs["comment"]
    assert "not calibrated sigma0" in ds.attrs["source"]
    with pytest.raises(MissingVariableError, match="sigma0"):
        ds.oceansar.embed()


def test_one_damaged_file_harms_no_other(folder):
    write_table(folder / "58683.txt")
    (folder / "F" / f"{stem(0, 'wv1', CLOCK[0])}.tiff").write_bytes(b"II*\0 cut short")
    ds = by_class(open_tengeop(folder, shape=SHAPE, chunks=10))
    with pytest.warns(OceansarWarning, match="cannot be read, and its row is missing"):
        images = ds["quicklook"].values
    assert np.isnan(images[0]).all()
    assert np.isfinite(images[1:]).any(axis=(1, 2)).all()


def test_what_does_not_agree_is_counted(tmp_path):
    write(tmp_path / "F" / f"{stem(1)}.tif", pixels("wv1"))
    write(tmp_path / "G" / f"{stem(2, platform='s1b')}.tif", pixels("wv1"))
    write(tmp_path / "H" / f"{stem(3)}.tif", pixels("wv1"))
    write(tmp_path / "I" / f"{stem(3)}.tif", pixels("wv1"))
    write(tmp_path / "J" / "somebody.tif", pixels("wv1"))
    (tmp_path / "58683.txt").write_text(
        f"F/{stem(1)}.png K WV2 20160301T060000 0.0 40.0\n"
        f"F/{stem(9)}.png F WV1 20160301T060000 179.0 41.0\n"
    )
    with pytest.warns(OceansarWarning) as caught:
        ds = open_tengeop(tmp_path)
    said = "\n".join(str(w.message) for w in caught)
    for what in (
        r"1 .* not named as Sentinel-1 .* somebody\.tif",
        r"1 .* two labels and are left out",
        r"1 .* another folder than their metadata",
        r"1 .* another beam in their metadata",
        r"1 .* no place is known",
        r"1 .* in the metadata without an image",
        r"1 .* not of S1A in VV",
    ):
        assert re.search(what, said), what
    assert ds["ocean_class"].values.tolist() == [0, 1]
    assert ds["platform"].values.tolist() == ["S1A", "S1B"]
    assert ds["beam"].values.tolist() == ["wv1", "wv1"]


def test_nothing_to_open_is_an_error(tmp_path):
    with pytest.raises(ProductError, match="folders F to O"):
        open_tengeop(tmp_path)
    write(tmp_path / "F" / f"{stem(1)}.tif", pixels("wv1"))
    with pytest.raises(ProductError, match=r"absent\.txt does not exist"):
        open_tengeop(tmp_path, table=tmp_path / "absent.txt")
    (tmp_path / "58683.txt").write_text("nothing of use\n")
    with pytest.raises(ProductError, match="found none"):
        open_tengeop(tmp_path)


def archive(stems):
    n = len(stems)
    sigma0 = np.random.default_rng(0).gamma(4, 0.01, (n, 8, 8)).astype(np.float32)
    ds = xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), sigma0, {"units": "1"})},
        coords={"vignette_id": ("vignette", stems), "pixel_spacing": 50.0},
        attrs={"source": "an archive"},
    )
    return ds.assign(sigma0=ds["sigma0"].variable.chunk(vignette=2))


def test_calibrated_vignettes_get_the_labels(folder, no_compute):
    stems = [stem(i, "wv2" if i % 2 else "wv1", CLOCK[i % 10]) for i in (7, 99, 2, 4)]
    stems[2] = stems[2].upper()
    ds = archive(stems)
    with pytest.warns(OceansarWarning, match="7 .* no calibrated image"):
        out = open_tengeop(folder, calibrated=ds)
    assert out["ocean_class"].values.tolist() == [7, 2, 4]
    assert out["vignette_id"].values.tolist() == [stems[0], stems[2], stems[3]]
    assert "quicklook" not in out
    assert out["sigma0"].attrs["units"] == "1"
    assert out["sigma0"].chunks is not None
    assert out.attrs["source"] == "an archive"


def test_calibrated_pixels_are_those_of_the_stem(folder):
    stems = [stem(i, "wv2" if i % 2 else "wv1", CLOCK[i % 10]) for i in (7, 99, 2)]
    ds = archive(stems)
    with pytest.warns(OceansarWarning):
        out = open_tengeop(folder, calibrated=ds)
    np.testing.assert_array_equal(out["sigma0"], ds["sigma0"].values[[0, 2]])


def test_calibrated_without_a_match_is_an_error(folder):
    with pytest.raises(ProductError, match="none of the 10 labelled files"):
        open_tengeop(folder, calibrated=archive([stem(77)]))
    with pytest.raises(MissingVariableError, match="sigma0"):
        open_tengeop(folder, calibrated=archive([stem(1)]).drop_vars("sigma0"))
