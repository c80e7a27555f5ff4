"""Attributes and coordinates as people have them: the right value, or an error that says what to type."""

import numpy as np
import pytest
import xarray as xr

from xoceansar import errors, ops
from xoceansar.conventions.attributes import (
    attribute_flag,
    attribute_text,
    is_simulated,
)
from xoceansar.evaluate import collocate


@pytest.mark.parametrize(
    ("value", "text", "flag"),
    [
        ("m", "m", True),
        (b"m", "m", True),
        (np.array(["m"]), "m", True),
        (np.array([b"a", b"b"]), "a b", True),
        (["calm", "rough"], "calm rough", True),
        (None, None, False),
        (np.nan, None, False),
        (1, "1", True),
        (np.array([0]), "0", False),
        ("False", "False", False),
        ([], None, False),
    ],
)
def test_attributes_are_read_as_texts_and_flags(value, text, flag):
    assert attribute_text({"a": value}, "a") == text
    assert attribute_flag({"a": value}, "a") is flag


@pytest.fixture
def read(images):
    return images.assign_coords(ground_heading=("vignette", np.full(6, 347.0)))


@pytest.mark.parametrize(
    "spacing",
    [50, 50.0001, "50", "50 m", b"50 m", "0.05 km", ("vignette", np.full(6, 50.0)),
     ("vignette", np.array([50] * 6, object)), ((), 0.05, {"units": "km"})],
)  # fmt: skip
def test_spacings_that_are_50_metres(read, tiny_model, spacing):
    given = read.assign_coords(pixel_spacing=spacing)
    expected = ops.embed(read, model=tiny_model)
    np.testing.assert_array_equal(ops.embed(given, model=tiny_model), expected)
    found = ops.cfar_icebergs(given)
    area = ops.cfar_icebergs(read).searched_area
    np.testing.assert_allclose(found.searched_area, area, rtol=1e-5)
    assert "50 m" in repr(given.oceansar) or "50.0001 m" in repr(given.oceansar)


@pytest.mark.parametrize(
    "spacing",
    [None, np.nan, 0.0, -50.0, "fine", "50 s", ("vignette", [50.0, 60.0] * 3), {"a": 1}],
)  # fmt: skip
def test_spacings_that_are_none(read, tiny_model, spacing):
    given = read.drop_vars("pixel_spacing")
    given.coords["pixel_spacing"] = spacing if isinstance(spacing, tuple) else xr.DataArray(np.array(spacing, object if not isinstance(spacing, float | str) else None))  # fmt: skip
    for f in (
        lambda: ops.embed(given, model=tiny_model),
        lambda: ops.cfar_icebergs(given),
    ):
        with pytest.raises(errors.UnitsError, match=r"assign_coords\(pixel_spacing="):
            f()
    assert "unknown spacing" in repr(given.oceansar)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.astype(str),
        lambda a: a.astype("S8"),
        lambda a: a.astype(object),
        lambda a: np.radians(a.astype(float)).assign_attrs(units="radian"),
        lambda a: a.assign_attrs(units=np.array(["degrees"])),
    ],
    ids=["text", "bytes", "object", "radian", "array"],
)
def test_incidence_however_written(read, tiny_model, change):
    given = read.assign_coords(incidence=change(read.incidence))
    for f in (
        lambda ds: ops.retrieve(ds, model=tiny_model).swh,
        lambda ds: ops.gmf_wind(ds).wind_speed,
        lambda ds: ops.to_vv(ds.assign_coords(polarisation=("vignette", ["HH"] * 6))).sigma0,
    ):  # fmt: skip
        np.testing.assert_allclose(f(given), f(read), rtol=1e-4)
    assert "incidence" in repr(given.oceansar)


@pytest.mark.parametrize(
    "bad", [["near"] * 6, np.array([None, {}] * 3, object), ("vignette", [1.0] * 6, {"units": "m"})]
)  # fmt: skip
def test_incidence_that_is_none(read, tiny_model, bad):
    given = read.assign_coords(
        incidence=bad if isinstance(bad, tuple) else ("vignette", bad)
    )
    for f in (
        lambda: ops.retrieve(given, model=tiny_model),
        lambda: ops.gmf_wind(given),
    ):
        with pytest.raises(errors.UnitsError, match="incidence"):
            f()


@pytest.mark.parametrize(
    "names",
    [np.array(list("abcdef"), object), np.array(["a", np.nan, "b", None, "c", "d"], object), np.arange(6)],
    ids=["object", "missing", "number"],
)  # fmt: skip
def test_ids_however_written(read, tiny_model, names):
    given = read.assign_coords(vignette_id=("vignette", names))
    vectors = ops.embed(given, model=tiny_model)
    found = ops.similar(vectors, str(names[4]), n_neighbors=1)
    expected = ops.similar(ops.embed(read, model=tiny_model), 4, n_neighbors=1)
    assert found["index"].values.tolist() == expected["index"].values.tolist()
    results = ops.retrieve(given, model=tiny_model)
    assert collocate(results, results[["swh"]]).swh.notnull().all()


@pytest.mark.parametrize(
    "value", [np.array([1, 2]), None, b"x", {"a": 1}, object(), [1, 2]]
)
@pytest.mark.parametrize(
    "name", ["weights_sha256", "simulated", "title", "history", "long_name"]
)
def test_attributes_that_are_no_text_break_nothing(read, tiny_model, name, value):
    vectors = ops.embed(read, model=tiny_model)
    vectors.attrs[name] = value
    if name == "weights_sha256" and value is not None:
        with pytest.raises(errors.WeightsMismatchError):
            ops.retrieve(vectors, model=tiny_model)
        return
    results = ops.retrieve(vectors, model=tiny_model).assign_attrs({name: value})
    assert collocate(results, results[["swh"]]).swh.notnull().all()
    assert ops.grid(results, "swh").observation_count.sum() == 6


def test_places_that_are_no_numbers(read):
    for name in ("longitude", "latitude"):
        given = read.assign_coords({name: ("vignette", ["far"] * 6)})
        with pytest.raises(errors.OceansarError, match=f"{name} must be numbers"):
            ops.select(given, region=(-40, 0, 0, 40))
    given = read.assign_coords(latitude=read.latitude.astype(str))
    assert ops.select(given, region=(-40, 0, 0, 40)).sizes == ops.select(read, region=(-40, 0, 0, 40)).sizes  # fmt: skip


@pytest.mark.parametrize("name", ["longitude", "latitude"])
def test_places_of_a_reference_that_are_no_numbers(read, name):
    reference = read[["sigma0"]].mean(("line", "sample"))
    for written in (reference[name].astype(str), reference[name]):
        given = reference.assign_coords({name: written})
        assert (collocate(read, given).collocation_distance < 1).all()
    with pytest.raises(errors.UnitsError, match=f"{name} must be numbers"):
        collocate(read, reference.assign_coords({name: ("vignette", ["far"] * 6)}))


def test_noise_that_is_no_number(read):
    given = read.assign(nesz=("vignette", ["low"] * 6))
    with pytest.raises(errors.UnitsError, match="nesz must be linear numbers"):
        ops.to_vv(given)


@pytest.mark.parametrize("cell", ["2", None, [2.0], np.nan, -1, 0])
def test_cells_that_are_no_degrees(read, cell):
    results = read.assign(swh=("vignette", np.arange(6.0)))
    with pytest.raises(errors.DimensionError, match="cell="):
        ops.grid(results, "swh", cell=cell)


def test_vectors_along_another_dim_are_described_as_any_variable(read):
    ds = xr.Dataset({"embedding_vector": (("vignette", "width"), np.zeros((6, 3)))})
    assert "oceansar" in repr(ds.assign_coords(read.time.coords).oceansar)


def test_grids_of_places_however_written(read):
    results = read.assign(swh=("vignette", np.arange(6.0)))
    texts = results.assign_coords(latitude=results.latitude.astype(str))
    xr.testing.assert_equal(ops.grid(texts, "swh"), ops.grid(results, "swh"))
    for bad in (["far"] * 6, np.full(6, 1j), np.full(6, "2021", "M8[ns]"), [True] * 6):
        given = results.assign_coords(latitude=("vignette", bad))
        with pytest.raises(errors.UnitsError, match="latitude must be numbers"):
            ops.grid(given, "swh")


def test_variables_of_a_reference_that_are_no_names(read):
    reference = read[["sigma0"]].mean(("line", "sample"))
    with pytest.raises(errors.MissingVariableError, match="variables is a name"):
        collocate(read, reference, variables=5)
    with pytest.raises(errors.MissingVariableError, match="require is a name"):
        collocate(read, reference, require=5)
    latitude = collocate(read, reference.latitude).reference
    np.testing.assert_allclose(latitude, read.latitude, atol=0.01)


def test_texts_of_no_vignettes_are_written(read, tmp_path):
    none = read.isel(vignette=slice(0))
    with xr.open_dataset(none.oceansar.to_netcdf(tmp_path / "a.nc")) as back:
        assert back.sizes["vignette"] == 0
        assert set(map(str, none.variables)) == set(map(str, back.variables))


def test_images_in_chunks_of_lines_are_put_together(read):
    flat = read.drop_vars("quality", errors="ignore")
    parts = flat.chunk(vignette=2, line=7, sample=50)
    xr.testing.assert_equal(ops.quality(parts).compute(), ops.quality(flat))
    wind = {"wind_to_direction": xr.zeros_like(flat.longitude, float).assign_attrs(units="degree")}  # fmt: skip
    xr.testing.assert_allclose(ops.gmf_wind(parts, **wind).compute(), ops.gmf_wind(flat, **wind))  # fmt: skip
    xr.testing.assert_equal(
        ops.cfar_icebergs(parts).iceberg_count.compute(),
        ops.cfar_icebergs(flat).iceberg_count,
    )


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        ({}, False),
        ({"simulated": "False"}, False),
        ({"simulated": b"no", "source": "Sentinel-1"}, False),
        ({"simulated": 1}, True),
        ({"simulated": "true"}, True),
        ({"source": b"simulated by hand"}, True),
        ({"simulated": 0, "source": np.array(["simulated", "twice"])}, True),
    ],
)
def test_what_says_that_it_is_simulated(attrs, expected):
    from xoceansar.plot.style import provenance

    assert is_simulated(attrs) is expected
    assert bool(provenance(attrs)) is expected
