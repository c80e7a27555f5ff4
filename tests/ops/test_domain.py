"""What a model was not trained on is flagged, said and, on demand, refused."""

import warnings

import dask
import numpy as np
import pytest
import xarray as xr

from xoceansar import errors, ops
from xoceansar.conventions import Domain, Quality
from xoceansar.ops.domain import domain_flags, trained_incidence
from xoceansar.sar.polarisation import polarisation_ratio


def among(images, **values):
    """Change coordinates of the vignettes 1 and 4."""
    changed = {}
    for name, value in values.items():
        column = images[name].values.astype(object if isinstance(value, str) else float)
        column[[1, 4]] = value
        kind = str if isinstance(value, str) else images[name].dtype
        changed[name] = (images[name].dims, column.astype(kind))
    return images.assign_coords(changed)


@pytest.mark.parametrize(
    ("change", "bit"),
    [
        ({"beam": "iw"}, Domain.BEAM),
        ({"incidence": 31.0}, Domain.INCIDENCE),
        ({"polarisation": "HH"}, Domain.POLARISATION),
    ],
)
def test_each_difference_has_its_flag(images, tiny_model, change, bit):
    flags = domain_flags(among(images, **change).sigma0, tiny_model)
    assert flags.values.tolist() == [0, bit, 0, 0, bit, 0]
    assert flags.dtype == np.uint8
    assert flags.attrs["flag_meanings"] == "polarisation beam incidence resolution"


def test_coarse_pixels_are_flagged(images, tiny_model):
    for spacing, expected in (
        (10.0, 0),
        (25.0, 0),
        (26.0, Domain.RESOLUTION),
        (40.0, Domain.RESOLUTION),
    ):
        ds = images.assign_coords(source_spacing=spacing)
        assert set(domain_flags(ds.sigma0, tiny_model).values.tolist()) == {expected}


def test_values_of_another_mode_are_given_flagged_and_warned_of(images, tiny_model):
    inside = ops.retrieve(images, model=tiny_model)
    mixed = among(images, beam="iw")
    with pytest.warns(
        errors.OceansarWarning, match="2 of 6 .* beam iw and not wv1, wv2"
    ):
        result = ops.retrieve(mixed, model=tiny_model)
    xr.testing.assert_allclose(
        result.swh.drop_vars(["beam", "domain"]),
        inside.swh.drop_vars(["beam", "domain"]),
    )
    outside = (result.quality & Quality.OUT_OF_DOMAIN.value) != 0
    assert outside.values.tolist() == [False, True, False, False, True, False]
    assert "beam iw" in result.swh.attrs["domain_comment"]
    assert "beam iw" in result.attrs["domain_comment"]
    with pytest.warns(errors.OceansarWarning):
        assert "beam iw" in ops.swh(mixed, model=tiny_model).attrs["domain_comment"]
    assert "domain_comment" not in inside.swh.attrs
    assert not inside.domain.any()


def test_another_polarisation_is_missing_among_others(images, tiny_model):
    with pytest.warns(errors.OceansarWarning, match="polarisation HH"):
        swh = ops.swh(among(images, polarisation="HH"), model=tiny_model)
    assert np.isnan(swh).values.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize("name", ["embed", "swh", "wind", "classify", "retrieve"])
def test_every_operation_refuses_on_demand(images, tiny_model, name):
    operation = getattr(among(images, beam="ew").oceansar, name)
    with pytest.raises(errors.DomainError, match="ew"):
        operation(model=tiny_model, on_domain="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error", errors.OceansarWarning)
        getattr(images.oceansar, name)(model=tiny_model, on_domain="raise")
    with pytest.raises(errors.DomainError, match="'flag' or 'raise'"):
        operation(model=tiny_model, on_domain="mask")


def test_an_embedding_is_guarded_too(images, tiny_model):
    with pytest.warns(errors.OceansarWarning):
        embedding = ops.embed(among(images, beam="ew"), model=tiny_model)
    with pytest.raises(errors.DomainError, match="ew"):
        ops.swh(embedding, model=tiny_model, on_domain="raise")


def test_lazy_coordinates_give_lazy_flags(images, tiny_model, no_compute):
    mixed = among(images, beam="iw", polarisation="HH").chunk(vignette=2)
    result = ops.retrieve(mixed, model=tiny_model)
    with pytest.raises(errors.DomainError, match="memory"):
        ops.swh(mixed, model=tiny_model, on_domain="raise")
    with dask.config.set(scheduler="synchronous"):
        both = Domain.BEAM | Domain.POLARISATION
        assert result.domain.values.tolist() == [0, both, 0, 0, both, 0]
        assert np.isnan(result.swh.values).tolist() == [
            False,
            True,
            False,
            False,
            True,
            False,
        ]


def test_ranges_of_incidence_are_those_of_the_calibration_or_of_the_beams(tiny_model):
    assert trained_incidence(tiny_model) == ((21.6, 25.1), (34.8, 38.0))
    shipped = ops.embed.__globals__["load_model"](None)
    low, high = trained_incidence(shipped)
    assert low == pytest.approx((20.86, 26.31), abs=0.01)
    assert high == pytest.approx((33.94, 39.32), abs=0.01)


def test_hh_becomes_vv_by_the_ratio_and_stays_flagged(images, tiny_model):
    half = among(images, polarisation="HH")
    out = half.oceansar.to_vv()
    ratio = polarisation_ratio(images.incidence.values[1])
    np.testing.assert_allclose(out.sigma0[1], images.sigma0[1] * ratio, rtol=1e-5)
    np.testing.assert_array_equal(out.sigma0[0], images.sigma0[0])
    assert set(out.polarisation.values) == {"VV"}
    assert (
        out.observed_polarisation.values.tolist() == half.polarisation.values.tolist()
    )
    assert "Mouche" in out.sigma0.attrs["polarisation_conversion"]
    assert "10.1109/TGRS.2004.843251" in out.attrs["polarisation_conversion"]
    with pytest.warns(errors.OceansarWarning, match="polarisation HH"):
        result = ops.retrieve(out, model=tiny_model)
    assert np.isfinite(result.swh).all()
    assert result.domain.values.tolist() == [0, 1, 0, 0, 1, 0]
    assert np.isfinite(ops.gmf_wind(out).wind_speed).all()
    assert np.isnan(ops.gmf_wind(half).wind_speed[[1, 4]]).all()


def test_the_mean_ratio_is_the_mean_over_directions():
    around = polarisation_ratio(30.0, np.arange(360.0)).mean()
    assert float(polarisation_ratio(30.0)) == pytest.approx(float(around))


def test_to_vv_says_what_it_lacks(images):
    with pytest.raises(errors.MissingVariableError, match="incidence"):
        images.drop_vars("incidence").oceansar.to_vv()
    with pytest.raises(errors.DomainError, match="dB"):
        ops.to_vv(images.assign(sigma0=images.sigma0.assign_attrs(units="dB")))
