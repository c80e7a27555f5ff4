"""Fine-tuning: what changes, what stays, and that the bundle gives what was validated."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.train.test_fitting import SIZE, make_vignettes
from xoceansar import load_model
from xoceansar.errors import OceansarWarning, TrainingError, WeightsMismatchError
from xoceansar.models.bundle.weight_files import read_arrays
from xoceansar.train import fit

pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*simulated vignettes only", "ignore:.*belong to its backbone before"
)


@pytest.fixture(scope="module")
def vignettes() -> xr.Dataset:
    """Waves along and across, told apart by no sum over pixels: there is something to learn."""
    return make_vignettes(n=64)


@pytest.fixture(scope="module")
def tuned(vignettes, tiny_model):
    """Backbones that were trained at a rate that helps, whole and by low rank."""
    import torch

    torch.set_num_threads(1)
    lazy = vignettes.chunk(vignette=16)
    rates = {"full": [3e-4], "lora": [3e-3]}
    return {
        mode: fit(lazy, "swh", model=tiny_model, finetune=mode, learning_rates=rate)
        for mode, rate in rates.items()
    }


def weights_of(handle):
    return read_arrays(Path(handle.path) / handle.backbone.file, handle.weights_sha256)


@pytest.mark.parametrize("mode", ["full", "lora"])
def test_it_helps_and_the_bundle_gives_what_was_validated(
    vignettes, tiny_model, tuned, tmp_path, mode
):
    frozen = fit(vignettes, "swh", model=tiny_model)
    result = tuned[mode]
    np.testing.assert_array_equal(result.validation.truth, frozen.validation.truth)
    assert result.scores.loc["all", "rmse"] < frozen.scores.loc["all", "rmse"]
    handle = result.write(tmp_path / mode)
    assert handle.weights_sha256 != tiny_model.weights_sha256
    assert handle.head("swh").backbone_sha256 == handle.weights_sha256
    assert [head.name for head in handle.heads] == ["swh"]
    assert load_model(handle.path) == handle
    held_out = np.isin(vignettes.vignette_id, result.validation.vignette_id)
    out = vignettes.isel(vignette=np.flatnonzero(held_out)).oceansar.swh(model=handle)
    np.testing.assert_allclose(out, result.validation.predicted, rtol=1e-5)
    assert f"backbone {mode}" in repr(result)
    assert f"backbone {mode}" in handle.card


@pytest.mark.parametrize("mode", ["full", "lora"])
def test_the_head_moves_slowly_from_where_it_was_fitted(
    vignettes, tiny_model, torch, monkeypatch, mode
):
    groups = []

    class Noting(torch.optim.AdamW):
        def step(self, *args):
            groups.append([group["lr"] for group in self.param_groups])
            return super().step(*args)

    monkeypatch.setattr(torch.optim, "AdamW", Noting)
    fit(vignettes, "swh", model=tiny_model, finetune=mode, learning_rates=[3e-4])
    # the head, which is the best of the frozen backbone, has a rate of its own
    backbone, head = np.array(groups).T
    assert backbone.max() == pytest.approx(3e-4)
    assert head.max() == pytest.approx(5e-5)
    np.testing.assert_allclose(head / backbone, 1 / 6)


def test_low_rank_changes_the_layers_of_the_blocks_alone(tiny_model, tuned, tmp_path):
    before, after = weights_of(tiny_model), weights_of(tuned["lora"].write(tmp_path))
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {
        f"blocks.{i}.{layer}.weight"
        for i in range(2)
        for layer in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    }
    change = after["blocks.0.mlp.fc1.weight"] - before["blocks.0.mlp.fc1.weight"]
    spectrum = np.linalg.svd(change, compute_uv=False)
    assert spectrum[8] < 1e-4 * spectrum[0]


def test_all_weights_change_in_a_full_one(tiny_model, tuned, tmp_path):
    before, after = weights_of(tiny_model), weights_of(tuned["full"].write(tmp_path))
    assert before.keys() == after.keys()
    assert (before["patch_embed.proj.weight"] != after["patch_embed.proj.weight"]).any()


def test_old_embeddings_and_heads_are_refused(vignettes, tiny_model, tuned, tmp_path):
    with pytest.warns(OceansarWarning, match="'wind_speed', 'ocean_class'"):
        handle = tuned["lora"].write(tmp_path / "new")
    old = vignettes.isel(vignette=slice(2)).oceansar.embed(model=tiny_model)
    with pytest.raises(WeightsMismatchError):
        old.oceansar.swh(model=handle)
    with pytest.raises(TrainingError, match="another folder"):
        tuned["lora"].write(tiny_model.path)


def test_the_same_seed_gives_the_same_weights_and_leaves_torch_alone(
    vignettes, tiny_model, tuned, torch
):
    state = torch.random.get_rng_state()
    again = fit(
        vignettes, "swh", model=tiny_model, finetune="lora", learning_rates=[3e-3]
    )  # in memory, in one chunk
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == 1
    assert again.head.spec.metrics["epoch"] > 0
    lazy = vignettes.chunk(vignette=16)
    same = fit(lazy, "swh", model=tiny_model, finetune="lora", learning_rates=[3e-3])
    for name, array in tuned["lora"].backbone_state.items():
        np.testing.assert_array_equal(same.backbone_state[name], array)


def test_classes_are_tuned_too(vignettes, tiny_model, tmp_path):
    """One of them only among the vignettes that are held out."""
    texts = np.where(vignettes.swh > 3, "high", "low").astype(object)
    other = make_vignettes(seed=9, n=16, first_orbit=1000).assign(
        ocean_class=("vignette", ["high", "low"] * 7 + ["odd"] * 2)
    )
    swh = other.swh.values[:14]
    other["ocean_class"][:14] = np.where(swh > 3, "high", "low")
    with pytest.warns(OceansarWarning, match="odd: never predicted"):
        result = fit(
            vignettes.assign(ocean_class=("vignette", texts)),
            "ocean_class",
            head="logistic",
            model=tiny_model,
            classes=["high", "low", "odd"],
            validation=other,
            finetune="lora",
            learning_rates=[3e-3],
            class_weight="balanced",
        )
    assert result.head.spec.metrics["finetune"] == "lora"
    handle = result.write(tmp_path)
    out = other.oceansar.classify(model=handle)
    np.testing.assert_allclose(
        out.class_probability, result.validation.probability, atol=1e-5
    )
    assert float(out.class_probability.sel({"class": "odd"}).max()) < 1e-6


@pytest.mark.parametrize("kind", ["linear", "logistic", "mlp"])
def test_training_begins_at_the_fitted_head(vignettes, tiny_model, torch, kind):
    from xoceansar.train.finetuning import joint_training
    from xoceansar.train.heads.rows import gather

    ds, target = vignettes, "swh"
    if kind == "logistic":
        target = "ocean_class"
        names = np.where(vignettes.swh > 3, "high", "low")
        ds = vignettes.assign(ocean_class=("vignette", names))
    rates = {"learning_rates": [1e-3]} if kind == "mlp" else {}
    head = fit(ds, target, head=kind, model=tiny_model, **rates).head
    rows = gather(
        ds,
        target,
        tiny_model,
        ancillary=head.spec.ancillary,
        classes=None,
        groups="orbit_pass",
    )
    network = joint_training._network(tiny_model)
    model = joint_training._Tuned(network, head, tiny_model.backbone.pooling).eval()
    side = joint_training._Side(
        joint_training._dataset(ds, tiny_model),
        rows,
        joint_training._ancillary(rows, head, tiny_model),
        torch.device("cpu"),
    )
    images, ancillary, targets, kept = side.batch(np.array([9, 2, 40]))
    with torch.no_grad():
        out = model(images, ancillary)
    if kind == "logistic":
        out = out.softmax(1)
    expected = head(rows.inputs(head.spec))[[9, 2, 40]]
    # the pool rounds images to half precision
    np.testing.assert_allclose(out, expected, atol=0.01)
    np.testing.assert_allclose(targets, rows.truth.values[[9, 2, 40]], rtol=1e-6)
    assert kept.tolist() == [9, 2, 40]
    for name, array in model.head_arrays().items():
        np.testing.assert_array_equal(array, head.arrays[name])


def test_what_does_not_help_is_not_kept(vignettes, tiny_model, tmp_path, monkeypatch):
    from xoceansar.train.finetuning import joint_training

    losses = iter(range(100))
    monkeypatch.setattr(
        joint_training._Run, "validation_loss", lambda run: next(losses)
    )
    with pytest.warns(OceansarWarning, match="no better"):
        result = fit(vignettes, "swh", model=tiny_model, finetune="full")
    assert next(losses) == 6  # the start, and as many passes as patience has
    assert result.backbone_state is None
    frozen = fit(vignettes, "swh", model=tiny_model)
    for name, array in frozen.head.arrays.items():
        np.testing.assert_array_equal(result.head.arrays[name], array)
    assert result.write(tmp_path).weights_sha256 == tiny_model.weights_sha256


def test_the_best_of_several_rates_is_kept(vignettes, tiny_model, tuned):
    result = fit(
        vignettes.chunk(vignette=16),
        "swh",
        model=tiny_model,
        finetune="lora",
        learning_rates=[1e-6, 3e-3],
    )
    assert result.head.spec.metrics["learning_rate"] == 3e-3
    assert result.sweep[3e-3] < result.sweep[1e-6]
    for name, array in tuned["lora"].backbone_state.items():
        np.testing.assert_array_equal(result.backbone_state[name], array)


def test_steps_that_are_not_finite_are_skipped_and_counted(
    vignettes, tiny_model, monkeypatch
):
    from xoceansar.train.finetuning import joint_training

    make_views = joint_training.make_views
    calls = []

    def broken(*args, **kwargs):
        views = make_views(*args, **kwargs)
        calls.append(1)
        if len(calls) in always or len(calls) == 2:
            views.global_[0, 0] = np.inf
        return views

    always = range(0)
    monkeypatch.setattr(joint_training, "make_views", broken)
    call = {"model": tiny_model, "finetune": "lora", "learning_rates": [3e-3]}
    result = fit(vignettes, "swh", **call)
    assert result.head.spec.metrics["skipped_steps"] == 1
    assert all(np.isfinite(a).all() for a in result.backbone_state.values())
    always = range(10**6)
    with pytest.raises(TrainingError, match="11 steps in a row"):
        fit(vignettes, "swh", **call)


def test_a_head_without_gradients_is_refused(vignettes, tiny_model):
    with pytest.raises(TrainingError, match="no gradients"):
        fit(vignettes, "swh", head="knn", model=tiny_model, finetune="full")


# the low-rank change itself


@pytest.fixture
def network(torch):
    from xoceansar.models.networks.vit import create_network

    torch.manual_seed(0)
    kwargs = {"depth": 2, "embed_dim": 24, "num_heads": 2}
    return create_network("vit_tiny_patch16_224", SIZE, 16, kwargs).eval()


def test_merged_is_what_was_trained(torch, network):
    from xoceansar.train.finetuning.low_rank import add_low_rank, merge_low_rank

    images = torch.randn(3, 1, SIZE, SIZE)
    names = set(network.state_dict())
    with torch.no_grad():
        before = network(images)
        trained = add_low_rank(network, rank=4, scale=2.0)
        torch.testing.assert_close(network(images), before, rtol=0, atol=0)
    assert {id(p) for p in network.parameters() if p.requires_grad} == set(
        map(id, trained)
    )
    optimiser = torch.optim.SGD(trained, 0.1)
    for _ in range(2):
        optimiser.zero_grad()
        network(images).square().sum().backward()
        optimiser.step()
    with torch.no_grad():
        unmerged = network(images)
        merge_low_rank(network)
        merged = network(images)
    assert (unmerged - before).abs().max() > 1e-3
    torch.testing.assert_close(merged, unmerged, rtol=0, atol=1e-5)
    assert set(network.state_dict()) == names


def test_a_convnet_has_no_such_layers(torch):
    import timm

    from xoceansar.train.finetuning.low_rank import add_low_rank

    with pytest.raises(TrainingError, match="finetune='full'"):
        add_low_rank(timm.create_model("resnet10t", num_classes=0))
