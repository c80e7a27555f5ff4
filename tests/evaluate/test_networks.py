"""Networks to compare with: at random, and of timm with one channel made of three."""

import numpy as np
import pytest

from tests.conftest import tolerance
from xoceansar.errors import BundleError
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.features import (
    Embeddings,
    RandomTwin,
    TimmNetwork,
    random_twin,
    timm_network,
)

NAME = "test_vit"
SIZE = 64


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


@pytest.fixture
def weights(torch, tmp_path):
    """Three-channel weights of timm's smallest vision transformer, every one of them random."""
    timm = pytest.importorskip("timm")
    torch.manual_seed(3)
    network = timm.create_model(NAME, num_classes=0, img_size=SIZE)
    path = tmp_path / "weights.pth"
    torch.save(network.state_dict(), path)
    return path, network.eval()


def test_one_channel_gives_what_three_gave(torch, weights, tmp_path):
    from xoceansar.models.bundle.weight_files import read_arrays
    from xoceansar.models.networks.vit import build_network, load_state, pooled_features

    path, three = weights
    handle = timm_network(NAME, tmp_path / "bundle", size=SIZE, file=path)
    one = build_network(handle.backbone, SIZE)
    state = read_arrays(tmp_path / "bundle/backbone.safetensors", handle.weights_sha256)
    load_state(one, state, "bundle")
    image = torch.randn(2, 1, SIZE, SIZE)
    with torch.inference_mode():
        got = pooled_features(one.eval(), image, handle.backbone.pooling)
        want = pooled_features(three, image.repeat(1, 3, 1, 1), handle.backbone.pooling)
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert handle.backbone.pooling == "cls+mean"
    assert handle.input.centre == "vignette"


def test_network_of_timm_embeds_sigma0(images, weights, tmp_path, tiny_model):
    path, _ = weights
    features = TimmNetwork(NAME, SIZE, path)
    found = features.matrix(images, FeatureStore(tmp_path / "store"))
    assert np.isfinite(found).all()
    mean = images["sigma0"][:, 4:68, 4:68].mean(("line", "sample"))
    np.testing.assert_allclose(found[:, -1], mean, rtol=1e-5)
    # standardised: the same sea twice as bright has the same texture
    brighter = images.assign(sigma0=images["sigma0"] * 2)
    again = features.matrix(brighter, FeatureStore(tmp_path / "store"))
    limit = max(1e-3, tolerance(tiny_model))
    np.testing.assert_allclose(again[:, :-1], found[:, :-1], atol=limit)


def test_weights_that_cannot_be_had_are_an_error(weights, tmp_path):
    with pytest.raises(BundleError, match=r"no weights .* convert a file"):
        timm_network(NAME, tmp_path / "b", size=SIZE, file=tmp_path / "absent.pth")
    with pytest.raises(BundleError, match="cannot build"):
        timm_network("no_such_network", tmp_path / "b")


def test_random_twin_is_the_same_network_with_other_weights(
    torch, tiny_model, images, tmp_path
):
    state = torch.random.get_rng_state()
    twin = random_twin(tiny_model, tmp_path / "a", seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert random_twin(tiny_model, tmp_path / "b", seed=1).weights_sha256 == (
        twin.weights_sha256
    )
    assert twin.weights_sha256 != tiny_model.weights_sha256
    assert random_twin(tiny_model, tmp_path / "c", seed=2).weights_sha256 != (
        twin.weights_sha256
    )
    assert (twin.input, twin.embedding_dim) == (
        tiny_model.input,
        tiny_model.embedding_dim,
    )
    store = FeatureStore(tmp_path / "store")
    own = Embeddings(tiny_model).matrix(images, store)
    other = RandomTwin(tiny_model, 1).matrix(images, store)
    assert own.shape == other.shape
    assert not np.allclose(own[:, :-1], other[:, :-1])
    np.testing.assert_allclose(own[:, -1], other[:, -1])


def test_embeddings_are_those_of_the_accessor(tiny_model, images, tmp_path):
    found = Embeddings(tiny_model).matrix(images, FeatureStore(tmp_path))
    vector = images.oceansar.embed(model=tiny_model)
    np.testing.assert_allclose(found[:, :-1], vector, atol=tolerance(tiny_model))
    np.testing.assert_allclose(found[:, -1], vector["sigma0_mean"], rtol=1e-6)
