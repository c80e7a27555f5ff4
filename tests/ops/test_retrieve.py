from importlib import import_module
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

from tests.conftest import tolerance
from xoceansar.conventions import OCEAN_CLASSES, Quality
from xoceansar.models.inference.runtime import clear_cache
from xoceansar.ops import classify, embed, retrieve, swh, wind


def test_all_in_one_lazily(images, tiny_model, no_compute):
    result = retrieve(images.chunk(vignette=2), model=tiny_model)
    assert set(result.data_vars) == {
        "swh",
        "wind_speed",
        "ocean_class",
        "class_probability",
        "quality",
    }
    assert all(value.chunks is not None for value in result.data_vars.values())
    assert result.attrs["Conventions"] == "CF-1.11"
    assert result.attrs["history"].startswith("read\n")
    assert result.swh.attrs["ancillary_variables"] == "quality"


def test_results_keep_the_footprint_and_the_origin(images, tiny_model):
    corners = (("vignette", "corner"), np.arange(24.0).reshape(6, 4))
    given = images.assign_coords(corner_longitude=corners, corner_latitude=corners)
    given = given.assign_attrs(simulated=1)
    for result in (
        given.oceansar.retrieve(model=tiny_model),
        given.oceansar.wind(model=tiny_model),
        given.oceansar.classify(model=tiny_model),
    ):
        np.testing.assert_array_equal(result.corner_longitude, corners[1])
        assert result.corner_latitude.dims == ("vignette", "corner")
        assert result.attrs["simulated"] == 1


def test_lazy_and_in_memory_agree_with_the_single_methods(images, tiny_model):
    result = retrieve(images.chunk(vignette=4), model=tiny_model).compute()
    limit = tolerance(tiny_model)
    np.testing.assert_allclose(result.swh, swh(images, model=tiny_model), atol=limit)
    np.testing.assert_allclose(
        result.wind_speed,
        wind(images, model=tiny_model).wind_speed,
        atol=max(1e-4, limit),
    )
    classes = classify(images, model=tiny_model)
    np.testing.assert_array_equal(result.ocean_class, classes.ocean_class)
    np.testing.assert_allclose(
        result.class_probability, classes.class_probability, atol=limit
    )


def test_an_embedding_serves_as_well_as_the_images(images, tiny_model):
    emb = embed(images, model=tiny_model)
    xr.testing.assert_allclose(
        emb.oceansar.retrieve(model=tiny_model)[["swh", "wind_speed", "ocean_class"]],
        images.oceansar.retrieve(model=tiny_model)[
            ["swh", "wind_speed", "ocean_class"]
        ],
    )
    stored = emb.to_dataset()
    np.testing.assert_array_equal(
        stored.oceansar.swh(model=tiny_model), emb.oceansar.swh(model=tiny_model)
    )


def test_linear_head_is_its_equation(images, tiny_model):
    from xoceansar.models.bundle.weight_files import read_arrays

    emb = embed(images, model=tiny_model)
    head = tiny_model.head("wind_speed")
    arrays = read_arrays(Path(tiny_model.path) / head.file, head.sha256)
    inputs = np.column_stack([emb, 10 * np.log10(emb.sigma0_mean), emb.incidence])
    expected = (inputs @ arrays["weight"] + arrays["bias"])[:, 0]
    np.testing.assert_allclose(
        wind(images, model=tiny_model).wind_speed, expected, rtol=1e-4
    )


def test_class_is_the_most_probable_with_cf_flags(images, tiny_model):
    result = classify(images, model=tiny_model)
    np.testing.assert_allclose(result.class_probability.sum("class"), 1, atol=1e-5)
    np.testing.assert_array_equal(
        result.ocean_class, result.class_probability.argmax("class")
    )
    attrs = result.ocean_class.attrs
    assert result.ocean_class.dtype == attrs["flag_values"].dtype == np.int8
    assert attrs["flag_meanings"].split() == list(OCEAN_CLASSES)
    assert "units" not in attrs
    assert result.ocean_class.encoding["_FillValue"].dtype == np.int8
    assert result["class"].values.tolist() == list(OCEAN_CLASSES)


def test_sea_ice_is_hinted_where_the_class_says_so(images, tiny_model, monkeypatch):
    # the package's attribute of this name is the function
    module = import_module("xoceansar.ops.retrieval")
    found = [5, 0, 5, -1, 9, 0]
    monkeypatch.setattr(
        module, "_most_likely", lambda probability: np.array(found, dtype=np.int8)
    )
    assert OCEAN_CLASSES[5] == "sea_ice"
    result = retrieve(images, model=tiny_model)
    hint = int(Quality.SEA_ICE_HINT)
    assert result.quality.values.tolist() == [hint, 0, hint, 0, 0, 0]


def test_pixels_are_read_once(images, tiny_model):
    reads = []

    def read(block):
        reads.append(block.shape)
        return block

    source = images.sigma0.chunk(vignette=2)
    counted = source.copy(data=source.data.map_blocks(read, dtype=source.dtype))
    reads.clear()
    with dask.config.set(scheduler="synchronous"):
        retrieve(counted, model=tiny_model).compute()
    # sigma0 feeds the embedding and the quality flags of the same task graph
    assert len(reads) == 3


def test_weights_are_read_once_in_a_process(images, tiny_model, monkeypatch):
    import xoceansar.models.inference.runtime as runtime

    loads = []
    original = runtime._load_network
    monkeypatch.setattr(
        runtime, "_load_network", lambda *a: loads.append(1) or original(*a)
    )
    clear_cache()
    lazy = retrieve(images.chunk(vignette=1), model=tiny_model)
    assert loads == []
    lazy.compute(scheduler="threads", num_workers=4)
    assert loads == [1]


@pytest.mark.parametrize("method", ["embed", "swh", "wind", "classify", "retrieve"])
def test_no_vignettes_give_no_rows(images, tiny_model, method):
    empty = images.isel(vignette=slice(0))
    out = getattr(empty.oceansar, method)(model=tiny_model)
    assert out.sizes["vignette"] == 0
