"""The code of a class is in flag_values, and says nothing of its place."""

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from xoceansar.conventions.flags import class_indices, class_table
from xoceansar.errors import TrainingError, UnitsError


def classes(values, **attrs):
    return xr.DataArray(values, dims="vignette", name="kind", attrs=attrs)


def test_codes_become_places_and_what_is_unknown_is_missing():
    ice = {"flag_meanings": "ice sea wind", "flag_values": np.array([4, -1, 0])}
    found = class_indices(classes([0, 4, -1, -9, 4], **ice))
    np.testing.assert_array_equal(found, [2, 0, 1, np.nan, 0])
    found = class_indices(classes([0.0, np.nan, 4.0], **ice))
    np.testing.assert_array_equal(found, [2, np.nan, 0])
    filled = classes([4, 99, 0], **ice)
    filled.encoding["_FillValue"] = 99
    np.testing.assert_array_equal(class_indices(filled), [0, np.nan, 2])


def test_names_codes_as_text_and_defaults_are_read():
    texts = {"flag_meanings": "ice sea", "flag_values": "3b, 8b"}
    assert class_table(classes([3], **texts)) == {"ice": 3.0, "sea": 8.0}
    np.testing.assert_array_equal(class_indices(classes([8, 3], **texts)), [1, 0])
    named = classes(np.array(["sea", "", "ice", None], dtype=object), **texts)
    np.testing.assert_array_equal(class_indices(named), [1, np.nan, 0, np.nan])
    plain = class_indices(classes([1, -1]), default=("a", "b"))
    np.testing.assert_array_equal(plain, [1, np.nan])


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"flag_values": [1, 2, 3]}, "has 3 flag_values for 2 flag_meanings"),
        ({"flag_values": [1, 1]}, "a code twice"),
        ({"flag_values": "one two"}, "has no flag_values"),
        ({"flag_values": [1, 2]}, r"has the codes \[0.0, 7.0\]"),
    ],
)
def test_what_does_not_fit_is_refused(attrs, message):
    wrong = classes([0, 7, 1], flag_meanings="ice sea", **attrs)
    with pytest.raises(UnitsError, match=message):
        class_indices(wrong)
    with pytest.raises(TrainingError, match="'kind'"):
        class_indices(wrong, error=TrainingError)


@pytest.mark.parametrize("odd", [[0, [1]], ["a", "b"], {"a": 1}])
def test_flags_of_no_numbers_are_refused_where_they_are_needed_and_no_trouble_elsewhere(
    tmp_path, odd
):
    place = {
        "longitude": ("vignette", [1.0, 2.0]),
        "latitude": ("vignette", [3.0, 4.0]),
    }
    ds = xr.Dataset(
        {
            "ocean_class": classes([1, 0], flag_values=odd, flag_meanings="ice sea"),
            "quality": classes(np.uint8([4, 1]), flag_masks=odd, flag_meanings="a b"),
        },
        place,
    )
    table = ds.oceansar.to_geodataframe()
    assert table[["ocean_class", "quality"]].values.tolist() == [[1, 4], [0, 1]]
    assert "quality" not in table.attrs["flag_masks"]
    stored = xr.open_zarr(xos.to_zarr(ds, tmp_path / "a.zarr"))
    assert stored.ocean_class.values.tolist() == [1, 0]
    with pytest.raises(UnitsError, match="'ocean_class' has no flag_values"):
        ds.oceansar.select(ocean_class="ice").load()
    with pytest.raises(UnitsError, match="flag_values and flag_meanings are needed"):
        ds.oceansar.class_occurrence()
