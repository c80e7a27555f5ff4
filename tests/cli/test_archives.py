import json

import numpy as np
import pytest
import xarray as xr

from xoceansar import to_zarr
from xoceansar.conventions import class_attrs


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    n, v = 6, "vignette"
    ds = xr.Dataset(
        {
            "embedding_vector": (
                (v, "embedding"),
                np.random.default_rng(0).standard_normal((n, 4)).astype(np.float32),
            ),
            "swh": (v, np.arange(n, dtype=np.float32)),
            "ocean_class": (v, np.int8([0, 0, 6, 6, -1, 5]), class_attrs()),
        },
        coords={
            "vignette_id": (v, [f"s-{i}" for i in range(n)]),
            "time": (v, np.datetime64("2021-04-01", "ns") + np.arange(n) * np.timedelta64(9, "D")),
            "longitude": (v, [179.0, -179.0, 0.0, 10.0, 20.0, 30.0]),
            "latitude": (v, np.linspace(-60.0, 60.0, n)),
            "beam": (v, ["wv1", "wv2"] * 3),
        },
    )  # fmt: skip
    return to_zarr(ds, tmp_path_factory.mktemp("archive") / "a.zarr")


def test_similar_lists_the_matches(run, archive):
    expected = xr.open_zarr(archive).oceansar.similar("s-2", n_neighbors=2).load()
    done = run("similar", archive, "s-2", "-k", 2)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()[1:]
    assert len(lines) == 2
    for i, line in enumerate(lines):
        assert str(expected.vignette_id[0, i].item()) in line
        assert f"{float(expected.score[0, i]):.4f}" in line
        assert str(expected.time[0, i].values)[:10] in line
    assert (
        run("similar", archive, 2, "-k", 2).stdout.splitlines()[1].split()[2]
        in lines[0]
    )


def test_a_query_without_an_embedding_is_said_to_have_none(run, archive, tmp_path):
    ds = xr.open_zarr(archive).load()
    ds["embedding_vector"][1] = np.nan
    path = to_zarr(ds.drop_encoding(), tmp_path / "b.zarr")
    done = run("similar", path, "s-1", "s-2", "-k", 1)
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["s-2"]
    assert "nothing is like s-1: a vignette without an embedding" in done.stderr


def test_similar_within_a_part(run, archive):
    done = run("similar", archive, "s-0", "--region", 170, -90, -170, 90)
    assert [line.split()[2] for line in done.stdout.splitlines()[1:]] == ["s-1"]


def test_an_unknown_id_is_one_message(run, archive):
    done = run("similar", archive, "s-9")
    assert done.exit_code == 2
    assert "no vignette has the id 's-9'" in done.stderr


def test_export(run, archive, tmp_path):
    nc = tmp_path / "a.nc"
    done = run(
        "export",
        archive,
        "--to",
        nc,
        "--time",
        "2021-04/2021-04",
        "--class",
        "icebergs",
    )
    assert done.exit_code == 0, done.output
    assert "2 vignettes" in done.stdout
    assert xr.open_dataset(nc).swh.values.tolist() == [2, 3]
    assert run("export", archive, "--to", nc).exit_code == 2
    again = run("export", archive, "--to", nc, "--overwrite", "--no-embedding")
    assert again.exit_code == 0
    assert "embedding_vector" not in xr.open_dataset(nc)


def test_export_for_spreadsheets(run, archive, tmp_path):
    path = tmp_path / "a.csv"
    assert run("export", archive, "--to", path, "--beam", "WV2").exit_code == 0
    lines = path.read_text().splitlines()
    assert len(lines) == 4
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert row["vignette_id"] == "s-1"
    assert float(row["swh"]) == 1
    assert row["ocean_class"] == "pure_ocean_waves"
    assert row["time"] == "2021-04-10T00:00:00.000000Z"


def test_export_for_gis(run, archive, tmp_path):
    geopandas = pytest.importorskip("geopandas")
    points, places = tmp_path / "a.parquet", tmp_path / "a.geojson"
    assert run("export", archive, "--to", points, "--beam", "wv1").exit_code == 0
    table = geopandas.read_parquet(points)
    assert table.vignette_id.tolist() == ["s-0", "s-2", "s-4"]
    assert len(table.embedding_vector[0]) == 4
    assert run("export", archive, "--to", places).exit_code == 0
    assert len(json.loads(places.read_text())["features"]) == 6


def test_another_suffix_is_refused(run, archive, tmp_path):
    done = run("export", archive, "--to", tmp_path / "a.xlsx")
    assert done.exit_code == 2
    assert ".parquet, .csv, .nc, .geojson" in done.stderr
