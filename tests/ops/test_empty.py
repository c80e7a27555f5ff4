"""Selections without a vignette, in memory and lazy, give results without one."""

import numpy as np
import pytest

from xoceansar import ops
from xoceansar.evaluate import collocate, orbit_pass


@pytest.fixture(scope="module", params=["memory", "lazy"])
def kind(request):
    return request.param


@pytest.fixture
def parts(images, tiny_model, kind):
    """Images, results and embeddings of six vignettes, and of none of them."""
    ds = images.assign_coords(ground_heading=("vignette", np.full(6, 347.0)))
    ds["quality"] = "vignette", np.zeros(6, np.uint8)
    whole = [ds, ops.retrieve(ds, model=tiny_model).load(), ops.embed(ds, model=tiny_model).load()]  # fmt: skip
    whole = [x.chunk(vignette=2) if kind == "lazy" else x for x in whole]
    return whole, [x.isel(vignette=slice(0, 0)) for x in whole]


def test_images_and_embeddings_of_none(parts, tiny_model):
    _, (ds, _, vectors) = parts
    for found in (
        ops.embed(ds, model=tiny_model),
        ops.retrieve(ds, model=tiny_model).swh,
        ops.retrieve(vectors, model=tiny_model).wind_speed,
        ops.classify(ds, model=tiny_model).ocean_class,
        ops.gmf_wind(ds).wind_speed,
        ops.quality(ds.sigma0),
        ops.to_vv(ds).sigma0,
        ops.cfar_icebergs(ds).iceberg_count,
    ):
        assert found.load().sizes["vignette"] == 0


def test_cells_of_none_are_empty(parts):
    _, (ds, results, _) = parts
    for statistic in ("mean", "median", "std", "count"):
        found = ops.grid(results, "swh", statistic=statistic, by="month").load()
        assert int(found.observation_count.sum()) == 0
        assert statistic == "count" or found.swh.isnull().all()
    assert ops.class_occurrence(results).load().class_occurrence.isnull().all()
    density = ops.iceberg_density(ops.cfar_icebergs(ds)).load()
    assert density.iceberg_density.isnull().all()


def test_searches_of_none(parts):
    (_, results, vectors), (_, none, empty) = parts
    found = ops.similar(empty, vectors.isel(vignette=[0, 1]), n_neighbors=2).load()
    assert (found["index"] == -1).all()
    assert found.score.isnull().all()
    assert found.vignette_id.values.tolist() == [["", ""]] * 2
    assert ops.similar(vectors, empty, n_neighbors=2).load().sizes["query"] == 0
    assert ops.similar(empty, empty, n_neighbors=2).load().sizes["query"] == 0
    assert ops.select(none, swh=(0, 9), time="2021").load().sizes["vignette"] == 0
    assert collocate(none, results[["swh"]]).load().sizes["vignette"] == 0
    assert collocate(results, none[["swh"]]).swh.isnull().all()
    assert orbit_pass(none).tolist() == []


def test_a_field_of_none(parts):
    _, (_, results, _) = parts
    tiles = results.swh.assign_coords(
        row=("vignette", np.zeros(0, int)), column=("vignette", np.zeros(0, int)), tile_size=2e4,
        azimuth_distance=("vignette", np.zeros(0)), range_distance=("vignette", np.zeros(0)),
    )  # fmt: skip
    assert dict(ops.field(tiles).load().sizes) == {"row": 0, "column": 0}
