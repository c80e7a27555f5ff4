from importlib import import_module

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.conftest import write_tiny_model
from xoceansar import errors
from xoceansar.ops import embed, similar


@pytest.fixture
def archive():
    """Sixty rows of eight dims, made by a model that names itself."""
    rng = np.random.default_rng(2)
    n = 60
    return xr.DataArray(
        rng.standard_normal((n, 8)).astype(np.float32),
        dims=("vignette", "embedding"),
        attrs={"model": "m", "weights_sha256": "aa"},
        coords={
            "vignette_id": ("vignette", [f"v-{i:02d}" for i in range(n)]),
            "time": ("vignette", np.datetime64("2021-01-01", "ns") + np.arange(n)),
            "longitude": ("vignette", np.linspace(-170.0, 170.0, n), {"units": "x"}),
            "beam": ("vignette", ["wv1", "wv2"] * (n // 2)),
            "orbit": ("vignette", np.arange(n)),
            "axis": (("vignette", "embedding"), np.zeros((n, 8))),
        },
        name="embedding_vector",
    )


def cosines(archive):
    x = archive.values.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x @ x.T


def test_a_vignette_of_the_archive_finds_others_with_time_and_place(archive):
    found = archive.to_dataset().oceansar.similar("v-07", n_neighbors=4)
    score = cosines(archive)[7]
    score[7] = -2
    order = np.argsort(-score)[:4]
    assert found.sizes == {"query": 1, "neighbour": 4}
    assert found.index.values.tolist() == [order.tolist()]
    np.testing.assert_allclose(found.score[0], score[order], rtol=1e-6)
    assert found.vignette_id.values.tolist() == [[f"v-{i:02d}" for i in order]]
    assert (found.time.values == archive.time.values[order]).all()
    assert found.time.dtype == "datetime64[ns]"
    assert (found.longitude.values == archive.longitude.values[order]).all()
    assert found.longitude.attrs == {"units": "x"}
    assert (found.orbit.values == order).all()
    assert found.query_id.values.tolist() == ["v-07"]
    assert "axis" not in found.coords
    assert found.attrs["weights_sha256"] == "aa"


def test_positions_ids_and_embeddings_mean_the_same_rows(archive):
    by_id = similar(archive, ["v-59", "v-03"], n_neighbors=3)
    xr.testing.assert_identical(
        similar(archive, [-1, 3], n_neighbors=3).drop_attrs(), by_id.drop_attrs()
    )
    rows = similar(archive, archive[[59, 3]], n_neighbors=4)
    assert rows.index[:, 0].values.tolist() == [59, 3]
    np.testing.assert_allclose(rows.score[:, 0], 1)
    assert (rows.index[:, 1:].values == by_id.index.values).all()
    one = similar(archive, archive[59], n_neighbors=4)
    assert (one.index.values == rows.index.values[:1]).all()


def test_inner_product(archive):
    stretched = archive * xr.DataArray(np.r_[5.0, np.ones(59)], dims="vignette")
    product = stretched.values @ stretched.values[4]
    product[4] = -np.inf
    found = similar(stretched, 4, n_neighbors=59, metric="inner")
    assert found.index[0].values.tolist() == np.argsort(-product)[:59].tolist()


def test_missing_rows_and_queries(archive):
    gaps = archive.copy()
    gaps[[2, 5]] = np.nan
    found = similar(gaps, [2, 6], n_neighbors=60)
    assert (found.index[0] == -1).all()
    assert found.score[0].isnull().all()
    assert (found.vignette_id[0] == "").all()
    assert np.isnat(found.time[0].values).all()
    assert np.isnan(found.longitude[0]).all()
    assert np.isnan(found.orbit[0]).all()
    valid = found.index[1].values
    assert sorted(valid[:57]) == sorted(set(range(60)) - {2, 5, 6})
    assert valid[57:].tolist() == [-1] * 3


@pytest.mark.parametrize("chunks", [7, (1, 30, 29), 60])
def test_lazy_and_the_same(archive, chunks, no_compute):
    eager = similar(archive, [4, 9], n_neighbors=5)
    lazy = archive.chunk(vignette=chunks)
    found = similar(lazy, [4, 9], n_neighbors=5)
    assert all(found[name].chunks is not None for name in ("score", "index", "time"))
    with dask.config.set(scheduler="threads"):
        xr.testing.assert_identical(found.compute().drop_attrs(), eager.drop_attrs())
        vectors = archive[:20].chunk(vignette=6)
        parts = similar(lazy, vectors, n_neighbors=3)
        assert parts.score.chunks == ((6, 6, 6, 2), (3,))
        xr.testing.assert_identical(
            parts.compute().drop_attrs(), similar(archive, archive[:20], 3).drop_attrs()
        )


def test_each_block_of_the_archive_is_read_once_and_never_all_at_once(
    archive, monkeypatch
):
    module = import_module("xoceansar.ops.similarity")
    monkeypatch.setattr(module, "_BLOCK_BYTES", 12 * 8 * 4)
    reads = []

    def read(block, block_info):
        reads.append(block_info[0]["chunk-location"][0])
        return block

    data = da.from_array(archive.values, chunks=(6, 8))
    counted = archive.copy(data=data.map_blocks(read, dtype="f4", meta=data._meta))
    found = similar(counted, archive, n_neighbors=2)
    assert reads == []
    expected = similar(archive, archive, n_neighbors=2)
    xr.testing.assert_identical(found.compute().drop_attrs(), expected.drop_attrs())
    assert sorted(reads) == list(range(10))


def test_images_are_embedded_by_the_model_of_the_archive(images, tiny_model):
    archive = embed(images, model=tiny_model)
    found = similar(
        archive, images.isel(vignette=[2, 4]), n_neighbors=2, model=tiny_model
    )
    assert found.index[:, 0].values.tolist() == [2, 4]
    assert found.query_id.values.tolist() == images.vignette_id.values[[2, 4]].tolist()
    lazy = similar(archive, images.chunk(vignette=2), n_neighbors=1, model=tiny_model)
    assert lazy.score.chunks is not None
    assert lazy.index[:, 0].values.tolist() == [0, 1, 2, 3, 4, 5]


class TestRefused:
    def test_another_model(self, archive, images, tiny_model, tmp_path):
        other = archive.assign_attrs(weights_sha256="bb", model="n")
        with pytest.raises(errors.WeightsMismatchError, match=r"'m' .*'n'"):
            similar(archive, other)
        mine = embed(images, model=write_tiny_model(tmp_path / "other", seed=1))
        with pytest.raises(errors.WeightsMismatchError):
            similar(mine, images, model=tiny_model)
        with pytest.raises(errors.WeightsMismatchError):
            similar(mine, mine[0], model=tiny_model)

    def test_another_length(self, archive):
        with pytest.raises(errors.DimensionError, match=r"8.*of 5"):
            similar(archive, archive[:, :5])

    def test_an_unknown_id(self, archive):
        with pytest.raises(errors.MissingVariableError, match=r"'v-99'.*60.*'v-00'"):
            similar(archive, "v-99")
        with pytest.raises(errors.MissingVariableError, match="vignette_id"):
            similar(archive.drop_vars("vignette_id"), "v-01")
        one = archive.drop_vars("vignette_id").assign_coords(vignette_id="v-01")
        with pytest.raises(errors.MissingVariableError, match="along 'vignette'"):
            similar(one, "v-01")

    @pytest.mark.parametrize("query", [60, -61, [0, 75]])
    def test_a_position_outside(self, archive, query):
        with pytest.raises(errors.OceansarError, match="0 to 59"):
            similar(archive, query)

    @pytest.mark.parametrize("query", [1.5, None, [], [[1, 2]], [True]])
    def test_no_query(self, archive, query):
        with pytest.raises(errors.OceansarError, match="a query is"):
            similar(archive, query)

    def test_other_arguments(self, archive):
        for k in (0, 2.5, True):
            with pytest.raises(errors.OceansarError, match="n_neighbors must"):
                similar(archive, 0, n_neighbors=k)
        with pytest.raises(errors.OceansarError, match="metric"):
            similar(archive, 0, metric="euclid")
        with pytest.raises(errors.MissingVariableError, match="embed"):
            similar(xr.Dataset({"swh": ("vignette", [1.0])}), 0)
        with pytest.raises(errors.DimensionError, match="vignette"):
            similar(archive[0], 0)
        stacked = xr.concat([archive, archive], "more")
        with pytest.raises(errors.DimensionError, match="stack"):
            similar(archive, stacked)


def test_a_mask_selects_and_is_not_taken_for_positions(archive):
    wanted = np.zeros(60, bool)
    wanted[[3, 41]] = True
    expected = similar(archive, [3, 41])
    for mask in (wanted, wanted.tolist(), xr.DataArray(wanted, dims="vignette")):
        xr.testing.assert_identical(
            similar(archive, mask).drop_attrs(), expected.drop_attrs()
        )
    assert similar(archive, ~np.ones(60, bool)).sizes["query"] == 0
    for wrong in (True, wanted[:50], [True, 3], np.float64([1.0])):
        with pytest.raises(errors.OceansarError, match="a query is"):
            similar(archive, wrong)


@pytest.mark.parametrize("rows", [60, 0])
@pytest.mark.parametrize("queries", [4, 0])
@pytest.mark.parametrize("lazy", ["archive", "query", "both", "none"])
def test_loaded_and_lazy_whole_and_empty(archive, rows, queries, lazy):
    text = archive.assign_coords(vignette_id=archive.vignette_id.astype(object))
    part, query = text[:rows], archive[:queries]
    expected = similar(part, query, n_neighbors=3)
    made = similar(
        part.chunk(vignette=20) if lazy in ("archive", "both") else part,
        query.chunk(vignette=2) if lazy in ("query", "both") else query,
        n_neighbors=3,
    ).load()
    xr.testing.assert_equal(made, expected)
    assert made.sizes == {"query": queries, "neighbour": 3}
    if rows and queries:
        assert made["index"].values[:, 0].tolist() == [0, 1, 2, 3]
    else:
        assert (made["index"].values == -1).all()


@pytest.mark.parametrize("dtype", ["c8", "i2", "?", "M8[ns]", "U4", "O"])
def test_coordinates_of_any_type_go_with_the_matches(archive, dtype):
    values = np.arange(len(archive)).astype(dtype)
    found = similar(archive.assign_coords(odd=("vignette", values)), [4, 9], 3)
    there = found.index.values
    np.testing.assert_array_equal(
        found.odd.values, values[there].astype(found.odd.dtype)
    )
