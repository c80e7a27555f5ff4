import pickle
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from tests.conftest import tolerance, write_tiny_model
from xoceansar import errors
from xoceansar.conventions import Quality
from xoceansar.layout.images import find_embedding
from xoceansar.ops import embed, gmf_wind, retrieve, swh


def test_embedding_is_lazy_labelled_and_keeps_its_chunks(
    images, tiny_model, no_compute
):
    lazy = images.assign(sigma0=images.sigma0.chunk(vignette=4))
    emb = lazy.oceansar.embed(model=tiny_model)
    assert emb.name == "embedding_vector"
    assert emb.dims == ("vignette", "embedding")
    assert emb.dtype == np.float32
    assert emb.chunks == ((4, 2), (72,))
    assert emb.attrs["weights_sha256"] == tiny_model.weights_sha256
    assert {"time", "longitude", "beam", "sigma0_mean", "incidence"} <= set(emb.coords)
    assert emb.coords["incidence"].dims == ("vignette",)
    np.testing.assert_allclose(emb.incidence, [23.8, 36.8] * 3, atol=1e-4)


def test_level_beside_the_embedding_is_the_mean_of_what_the_model_sees(
    images, tiny_model
):
    emb = embed(images, model=tiny_model)
    crop = images.sigma0[:, 4:68, 4:68]
    np.testing.assert_allclose(
        emb.sigma0_mean, crop.mean(("line", "sample")), rtol=1e-5
    )
    assert emb.sigma0_mean.attrs["units"] == "1"
    assert (emb.valid_fraction == 1).all()


@pytest.mark.parametrize(
    ("asked", "fast", "bits"),
    [("auto", False, 32), ("auto", True, 16), ("bf16", False, 16), ("fp32", True, 32)],
)
def test_precision_is_that_of_the_process_that_embedded(
    images, tiny_model, monkeypatch, asked, fast, bits
):
    runtime = pytest.importorskip("xoceansar.models.inference.runtime")
    monkeypatch.setattr(runtime, "computes_bf16_fast", lambda device: fast)
    runtime._resolve_precision.cache_clear()
    model = replace(tiny_model, precision=asked, device="cpu")
    lazy = images.assign(sigma0=images.sigma0.chunk(vignette=4))
    try:
        emb = embed(lazy, model=model).compute()
        exact = embed(images, model=replace(model, precision="fp32"))
    finally:
        runtime._resolve_precision.cache_clear()
    assert emb.embedding_precision.dtype == np.int8
    assert (emb.embedding_precision == bits).all()
    assert emb.embedding_precision.attrs["flag_meanings"] == "bf16 fp32"
    # what is written is what was computed
    assert np.array_equal(emb.values, exact.values) == (bits == 32)


@pytest.mark.parametrize("chunk", [1, 4, 6])
def test_chunks_do_not_change_values(images, tiny_model, chunk):
    whole = embed(images, model=tiny_model)
    parts = embed(images.chunk(vignette=chunk), model=tiny_model)
    assert parts.chunks is not None
    np.testing.assert_allclose(parts, whole, atol=tolerance(tiny_model))


def test_coordinates_of_an_archive_may_have_other_chunks(images, tiny_model):
    """As `xr.open_zarr` of a `to_zarr` store gives them: images by two, coordinates by all."""
    names = ["incidence", "beam", "polarisation", "time", "longitude", "latitude"]
    whole = {name: images[name].chunk() for name in names}
    archive = images.assign_coords(whole).assign(sigma0=images.sigma0.chunk(vignette=2))
    result = archive.oceansar.retrieve(model=tiny_model)
    expected = images.oceansar.retrieve(model=tiny_model)
    np.testing.assert_allclose(result.swh, expected.swh, rtol=tolerance(tiny_model))
    np.testing.assert_allclose(
        result.wind_speed, expected.wind_speed, rtol=tolerance(tiny_model)
    )


def test_the_order_of_vignettes_does_not_matter(images, tiny_model):
    order = [3, 0, 5, 1, 4, 2]
    np.testing.assert_allclose(
        embed(images.isel(vignette=order), model=tiny_model),
        embed(images, model=tiny_model).isel(vignette=order),
        atol=tolerance(tiny_model),
    )


def test_linear_and_db_images_give_the_same_embedding(images, tiny_model):
    db = (10 * np.log10(images.sigma0)).assign_attrs(units="dB")
    as_dataset = images.drop_vars("sigma0").assign(sigma0_db=db.drop_attrs())
    reference = embed(images.sigma0, model=tiny_model)
    limit = max(1e-4, tolerance(tiny_model))  # decibels are rounded too
    np.testing.assert_allclose(embed(db, model=tiny_model), reference, atol=limit)
    np.testing.assert_allclose(
        embed(as_dataset, model=tiny_model), reference, atol=limit
    )


def test_one_image_and_two_leading_dims_work(images, tiny_model):
    reference = embed(images, model=tiny_model)
    one = embed(images.isel(vignette=2), model=tiny_model)
    assert one.dims == ("embedding",)
    np.testing.assert_allclose(one, reference[2], atol=tolerance(tiny_model))
    grid = images.sigma0.coarsen(vignette=3).construct(vignette=("row", "column"))
    two = embed(grid, model=tiny_model)
    assert two.dims == ("row", "column", "embedding")
    np.testing.assert_allclose(
        two.stack(v=("row", "column")).transpose("v", ...),
        reference,
        atol=tolerance(tiny_model),
    )


def test_one_bad_vignette_is_missing_and_harms_no_neighbour(images, tiny_model):
    reference = embed(images, model=tiny_model)
    bad = images.copy(deep=True)
    bad["sigma0"][1] = np.nan
    bad["sigma0"][4] = 0.0
    bad["sigma0"][2, :40] = np.nan
    emb = embed(bad.chunk(vignette=3), model=tiny_model).compute()
    assert np.isnan(emb[[1, 4, 2]]).all()
    np.testing.assert_allclose(
        emb[[0, 3, 5]], reference[[0, 3, 5]], atol=tolerance(tiny_model)
    )
    result = retrieve(bad, model=tiny_model)
    assert np.isnan(result.swh[[1, 2, 4]]).all()
    assert result.ocean_class.values[[1, 2, 4]].tolist() == [-1, -1, -1]
    assert (result.ocean_class[[0, 3, 5]] >= 0).all()
    assert result.quality.values.tolist() == [0, 1, 1, 0, 2, 0]


def test_nothing_is_kept_on_the_object(images, tiny_model):
    before = images.copy(deep=True)
    size = len(pickle.dumps(images))
    first = images.oceansar.swh(model=tiny_model)
    # xarray keeps the accessor itself with the object: a reference, and no more
    assert len(pickle.dumps(images)) < size + 200
    xr.testing.assert_identical(images, before)
    xr.testing.assert_allclose(images.copy().oceansar.swh(model=tiny_model), first)


@pytest.mark.parametrize("keep", [True, False, "default"])
def test_attributes_do_not_depend_on_xarray_options(images, tiny_model, keep):
    with xr.set_options(keep_attrs=keep):
        out = swh(images, model=tiny_model)
    assert out.attrs["units"] == "m"
    assert out.attrs["standard_name"] == "sea_surface_wave_significant_height"
    assert "long_name" in out.attrs
    assert out.attrs["long_name"] != "as read"


class TestRefused:
    def test_split_images(self, images, tiny_model):
        with pytest.raises(errors.ChunkingError, match=r"chunk\(line=-1, sample=-1\)"):
            embed(images.chunk(line=36), model=tiny_model)

    def test_other_spacing(self, images, tiny_model):
        with pytest.raises(errors.DomainError, match=r"50 m per pixel.*100 m"):
            embed(images.assign_coords(pixel_spacing=100.0), model=tiny_model)

    def test_unknown_spacing(self, images, tiny_model):
        with pytest.raises(errors.MissingVariableError, match="assign_coords"):
            embed(images.drop_vars("pixel_spacing"), model=tiny_model)

    def test_small_images(self, images, tiny_model):
        with pytest.raises(errors.DomainError, match="64 x 64"):
            embed(images.isel(line=slice(50)), model=tiny_model)

    def test_units(self, images, tiny_model):
        with pytest.raises(errors.UnitsError, match="'K'"):
            embed(images.sigma0.assign_attrs(units="K"), model=tiny_model)

    def test_bytes_of_a_quicklook(self, images, tiny_model):
        quicklook = (images.sigma0 * 255).clip(0, 255).astype("uint8")
        with pytest.raises(errors.UnitsError, match="alibrate"):
            embed(quicklook, model=tiny_model)

    def test_db_passed_as_linear(self, images, tiny_model):
        db = 10 * np.log10(images.sigma0)
        with pytest.raises(errors.UnitsError, match="dB"):
            embed(db.assign_attrs(units="1"), model=tiny_model)

    def test_no_images(self, images, tiny_model):
        with pytest.raises(errors.MissingVariableError, match="open_wave_mode"):
            embed(images.drop_vars("sigma0"), model=tiny_model)

    def test_other_dims(self, images, tiny_model):
        with pytest.raises(errors.DimensionError, match="rename"):
            embed(images.sigma0.rename(line="y"), model=tiny_model)

    def test_every_vignette_of_another_polarisation(self, images, tiny_model):
        hh = images.assign_coords(polarisation=("vignette", ["HH"] * 6))
        with pytest.raises(errors.DomainError, match=r"\['VV'\].*\['HH'\]"):
            embed(hh, model=tiny_model)

    def test_embedding_of_another_model(self, images, tiny_model, tmp_path):
        other = write_tiny_model(tmp_path / "other", seed=1)
        emb = embed(images, model=other)
        with pytest.raises(errors.WeightsMismatchError, match="tiny-dB-1"):
            swh(emb, model=tiny_model)

    def test_missing_incidence_for_a_head_that_needs_it(self, images, tiny_model):
        with pytest.raises(errors.MissingVariableError, match="incidence"):
            images.drop_vars("incidence").oceansar.wind(model=tiny_model)

    def test_missing_incidence_for_an_input_that_needs_it(self, images, tmp_path):
        model = write_tiny_model(tmp_path / "rough", scale="roughness")
        with pytest.raises(errors.MissingVariableError, match="incidence"):
            embed(images.drop_vars("incidence"), model=model)

    def test_unknown_model(self, images):
        with pytest.raises(errors.BundleError, match="no-such-model"):
            embed(images, model="no-such-model")


def test_some_vignettes_of_another_polarisation_are_missing_and_flagged(
    images, tiny_model
):
    mixed = images.assign_coords(
        polarisation=("vignette", ["VV", "HH", "VV", "VV", "HH", "VV"])
    )
    result = retrieve(mixed.chunk(vignette=2), model=tiny_model).compute()
    hh = np.array([False, True, False, False, True, False])
    assert (np.isnan(result.swh.values) == hh).all()
    assert (result.quality.values == np.where(hh, 128, 0)).all()
    np.testing.assert_allclose(
        result.swh[~hh],
        retrieve(images, model=tiny_model).swh[~hh],
        atol=tolerance(tiny_model),
    )


def test_a_block_that_the_reader_flagged_does_not_stop_the_run(images, tiny_model):
    negative = images.copy(deep=True)
    negative["sigma0"][:2] = -10.0 * images.sigma0[:2] - 9.0
    with pytest.raises(errors.UnitsError, match="IPF"):
        embed(negative.sigma0.chunk(vignette=2), model=tiny_model).compute()
    flags = np.array([32, 32, 0, 0, 0, 0], np.uint8)
    read = negative.assign(quality=("vignette", flags))
    result = retrieve(read.chunk(vignette=2), model=tiny_model).compute()
    assert np.isnan(result.swh[:2]).all()
    assert result.quality.values.tolist() == flags.tolist()
    expected = retrieve(images, model=tiny_model).swh[2:]
    np.testing.assert_allclose(result.swh[2:], expected, atol=tolerance(tiny_model))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("flags", [None, 0, int(Quality.LAND | Quality.SEA_ICE_HINT)])
def test_wrong_units_are_the_same_error_with_quality_and_without(
    images, tiny_model, flags, lazy
):
    if flags is not None:
        images["quality"] = "vignette", np.full(6, flags, np.uint8)
    images = images.chunk(vignette=2) if lazy else images
    for wrong, said in (
        ((images.sigma0 * 1000).astype(int), "floating-point"),
        (10 * np.log10(images.sigma0.clip(1e-4)), "declared linear"),
        ((images.sigma0 * 1e4).assign_attrs(units="dB"), "declared dB"),
    ):
        with pytest.raises(errors.UnitsError, match=said):
            retrieve(images.assign(sigma0=wrong), model=tiny_model).compute()


@pytest.mark.parametrize("lazy", [False, True])
def test_quality_that_became_a_float_works_and_comes_back_whole(
    images, tiny_model, lazy
):
    flags = np.array([0, 4, 32, 0, 8, 0], np.uint8)
    read = images.assign(quality=("vignette", flags))
    read = read.chunk(vignette=2) if lazy else read
    joined = read.where(read.quality < 32)
    assert joined.quality.dtype.kind == "f"
    found = retrieve(joined, model=tiny_model)
    assert found.quality.dtype == np.uint8
    assert found.quality.values.tolist() == [0, 4, 1, 0, 8, 0]
    assert found.quality.attrs["flag_masks"].tolist() == [2**k for k in range(8)]
    kept = flags < 32
    assert np.isnan(found.swh.values).tolist() == (~kept).tolist()
    expected = retrieve(read, model=tiny_model).swh.values[kept]
    np.testing.assert_allclose(
        found.swh.values[kept], expected, atol=tolerance(tiny_model)
    )
    assert joined.oceansar.quality().values.tolist() == [0, 4, 1, 0, 8, 0]


@pytest.mark.parametrize("lazy", [False, True])
def test_a_mask_of_pixels_leaves_one_quality_a_vignette(images, tiny_model, lazy):
    """``Dataset.where`` repeats the flags of a vignette over all of its pixels."""
    flags = np.array([0, 4, 0, 16, 8, 32], np.uint8)
    read = images.assign(quality=("vignette", flags))
    read = read.chunk(vignette=2, line=-1, sample=-1) if lazy else read
    there = xr.ones_like(read.sigma0, bool)
    there[:, :2] = False
    there[2] = False
    masked = read.where(there)
    assert masked.quality.dims == ("vignette", "line", "sample")
    expected = [0, 4, 1, 16, 8, 32]
    assert masked.oceansar.quality().values.tolist() == expected
    found = retrieve(masked, model=tiny_model)
    assert found.quality.dims == found.swh.dims == ("vignette",)
    assert (found.quality.values & np.array(expected)).tolist() == expected
    alone = retrieve(masked.drop_vars("quality"), model=tiny_model).swh.values
    np.testing.assert_array_equal(found.swh.values, alone)
    wind = gmf_wind(masked).wind_speed
    assert wind.dims == ("vignette",)
    plain = gmf_wind(masked.drop_vars("quality")).wind_speed
    np.testing.assert_array_equal(wind.values, plain.values)


@pytest.mark.parametrize("values", [0.5, 256.0, -1.0, np.int16(300)])
def test_what_is_no_flag_is_refused(images, values):
    images["quality"] = "vignette", np.full(6, values)
    with pytest.raises(errors.UnitsError, match="flag masks"):
        images.oceansar.quality()


def test_the_user_is_warned_of_a_simulated_model_when_the_graph_is_built(
    images, tiny_model, monkeypatch, no_compute
):
    monkeypatch.setattr("xoceansar.models.bundle.library._warned", False)
    model = replace(tiny_model, simulated=True)
    lazy = images.assign(sigma0=images.sigma0.chunk())
    with pytest.warns(errors.OceansarWarning, match="not measurements") as caught:
        emb = lazy.oceansar.embed(model=model)
    assert caught[0].filename == __file__
    assert "not a measurement" in emb.attrs["model_training"]


def test_roughness_needs_and_uses_the_incidence_profile(images, tmp_path):
    model = write_tiny_model(tmp_path / "rough", scale="roughness")
    with_profile = embed(images, model=model)
    flat = images.assign_coords(incidence=images.incidence.mean("sample"))
    assert float(abs(with_profile - embed(flat, model=model)).max()) > 1e-3
    np.testing.assert_allclose(
        embed(images.chunk(vignette=2), model=model),
        with_profile,
        atol=tolerance(model),
    )


def test_public_names_are_the_operations():
    assert xos.ops.embed is embed


def test_an_embedding_keeps_its_incidence_beside_that_of_the_images(images, tiny_model):
    """As where one embeds, and drops the images of the Dataset to keep the rest."""
    embedding = images.oceansar.embed(model=tiny_model).compute()
    for given in (images, images.chunk(vignette=2)):
        ds = given.drop_vars("sigma0").assign(embedding_vector=embedding)
        assert ds.incidence.dims == ("vignette", "sample")
        found = find_embedding(ds)
        xr.testing.assert_allclose(found.incidence, embedding.incidence)
        one, other = (
            obj.oceansar.retrieve(model=tiny_model).compute() for obj in (ds, embedding)
        )
        for name in other.data_vars:
            np.testing.assert_allclose(
                one[name], other[name], rtol=tolerance(tiny_model)
            )
