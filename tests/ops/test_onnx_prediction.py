"""Networks of ONNX files: named features in, labelled variables out, and what is refused."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from xoceansar.errors import (
    BundleError,
    DimensionError,
    MissingVariableError,
    PathError,
    UnitsError,
    WeightsMismatchError,
)
from xoceansar.models.inference.runtime import clear_cache

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT

WEIGHT = np.array([[1.0, 0.0], [10.0, 0.0], [100.0, 0.0], [1000.0, 1.0]], np.float32)


def write(path, *, nodes=None, inputs=None, outputs=None, weights=None, opsets=()):
    """Write y = x W of four columns, or another graph, and return its path."""
    graph = helper.make_graph(
        nodes or [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "law",
        inputs or [helper.make_tensor_value_info("x", FLOAT, ["n", 4])],
        outputs or [helper.make_tensor_value_info("y", FLOAT, ["n", "k"])],
        weights or [onnx.numpy_helper.from_array(WEIGHT, "w")],
    )
    sets = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in opsets)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def law(tmp_path):
    return write(tmp_path / "law.onnx")


@pytest.fixture
def features():
    """Five vignettes of which the third lacks a number."""
    n = np.arange(5.0)
    ds = xr.Dataset(
        {
            "swell": ("vignette", n, {"units": "m"}),
            "table": (
                ("vignette", "b", "a"),
                np.stack([[n, -n], [n + 0.5, 2 * n]], axis=0).T,
            ),
        },
        coords={"longitude": ("vignette", n - 30)},
    )
    ds["swell"].attrs["units"] = "m"
    return ds.assign(age=("vignette", np.full(5, 2.0), {"units": "1"}))


ASKED = {
    "inputs": [
        "table[a, b]",
    ],
    "outputs": {"y": ["swh", "confidence"]},
    "units": {"confidence": "1"},
}


def expected(ds):
    columns = ds.table.transpose("vignette", "a", "b").values.reshape(5, 4)
    return columns @ WEIGHT


def test_features_are_taken_by_name_in_the_order_that_is_stated(law, features):
    network = xos.open_onnx(law, **ASKED)
    made = features.oceansar.predict(network)
    np.testing.assert_allclose(made.swh, expected(features)[:, 0], rtol=1e-6)
    np.testing.assert_allclose(made.confidence, expected(features)[:, 1], rtol=1e-6)
    assert made.swh.attrs["standard_name"] == "sea_surface_wave_significant_height"
    assert made.confidence.attrs["units"] == "1"
    assert made.attrs["network"] == "law.onnx"
    assert made.attrs["network_sha256"] == network.sha256
    assert made.longitude.dims == ("vignette",)
    other = xos.open_onnx(law, **{**ASKED, "inputs": ["table[b, a]"]})
    columns = features.table.values.reshape(5, 4)
    np.testing.assert_allclose(
        features.oceansar.predict(other).swh, (columns @ WEIGHT)[:, 0]
    )


def test_single_numbers_and_tables_stand_beside_one_another(law, features):
    rows = features.isel(b=0, drop=True)
    network = xos.open_onnx(law, **{**ASKED, "inputs": ["age", "table[a]", "swell"]})
    made = rows.oceansar.predict(network)
    x = np.column_stack([rows.age, rows.table.transpose("vignette", "a"), rows.swell])
    np.testing.assert_allclose(made.swh, (x @ WEIGHT)[:, 0], rtol=1e-6)
    assert (
        repr(network)
        == "<OnnxNetwork law.onnx: age, table[a], swell -> swh, confidence>"
    )


def test_lazy_in_lazy_out_in_any_dims(law, features, no_compute):
    network = xos.open_onnx(law, **ASKED)
    lazy = features.chunk(vignette=2, a=1).oceansar.predict(network)
    assert lazy.swh.chunks == ((2, 2, 1),)
    tiles = features.expand_dims(burst=3).chunk(burst=1).oceansar.predict(network)
    assert set(tiles.swh.dims) == {"burst", "vignette"}


def test_lazy_equals_eager_in_a_fresh_process_state(law, features):
    network = pickle.loads(pickle.dumps(xos.open_onnx(law, **ASKED)))
    clear_cache()
    lazy = features.chunk(vignette=2).oceansar.predict(network).compute()
    xr.testing.assert_allclose(lazy, features.oceansar.predict(network), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_missing_number_is_a_missing_row_and_no_more(law, features, bad):
    network = xos.open_onnx(law, **ASKED)
    whole = features.oceansar.predict(network)
    features["table"][2, 1, 0] = bad
    made = features.oceansar.predict(network)
    np.testing.assert_array_equal(
        np.isnan(made.swh), [False, False, True, False, False]
    )
    np.testing.assert_allclose(
        made.drop_isel(vignette=2).swh, whole.drop_isel(vignette=2).swh
    )


def test_rows_of_nothing_but_missing_numbers(law, features):
    network = xos.open_onnx(law, **ASKED)
    assert np.isnan(
        features.assign(table=features.table * np.nan).oceansar.predict(network).swh
    ).all()
    assert (
        features.isel(vignette=slice(0)).oceansar.predict(network).sizes["vignette"]
        == 0
    )


def test_what_is_beyond_the_stated_domain_is_counted(law, features):
    network = xos.open_onnx(law, **ASKED, domain={"table": (0.0, 4.0)})
    features["table"][1, 0, 0] = np.nan
    made = features.oceansar.predict(network)
    table = features.table.values.reshape(5, 4)
    np.testing.assert_array_equal(
        made.inputs_out_of_range, ((table < 0) | (table > 4)).sum(axis=1)
    )
    assert made.inputs_out_of_range.values.max() >= 2
    assert made.swh.attrs["ancillary_variables"] == "inputs_out_of_range"
    assert np.isfinite(made.swh[2])  # flagged, not removed


def scaler(path, **changes):
    content = {
        "features_names_order": "['a', 'b', 'c', 'd']",
        "data_min": "[0.0, 1.0, 2.0, 3.0]",
        "data_max": "[1.0, 3.0, 4.0, 7.0]",
        "scaler_range": [0, 1],
        **changes,
    }
    path.write_text(json.dumps(content))
    return path


def test_a_scaler_names_scales_and_bounds_the_features(law, tmp_path):
    ds = xr.Dataset({n: ("vignette", [2.0, 3.5]) for n in "abcd"})
    network = xos.open_onnx(
        law, **{**ASKED, "inputs": None}, scaler=scaler(tmp_path / "s.json")
    )
    made = ds.oceansar.predict(network)
    scaled = (np.array([[2.0], [3.5]]) - [0, 1, 2, 3]) / [1, 2, 2, 4]
    np.testing.assert_allclose(made.swh, (scaled @ WEIGHT)[:, 0], rtol=1e-6)
    np.testing.assert_array_equal(made.inputs_out_of_range, [2, 2])
    short = xos.open_onnx(law, **ASKED, scaler=scaler(tmp_path / "t.json", data_min="[0, 1, 2]", data_max="[1, 3, 4]", features_names_order=["a", "b", "c"]))  # fmt: skip
    with pytest.raises(DimensionError, match=r"the scaler takes the shape \(3,\)"):
        xr.Dataset(
            {"table": (("vignette", "a", "b"), np.ones((1, 2, 2)))}
        ).oceansar.predict(short)


@pytest.mark.parametrize(
    "changes",
    [
        {"data_min": "[0, 1, 2]"},
        {"data_min": "[0, 1, 2, 9]"},
        {"data_max": "[1, 3, 4, NaN]"},
        {"scaler_range": [-1, 1]},
        {"data_min": "__import__('os')"},
        {"features_names_order": {"a": 1}},
    ],
)
def test_a_damaged_scaler_is_refused(law, tmp_path, changes):
    with pytest.raises(BundleError, match=r"must be JSON with features_names_order"):
        xos.open_onnx(law, **ASKED, scaler=scaler(tmp_path / "s.json", **changes))


def test_what_is_absent_is_named_with_what_to_type(law, features):
    network = xos.open_onnx(
        law, **{**ASKED, "inputs": ["wind", "swell", "age", "slope"]}
    )
    with pytest.raises(
        MissingVariableError,
        match=r"absent: \['wind', 'slope'\].*rename\(name='wind'\)",
    ):
        features.oceansar.predict(network)


def test_other_dims_and_numbers_of_columns_are_refused(law, features):
    network = xos.open_onnx(law, **ASKED)
    with pytest.raises(DimensionError, match=r"takes table\[a, b\].*without \['b'\]"):
        features.isel(b=0).oceansar.predict(network)
    with pytest.raises(
        DimensionError,
        match=r"shape \(4,\) for each vignette; the features give \(2,\)",
    ):
        features.isel(b=[0]).oceansar.predict(network)


def test_units_are_those_that_were_stated(law, features):
    asked = {
        **ASKED,
        "inputs": ["swell", "age", "age", "age"],
        "units": {"confidence": "1", "swell": "m"},
    }
    network = xos.open_onnx(law, **asked)
    assert np.isfinite(features.oceansar.predict(network).swh).all()
    feet = features.assign(swell=features.swell.assign_attrs(units="ft"))
    with pytest.raises(
        UnitsError, match=r"'swell' in 'm'; its units are 'ft'.*attrs\['units'\] = 'm'"
    ):
        feet.oceansar.predict(network)
    mute = features.assign(swell=features.swell.drop_attrs())
    with pytest.raises(UnitsError, match="are not given"):
        mute.oceansar.predict(network)
    complex_ = features.assign(age=features.age + 1j)
    with pytest.raises(UnitsError, match="'age' as real numbers; it is complex128"):
        complex_.oceansar.predict(network)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": {"z": "swh"}}, r"gives \['y'\]; outputs names \['z'\]"),
        (
            {"outputs": {"y": "swh"}},
            r"has the shape \(2,\).*'y': \['swh', ...\].*swh\[dim0\]",
        ),
        ({"outputs": {"y": ["swh", "swh"]}}, r"gives the variables \['swh'\] twice"),
        ({"outputs": {"y": ["swh", "fog"]}}, r"\['fog'\] have no units.*units=\{'fog'"),
        ({"inputs": {"q": ["a"]}}, r"takes \['x'\]; inputs names \['q'\]"),
        ({"inputs": []}, "needs one feature or more"),
        ({"inputs": ["a]b"]}, "a variable is named as"),
        ({"domain": {"fog": (0, 1)}}, "domain must be"),
        ({"domain": {"table": (1, 0)}}, "domain must be"),
    ],
)
def test_what_the_graph_is_not_is_refused_when_it_is_opened(law, change, message):
    with pytest.raises(BundleError, match=message):
        xos.open_onnx(law, **{**ASKED, **change})


def test_a_file_that_changed_since_is_refused(law, features):
    network = xos.open_onnx(law, **ASKED)
    clear_cache()
    write(law, weights=[onnx.numpy_helper.from_array(WEIGHT * 2, "w")])
    with pytest.raises(WeightsMismatchError, match="is not the file that was opened"):
        features.oceansar.predict(network)


# files of anyone


def test_operators_of_others_are_refused(tmp_path):
    foreign = helper.make_node("Run", ["x"], ["y"], domain="evil.ops")
    path = write(tmp_path / "a.onnx", nodes=[foreign], opsets=["evil.ops"])
    with pytest.raises(BundleError, match=r"uses the operator evil.ops.Run"):
        xos.open_onnx(path, **ASKED)
    body = helper.make_graph(
        [foreign], "g", [], [helper.make_tensor_value_info("y", FLOAT, None)]
    )
    yes = onnx.numpy_helper.from_array(np.array(True), "yes")
    hidden = helper.make_node("If", ["yes"], ["y"], then_branch=body, else_branch=body)
    path = write(
        tmp_path / "b.onnx", nodes=[hidden], weights=[yes], opsets=["evil.ops"]
    )
    with pytest.raises(BundleError, match=r"uses the operator evil.ops.Run"):
        xos.open_onnx(path, **ASKED)


def test_weights_in_other_files_are_refused(tmp_path):
    weight = onnx.numpy_helper.from_array(WEIGHT, "w")
    onnx.external_data_helper.set_external_data(weight, location="/etc/passwd")
    weight.ClearField("raw_data")
    path = write(tmp_path / "a.onnx", weights=[weight])
    with pytest.raises(BundleError, match="keeps the weights 'w' in another file"):
        xos.open_onnx(path, **ASKED)


@pytest.mark.parametrize(
    "content", [b"", b"no network", b"\x08\x07" * 9, bytes(range(256))]
)
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(BundleError, match="is not an ONNX file"):
        xos.open_onnx(path, **ASKED)


def test_every_cut_of_a_file_is_refused_or_reads_as_something_else(law):
    content = law.read_bytes()
    for size in range(0, len(content), 7):
        law.write_bytes(content[:size])
        with pytest.raises(BundleError):
            xos.open_onnx(law, **ASKED)


def test_files_that_are_too_large_or_no_files_are_refused(tmp_path, monkeypatch, law):
    monkeypatch.setattr("xoceansar.models.inference.onnx_session._LARGEST", 100)
    with pytest.raises(BundleError, match="at most 100 are read"):
        xos.open_onnx(law, **ASKED)
    for path in (tmp_path, tmp_path / "none.onnx", Path("/dev/zero")):
        with pytest.raises((BundleError, PathError)):
            xos.open_onnx(path, **ASKED)


def test_a_graph_of_one_vignette_at_a_time_gives_all(tmp_path, features):
    value = helper.make_tensor_value_info
    path = write(
        tmp_path / "one.onnx",
        inputs=[value("x", FLOAT, [2, 4])],
        outputs=[value("y", FLOAT, [2, 2])],
    )
    network = xos.open_onnx(path, **ASKED)
    made = features.oceansar.predict(network)
    np.testing.assert_allclose(made.swh, expected(features)[:, 0], rtol=1e-6)


def test_an_image_and_numbers_go_to_their_own_inputs_and_a_table_comes_out(
    tmp_path, features
):
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Reshape", ["s", "shape"], ["t"]),
        helper.make_node("Mul", ["image", "t"], ["y"]),
    ]
    path = write(
        tmp_path / "two.onnx",
        nodes=nodes,
        inputs=[value("image", FLOAT, ["n", 2, 2]), value("s", FLOAT, ["n", 1])],
        outputs=[value("y", FLOAT, ["n", 2, 2])],
        weights=[onnx.numpy_helper.from_array(np.array([-1, 1, 1]), "shape")],
    )
    network = xos.open_onnx(
        path,
        inputs={"image": ["table[a, b]"], "s": ["swell"]},
        outputs={"y": "density[band, way]"},
        units={"density": "m2"},
    )
    made = features.chunk(vignette=2).oceansar.predict(network)
    assert made.density.dims == ("vignette", "band", "way")
    table = features.table.transpose("vignette", "a", "b").values
    np.testing.assert_allclose(
        made.density, table * features.swell.values[:, None, None], rtol=1e-6
    )
    assert made.density.attrs["units"] == "m2"
    with pytest.raises(BundleError, match="takes one variable with 2 dims"):
        xos.open_onnx(path, inputs={"image": ["swell"], "s": ["swell"]}, outputs={"y": "density[b, w]"}, units={"density": "m2"})  # fmt: skip


def test_a_number_that_is_not_finite_is_missing(tmp_path, features):
    zero = onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    nodes = [helper.make_node("Div", ["x", "zero"], ["y"])]
    path = write(tmp_path / "d.onnx", nodes=nodes, weights=[zero])
    network = xos.open_onnx(
        path, inputs=["table[a, b]"], outputs={"y": "ratio[k]"}, units={"ratio": "1"}
    )
    assert np.isnan(features.oceansar.predict(network).ratio).all()


# the published network of Ifremer for the interferometric wide swath, on its own inputs

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "sarwaveifrproc"
IW = [
    "cwave_params[k_gp, phi_hf]", "sigma0_filt", "normalized_variance_filt", "incidence",
    "azimuth_cutoff",
]  # fmt: skip


@pytest.mark.skipif(
    not (REAL / "hs.onnx").exists(), reason="files of Ifremer are absent"
)
def test_the_published_network_of_the_wide_swath_on_real_inputs():
    import onnxruntime

    network = xos.open_onnx(
        REAL / "hs.onnx",
        inputs=IW,
        outputs={"pred": "swh", "conf": "confidence"},
        units={
            "confidence": "1",
            "sigma0_filt": "linear",
            "incidence": "degree",
            "azimuth_cutoff": "m",
        },
        domain={"azimuth_cutoff": (50.0, 1000.0)},
    )
    (l1,) = REAL.glob("s1a-iw2-slc-vv-*nospectra.nc")
    (l2,) = REAL.glob("s1a-iw2-slc-dv-*.nc")
    ds = xr.open_dataset(l1).squeeze("2tau")
    made = ds.chunk(burst=2).oceansar.predict(network).compute()
    product = xr.open_dataset(l2, group="intraburst")
    known = np.isfinite(product.hs_mean.values)
    assert known.sum() == 6
    np.testing.assert_array_equal(np.isfinite(made.swh.values), known)
    # to the digit what the runtime gives for a table put together by hand
    table = np.concatenate(
        [
            ds.cwave_params.transpose(
                *ds.land_flag.dims, "k_gp", "phi_hf"
            ).values.reshape(-1, 20),
            *(ds[name].values.reshape(-1, 1) for name in IW[1:]),
        ],
        axis=1,
    )[known.ravel()].astype(np.float32)
    by_hand = onnxruntime.InferenceSession(REAL / "hs.onnx").run(None, {"input": table})
    np.testing.assert_allclose(made.swh.values[known], by_hand[0][:, 0], atol=1e-5)
    np.testing.assert_allclose(
        made.confidence.values[known], by_hand[1][:, 0], atol=1e-5
    )
    np.testing.assert_allclose(made.swh.values[known], [0, 0.002, 0, 0.421, 0.227, 0.103], atol=2e-3)  # fmt: skip
    # the product at hand was made by another network, whose heights are larger
    difference = made.swh.values[known] - product.hs_mean.values[known]
    assert difference.mean() == pytest.approx(-0.703, abs=0.005)
    assert np.sqrt((difference**2).mean()) == pytest.approx(0.707, abs=0.005)
    assert (
        made.confidence.values[known] == -1
    ).all()  # and the network says that it is not sure
