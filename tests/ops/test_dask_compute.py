"""`dask.compute` of several results at once, which optimises their graphs together."""

import dask
import numpy as np
import pytest
import xarray as xr

from tests.ops.conftest import with_corners


@pytest.mark.parametrize("lazy_coordinates", [False, True])
def test_all_results_at_once_are_those_of_each(
    placed, detecting, tiny_model, lazy_coordinates
):
    ds = with_corners(placed)
    lazy = (
        ds.chunk(vignette=4)
        if lazy_coordinates
        else ds.assign(sigma0=ds.sigma0.chunk(vignette=4))
    )
    models = {"icebergs": {"model": detecting}, "gmf_wind": {}, "quality": {}}
    for name in ("embed", "swh", "wind", "classify", "retrieve"):
        models[name] = {"model": tiny_model}
    results = {name: getattr(lazy.oceansar, name)(**m) for name, m in models.items()}
    together = dict(zip(results, dask.compute(*results.values()), strict=True))
    for name, arguments in models.items():
        alone = getattr(ds.oceansar, name)(**arguments)
        xr.testing.assert_allclose(together[name], alone, rtol=1e-4, atol=1e-4)
    assert np.isfinite(together["swh"]).sum() == 5
