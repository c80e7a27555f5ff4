"""Wind with its two ends, and the wind of CMOD5.N alone."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from xoceansar import errors
from xoceansar.models import Head, HeadSpec, write_bundle
from xoceansar.models.bundle.weight_files import read_arrays
from xoceansar.ops import embed, gmf_wind, retrieve, swh, wind
from xoceansar.sar.bearings import axis_error, encode_axis
from xoceansar.sar.gmf import cmod5n
from xoceansar.sar.inversion import invert_cmod5n
from xoceansar.sar.texture import texture_axis
from xoceansar.simulate.sea.environment import to_compass

HEADING = np.array([348.0, 192.0, 10.0, 350.0, 170.0, 0.0])
ANGLE = 25.0


@pytest.fixture
def headed(images):
    return images.assign_coords(ground_heading=("vignette", HEADING))


@pytest.fixture(scope="session")
def with_axis(tiny_model, tmp_path_factory):
    """Make the tiny bundle with a head that gives the axis 25 degrees, of length 0.8."""

    def make(ancillary=(), weight=0.0):
        spec = HeadSpec(
            name="wind_axis",
            kind="linear",
            target="wind_to_direction",
            units="degree",
            encoding="axis",
            pooling="cls+mean+std",
            backbone_sha256=tiny_model.weights_sha256,
            ancillary=ancillary,
        )
        n = 72 + len(ancillary)
        arrays = {
            "mean": np.zeros(n),
            "std": np.ones(n),
            "weight": np.zeros((n, 2)),
            "bias": 0.8 * encode_axis(ANGLE),
        }
        if ancillary:
            arrays["weight"][-2:] = weight * np.eye(2)
        head = Head(spec, {k: v.astype(np.float32) for k, v in arrays.items()})
        folder = tmp_path_factory.mktemp("axis")
        from pathlib import Path

        from xoceansar.models.heads.head import load_head

        old = [load_head(h, Path(tiny_model.path)) for h in tiny_model.heads]
        return write_bundle(
            folder,
            name="tiny-axis",
            backbone=replace(tiny_model.backbone, sha256=""),
            backbone_state=read_arrays(
                Path(tiny_model.path) / "backbone.safetensors",
                tiny_model.weights_sha256,
            ),
            input=tiny_model.input,
            heads=[*old, head],
        )

    return make


@pytest.fixture(scope="session")
def axis_model(with_axis):
    return with_axis()


def test_both_ends_and_their_error_without_a_reference(headed, axis_model):
    result = wind(headed, model=axis_model)
    assert "wind_to_direction" not in result
    ends = result.wind_to_direction_ambiguities
    assert ends.dims == ("vignette", "ambiguity")
    expected = [to_compass(ANGLE, h) % 180 for h in HEADING]
    np.testing.assert_allclose(ends.isel(ambiguity=0), expected, atol=1e-3)
    np.testing.assert_allclose(ends.isel(ambiguity=1), np.add(expected, 180), atol=1e-3)
    error = result.wind_to_direction_standard_error
    np.testing.assert_allclose(error, axis_error([0.8, 0.0]), rtol=1e-3)
    assert ends.attrs["standard_name"] == "wind_to_direction"
    assert ends.attrs["ancillary_variables"] == error.name
    assert error.attrs["standard_name"] == "wind_to_direction standard_error"
    assert ends.attrs["units"] == error.attrs["units"] == "degree"
    assert ends.attrs["weights_sha256"] == axis_model.weights_sha256


def test_the_reference_chooses_the_end_and_nothing_else(headed, axis_model):
    truth = np.array([to_compass(ANGLE + 180 * (i % 2), h) for i, h in enumerate(HEADING)])  # fmt: skip
    reference = xr.DataArray((truth + 70) % 360, dims="vignette")
    result = wind(headed, model=axis_model, reference=reference)
    np.testing.assert_allclose(result.wind_to_direction, truth, atol=1e-3)
    assert "reference" in result.wind_to_direction.attrs["comment"]
    other = wind(headed, model=axis_model, reference=(reference + 180) % 360)
    np.testing.assert_allclose(other.wind_to_direction, (truth + 180) % 360, atol=1e-3)
    xr.testing.assert_equal(
        result.drop_vars("wind_to_direction"), other.drop_vars("wind_to_direction")
    )


def test_missing_reference_is_a_missing_end(headed, axis_model):
    reference = xr.DataArray([np.nan, 1, 1, 1, 1, 1], dims="vignette")
    result = wind(headed, model=axis_model, reference=reference)
    np.testing.assert_array_equal(
        np.isnan(result.wind_to_direction), [True] + [False] * 5
    )
    assert result.wind_to_direction_ambiguities.notnull().all()


def test_lazy_with_all_of_it(headed, axis_model, no_compute):
    lazy = headed.assign(sigma0=headed.sigma0.chunk(vignette=2))
    reference = xr.DataArray(np.zeros(6), dims="vignette")
    for result in (
        wind(lazy, model=axis_model, reference=reference.chunk(vignette=3)),
        retrieve(lazy, model=axis_model, reference=reference),
    ):
        for name in ("", "_ambiguities", "_standard_error"):
            assert result[f"wind_to_direction{name}"].chunks is not None
            assert result[f"wind_to_direction{name}"].chunks[0] == (2, 2, 2)


def test_lazy_and_in_memory_agree_and_an_embedding_serves_as_well(headed, axis_model):
    reference = xr.DataArray(HEADING, dims="vignette")
    eager = retrieve(headed, model=axis_model, reference=reference)
    lazy = retrieve(headed.chunk(vignette=4), model=axis_model, reference=reference)
    from_embedding = retrieve(
        embed(headed, model=axis_model), model=axis_model, reference=reference
    )
    for name in ("", "_ambiguities", "_standard_error"):
        for other in (lazy, from_embedding):
            np.testing.assert_allclose(
                other[f"wind_to_direction{name}"], eager[f"wind_to_direction{name}"], rtol=1e-4
            )  # fmt: skip
    listed = eager.wind_to_direction.attrs["ancillary_variables"].split()
    assert listed == ["wind_to_direction_standard_error", "quality"]
    assert set(listed) <= set(eager.data_vars)


def test_without_heading(images, axis_model):
    with pytest.raises(
        errors.MissingVariableError, match=r"ground_heading.*assign_coords"
    ):
        wind(images, model=axis_model)
    with pytest.warns(errors.OceansarWarning, match="ground_heading"):
        result = retrieve(images, model=axis_model)
    assert not [name for name in result if "direction" in str(name)]
    assert result.wind_speed.notnull().all()


def test_a_reference_without_a_head_for_it(headed, tiny_model):
    reference = xr.DataArray(HEADING, dims="vignette")
    for method in (wind, retrieve):
        with pytest.raises(errors.BundleError, match="wind_to_direction"):
            method(headed, model=tiny_model, reference=reference)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda r: r.isel(vignette=slice(4)), errors.DimensionError, "one direction for each"),
        (lambda r: r.rename(vignette="pass"), errors.DimensionError, "pass"),
        (lambda r: r.values, errors.DimensionError, "DataArray"),
        (lambda r: r.assign_attrs(units="radian"), errors.UnitsError, "radian"),
        (lambda r: r.assign_attrs(standard_name="wind_from_direction"), errors.UnitsError, r"\+ 180"),
        (lambda r: r.isel(vignette=slice(None, None, -1)), errors.DimensionError, "another order"),
    ],
    ids=["short", "dim", "array", "units", "from", "order"],
)  # fmt: skip
def test_references_that_do_not_fit(headed, axis_model, change, error, match):
    reference = headed.vignette_id.copy(data=HEADING).assign_coords(vignette_id=headed.vignette_id)  # fmt: skip
    wind(headed, model=axis_model, reference=reference)
    with pytest.raises(error, match=match):
        wind(headed, model=axis_model, reference=change(reference))


def test_the_texture_goes_to_the_head_that_takes_it(headed, with_axis):
    model = with_axis(("texture_cos2", "texture_sin2"), weight=1.0)
    emb = embed(headed.chunk(vignette=2), model=model)
    both = np.stack([emb.texture_cos2, emb.texture_sin2], axis=-1)
    np.testing.assert_allclose(
        both, texture_axis(headed.sigma0.values, 50.0), rtol=1e-5
    )
    result = wind(emb, model=model)
    encoded = both + np.float32(0.8 * encode_axis(ANGLE))
    np.testing.assert_allclose(
        result.wind_to_direction_standard_error, axis_error(encoded), rtol=1e-3
    )
    decibel = headed.assign(sigma0=(10 * np.log10(headed.sigma0)).assign_attrs(units="dB"))  # fmt: skip
    np.testing.assert_allclose(embed(decibel, model=model).texture_cos2, both[:, 0], atol=1e-4)  # fmt: skip
    with pytest.raises(errors.MissingVariableError, match="texture_sin2"):
        wind(emb.drop_vars("texture_sin2"), model=model)
    swh(emb.drop_vars("texture_sin2"), model=model)


def test_no_texture_where_no_head_takes_it(headed, axis_model):
    assert "texture_cos2" not in embed(headed, model=axis_model).coords


def test_gmf_wind_is_the_inversion_of_the_mean(headed, no_compute):
    lazy = gmf_wind(headed.assign(sigma0=headed.sigma0.chunk(vignette=2)))
    assert lazy.wind_speed.chunks == ((2, 2, 2),)
    assert lazy.attrs["Conventions"] == "CF-1.11"
    assert lazy.wind_speed.attrs["units"] == "m s-1"


def test_gmf_wind_values(headed):
    mean = headed.sigma0.mean(("line", "sample")).values.astype(float)
    incidence = headed.incidence.mean("sample").values
    blind = gmf_wind(headed)
    np.testing.assert_allclose(blind.wind_speed, invert_cmod5n(mean, incidence), rtol=1e-4)  # fmt: skip
    assert "unknown" in blind.wind_speed.attrs["comment"]
    towards = xr.DataArray((HEADING + 90 + 180) % 360, dims="vignette")
    known = headed.oceansar.gmf_wind(wind_to_direction=towards)  # upwind: phi 0
    np.testing.assert_allclose(known.wind_speed, invert_cmod5n(mean, incidence, 0.0), rtol=1e-4)  # fmt: skip
    lazy = gmf_wind(headed.chunk(vignette=4), wind_to_direction=towards)
    np.testing.assert_allclose(lazy.wind_speed, known.wind_speed, rtol=1e-5)


def test_gmf_wind_gives_back_the_wind_of_an_even_sea(headed):
    """The convention of angles, end to end: compass direction, heading, relative direction."""
    direction = np.array([0.0, 45.0, 100.0, 190.0, 275.0, 330.0])
    speed = np.array([4.0, 6.0, 8.0, 10.0, 12.0, 14.0])
    incidence = headed.incidence.mean("sample").values
    origin = direction + 180
    level = cmod5n(speed, origin - (HEADING + 90), incidence)
    even = headed.assign(
        sigma0=headed.sigma0 * 0 + xr.DataArray(level, dims="vignette")
    )
    known = gmf_wind(even, wind_to_direction=xr.DataArray(direction, dims="vignette"))
    np.testing.assert_allclose(known.wind_speed, speed, atol=1e-3)


def test_gmf_wind_of_decibel_of_an_embedding_and_of_one_image(headed, tiny_model):
    blind = gmf_wind(headed).wind_speed
    decibel = headed.assign(sigma0=(10 * np.log10(headed.sigma0)).assign_attrs(units="dB"))  # fmt: skip
    np.testing.assert_allclose(gmf_wind(decibel).wind_speed, blind, rtol=1e-4)
    emb = embed(headed, model=tiny_model)
    np.testing.assert_allclose(
        gmf_wind(emb).wind_speed, invert_cmod5n(emb.sigma0_mean, emb.incidence), rtol=1e-5
    )  # fmt: skip
    one = gmf_wind(headed.isel(vignette=2)).wind_speed
    assert one.shape == ()
    assert float(one) == pytest.approx(float(blind[2]), rel=1e-5)


def test_gmf_wind_of_bad_vignettes(headed):
    holes = headed.copy(deep=True)
    holes.sigma0[1, :20] = np.nan
    holes.sigma0[3, :40] = np.nan
    holes["polarisation"] = ("vignette", ["VV"] * 5 + ["HH"])
    found, whole = gmf_wind(holes).wind_speed, gmf_wind(headed).wind_speed
    np.testing.assert_array_equal(
        np.isnan(found), [False, False, False, True, False, True]
    )
    np.testing.assert_array_equal(found[[0, 2, 4]], whole[[0, 2, 4]])
    assert float(found[1]) == pytest.approx(float(whole[1]), rel=0.05)


def test_gmf_wind_says_what_it_lacks(headed, images, tiny_model):
    direction = xr.DataArray(HEADING, dims="vignette")
    with pytest.raises(errors.MissingVariableError, match="incidence"):
        gmf_wind(headed.drop_vars("incidence"))
    with pytest.raises(errors.MissingVariableError, match="ground_heading"):
        gmf_wind(images, wind_to_direction=direction)
    with pytest.raises(errors.MissingVariableError, match="sigma0_mean"):
        gmf_wind(embed(images, model=tiny_model).drop_vars("sigma0_mean"))
    with pytest.raises(errors.DomainError, match="HH"):
        gmf_wind(headed.assign_coords(polarisation=("vignette", ["HH"] * 6)))
    with pytest.raises(errors.UnitsError, match="from_direction"):
        gmf_wind(headed, wind_to_direction=direction.assign_attrs(standard_name="wind_from_direction"))  # fmt: skip


def test_a_heading_for_each_pixel_is_averaged_across_north(headed):
    """As products other than wave mode have it."""
    spread = xr.DataArray(np.linspace(-2.0, 2.0, 72), dims="sample") % 360
    towards = xr.DataArray(np.full(6, 270.0), dims="vignette")
    one = gmf_wind(headed.assign_coords(ground_heading=0.0), wind_to_direction=towards)
    many = gmf_wind(
        headed.assign_coords(ground_heading=spread), wind_to_direction=towards
    )
    np.testing.assert_allclose(many.wind_speed, one.wind_speed, rtol=1e-4)


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize(
    "wrong",
    [lambda s: 10 * np.log10(s), lambda s: s * 1e4],
    ids=["decibel taken as linear", "digital numbers"],
)
def test_gmf_wind_refuses_means_that_no_surface_has(headed, wrong, chunk):
    other = headed.assign(sigma0=wrong(headed.sigma0))
    with pytest.raises(errors.UnitsError, match="needs linear sigma0"):
        gmf_wind(other if chunk is None else other.chunk(vignette=chunk)).compute()


def test_gmf_wind_of_one_implausible_vignette(headed):
    """It is missing, and costs no other; alone and unflagged it is an error, flagged it is not."""
    one = headed.copy(deep=True)
    one.sigma0[3] = one.sigma0[3] * 1e4
    found, whole = gmf_wind(one).wind_speed, gmf_wind(headed).wind_speed
    np.testing.assert_array_equal(found, whole.where(np.arange(6) != 3))
    with pytest.raises(errors.UnitsError):
        gmf_wind(one.isel(vignette=[3]))
    flags = xr.DataArray(np.where(np.arange(6) == 3, 32, 0).astype(np.uint8), dims="vignette")  # fmt: skip
    flagged = one.assign(quality=flags)
    assert np.isnan(gmf_wind(flagged.isel(vignette=[3])).wind_speed).all()
    np.testing.assert_array_equal(gmf_wind(flagged).wind_speed, found)
    suspect = headed.assign(quality=flags)
    np.testing.assert_array_equal(gmf_wind(suspect).wind_speed, whole)
    lazy = gmf_wind(flagged.chunk(vignette=2)).wind_speed
    np.testing.assert_array_equal(lazy, found)
