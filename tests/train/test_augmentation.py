import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xoceansar.errors import DimensionError, TrainingError
from xoceansar.models.networks.preprocessing import network_input
from xoceansar.models.spec import InputSpec

torch = pytest.importorskip("torch")

from xoceansar.train.pretraining.augmentation import Augmentation, make_views  # noqa: E402

#: On one thread: on a busy machine barriers cost more than sums this small.
pytestmark = pytest.mark.usefixtures("torch")

DB = InputSpec(scale="dB", size=24, mean=-12.0, std=4.0)
STILL = Augmentation(
    global_size=24,
    local_size=8,
    n_local=3,
    gain_db=0.0,
    speckle_probability=0.0,
    flip_along=0.0,
    flip_across=0.0,
)
LIVELY = Augmentation(global_size=16, local_size=8, n_local=3)


def textures(n, side=24, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, 1, side, side)).astype(np.float32))


def every_view(views):
    return [*views.global_, *views.local]


def sigma0_of(n, side=24, seed=1):
    rng = np.random.default_rng(seed)
    level = np.geomspace(0.02, 0.4, n)[:, None, None]
    return (level * rng.gamma(20.0, 1 / 20.0, (n, side, side))).astype(np.float32)


# ------------------------------------------------------------------------- seeds


def test_views_depend_on_the_image_and_its_seed_alone():
    images, seeds = textures(6), np.array([3, 2**64 - 1, 9, 9, 11, 0], np.uint64)
    whole = make_views(images, seeds, LIVELY, DB)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - the global state must not matter
    some = [4, 1, 5]
    part = make_views(images[some], seeds[some], LIVELY, DB)
    for one, other in zip(every_view(whole), every_view(part), strict=True):
        torch.testing.assert_close(one[some], other, rtol=0, atol=0)


def test_global_generators_are_left_alone():
    before = torch.get_rng_state()
    make_views(textures(2), np.arange(2), LIVELY, DB)
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_and_views_differ():
    image = textures(1).expand(2, -1, -1, -1)
    views = make_views(image, np.array([1, 2]), LIVELY, DB)
    for view in every_view(views):
        assert not torch.equal(view[0], view[1])
    assert not torch.equal(views.global_[0], views.global_[1])
    assert not torch.equal(views.local[0], views.local[1])


# ------------------------------------------------------------------ crops and flips


@settings(max_examples=15, deadline=None)
@given(
    side=st.integers(6, 20),
    size=st.integers(1, 6),
    along=st.sampled_from([0.0, 1.0]),
    across=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 2**64 - 1),
)
def test_a_crop_is_a_window_of_its_image(side, size, along, across, seed):
    numbers = torch.arange(2 * side * side, dtype=torch.float32)
    images = numbers.reshape(2, 1, side, side)
    augmentation = replace(
        STILL, global_size=6, local_size=size, flip_along=along, flip_across=across
    )
    seeds = np.array([seed, seed // 3], np.uint64)
    for view in every_view(make_views(images, seeds, augmentation, DB)):
        for i, crop in enumerate(view[:, 0]):
            upright = crop.flip(0) if along else crop
            upright = upright.flip(1) if across else upright
            top, left = divmod(int(upright[0, 0]) - i * side * side, side)
            height, width = crop.shape
            assert 0 <= top <= side - height
            assert 0 <= left <= side - width
            expected = images[i, 0, top : top + height, left : left + width]
            assert torch.equal(upright, expected)


def test_every_place_is_as_likely():
    """A crop of 8 in 24 pixels has 17 places along each axis."""
    image = torch.arange(576.0).reshape(1, 1, 24, 24).expand(300, -1, -1, -1)
    views = make_views(image, np.arange(300), STILL, DB)
    lines, samples = np.divmod(views.local[:, :, 0, 0, 0].numpy().ravel(), 24)
    for place in (lines, samples):
        counts = np.bincount(place.astype(int), minlength=17)
        assert len(counts) == 17
        # 900 draws: chi-squared with 16 degrees of freedom exceeds 45 once in 7,000
        assert ((counts - 900 / 17) ** 2 / (900 / 17)).sum() < 45


def direction_of(image):
    """Direction in which a plane rises, clockwise from the line axis, in degrees."""
    along = float(image[1, 0] - image[0, 0])
    across = float(image[0, 1] - image[0, 0])
    return math.degrees(math.atan2(across, along))


@pytest.mark.parametrize(
    ("along", "across", "rule"),
    [
        (0.0, 0.0, lambda phi: phi),
        (1.0, 0.0, lambda phi: 180 - phi),
        (0.0, 1.0, lambda phi: -phi),
        (1.0, 1.0, lambda phi: 180 + phi),
    ],
)
@pytest.mark.parametrize("phi", [10.0, 77.0, 130.0, -45.0, -160.0])
def test_flips_change_directions_as_documented(along, across, rule, phi):
    grid = torch.arange(24.0)
    ramp = math.cos(math.radians(phi)) * grid[:, None]
    ramp = ramp + math.sin(math.radians(phi)) * grid
    augmentation = replace(LIVELY, flip_along=along, flip_across=across, gain_db=1.0)
    augmentation = replace(augmentation, speckle_probability=0.0)
    views = make_views(ramp[None, None], np.arange(1), augmentation, DB)
    for view in every_view(views):
        error = direction_of(view[0, 0]) - rule(phi)
        assert (error + 180) % 360 - 180 == pytest.approx(0, abs=0.01)


def test_flips_happen_as_often_as_asked():
    ramp = torch.arange(576.0).reshape(1, 1, 24, 24).expand(400, -1, -1, -1)
    augmentation = replace(STILL, flip_along=0.2, flip_across=0.7)
    local = make_views(ramp, np.arange(400), augmentation, DB).local[:, :, 0]
    along = float((local[..., 1, 0] < local[..., 0, 0]).float().mean())
    across = float((local[..., 0, 1] < local[..., 0, 0]).float().mean())
    assert along == pytest.approx(0.2, abs=0.05)
    assert across == pytest.approx(0.7, abs=0.05)


# ---------------------------------------------------------------- gain and speckle

INPUTS = [
    InputSpec(scale="dB", size=24, mean=-12.0, std=4.0),
    InputSpec(scale="dB", size=24, centre="beam", mean=(-8.0, -15.0), std=(3.0, 5.0)),
    InputSpec(scale="dB", size=24, mean=-12.0, std=None),
    InputSpec(scale="dB", size=24, centre="vignette", mean=None, std=1.5),
    InputSpec(scale="dB", size=24, centre="vignette", mean=None, std=None),
    InputSpec(scale="roughness", size=24, mean=0.5, std=2.0),
    InputSpec(scale="linear", size=24, mean=0.1, std=0.05),
    InputSpec(scale="linear", size=24, mean=0.1, std=None),
    InputSpec(scale="linear", size=24, centre="vignette", mean=None, std=0.05),
    InputSpec(scale="linear", size=24, centre="vignette", mean=None, std=None),
]
INCIDENCE = np.array([23.5, 36.5, 23.9, 37.0])


def statistics(sigma0, spec):
    """Mean and divisor of each vignette, from their definition."""
    values = sigma0 if spec.scale == "linear" else 10 * np.log10(sigma0)
    beam = (INCIDENCE > 30).astype(int)
    own = {"mean": values.mean(axis=(1, 2)), "std": values.std(axis=(1, 2))}
    out = []
    for name in ("mean", "std"):
        value = getattr(spec, name)
        if value is None:
            out.append(own[name])
        else:
            out.append(np.broadcast_to(value, 2)[beam])
    return [torch.from_numpy(np.asarray(v, np.float32)) for v in out]


def whole_views(sigma0, spec, augmentation):
    images, *_ = network_input(sigma0, INCIDENCE, spec=spec)
    mean, scale = statistics(sigma0, spec)
    seeds = np.arange(len(sigma0))
    return make_views(torch.from_numpy(images), seeds, augmentation, spec, scale, mean)


def factors(sigma0, augmentation):
    """What multiplies sigma0 in the two global views (2, n, side, side), told by decibel."""
    images, *_ = network_input(sigma0, INCIDENCE, spec=DB)
    views = make_views(
        torch.from_numpy(images), np.arange(len(sigma0)), augmentation, DB
    )
    change = views.global_[:, :, 0].numpy().astype(np.float64) - images[:, 0]
    return 10 ** (change * DB.std / 10)


@pytest.mark.parametrize("spec", INPUTS, ids=lambda s: f"{s.scale}-{s.centre}-{s.std}")
def test_a_gain_is_what_a_gain_of_sigma0_would_be(spec):
    """The view is the network input of the vignette times the gain, whatever the input."""
    sigma0, augmentation = sigma0_of(4), replace(STILL, gain_db=2.0)
    factor = factors(sigma0, augmentation)
    assert np.ptp(factor, axis=(2, 3)).max() < 1e-5
    assert np.ptp(factor) > 0.5
    views = whole_views(sigma0, spec, augmentation)
    for f, view in zip(factor, views.global_, strict=True):
        expected, *_ = network_input(f * sigma0, INCIDENCE, spec=spec)
        np.testing.assert_allclose(view.numpy(), expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize(
    "spec",
    [s for s in INPUTS if None not in (s.mean, s.std)],
    ids=lambda s: f"{s.scale}-{s.centre}",
)
def test_speckle_multiplies_sigma0_in_every_scale(spec):
    sigma0 = sigma0_of(4)
    augmentation = replace(STILL, gain_db=1.0, speckle_probability=1.0)
    factor = factors(sigma0, augmentation)
    assert np.ptp(factor, axis=(2, 3)).min() > 0.1
    views = whole_views(sigma0, spec, augmentation)
    for f, view in zip(factor, views.global_, strict=True):
        expected, *_ = network_input(f * sigma0, INCIDENCE, spec=spec)
        np.testing.assert_allclose(view.numpy(), expected, rtol=1e-3, atol=1e-3)


def test_gains_are_normal_and_differ_between_views():
    sigma0 = np.repeat(sigma0_of(4)[:1], 500, axis=0)
    images, *_ = network_input(sigma0, np.full(500, 23.8), spec=DB)
    augmentation = replace(STILL, gain_db=0.5)
    views = make_views(torch.from_numpy(images), np.arange(500), augmentation, DB)
    gain = ((views.global_ - torch.from_numpy(images)) * DB.std)[:, :, 0, 0, 0].numpy()
    assert stats.kstest(gain.ravel(), stats.norm(0, 0.5).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(gain)[0, 1]) < 0.2


@pytest.mark.parametrize("looks", [10.0, 100.0, 400.0])
def test_speckle_has_the_gamma_law_of_its_looks(looks):
    spec = InputSpec(scale="linear", size=256, mean=0.0, std=1.0)
    augmentation = replace(
        STILL,
        global_size=256,
        n_local=0,
        looks=(looks, looks),
        speckle_probability=1.0,
    )
    flat = torch.ones(1, 1, 256, 256)
    flat[..., 0, 0] = 1.000001  # or there is no variation
    first, second = make_views(flat, np.arange(1), augmentation, spec).global_.numpy()
    w = first[0, 0]
    assert w.mean() == pytest.approx(1, abs=4 / math.sqrt(looks * w.size))
    assert w.var() == pytest.approx(1 / looks, rel=0.03)
    law = stats.gamma(looks, scale=1 / looks)
    assert stats.kstest(w.ravel(), law.cdf).statistic < 0.008
    for other in (second[0, 0], np.roll(w, 1, axis=0), np.roll(w, 1, axis=1)):
        assert abs(np.corrcoef(w.ravel(), other.ravel())[0, 1]) < 0.02


def test_speckle_is_added_as_often_and_as_strongly_as_asked():
    spec = InputSpec(scale="dB", size=24, mean=-12.0, std=1.0)
    image = textures(1).expand(300, -1, -1, -1)
    augmentation = replace(STILL, speckle_probability=0.3, looks=(50.0, 200.0))
    views = make_views(image, np.arange(300), augmentation, spec)
    spread = (views.global_ - image).std(dim=(2, 3, 4)).numpy().ravel()
    speckled = spread > 0
    assert speckled.mean() == pytest.approx(0.3, abs=0.08)
    looks = (10 / math.log(10) / spread[speckled]) ** 2
    # The spread of 576 pixels is known to 3 %, the looks to 6 %.
    assert 40 < looks.min() < 70
    assert 150 < looks.max() < 250
    assert np.median(looks) == pytest.approx(100, rel=0.2)


# ----------------------------------------------------------------------- whole views


def test_one_channel_of_floats_in_linear_and_in_decibel():
    """No step of eight bits, no threshold of a photograph: values stay sigma0."""
    rng = np.random.default_rng(0)
    sigma0 = rng.uniform(0.0, 0.3, (1, 1, 450, 450)).astype(np.float32)
    augmentation = Augmentation(global_size=224, local_size=96, n_local=8)
    linear = InputSpec(scale="linear", size=450, mean=0.0, std=1.0)
    decibel = InputSpec(scale="dB", size=450, mean=0.0, std=1.0)
    in_db = 10 * np.log10(np.maximum(sigma0, 1e-4))
    seeds = np.array([5])
    one = make_views(torch.from_numpy(sigma0), seeds, augmentation, linear)
    two = make_views(torch.from_numpy(in_db), seeds, augmentation, decibel)
    for views in (one, two):
        assert views.global_.shape == (2, 1, 1, 224, 224)
        assert views.local.shape == (8, 1, 1, 96, 96)
        assert views.global_.dtype == views.local.dtype == torch.float32
        assert views.empty == 0
        for view in every_view(views):
            assert torch.isfinite(view).all()
            assert len(view.unique()) > 5000
    for first, second in zip(every_view(one), every_view(two), strict=True):
        assert first.min() >= 0
        assert float(first.mean()) == pytest.approx(0.15, rel=0.5)
        same = 10 * torch.log10(first.clamp(min=1e-6))
        loud = first > 1e-3
        torch.testing.assert_close(second[loud], same[loud], rtol=1e-4, atol=1e-3)


def test_half_precision_images_give_single_precision_views():
    images = textures(3)
    half = make_views(images.half(), np.arange(3), LIVELY, DB)
    full = make_views(images.half().float(), np.arange(3), LIVELY, DB)
    assert half.global_.dtype == torch.float32
    torch.testing.assert_close(half.global_, full.global_, rtol=0, atol=0)


def test_crops_without_data_are_drawn_again():
    """Half of the image is fill: 2 of 5 single draws would see nothing else."""
    images = textures(200)
    images[:, :, :, 13:] = 0.25
    views = make_views(images, np.arange(200), STILL, DB)
    flat = sum(int((v.amin((1, 2, 3)) == v.amax((1, 2, 3))).sum()) for v in views.local)
    assert views.empty == flat
    # 600 crops, each empty with probability (4/17)^8 = 1e-5
    assert flat == 0


def test_what_remains_without_data_is_counted():
    images = textures(3)
    images[1] = -0.5
    views = make_views(images, np.arange(3), LIVELY, DB)
    assert views.empty == 5
    assert all(torch.isfinite(view).all() for view in every_view(views))


def test_no_local_crops_and_no_images():
    views = make_views(textures(2), np.arange(2), replace(LIVELY, n_local=0), DB)
    assert views.local.shape == (0, 2, 1, 8, 8)
    none = make_views(textures(0), np.arange(0), LIVELY, DB)
    assert none.global_.shape == (2, 0, 1, 16, 16)
    assert none.local.shape == (3, 0, 1, 8, 8)


# ------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"global_size": 0}, "global_size must be 1 pixel or more; got 0"),
        ({"local_size": -1}, "local_size must be 1 pixel or more; got -1"),
        ({"n_local": -1}, "n_local must be 0 or more; got -1"),
        ({"gain_db": -0.1}, "gain_db must be 0 dB or more"),
        ({"gain_db": math.nan}, "gain_db must be 0 dB or more"),
        ({"looks": (400.0, 100.0)}, "looks must be two increasing numbers"),
        ({"looks": (1.0, 100.0)}, "of at least 10"),
        ({"looks": (100.0, math.inf)}, "looks must be"),
        ({"flip_along": 1.5}, "flip_along must be between 0 and 1; got 1.5"),
        ({"flip_across": -0.5}, "flip_across must be between 0 and 1"),
        ({"speckle_probability": 2}, "speckle_probability must be between 0 and 1"),
    ],
)
def test_augmentations_out_of_range(change, message):
    with pytest.raises(TrainingError, match=message):
        replace(STILL, **change)


def test_images_that_are_no_network_input():
    with pytest.raises(DimensionError, match=r"got \(2, 24, 24\)"):
        make_views(textures(2)[:, 0], np.arange(2), LIVELY, DB)
    with pytest.raises(DimensionError, match=r"got \(2, 3, 24, 24\)"):
        make_views(textures(2).expand(2, 3, 24, 24), np.arange(2), LIVELY, DB)
    with pytest.raises(TrainingError, match="crops of 32 pixels do not fit in images"):
        make_views(textures(2), np.arange(2), replace(LIVELY, global_size=32), DB)


def test_seeds_that_do_not_fit():
    with pytest.raises(DimensionError, match="one seed for each of the 2 images"):
        make_views(textures(2), np.arange(3), LIVELY, DB)
    with pytest.raises(TrainingError, match="seeds must be integers; got float64"):
        make_views(textures(2), np.array([0.5, 1.5]), LIVELY, DB)


def test_own_statistics_must_be_given():
    images, seeds = textures(2), np.arange(2)
    own = InputSpec(scale="linear", size=24, centre="vignette", mean=None, std=None)
    with pytest.raises(TrainingError, match="make_views needs mean="):
        make_views(images, seeds, LIVELY, own, torch.ones(2))
    with pytest.raises(TrainingError, match="make_views needs scale="):
        make_views(images, seeds, LIVELY, own, mean=torch.ones(2))
    with pytest.raises(DimensionError, match="scale must have one number for each"):
        make_views(images, seeds, LIVELY, own, torch.ones(3), torch.ones(2))
