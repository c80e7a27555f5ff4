"""Tables of what items list, and outlines in one array."""

import gc

import numpy as np
import pandas as pd
import pytest

from tests.catalogue.items import made_item, ring_of
from xoceansar.errors import OceansarWarning
from xoceansar.io.stac.collector import paused_collector
from xoceansar.io.stac.outlines import joined, outlines_from
from xoceansar.io.stac.vignette_table import tabulate


def renamed(item, old, new):
    """Give the files of an item other names."""
    for asset in item["assets"].values():
        for key in ("href", "file:local_path"):
            asset[key] = asset[key].replace(old, new)
    return item


@pytest.mark.parametrize(
    "moment",
    [
        "20221131t034802", "20220229t000000", "20221301t000000", "20220001t000000", "20221100t000000",
        "20221101t240000", "20221101t036002", "20221101t034861", "99990101t000000", "00000101t000000",
    ],
)  # fmt: skip
def test_moments_that_no_calendar_has_are_left_out(moment):
    item = renamed(
        made_item(places=[(0.0, 1.0), (2.0, 3.0)]),
        "20221101t034802-",
        f"{moment}-",
    )
    with pytest.warns(OceansarWarning, match=f"1 vignettes have names.*{moment}"):
        table = tabulate([item])
    assert table.rows.number.tolist() == [2]
    np.testing.assert_allclose(table.rows.longitude, 2, atol=1e-9)


def test_moments_are_those_of_the_names():
    starts = ["2016-02-29T23:59:59", "2022-12-31T00:00:00", "2014-10-04T12:34:56"]
    items = [made_item(start, orbit=f"{k + 1:06d}") for k, start in enumerate(starts)]
    rows = tabulate(items).rows
    assert rows.time.tolist() == [pd.Timestamp(start) for start in starts]
    assert rows.time.dtype == "datetime64[ns]"
    assert rows.orbit.tolist() == [1, 2, 3]


def test_what_is_wanted_is_kept_with_its_outline_and_its_files():
    places = [(k * 10.0, k * 2.0) for k in range(4)]
    items = [made_item(places=places), made_item("2022-11-02T00:00:00", places, orbit="000002")]  # fmt: skip
    asked = []

    def keep(rows, outlines):
        asked.append((len(rows), outlines.lengths.tolist()))
        return rows["number"].to_numpy() % 2 == 0

    table = tabulate(items, keep=keep)
    assert asked == [(8, [5] * 8)]
    assert table.rows.number.tolist() == [2, 4, 2, 4]
    np.testing.assert_allclose(table.rows.longitude, [10, 30, 10, 30], atol=1e-9)
    corners = table.outlines.points.reshape(4, 5, 2)
    np.testing.assert_allclose(corners[1], ring_of(30.0, 6.0))
    for row in table.rows.itertuples():
        assert all(row.vignette_id in href for href in row.hrefs[:4])
        assert row.product in row.hrefs[4]
        assert (row.sizes, row.size) == ((1000, 1000, 1000, 1000, 500), 4000)


def test_files_that_say_less_are_listed_all_the_same():
    item = made_item(places=[(0.0, 1.0), (2.0, 3.0)])
    stem = "20221101t034802-20221101t034805"
    for asset in item["assets"].values():
        if stem in asset["href"]:
            del asset["file:checksum"], asset["file:size"]
        if asset["href"].endswith("001.tiff"):
            asset["href"] = "https://x.example.org/" + asset["file:local_path"]
            asset["alternate"] = None
            del asset["file:local_path"]
    first, second = tabulate([item]).rows.itertuples()
    assert first.sizes == (-1, -1, -1, -1, 500)
    assert first.size == 0
    assert first.checksums[:4] == (None,) * 4
    assert first.hrefs[3] == first.https_hrefs[3]
    assert first.hrefs[3].startswith("https://x.example.org/S1A_WV_SLC__")
    assert first.local_paths[3] is None
    assert second.checksums[:4] == ("0" * 32,) * 4


def test_outlines_of_all_sorts_lie_in_one_array():
    flat = ring_of(179.95, -40.0)
    high = [[x, y, 12.5] for x, y in ring_of(10.0, 20.0)]
    triangle = [[0.0, 0.0], [2.0, 0.0], [1.0, 3.0], [0.0, 0.0]]
    outlines = outlines_from([None, flat, high, None, triangle, [[5.0, 5.0]]])
    assert outlines.lengths.tolist() == [0, 5, 5, 0, 4, 1]
    longitude, latitude = outlines.centres()
    np.testing.assert_allclose(longitude, [np.nan, 179.95, 10, np.nan, 1, np.nan], atol=1e-2)  # fmt: skip
    np.testing.assert_allclose(latitude, [np.nan, -40, 20, np.nan, 1, np.nan], atol=1e-2)  # fmt: skip
    np.testing.assert_allclose(outlines.widths(), [0, 359.82, 0.18, 0, 2, 0], atol=1e-9)
    part = outlines.where(np.array([True, False, True, False, True, False]))
    assert part.lengths.tolist() == [0, 5, 4]
    np.testing.assert_array_equal(part.points[5:], triangle)
    both = joined([part, outlines])
    assert both.lengths.tolist() == [0, 5, 4, 0, 5, 5, 0, 4, 1]
    assert joined([]).points.shape == (0, 2)


def test_the_collector_of_cycles_runs_again_afterwards():
    for running in (True, False):
        (gc.enable if running else gc.disable)()
        try:
            with paused_collector():
                assert not gc.isenabled()
                with paused_collector():
                    pass
                assert not gc.isenabled()
            assert gc.isenabled() is running
            with pytest.raises(KeyError), paused_collector():
                raise KeyError
            assert gc.isenabled() is running
        finally:
            gc.enable()
