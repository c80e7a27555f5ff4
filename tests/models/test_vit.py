from dataclasses import replace

import numpy as np
import pytest

from tests.models.conftest import TINY
from xoceansar.errors import BundleError, WeightsMismatchError
from xoceansar.models import BackboneSpec
from xoceansar.models.networks.vit import (
    build_network,
    load_state,
    network_weights,
    pooled_features,
)

torch = pytest.importorskip("torch")


def features(spec: BackboneSpec, size: int = 32):
    """A network, an image, and its raw tokens."""
    torch.manual_seed(3)
    network = build_network(spec, size).eval()
    images = torch.randn(2, 1, size, size)
    with torch.inference_mode():
        return network, images, network.forward_features(images)


def test_the_papers_backbone_has_its_parameters():
    spec = BackboneSpec(
        architecture="vit_small_patch16_224", embedding_dim=384, pooling="cls"
    )
    with torch.device("meta"):  # shapes only
        network = build_network(spec, 256)
    assert sum(p.numel() for p in network.parameters()) == 21_492_096
    assert network.patch_embed.proj.weight.shape == (384, 1, 16, 16)
    assert network.pos_embed.shape == (1, 257, 384)


@pytest.mark.parametrize("registers", [0, 4])
def test_pooling_is_of_normalised_tokens_without_registers(registers):
    spec = replace(TINY, kwargs={**TINY.kwargs, "reg_tokens": registers})
    network, images, tokens = features(spec)
    assert tokens.shape == (2, 1 + registers + (32 // 8) ** 2, 32)
    patches = tokens[:, 1 + registers :]
    expected = torch.cat(
        [tokens[:, 0], patches.mean(1), patches.std(1, correction=0)], 1
    )
    with torch.inference_mode():
        found = pooled_features(network, images, "cls+mean+std")
        torch.testing.assert_close(found, expected)
        with_maximum = pooled_features(network, images, "cls+mean+std+max")
        highest = torch.stack([patches[:, i] for i in range(16)]).max(0).values
        torch.testing.assert_close(with_maximum, torch.cat([expected, highest], 1))
        for pooling, part in (("cls", found[:, :32]), ("mean", found[:, 32:64])):
            torch.testing.assert_close(pooled_features(network, images, pooling), part)
        both = pooled_features(network, images, "cls+mean")
        torch.testing.assert_close(both, found[:, :64])
        # forward_intermediates counts the prefix by itself: an independent count
        grid = network.forward_intermediates(
            images, indices=1, norm=True, intermediates_only=True
        )[0]
        torch.testing.assert_close(grid.flatten(2).mean(2), found[:, 32:64])


def test_convnet_is_pooled_as_timm_pools_it():
    spec = BackboneSpec(
        architecture="resnet18", embedding_dim=512, pooling="mean", patch_size=None
    )
    network, images, _ = features(spec, 64)
    with torch.inference_mode():
        found = pooled_features(network, images, "mean")
        torch.testing.assert_close(found, network(images))
    with pytest.raises(BundleError, match="class token"):
        build_network(replace(spec, pooling="cls"), 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "vit_nonesuch"}, "cannot build backbone.architecture"),
        ({"kwargs": {"depht": 2}}, "backbone.kwargs must be without.*depht"),
        ({"kwargs": {"rope_temperature": 10.0}}, "cannot build.*rope_temperature"),
        ({"embedding_dim": 99}, "embedding_dim 99.*needs 33"),
        ({"kwargs": {**TINY.kwargs, "global_pool": "avg"}}, "global_pool"),
    ],
)
def test_networks_that_do_not_fit_their_description_are_refused(change, message):
    with pytest.raises(BundleError, match=message):
        build_network(replace(TINY, **change), 32)


def test_state_must_be_whole(tiny_state):
    network = build_network(TINY, 32)
    load_state(network, tiny_state, "weights")
    for name, value in network_weights(network).items():
        np.testing.assert_array_equal(value, tiny_state[name])
    fewer = {n: v for n, v in tiny_state.items() if not n.startswith("blocks.1.attn")}
    n = len(tiny_state)
    with pytest.raises(WeightsMismatchError, match=rf"{n - 4} of {n} .*blocks.1.attn"):
        load_state(network, fewer, "weights")
    with pytest.raises(WeightsMismatchError, match=r"unknown.*foo"):
        load_state(network, {**tiny_state, "foo": np.zeros(1)}, "weights")
    with pytest.raises(WeightsMismatchError, match=r"other shape.*norm.weight"):
        load_state(network, {**tiny_state, "norm.weight": np.zeros(3)}, "weights")
