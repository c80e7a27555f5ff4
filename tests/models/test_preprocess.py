from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.conftest import vignettes
from xoceansar.errors import DimensionError, DomainError, UnitsError
from xoceansar.models import InputSpec
from xoceansar.models.networks import preprocessing
from xoceansar.models.networks.preprocessing import beam_of, network_input

SIZE = 8
SPEC = InputSpec(scale="dB", size=SIZE, mean=0.0, std=1.0, floor=1e-4)
INCIDENCE = np.array([23.5])


def image(*values: float) -> np.ndarray:
    """One 8 x 8 vignette with these values in its first pixels and 0.1 elsewhere."""
    out = np.full(SIZE * SIZE, 0.1, dtype=np.float32)
    out[: len(values)] = values
    return out.reshape(1, SIZE, SIZE)


def first(
    sigma0: np.ndarray, spec: InputSpec, incidence=INCIDENCE, **kwargs
) -> np.ndarray:
    return network_input(sigma0, incidence, spec=spec, **kwargs)[0][0, 0].ravel()


def test_decibel_with_constants():
    spec = replace(SPEC, mean=-15.0, std=5.0)
    out = first(image(1.0, 0.01, 1e-7, -0.002), spec)
    # floor 1e-4 is -40 dB
    np.testing.assert_allclose(out[:5], [3.0, -1.0, -5.0, -5.0, 1.0], rtol=1e-6)


def test_linear_scale_keeps_negative_values():
    spec = replace(SPEC, scale="linear", mean=0.1, std=0.05)
    out = first(image(0.2, -0.002), spec)
    np.testing.assert_allclose(out[:3], [2.0, -2.04, 0.0], atol=1e-6)


def test_relative_floor_is_of_the_mean_and_the_higher_floor_applies():
    sigma0 = image(1e-5)
    mean = (63 * 0.1 + 1e-5) / 64
    low = first(sigma0, replace(SPEC, relative_floor=0.02))[0]
    assert low == pytest.approx(10 * np.log10(0.02 * mean), abs=1e-4)
    high = first(sigma0, replace(SPEC, relative_floor=1e-6))[0]
    assert high == pytest.approx(-40.0, abs=1e-4)


def test_vignette_mean_and_std_leave_texture_only():
    spec = replace(SPEC, centre="vignette", mean=None, std=None)
    sigma0 = vignettes(3, SIZE)
    out, mean, _ = network_input(sigma0, np.full(3, 36.0), spec=spec)
    np.testing.assert_allclose(out.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=(1, 2, 3)), 1, atol=1e-5)
    louder, louder_mean, _ = network_input(sigma0 * 3, np.full(3, 36.0), spec=spec)
    np.testing.assert_allclose(louder, out, atol=1e-4)
    np.testing.assert_allclose(louder_mean, 3 * mean, rtol=1e-6)
    np.testing.assert_allclose(mean, sigma0.mean(axis=(1, 2)), rtol=1e-6)


def test_constants_per_beam_follow_the_incidence():
    spec = replace(SPEC, centre="beam", mean=(-10.0, -20.0), std=(1.0, 2.0))
    sigma0 = np.repeat(image(1.0), 2, axis=0)
    out, _, _ = network_input(sigma0, np.array([23.5, 36.5]), spec=spec)
    assert out[0, 0, 0, 0] == pytest.approx(10.0)
    assert out[1, 0, 0, 0] == pytest.approx(10.0)  # (0 + 20) / 2
    assert out[1, 0, 0, 1] == pytest.approx(5.0)  # (-10 + 20) / 2


def test_vignette_without_the_constants_of_its_beam_is_unusable():
    spec = replace(SPEC, centre="beam", mean=(-10.0,), beams=("wv1",))
    sigma0 = np.repeat(image(1.0), 3, axis=0)
    out, mean, fraction = network_input(
        sigma0, np.array([23.5, 36.5, np.nan]), spec=spec
    )
    assert np.isfinite(out[0]).all()
    assert np.isnan(out[1:]).all()
    assert np.isfinite(mean).tolist() == [True, False, False]
    assert fraction.tolist() == [1.0, 1.0, 1.0]


def test_beam_boundary():
    incidence = np.array([21.6, 25.1, 34.8, 38.0, np.nan])
    assert beam_of(incidence).tolist() == ["wv1", "wv1", "wv2", "wv2", ""]
    assert beam_of(np.array([[23.0, 24.0], [36.0, 37.0]])).tolist() == ["wv1", "wv2"]


def test_roughness_divides_by_the_gmf_at_each_column(monkeypatch):
    asked = []

    def gmf(wind, direction, incidence):
        asked.append((wind, direction))
        return incidence / 100.0

    monkeypatch.setattr(preprocessing, "cmod5n", gmf)
    profile = np.linspace(20.0, 30.0, 12)[None]
    sigma0 = np.full((1, 10, 12), 0.1, dtype=np.float32)
    sigma0[0, 5, 5] = 0.2
    spec = replace(SPEC, scale="roughness")
    out = network_input(sigma0, profile, spec=spec)[0][0, 0]
    assert asked == [(10.0, 45.0)]
    expected = 10 * np.log10(0.1 / (profile[0, 2:10] / 100.0))
    np.testing.assert_allclose(out[0], expected, atol=1e-5)
    assert out[4, 3] == pytest.approx(expected[3] + 10 * np.log10(2), abs=1e-5)
    scalar = network_input(sigma0, np.array([25.0]), spec=spec)[0][0, 0]
    assert scalar[0, 0] == pytest.approx(10 * np.log10(0.1 / 0.25), abs=1e-5)


def test_roughness_is_relative_to_the_reference_sea():
    pytest.importorskip("xsarsea")
    profile = np.linspace(22, 25, SIZE)[None]
    reference = preprocessing.cmod5n(10.0, 45.0, profile)[0]
    sigma0 = np.tile(reference, (1, SIZE, 1)).astype(np.float32)
    sigma0[0, 0] *= 2
    out = network_input(sigma0, profile, spec=replace(SPEC, scale="roughness"))[0][0, 0]
    np.testing.assert_allclose(out[0], 10 * np.log10(2), atol=1e-4)
    np.testing.assert_allclose(out[1:], 0, atol=1e-4)


def test_crop_is_central():
    sigma0 = np.full((1, 11, 14), np.nan, dtype=np.float32)
    sigma0[0, 1:9, 3:11] = vignettes(1, SIZE)[0]
    out, _, fraction = network_input(sigma0, INCIDENCE, spec=SPEC)
    assert fraction[0] == 1
    np.testing.assert_allclose(
        out[0, 0], 10 * np.log10(sigma0[0, 1:9, 3:11]), rtol=1e-5
    )


def test_missing_pixels_take_the_mean_of_the_vignette():
    spec = replace(SPEC, mean=-15.0, std=5.0)
    sigma0 = image(0.01, np.nan, np.inf)
    out, mean, fraction = network_input(sigma0, INCIDENCE, spec=spec)
    flat = out[0, 0].ravel()
    own = (61 * 1.0 - 1.0) / 62  # 61 pixels of -10 dB, one of -20 dB, normalised
    np.testing.assert_allclose(flat[:4], [-1.0, own, own, 1.0], atol=1e-5)
    assert fraction[0] == pytest.approx(62 / 64)
    assert mean[0] == pytest.approx((61 * 0.1 + 0.01) / 62)


@pytest.mark.parametrize("quantity", ["linear", "dB"])
def test_unusable_vignettes_are_marked_and_do_not_touch_the_others(quantity):
    good = vignettes(6, SIZE)
    bad = good.copy()
    bad[1] = np.nan
    bad[2] = 0.0
    bad[3] = 0.1
    bad[4, :5] = np.nan  # 3 of 8 lines left
    values = (good, bad)
    if quantity == "dB":
        with np.errstate(divide="ignore"):
            values = tuple(10 * np.log10(v) for v in values)
    incidence = np.full(6, 36.0)
    clean = network_input(values[0], incidence, spec=SPEC, quantity=quantity)
    out, mean, fraction = network_input(
        values[1], incidence, spec=SPEC, quantity=quantity
    )
    np.testing.assert_array_equal(out[[0, 5]], clean[0][[0, 5]])
    np.testing.assert_array_equal(mean[[0, 5]], clean[1][[0, 5]])
    assert np.isnan(out[1:5]).all()
    assert np.isnan(mean[1:5]).all()
    np.testing.assert_allclose(fraction, [1, 0, 1, 1, 0.375, 1])


def test_half_of_the_pixels_is_enough():
    sigma0 = vignettes(1, SIZE)
    sigma0[0, :4] = np.nan
    assert np.isfinite(network_input(sigma0, INCIDENCE, spec=SPEC)[0]).all()
    sigma0[0, 4, 0] = np.nan
    assert np.isnan(network_input(sigma0, INCIDENCE, spec=SPEC)[0]).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from(["dB", "linear"]),
    centre=st.sampled_from(["global", "vignette"]),
    own_std=st.booleans(),
    relative=st.sampled_from([None, 0.02, 0.9]),
)
def test_linear_and_decibel_give_the_same_input(seed, scale, centre, own_std, relative):
    spec = InputSpec(
        scale=scale,
        size=SIZE,
        centre=centre,
        mean=None if centre == "vignette" else 0.1,
        std=None if own_std else 2.0,
        relative_floor=relative,
    )
    sigma0 = vignettes(2, SIZE + 3, seed)
    sigma0[0, 3, 3] = 0.0
    sigma0[1, 4, :] = np.nan
    incidence = np.array([23.0, 36.0])
    with np.errstate(divide="ignore"):
        decibel = 10 * np.log10(sigma0)
    linear = network_input(sigma0, incidence, spec=spec)
    from_db = network_input(decibel, incidence, spec=spec, quantity="dB")
    for a, b in zip(linear, from_db, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def test_negative_values_are_what_decibel_cannot_carry():
    sigma0 = image(-0.01)
    with np.errstate(invalid="ignore"):
        decibel = 10 * np.log10(sigma0)
    sigma0[0, 1, 1] = decibel[0, 1, 1] = np.nan  # either may have missing pixels
    sigma0[0, 2, 2], decibel[0, 2, 2] = 0.2, 10 * np.log10(0.2)
    linear = network_input(sigma0, INCIDENCE, spec=SPEC)
    from_db = network_input(decibel, INCIDENCE, spec=SPEC, quantity="dB")
    assert linear[0][0, 0, 0, 0] == pytest.approx(-40.0)
    assert from_db[0][0, 0, 0, 0] == pytest.approx(from_db[0][0, 0, 1, 1])
    assert (linear[2], from_db[2]) == (63 / 64, 62 / 64)


@pytest.mark.parametrize(
    ("values", "quantity", "remedy"),
    [
        (10 * np.log10(vignettes(2, SIZE)), "linear", "units"),
        (vignettes(2, SIZE) * 1000, "linear", "calibrated"),
        (vignettes(2, SIZE) - 10.0, "linear", "IPF 2.90"),
        (vignettes(2, SIZE), "dB", "linear sigma0 is declared"),
        (vignettes(2, SIZE) - 0.02, "dB", "linear sigma0 is declared"),
        (vignettes(2, SIZE) * 1000, "dB", "calibrated"),
        ((vignettes(2, SIZE) * 1000).astype(np.uint8), "linear", "quick-look"),
        (vignettes(2, SIZE) + 1j, "linear", "quick-look"),
        (vignettes(2, SIZE), "amplitude", "'linear' or 'dB'"),
    ],
    ids=[
        "dB",
        "bytes",
        "noise",
        "linear",
        "denoised",
        "bytes-dB",
        "uint8",
        "complex",
        "name",
    ],
)
def test_wrong_units_are_refused_with_the_remedy(values, quantity, remedy):
    with pytest.raises(UnitsError, match=remedy):
        network_input(values, np.full(2, 36.0), spec=SPEC, quantity=quantity)


@pytest.mark.parametrize("level", [-25.0, -12.0, -5.0, 0.5, 2.0])
def test_every_real_level_in_decibel_is_accepted(level):
    speckle = 10 * np.log10(vignettes(1, SIZE) / vignettes(1, SIZE).mean())
    out = network_input(speckle + level, INCIDENCE, spec=SPEC, quantity="dB")[0]
    assert out.mean() == pytest.approx(level, abs=0.2)


def test_one_implausible_vignette_is_marked_alone():
    sigma0 = vignettes(3, SIZE)
    sigma0[1] -= 10.0
    out, mean, _ = network_input(sigma0, np.full(3, 36.0), spec=SPEC)
    assert np.isnan(mean).tolist() == [False, True, False]
    assert np.isnan(out[1]).all()


def test_shapes_are_checked():
    with pytest.raises(DomainError, match=r"8 x 8.*6 x 9"):
        network_input(vignettes(1, 9)[:, :6], INCIDENCE, spec=SPEC)
    with pytest.raises(DimensionError, match="vignette, line, sample"):
        network_input(vignettes(1, SIZE)[0], INCIDENCE, spec=SPEC)
    with pytest.raises(DimensionError, match="incidence"):
        network_input(vignettes(2, SIZE), INCIDENCE, spec=SPEC)


def test_input_is_not_modified_and_output_is_float32():
    for kind in (np.float32, np.float64):
        sigma0 = vignettes(2, SIZE).astype(kind)
        sigma0[0, 0, 0] = np.nan
        before = sigma0.copy()
        out = network_input(sigma0, np.full(2, 36.0), spec=SPEC)
        np.testing.assert_array_equal(sigma0, before)
        assert [a.dtype for a in out] == [np.float32] * 3


def test_no_vignette_is_no_input():
    out, mean, fraction = network_input(vignettes(0, SIZE), np.empty(0), spec=SPEC)
    assert out.shape == (0, 1, SIZE, SIZE)
    assert mean.shape == fraction.shape == (0,)
