"""The core does its work without any optional package, here made impossible to import."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from tests.io.conftest import product  # noqa: F401
from tests.optional import ROOT, optional_modules

WITHOUT = """
import sys, warnings

sys.modules.update(dict.fromkeys({optional}))  # as if they were not installed
warnings.simplefilter("ignore")
"""
WORK = """
import numpy as np, xarray as xr, xoceansar as xos

ds = xos.open_wave_mode({product!r}, shape=(36, 36))
quality = ds.oceansar.quality().compute()
level = ds.sigma0.mean(("line", "sample")).compute()
wind = ds.oceansar.gmf_wind().compute()
when, where = ds.time.values[:1], (ds.longitude.values[:1], ds.latitude.values[:1])
buoy = xr.Dataset(
    {{"swh": ("time", [2.5], {{"units": "m"}})}},
    {{"time": when, "longitude": ("time", where[0]), "latitude": ("time", where[1])}},
)
matched = ds.oceansar.collocate(buoy)
both = xr.merge([wind, matched[["swh"]]], compat="override", join="override")
both = both.assign(quality=quality, level=level)
xos.to_zarr(both, "core.zarr")
again = xos.open_archive("core.zarr")
again.oceansar.select(beam="wv1").oceansar.grid("wind_speed", cell=5).compute()
again.oceansar.to_csv("core.csv")
again.oceansar.to_netcdf("core.nc")
"""


OPEN = """
import numpy as np, xoceansar as xos

ds = xos.open_wave_mode({product!r}, shape=(36, 36))
speckle = np.random.default_rng(0).gamma(100, 0.001, (4, 384, 384))
images = ds.drop_dims(("line", "sample")).assign(
    sigma0=(("vignette", "line", "sample"), speckle, ds.sigma0.attrs)
)
images = images.assign_coords(incidence=("vignette", [23.8, 36.8] * 2))
"""


def child(code, tmp_path, **values):
    """Run code in a process that cannot import what is optional."""
    text = WITHOUT.replace("{optional}", repr(optional_modules()))
    return subprocess.run(
        [sys.executable, "-c", text + code.format(**values)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_the_extras_are_known_by_the_names_of_their_modules():
    modules = optional_modules()
    assert {"torch", "matplotlib", "sklearn", "safe_s1", "xsar", "s3fs"} <= modules
    assert not {"numpy", "xarray", "dask", "zarr", "pandas", "lxml"} & modules


def test_from_a_product_to_an_archive(product, tmp_path):  # noqa: F811
    done = child(WORK, tmp_path, product=str(product.path))
    assert done.returncode == 0, done.stderr[-2000:]
    with xr.open_zarr(tmp_path / "core.zarr") as result:
        np.testing.assert_allclose(
            result.level, [0.3, 0.06, 0.2, 0.05], rtol=0.05
        )  # levels of the product, less what speckle does
        assert (result.wind_speed > 0).all()
        assert result.swh.values[0] == 2.5
    assert (tmp_path / "core.csv").read_text().count("\n") == 5
    assert (tmp_path / "core.nc").exists()


@pytest.mark.parametrize(
    ("call", "extra"),
    [
        ("images.oceansar.swh().compute()", "models"),
        ("ds.quality.oceansar.plot.map()", "plot"),
        ("ds.oceansar.to_geoparquet('x.parquet')", "geo"),
    ],
)
def test_what_is_missing_is_named_with_its_extra(call, extra, product, tmp_path):  # noqa: F811
    done = child(OPEN + call, tmp_path, product=str(product.path))
    last = done.stderr.strip().splitlines()[-1]
    assert "MissingDependencyError" in last
    assert f"pip install '.[{extra}]'" in last
