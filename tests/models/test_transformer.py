"""The plain transformer beside timm's: the same weights, the same bits, and no timm."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.models.conftest import TINY
from xoceansar.errors import BundleError
from xoceansar.models import BackboneSpec
from xoceansar.models.networks.vit import build_network, image_tokens, inference_network

torch = pytest.importorskip("torch")

NAMES = [f"vit_{size}_patch16_224" for size in ("tiny", "small", "base", "large")]


def pair(kwargs, size=32, dtype=torch.float32):
    """Both networks with the same random weights, none of which is zero."""
    arguments = {**TINY.kwargs, **kwargs}
    spec = replace(TINY, kwargs=arguments, embedding_dim=3 * arguments["embed_dim"])
    timm, own = build_network(spec, size), inference_network(spec, size)
    torch.manual_seed(5)
    state = {
        name: torch.randn(value.shape) * 0.3
        for name, value in timm.state_dict().items()
    }
    for network in (timm, own):
        network.load_state_dict(state, strict=True)
        network.eval().to(dtype)
    return timm, own


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"reg_tokens": 4},
        {"init_values": 1e-5, "drop_path_rate": 0.3},
        {"init_values": 0, "num_heads": 4, "embed_dim": 64, "depth": 3},
    ],
)
def test_every_bit_is_that_of_timm(kwargs, dtype):
    timm, own = pair(kwargs, dtype=dtype)
    assert not type(own).__module__.startswith("timm")
    images = torch.randn(3, 1, 32, 32).to(dtype)
    with torch.inference_mode():
        for found, expected in zip(
            image_tokens(own, images), image_tokens(timm, images), strict=True
        ):
            assert torch.equal(found, expected)
            assert found.isfinite().all()
            assert found.std() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_those_of_timm(name):
    widths = {"tiny": 192, "small": 384, "base": 768, "large": 1024}
    width = widths[name.split("_")[1]]
    spec = BackboneSpec(architecture=name, embedding_dim=width, pooling="cls")
    with torch.device("meta"):
        known, own = build_network(spec, 64), inference_network(spec, 64)
    assert not type(own).__module__.startswith("timm")
    shapes = [
        {key: value.shape for key, value in network.state_dict().items()}
        for network in (known, own)
    ]
    assert shapes[0] == shapes[1]
    assert own.blocks[0].attn.heads == known.blocks[0].attn.num_heads
    assert own.norm.eps == known.norm.eps


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "vit_tiny_patch16_384"},
        {"kwargs": {**TINY.kwargs, "qk_norm": True}},
        {"kwargs": {**TINY.kwargs, "mlp_ratio": 2}},
    ],
)
def test_timm_builds_what_is_not_plain(change):
    network = inference_network(replace(TINY, **change, embedding_dim=96), 32)
    assert type(network).__module__.startswith("timm")


def test_impossible_arguments_are_refused():
    for wrong in ({"depth": 10**9}, {"num_heads": 5}):
        with pytest.raises(BundleError):
            inference_network(replace(TINY, kwargs={**TINY.kwargs, **wrong}), 32)
    with pytest.raises(BundleError, match="multiple"):
        inference_network(TINY, 36)


def test_the_first_result_imports_neither_timm_nor_the_compiler():
    code = """
import sys, warnings
import numpy as np, xarray as xr
import xoceansar
warnings.simplefilter("ignore")
images = np.random.default_rng(0).gamma(100, 1e-3, (1, 384, 384)).astype("float32")
ds = xr.Dataset(
    {"sigma0": (("vignette", "line", "sample"), images, {"units": "1"})},
    {"beam": ("vignette", ["wv2"]), "polarisation": ("vignette", ["VV"]),
     "incidence": ("vignette", [36.8]), "pixel_spacing": 50.0},
)
assert np.isfinite(ds.oceansar.swh().values).all()
unwanted = ("timm", "torchvision", "torch._dynamo", "torch._inductor", "sklearn")
print([name for name in unwanted if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
