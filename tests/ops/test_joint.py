import dask
import numpy as np
import pytest
import xarray as xr

from tests.conftest import tolerance
from tests.ops.conftest import with_corners
from xoceansar import errors
from xoceansar.conventions import Quality
from xoceansar.models.inference import runtime
from xoceansar.ops import embed, icebergs
from xoceansar.ops.joint_outputs import embed_and_icebergs

pytest.importorskip("torch")


@pytest.fixture
def runs(monkeypatch):
    """Count the images that the backbone is given."""
    given = []
    run = runtime.run_network
    monkeypatch.setattr(
        runtime,
        "run_network",
        lambda network, images, forward: (
            given.append(len(images)) or run(network, images, forward)
        ),
    )
    return given


@pytest.mark.parametrize("chunk", [None, 4])
def test_it_gives_what_both_give_with_one_run_of_the_backbone(
    placed, detecting, runs, chunk
):
    # the input of the model, not more: 64 of the 72 pixels
    exact = with_corners(placed).isel(line=slice(4, 68), sample=slice(4, 68))
    vector, found = embed_and_icebergs(
        exact if chunk is None else exact.chunk(vignette=chunk), model=detecting
    )
    assert (vector.chunks is None) == (chunk is None)
    vector, found = dask.compute(vector, found)
    assert sum(runs) == 5  # the third has no data
    alone, searched = embed(exact, model=detecting), icebergs(exact, model=detecting)
    assert set(vector.coords) == set(alone.coords)
    assert vector.attrs["weights_sha256"] == detecting.weights_sha256
    np.testing.assert_allclose(vector, alone, atol=tolerance(detecting))
    xr.testing.assert_allclose(found, searched, atol=1e-5)
    assert float(found.iceberg_count.sum()) > 0
    assert np.isnan(found.iceberg_count.values[2])


def test_a_larger_image_is_searched_whole(placed, detecting):
    vector, found = embed_and_icebergs(placed, model=detecting, threshold=0.011)
    limit = tolerance(detecting)
    np.testing.assert_allclose(vector, embed(placed, model=detecting), atol=limit)
    xr.testing.assert_allclose(
        found, icebergs(placed, model=detecting, threshold=0.011), atol=1e-5
    )


def test_nothing_is_computed_while_the_graph_is_built(placed, detecting, no_compute):
    lazy = placed.isel(line=slice(0, 64), sample=slice(0, 64)).chunk(vignette=2)
    vector, found = embed_and_icebergs(lazy, model=detecting)
    assert vector.chunks[0] == (2, 2, 2)
    assert found.iceberg_box.chunks[0] == (2, 2, 2)


@pytest.mark.parametrize("size", [64, 72])
def test_a_broken_block_that_was_flagged_stops_nothing(placed, detecting, size):
    part = placed.isel(line=slice(0, size), sample=slice(0, size))
    broken = part.assign(sigma0=part.sigma0 * 1e4)
    with pytest.raises(errors.UnitsError, match="IPF"):
        embed_and_icebergs(broken, model=detecting)
    with pytest.raises(errors.UnitsError, match="IPF"):
        icebergs(broken, model=detecting)
    with pytest.raises(errors.UnitsError, match="IPF"):
        icebergs(
            broken.assign(quality=("vignette", np.zeros(6, np.uint8))), model=detecting
        )
    suspect = np.full(6, Quality.CALIBRATION_SUSPECT.value, np.uint8)
    flagged = broken.assign(quality=("vignette", suspect))
    vector, found = embed_and_icebergs(flagged, model=detecting)
    assert np.isnan(vector).all()
    assert np.isnan(found.iceberg_count).all()
    assert np.isnan(icebergs(flagged, model=detecting).iceberg_count).all()
