"""Numbers and labels do not depend on what the caller has set in torch."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.models.conftest import TINY, vignettes
from xoceansar.models.bundle.conversion import convert_checkpoint
from xoceansar.models.inference import runtime
from xoceansar.models.inference.detection_blocks import detect_block
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.networks.vit import network_weights
from xoceansar.models.spec.detector_spec import DetectorSpec, TrainedDetector
from xoceansar.neighbours.nearest import nearest

torch = pytest.importorskip("torch")


@contextlib.contextmanager
def double():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def elsewhere():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def coarse():
    torch.set_float32_matmul_precision("medium")
    try:
        yield
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


@contextlib.contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


SETTINGS = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "float64": double,
    "other device": elsewhere,
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "matmul": coarse,
    "deterministic": deterministic,
}


@pytest.fixture(scope="module")
def detecting(make_tiny, tmp_path_factory):
    from xoceansar.models.networks.detection_transformer import Detector

    folder = tmp_path_factory.mktemp("detecting")
    spec = DetectorSpec(
        backbone_sha256=make_tiny(folder).weights_sha256,
        strides=(4, 8),
        width=16,
        n_heads=2,
        hidden=16,
        encoder_layers=1,
        decoder_layers=1,
        n_queries=5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        detector = Detector(spec, TINY.width)
        with torch.no_grad():
            for parameter in detector.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    weights = network_weights(detector)
    return make_tiny(folder, detectors=[TrainedDetector(spec, weights)])


def embedded(handle):
    out = runtime.embed_block(vignettes(2), np.full(2, 36.0), handle=handle).values
    return out, runtime.precision_bits(handle)


def targets(handle):
    [spec] = handle.detectors
    arguments = {"handle": handle, "detector": spec}
    return detect_block(vignettes(2), np.full(2, 36.0), **arguments)[0]


def perceptron():
    from xoceansar.train.heads.perceptron_loop import Recipe, Rows, train

    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    rows = Rows(x, np.zeros((40, 1)), x[:, 0] ** 2)
    recipe = Recipe(
        outputs=1,
        class_weight=(),
        hidden=(8, 4),
        dropout=0.1,
        learning_rate=1e-2,
        weight_decay=1e-2,
        epochs=3,
        patience=3,
        batch=10,
        seed=0,
    )
    arrays, _, loss = train(rows, rows, recipe)
    return {**arrays, "loss": np.array(loss)}


def detector():
    from tests.train.test_detector import SMALL, one_square
    from xoceansar.train.detector.detector_training import (
        DetectorRecipe,
        train_detector,
    )

    recipe = DetectorRecipe(steps=2, batch=2, crop=64)
    return train_detector(one_square(), SMALL, recipe).weights


def converted(state):
    arguments = {"size": 32, "pooling": "cls", "kwargs": TINY.kwargs}
    return convert_checkpoint(state, architecture=TINY.architecture, **arguments).state


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_computed_and_labelled_does_not_depend_on_the_caller(
    detecting, setting, no_cache
):
    expected, bits = embedded(detecting)
    boxes = targets(detecting)
    runtime.clear_cache()

    with SETTINGS[setting]():
        found, labelled = embedded(detecting)
        again = targets(detecting)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(again, boxes)
    assert (bits, labelled) == (runtime.precision_bits(detecting), bits)


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_fitted_does_not_depend_on_the_caller(tiny_state, setting):
    expected = perceptron(), detector(), converted(tiny_state)
    with SETTINGS[setting]():
        found = perceptron(), detector(), converted(tiny_state)
    for one, other in zip(found, expected, strict=True):
        same(one, other)


def test_a_search_on_a_device_finds_the_same_under_autocast(monkeypatch):
    from xoceansar.neighbours import nearest as module
    from xoceansar.neighbours.screens import DeviceScreen

    monkeypatch.setattr(
        module, "_screen", lambda search, *_: DeviceScreen(search, "cpu"), raising=True
    )
    monkeypatch.setattr(module, "_TOO_MANY", 2)
    rng = np.random.default_rng(0)
    bank = (1 + 0.05 * rng.normal(size=(800, 32))).astype(np.float32)
    blocks = [bank[:20], *np.split(bank[20:], 26)]
    expected = nearest(bank[:20], blocks, k=5)
    with torch.autocast("cpu", torch.bfloat16):
        found = nearest(bank[:20], blocks, k=5)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_settings_are_those_of_the_caller_again_whatever_runs_at_the_same_time():
    torch.set_default_dtype(torch.float64)
    torch.set_float32_matmul_precision("medium")
    try:
        seen = []

        def block(_):
            with plain_torch(), plain_torch(gradients=True):
                seen.append(
                    (torch.get_default_dtype(), torch.is_inference_mode_enabled())
                )

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(block, range(40)))
        with pytest.raises(ZeroDivisionError), plain_torch():
            _ = 1 / 0
        assert seen == [(torch.float32, False)] * 40
        assert torch.get_default_dtype() == torch.float64
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_float32_matmul_precision("highest")


def test_products_in_float32_are_whole_while_the_package_computes(tiny, monkeypatch):
    """A CPU or a GPU with units for them would take bf16 or TF32, and the label says 32."""
    seen = []
    whole = runtime.image_tokens

    def spy(*args):
        seen.append(
            torch.backends.mkldnn.matmul.fp32_precision
            if hasattr(torch.backends, "fp32_precision")  # torch 2.9
            else torch.backends.cudnn.allow_tf32
        )
        return whole(*args)

    monkeypatch.setattr(runtime, "image_tokens", spy)
    torch.set_float32_matmul_precision("medium")
    try:
        embedded(tiny)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen in (["ieee"], [False])


def test_clearing_the_cache_frees_detectors_too(detecting, no_cache):
    targets(detecting)
    assert runtime.detectors
    runtime.clear_cache()
    assert not runtime.detectors
