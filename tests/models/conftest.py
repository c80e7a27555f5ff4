from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xoceansar.models import BackboneSpec, InputSpec, ModelHandle, write_bundle
from xoceansar.models.inference import runtime

TINY = BackboneSpec(
    architecture="vit_tiny_patch16_224",
    embedding_dim=96,
    pooling="cls+mean+std",
    patch_size=8,
    kwargs={"embed_dim": 32, "depth": 2, "num_heads": 2},
)
TINY_INPUT = InputSpec(scale="dB", size=32, mean=-12.0, std=5.0)


def vignettes(n: int, size: int = 36, seed: int = 0) -> np.ndarray:
    """Speckle of 100 looks on a level of 0.02 to 0.2."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.02, 0.2, (n, 1, 1))
    return (rng.gamma(100, 0.01, (n, size, size)) * level).astype(np.float32)


@pytest.fixture(scope="session")
def tiny_state() -> dict[str, np.ndarray]:
    """Weights of the tiny network, random and seeded, every one of them different from zero."""
    import torch

    from xoceansar.models.networks.vit import build_network, network_weights

    # on a busy machine the barriers between threads cost more than sums this small
    torch.set_num_threads(1)
    rng = np.random.default_rng(7)
    shapes = network_weights(build_network(TINY, TINY_INPUT.size))
    return {
        name: rng.normal(1.0 if "norm" in name else 0.0, 0.2, a.shape).astype(
            np.float32
        )
        for name, a in shapes.items()
    }


@pytest.fixture(scope="session")
def make_tiny(tiny_state: dict[str, np.ndarray]) -> Callable[..., ModelHandle]:
    def make(folder: Path, **changes: Any) -> ModelHandle:
        arguments = {
            "name": "tiny",
            "backbone": TINY,
            "backbone_state": tiny_state,
            "input": TINY_INPUT,
        }
        return write_bundle(folder, **{**arguments, **changes})

    return make


@pytest.fixture(scope="session")
def tiny(
    make_tiny: Callable[..., ModelHandle], tmp_path_factory: pytest.TempPathFactory
) -> ModelHandle:
    return make_tiny(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def no_cache() -> Iterator[None]:
    runtime.clear_cache()
    yield
    runtime.clear_cache()
