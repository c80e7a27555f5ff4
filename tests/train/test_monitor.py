"""Signs of collapse: measured on batches that do and do not collapse, and the probe."""

import warnings

import numpy as np
import pytest
import torch
import xarray as xr

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import TrainingError
from xoceansar.train.pretraining.monitor import (
    ProbeTarget,
    alarms,
    probe_scores,
    probe_targets,
    spread,
)
from xoceansar.train.pretraining.training_log import TrainingLog


def crops(each, of_crops=0.0, seed=0):
    """Two crops of each image: what is the image's own, and what is each crop's own."""
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(len(each), 2, each.shape[1], generator=generator)
    return each[:, None] + of_crops * own


def test_directions_at_random_have_unit_spread_and_no_cosine():
    features = torch.randn(4000, 64, generator=torch.Generator().manual_seed(0))
    found = spread(crops(features), None)
    assert found["feature_std"] == pytest.approx(1, abs=0.02)
    assert found["cosine"] == pytest.approx(0, abs=0.002)
    assert alarms(found) == {}


def test_what_differs_between_crops_of_an_image_is_no_spread():
    """Crops lie in different places, so their summaries differ where all images are equal."""
    same = torch.ones(4000, 64)
    found = spread(crops(same, of_crops=1.0), None)
    assert found["feature_std"] < found["feature_std_at_most"] < 0.1
    assert found["cosine"] == pytest.approx(0.5, abs=0.01)
    # crops of a tenth, as of a backbone that sees little but where a crop lies
    few = spread(crops(same[:32], of_crops=0.1), None)
    assert few["feature_std"] < 0.02 < few["feature_std_at_most"]
    assert set(alarms(spread(crops(same, of_crops=0.1), None))) == {
        "feature_std_at_most"
    }
    features = torch.randn(4000, 64, generator=torch.Generator().manual_seed(1))
    # half of the variance of a direction is the image's, half the crop's
    both = spread(crops(features, of_crops=1.0), None)
    assert both["feature_std"] == pytest.approx(np.sqrt(0.5), abs=0.02)


def test_cosine_is_the_mean_over_pairs_of_different_images():
    x = torch.randn(7, 2, 5)
    unit = x / x.norm(dim=-1, keepdim=True)
    pairs = [
        float(unit[i, a] @ unit[j, b])
        for i in range(7)
        for j in range(7)
        for a in (0, 1)
        for b in (0, 1)
        if i != j
    ]
    assert spread(x, None)["cosine"] == pytest.approx(np.mean(pairs), abs=1e-5)


def test_one_image_has_no_spread():
    assert spread(torch.randn(1, 2, 5), None) == {}


def test_equal_tokens_alarm():
    found = spread(torch.ones(8, 2, 16) + 1e-4 * torch.randn(8, 2, 16), None)
    assert set(alarms(found)) == {"feature_std_at_most", "cosine"}
    assert "same summary" in alarms(found)["feature_std_at_most"]


def test_one_prototype_for_all_and_all_for_each_alarm():
    features, k = crops(torch.randn(8, 16)), 10
    one = torch.eye(k)[torch.zeros(8, dtype=int)]
    uniform = torch.full((8, k), 1 / k)
    own = torch.eye(k)[torch.arange(8)]
    assert set(alarms(spread(features, one))) == {"marginal_entropy"}
    assert set(alarms(spread(features, uniform))) == {"entropy"}
    assert alarms(spread(features, own)) == {}
    values = spread(features, own)
    assert values["entropy"] == pytest.approx(0, abs=1e-6)
    assert values["marginal_entropy"] == pytest.approx(np.log(8) / np.log(k), abs=1e-5)


def test_a_loss_at_ln_k_alarms_after_fifty_steps(tmp_path):
    """And none where it fell in between, or during the warm-up."""
    journal = TrainingLog(tmp_path, warmup=20, writes=True)

    def told(step, ratio):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            journal.record(step, {"loss": 1.0, "dino_over_ln_k": ratio})
        return [str(w.message) for w in caught]

    for step in (0, 20, 40, 60):
        assert told(step, 1.0) == []
    assert told(69, 0.98) == []
    assert told(70, 0.995) == []
    assert told(119, 1.001) == []
    [sentence] = told(120, 0.999)
    assert sentence.startswith("step 120: dino_over_ln_k is 0.999, above 0.99: ")
    assert "for 50 steps" in sentence
    assert told(170, 1.0) == []
    assert "ALARM at step 120" in (tmp_path / "log.txt").read_text()


def test_probe_needs_a_label():
    with pytest.raises(TrainingError, match="ocean_class"):
        probe_targets(xr.Dataset({"sigma0": ("vignette", [1.0])}))


def test_the_probe_reads_codes_by_their_flag_values_and_checks_them_at_once():
    attrs = {
        "flag_values": np.array([7, 3]),
        "flag_meanings": "sea_ice pure_ocean_waves",
    }
    classes = xr.DataArray([3, 7, -1, 7], dims="vignette", attrs=attrs)
    swh = ("vignette", [1.0, np.nan, 2.0, 3.0])
    found = probe_targets(xr.Dataset({"ocean_class": classes, "swh": swh}))
    assert found["ocean_class"].classes == ("sea_ice", "pure_ocean_waves")
    np.testing.assert_array_equal(found["ocean_class"].values, [1, 0, -1, 0])
    np.testing.assert_array_equal(found["swh"].values, swh[1])
    with pytest.raises(TrainingError, match=r"has the codes \[4.0\]"):
        probe_targets(xr.Dataset({"ocean_class": classes.copy(data=[3, 4, 7, 7])}))
    with pytest.raises(TrainingError, match="'swh' must be numbers"):
        probe_targets(xr.Dataset({"swh": ("vignette", ["a", "b"])}))
    with pytest.raises(TrainingError, match="some of them known"):
        probe_targets(xr.Dataset({"swh": ("vignette", [np.nan, np.nan])}))


def test_neighbours_of_the_same_product_do_not_vote():
    """Twins share a class and a product; without their twin they have no one to learn from."""
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(60, 32)), 2, axis=0)
    features += 0.01 * rng.normal(size=features.shape)
    classes = np.repeat(rng.integers(0, 10, 60), 2)
    pairs = np.repeat(np.arange(60), 2)
    truth = {"ocean_class": ProbeTarget(classes, OCEAN_CLASSES)}
    apart = probe_scores(features, truth, groups=pairs, neighbours=1)
    mixed = probe_scores(features, truth, groups=None, neighbours=1)
    assert mixed["knn_ocean_class"] > 0.7
    assert apart["knn_ocean_class"] < 0.3
