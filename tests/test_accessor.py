import importlib
import inspect
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from xoceansar import accessor, errors, ops, plot

HEAVY = ("torch", "timm", "xsar", "rasterio", "matplotlib", "cartopy", "numba",
         "dask", "scipy.fft", "scipy.ndimage")  # fmt: skip


def test_import_loads_nothing_heavy():
    code = f"import sys, xoceansar;print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "name",
    ["embed", "swh", "wind", "classify", "retrieve", "quality", "calibrate", "grid",
     "class_occurrence"],
)  # fmt: skip
@pytest.mark.parametrize("cls", [accessor.OceansarDataset, accessor.OceansarDataArray])
def test_methods_have_the_signature_of_their_functions(cls, name):
    if name == "calibrate" and cls is accessor.OceansarDataArray:
        pytest.skip("digital numbers and tables are several variables")
    method = inspect.signature(getattr(cls, name))
    function = inspect.signature(getattr(ops, name))
    assert list(method.parameters)[1:] == list(function.parameters)[1:]
    assert [p.default for p in method.parameters.values()][1:] == [
        p.default for p in function.parameters.values()
    ][1:]


@pytest.mark.parametrize("name", ["embed", "swh", "wind", "classify"])
def test_dataset_and_dataarray_give_the_same(images, tiny_model, name):
    from_dataset = getattr(images.oceansar, name)(model=tiny_model)
    from_array = getattr(images.sigma0.oceansar, name)(model=tiny_model)
    assert type(from_dataset) is type(from_array)
    if isinstance(from_dataset, xr.Dataset):
        xr.testing.assert_equal(from_dataset, from_array)
    else:
        np.testing.assert_array_equal(from_dataset, from_array)


def test_repr_says_what_was_understood(images, no_compute):
    text = repr(images.assign(sigma0=images.sigma0.chunk(vignette=2)).oceansar)
    for part in (
        "sigma0 (linear), 6 vignettes of 72 x 72 pixels of 50 m, lazy",
        "wv1 (3), wv2 (3)",
        "VV (6)",
        "2021-04-03 08:30:25 to 2021-04-03 08:31:39",
        "-30.00 to -28.00",
    ):
        assert part in text


def test_repr_loads_no_lazy_coordinate(images, no_compute):
    text = repr(images.chunk(vignette=2).oceansar)
    assert "beam         lazy" in text
    assert "time         lazy" in text


def test_repr_says_what_is_missing(images):
    text = repr(images.drop_vars(["sigma0"]).oceansar)
    assert "no images" in text
    assert "open_wave_mode" in text
    bare = images.drop_vars(["pixel_spacing", "incidence", "beam"])
    text = repr(bare.oceansar)
    assert "unknown spacing" in text
    assert "incidence    unknown" in text
    assert "beam         unknown" in text


def test_repr_of_an_embedding(images, tiny_model):
    text = repr(images.oceansar.embed(model=tiny_model).oceansar)
    assert "72 values for each of 6 vignettes, by model 'tiny-dB-0'" in text


@pytest.fixture
def retrieved(images):
    """What an operation would return."""
    swh = xr.DataArray(
        np.arange(6.0),
        dims="vignette",
        attrs={"units": "m", "long_name": "wave height"},
    )
    return images.drop_vars(["sigma0", "incidence"]).assign(swh=swh).assign_attrs(
        xoceansar_version="0", model="tiny", simulated=1, source="made up"
    )  # fmt: skip


def test_results_speak(retrieved):
    text = repr(retrieved.oceansar)
    for part in (
        "results      6 along vignette, in memory",
        "wv1 (3), wv2 (3)",
        "2021-04-03 08:30:25 to 2021-04-03 08:31:39",
        "longitude    -30.00 to -28.00",
        "latitude     10.00 to 16.00",
        "swh  m  wave height",
        "model        tiny",
        "simulated    made up",
        "plot.map('swh')",
        "to_table()",
    ):
        assert part in text
    assert "no images" not in text
    assert "results      6 along vignette" in repr(retrieved.swh.oceansar)


@pytest.mark.parametrize(
    ("longitudes", "words"),
    [
        ([170, 175, 179, -179, -170, -160], "170.00 to -160.00, across 180"),
        ([170, 175, 179, 181, 190, 200], "170.00 to 200.00"),
        ([-179, -178, 179.5, -180, 180, -179.9], "179.50 to -178.00, across 180"),
        ([350, 355, 359, 1, 5, 10], "-10.00 to 10.00"),
        ([200, 201, 202, 203, 204, 220], "200.00 to 220.00"),
        ([-40, -20, 0, 30, 20, 10], "-40.00 to 30.00"),
        ([-175, -115, -55, 5, 65, 125], "-175.00 to 125.00"),
        ([7, 7, 7, 7, 7, 7], "7.00 to 7.00"),
    ],
)
def test_the_box_is_the_shortest(retrieved, images, longitudes, words):
    place = {"longitude": ("vignette", np.array(longitudes, float))}
    for obj in (retrieved.assign_coords(place), images.assign_coords(place)):
        line = next(x for x in repr(obj.oceansar).splitlines() if "longitude" in x)
        assert line.split(maxsplit=1) == ["longitude", words]


def test_the_box_of_the_whole_globe_goes_from_end_to_end(retrieved):
    cells = retrieved.drop_vars("polarisation").oceansar.grid("swh", cell=20)
    assert "longitude    -170.00 to 170.00" in repr(cells.oceansar)
    everywhere = retrieved.isel(vignette=np.arange(72) % 6).assign_coords(
        longitude=("vignette", np.linspace(-178, 177, 72))
    )
    assert "longitude    -178.00 to 177.00" in repr(everywhere.oceansar)


def test_results_of_a_store_speak_too(retrieved, tmp_path):
    xos.to_zarr(retrieved, tmp_path / "a.zarr")
    text = repr(xos.open_archive(tmp_path / "a.zarr").oceansar)
    assert "6 along vignette, lazy" in text
    assert "2021-04-03 08:30:25 to 2021-04-03 08:31:39" in text
    assert "wv1 (3), wv2 (3)" in text


def test_nothing_is_computed_for_the_words(retrieved, no_compute):
    lazy = retrieved.chunk(vignette=2)
    lazy = lazy.assign_coords(longitude=lazy.longitude * 1 + 0)
    assert "longitude    lazy" in repr(lazy[["swh"]].drop_vars(
        ["time", "latitude", "beam", "platform", "polarisation", "vignette_id"]).oceansar)  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_reloading_is_quiet():
    with pytest.warns(xr.core.extensions.AccessorRegistrationWarning):
        importlib.reload(accessor)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = xos.no_such_name
    assert "open_wave_mode" in dir(xos)


def test_drawing_methods_have_the_signatures_and_the_help_of_their_functions():
    methods = xr.Dataset().oceansar.plot
    for name in plot.__all__:
        function = getattr(plot, name)
        if callable(function):
            theirs = list(inspect.signature(function).parameters)
            assert (
                list(inspect.signature(getattr(methods, name)).parameters) == theirs[1:]
            )
            assert getattr(methods, name).__doc__ == function.__doc__


def test_plot_draws_a_map_when_it_is_called(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        plot, "map", lambda *args, **kwargs: drawn.append((args, kwargs))
    )
    ds = xr.Dataset({"swh": ("vignette", [1.0])})
    ds.oceansar.plot("swh", land=False)
    assert drawn[0][0][0] is ds
    assert drawn == [((ds, "swh"), {"land": False})]


def test_both_accessors_write_stores_and_files(retrieved, tmp_path):
    retrieved.oceansar.to_zarr(tmp_path / "a.zarr")
    retrieved.swh.oceansar.to_zarr(tmp_path / "b.zarr")
    retrieved.swh.oceansar.to_netcdf(tmp_path / "b.nc")
    with pytest.raises(errors.ProductError, match="overwrite=True"):
        retrieved.swh.oceansar.to_zarr(tmp_path / "a.zarr")
    retrieved.swh.oceansar.to_zarr(tmp_path / "a.zarr", overwrite=True)
    for made in (
        xr.open_zarr(tmp_path / "a.zarr"),
        xr.open_zarr(tmp_path / "b.zarr"),
        xr.open_dataset(tmp_path / "b.nc"),
    ):
        assert list(made.data_vars) == ["swh"]
        np.testing.assert_array_equal(made.swh, retrieved.swh)


def test_a_model_may_be_given_by_position(images, tiny_model):
    a = images.oceansar.embed(tiny_model)
    np.testing.assert_array_equal(a, images.oceansar.embed(model=tiny_model))
    np.testing.assert_array_equal(
        a.oceansar.swh(tiny_model), a.oceansar.swh(model=tiny_model)
    )


@pytest.mark.parametrize(
    "package",
    ["", ".evaluate", ".io", ".models", ".ops", ".plot", ".sar", ".simulate", ".train"],
)
def test_completion_shows_what_is_public_and_all_of_it_is_there(package):
    module = importlib.import_module(f"xoceansar{package}")
    shown = [name for name in dir(module) if not name.startswith("_")]
    assert shown == sorted(name for name in module.__all__ if name != "__version__")
    for name in shown:
        getattr(module, name)
