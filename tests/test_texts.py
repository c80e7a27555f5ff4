"""Texts mean the same whatever type holds them, and come back whole from every file."""

import json

import dask.array as da
import geopandas
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.plot.conftest import result
from xoceansar import plot
from xoceansar.conventions.texts import plain_texts, stored_texts, text_values
from xoceansar.errors import OceansarError
from xoceansar.io.archive.zarr_archive import to_zarr
from xoceansar.io.export.netcdf import to_netcdf
from xoceansar.io.export.tabular_files import to_geojson, to_geoparquet
from xoceansar.splits.orbit_passes import orbit_pass

mpl.use("Agg")

STRING = np.dtypes.StringDType
FORMS = {
    "fixed": np.asarray,
    "variable": lambda values: np.asarray(values).astype(STRING()),
    "missing": lambda values: np.asarray(values).astype(STRING(na_object=None)),
    "objects": lambda values: np.asarray(values).astype(object),
    "bytes": lambda values: np.char.encode(np.asarray(values), "utf-8"),
    "pandas": lambda values: pd.Index(list(values)),
    "pandas objects": lambda values: pd.array(list(values), dtype="string[python]"),
}
LONG = "s1a-wv2-slc-vv-" + "20210403t083025-" * 20 + "é"


def recast(ds, form):
    """Hold the texts of a Dataset in another type."""
    return ds.assign_coords(
        {
            name: (v.dims, FORMS[form](v.values), v.attrs)
            for name, v in ds.coords.items()
            if v.dtype.kind == "U" and v.dims
        }
    )


@pytest.fixture(params=FORMS)
def held(request):
    ds = result(8)
    names = [*ds.vignette_id.values[:7], LONG]
    ds = ds.assign_coords(vignette_id=("vignette", names))
    vectors = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)
    ds["embedding_vector"] = (("vignette", "embedding"), vectors)
    return recast(ds, request.param)


def test_values_of_every_form(held):
    assert text_values(held.beam).tolist() == ["wv1", "wv2"] * 4
    assert text_values(held.vignette_id)[-1] == LONG


@pytest.mark.parametrize(
    "values",
    [
        np.array(["a", None, np.nan, pd.NA, pd.NaT], object),
        np.array(["a", None, None, None, None], STRING(na_object=None)),
        np.array(["a", *[np.nan] * 4], STRING(na_object=np.nan)),
        pd.array(["a", *[None] * 4], dtype="string"),
    ],
)
def test_what_is_missing_is_the_empty_text(values):
    held = xr.DataArray(xr.Variable("vignette", values))
    assert text_values(held).tolist() == ["a", "", "", "", ""]
    stored = stored_texts(held.variable, "x")
    assert stored.values.tolist() == ["a", "", "", "", ""]


def test_a_single_text_and_none_at_all():
    assert text_values(xr.DataArray(np.array("VV", STRING()))).item() == "VV"
    assert text_values(np.array([], object)).shape == (0,)


def test_selection_by_text(held):
    assert held.oceansar.select(beam="wv2").swh.values.tolist() == (
        held.swh.values[1::2].tolist()
    )
    with pytest.raises(OceansarError, match="wv3"):
        held.oceansar.select(beam="wv3")
    with pytest.raises(OceansarError, match=r"'S1B' is not one of \['S1A'\]"):
        held.oceansar.select(platform="S1B")


def test_search_by_id(held):
    one = held.oceansar.similar(LONG, n_neighbors=2)
    assert text_values(one.query_id).tolist() == [LONG]
    assert one.index.values.tolist() == held.oceansar.similar(7, n_neighbors=2).index.values.tolist()  # fmt: skip
    several = text_values(held.vignette_id)[:2].astype(STRING())
    assert held.oceansar.similar(several, n_neighbors=1).sizes["query"] == 2


def test_passes_maps_and_tracks(held):
    plain = recast(held.assign_coords(vignette_id=result(8).vignette_id), "fixed")
    assert orbit_pass(held).tolist() == orbit_pass(plain).tolist()
    (axes, *_) = plot.map(held, "beam", land=False, locator=False).axes
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"wv1 (4)", "wv2 (4)"} <= set(words)
    plot.track(held, "swh")


@pytest.mark.parametrize("lazy", [False, True])
def test_comparisons(held, lazy):
    names = held.beam
    if lazy and isinstance(names.variable._data, np.ndarray):
        names = names.chunk(vignette=3)
    found = plain_texts(names)
    assert (found.chunks is None) == (names.chunks is None)
    np.testing.assert_array_equal(found == "wv1", [True, False] * 4)
    np.testing.assert_array_equal(found.isin(["wv2", "x"]), [False, True] * 4)


@pytest.mark.parametrize("form", FORMS)
def test_polarisations(images, form):
    horizontal = images.assign_coords(polarisation=("vignette", ["HH", "VV"] * 3))
    expected = horizontal.oceansar.to_vv()
    found = recast(horizontal, form).oceansar.to_vv()
    np.testing.assert_array_equal(found.sigma0, expected.sigma0)
    assert text_values(found.polarisation).tolist() == ["VV"] * 6
    np.testing.assert_array_equal(
        recast(horizontal, form).oceansar.gmf_wind().wind_speed,
        horizontal.oceansar.gmf_wind().wind_speed,
    )


@pytest.mark.parametrize("lazy", [False, True])
def test_stores_hold_them_whole(held, tmp_path, lazy):
    expected = text_values(held.vignette_id).tolist()
    if lazy:
        if isinstance(held.vignette_id.variable._data, np.ndarray):
            held = held.chunk(vignette=3)
        else:
            held["swh"] = held.swh.chunk(vignette=3)
    zarr = xr.open_zarr(to_zarr(held, tmp_path / "r.zarr"))
    assert text_values(zarr.vignette_id).tolist() == expected
    assert text_values(zarr.beam).tolist() == ["wv1", "wv2"] * 4
    # what was opened is written again, and meets the same operations
    again = xr.open_zarr(to_zarr(zarr, tmp_path / "again.zarr"))
    assert text_values(again.vignette_id).tolist() == expected
    assert again.oceansar.select(beam="wv1").sizes["vignette"] == 4
    found = again.oceansar.similar(LONG, n_neighbors=1)
    assert text_values(found.query_id).tolist() == [LONG]
    with xr.open_dataset(to_netcdf(zarr, tmp_path / "r.nc")) as netcdf:
        assert text_values(netcdf.vignette_id).tolist() == expected


def test_tables_hold_them_whole(held, tmp_path):
    expected = text_values(held.vignette_id).tolist()
    table = geopandas.read_parquet(to_geoparquet(held, tmp_path / "r.parquet"))
    assert table.vignette_id.tolist() == expected
    written = json.loads(to_geojson(held, tmp_path / "r.geojson").read_text())
    found = [each["properties"]["vignette_id"] for each in written["features"]]
    assert found == expected


def test_objects_that_are_no_text_are_not_written_as_their_repr(tmp_path):
    values = np.array([1, "a", {}], object)
    for held in (values, da.from_array(values, chunks=1)):
        ds = xr.Dataset({"x": ("vignette", held)})
        with pytest.raises(OceansarError, match=r"'x' holds objects.*astype"):
            to_zarr(ds, tmp_path / "o.zarr")
