"""The xsar reader: the same numbers, and none of xsar's effects on the process."""

import itertools
import os
import re
import warnings

import numpy as np
import pytest

from tests.io.conftest import SHAPE, make_product
from xoceansar import open_wave_mode
from xoceansar.conventions import Quality
from xoceansar.errors import OceansarWarning

pytest.importorskip("xsar")


def both(path, **kwargs):
    kwargs = {"shape": SHAPE, **kwargs}
    return (
        open_wave_mode(path, **kwargs).load(),
        open_wave_mode(path, reader="xsar", **kwargs).load(),
    )


def assert_same(direct, xsar):
    for name in ("sigma0", "nesz"):
        with np.errstate(invalid="ignore"):
            decibel = 10 * np.log10(direct[name] / xsar[name])
        np.testing.assert_array_equal(decibel.isnull(), direct[name].isnull())
        assert float(np.abs(decibel).max()) < 1e-3
    for name in ("quality", "no_data_fraction", "below_noise_fraction"):
        np.testing.assert_array_equal(direct[name], xsar[name])


@pytest.mark.parametrize(
    ("ipf", "platform", "levels"),
    [
        ("002.91", "S1B", (0.3, 0.06)),
        pytest.param("002.53", "S1A", (0.3,), marks=pytest.mark.slow),
        pytest.param("003.40", "S1C", (0.3,), marks=pytest.mark.slow),
    ],
)
def test_the_same_numbers_pixel_by_pixel(tmp_path, ipf, platform, levels):
    path = make_product(tmp_path, ipf=ipf, platform=platform, levels=levels)
    assert_same(*both(path))


def test_the_same_where_the_image_is_smaller_than_the_grid(product):
    direct, xsar = both(product.path, shape=(60, 60), vignettes=0)
    assert direct.quality.values[0] & Quality.NO_DATA
    assert_same(direct, xsar)


def every(step):
    """Replace line numbers by 0, step, 2 step, ..."""
    count = itertools.count(0, step)
    return lambda _: f"<line>{next(count)}<"


def test_the_same_with_tables_that_vary_along_azimuth(copy):
    rng = np.random.default_rng(0)
    for role, tag in (("calibration", "sigmaNought"), ("noise", "noiseRangeLut")):
        file = copy.file(role, 0)

        def vary(match):
            factor = rng.uniform(0.99, 1.01)
            values = " ".join(f"{factor * float(x):.6e}" for x in match[2].split())
            return match[1] + values

        text = re.sub(rf"(<{tag}[^>]*>)([^<]*)", vary, file.read_text())
        file.write_text(re.sub(r"<line>\d+<", every(130), text))
    copy.sign()
    direct, xsar = both(copy.path, vignettes=0)
    assert float(direct.nesz.max() / direct.nesz.min()) > 1.01
    assert_same(direct, xsar)


def test_no_effect_on_the_process(product, capfd, monkeypatch):
    monkeypatch.setenv("GDAL_CACHEMAX", "77")
    before = list(warnings.filters)
    open_wave_mode(product.path, reader="xsar", shape=SHAPE, vignettes=0).load()
    assert os.environ["GDAL_CACHEMAX"] == "77"
    assert warnings.filters == before
    assert capfd.readouterr().out == ""


def test_a_dask_client_does_no_harm(product):
    distributed = pytest.importorskip("distributed")
    expected = open_wave_mode(product.path, shape=SHAPE, vignettes=0).sigma0.values
    with distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
    ):
        lazy = open_wave_mode(
            product.path, reader="xsar", shape=SHAPE, vignettes=0, chunks=1
        )
        found = lazy.sigma0.values
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_files_that_xsar_pairs_wrongly_are_refused(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    objects = re.findall(r"<dataObject\b.*?</dataObject>", text, re.DOTALL)
    noises = [one for one in objects if "/noise-" in one]
    text = text.replace(noises[0], "@").replace(noises[2], noises[0])
    manifest.write_text(text.replace("@", noises[2]))
    with pytest.warns(OceansarWarning, match="xsar paired it with .*reader='direct'"):
        ds = open_wave_mode(
            copy.path, reader="xsar", shape=SHAPE, vignettes=[0, 1]
        ).load()
    assert ((ds.quality.values & Quality.UNREADABLE) > 0).tolist() == [True, False]


def test_a_damaged_pixel_file_is_flagged(copy):
    file = copy.file("measurement", 1)
    file.write_bytes(file.read_bytes()[:300_000])
    with pytest.warns(OceansarWarning, match=f"{copy.stems[1]}"):
        ds = open_wave_mode(
            copy.path, reader="xsar", shape=SHAPE, vignettes=[0, 1]
        ).load()
    assert ((ds.quality.values & Quality.UNREADABLE) > 0).tolist() == [False, True]
