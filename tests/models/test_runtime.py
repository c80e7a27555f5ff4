import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import tolerance
from tests.models.conftest import TINY, TINY_INPUT, vignettes
from xoceansar.errors import OceansarError, UnitsError, WeightsMismatchError
from xoceansar.models import Head, HeadSpec, load_model
from xoceansar.models.bundle import library
from xoceansar.models.inference import runtime
from xoceansar.models.inference.runtime import embed_block, head_block
from xoceansar.models.networks.preprocessing import network_input

torch = pytest.importorskip("torch")

INCIDENCE = np.full(64, 36.0)


def embed(sigma0, handle, **kwargs):
    out = embed_block(sigma0, INCIDENCE[: len(sigma0)], handle=handle, **kwargs)
    return np.column_stack(out)


def test_embedding_is_the_pooled_output_of_the_network(tiny, tiny_state):
    from xoceansar.models.networks.vit import build_network, load_state, pooled_features

    sigma0 = vignettes(3)
    network = build_network(TINY, 32).eval()
    load_state(network, tiny_state, "here")
    images, mean, fraction = network_input(sigma0, INCIDENCE[:3], spec=TINY_INPUT)
    with torch.inference_mode():
        expected = pooled_features(network, torch.from_numpy(images), TINY.pooling)
    out = embed(sigma0, load_model(tiny, precision="fp32"))
    assert out.shape == (3, 98)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[:, :96], expected.numpy(), atol=1e-5)
    np.testing.assert_array_equal(out[:, 96], mean)
    np.testing.assert_array_equal(out[:, 97], fraction)
    # different vignettes are told apart by far more than that tolerance
    assert np.abs(out[0, :96] - out[1, :96]).max() > 0.1


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_result_does_not_depend_on_the_chunks(tiny, monkeypatch, chunk):
    sigma0 = vignettes(64)
    whole = embed(sigma0, tiny)
    parts = [embed(sigma0[i : i + chunk], tiny) for i in range(0, 64, chunk)]
    assert np.abs(np.concatenate(parts) - whole).max() <= tolerance(tiny)


def test_result_does_not_depend_on_the_micro_batch(tiny, monkeypatch, no_cache):
    sigma0 = vignettes(10)
    whole = embed(sigma0, tiny)
    runtime.clear_cache()
    monkeypatch.setitem(runtime._TOKENS_PER_CALL, "cpu", 3 * TINY.tokens(32))
    assert np.abs(embed(sigma0, tiny) - whole).max() <= tolerance(tiny)
    (network,) = runtime._networks.values()
    assert network.batch == 3


def test_linear_and_decibel_give_the_same_embedding(tiny):
    sigma0 = vignettes(4)
    linear = embed(sigma0, tiny)
    decibel = embed(10 * np.log10(sigma0), tiny, quantity="dB")
    assert np.abs(linear - decibel).max() <= max(1e-4, tolerance(tiny))


def test_bad_vignettes_are_missing_and_their_neighbours_are_not_touched(tiny):
    sigma0 = vignettes(6)
    clean = embed(sigma0, tiny)
    sigma0[1], sigma0[3], sigma0[4] = np.nan, 0.0, sigma0[4] - 10.0
    out = embed(sigma0, tiny)
    assert np.abs(out[[0, 2, 5]] - clean[[0, 2, 5]]).max() <= tolerance(tiny)
    assert np.isnan(out[[1, 3, 4], :97]).all()
    np.testing.assert_array_equal(out[[1, 3, 4], 97], [0, 1, 1])
    assert np.isnan(embed(sigma0[1:2], tiny)[0, :97]).all()


def test_wrong_units_are_refused_whatever_the_micro_batch(tiny, monkeypatch, no_cache):
    monkeypatch.setitem(runtime._TOKENS_PER_CALL, "cpu", 2 * TINY.tokens(32))
    decibel = 10 * np.log10(vignettes(5))
    with pytest.raises(UnitsError):
        embed(decibel, tiny)
    mixed = vignettes(5)
    mixed[:2] = decibel[:2]  # a whole micro-batch, and not the whole block
    assert np.isnan(embed(mixed, tiny)[:, 0]).tolist() == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_no_vignette_reads_no_weights(tiny, monkeypatch):
    monkeypatch.setattr(runtime, "get_network", lambda handle: pytest.fail("loaded"))
    assert embed(vignettes(0), tiny).shape == (0, 98)


def test_sixteen_threads_load_once(tiny, monkeypatch, no_cache):
    loads, load = [], runtime._load_network
    monkeypatch.setattr(
        runtime, "_load_network", lambda *a: loads.append(a) or load(*a)
    )
    start = threading.Barrier(16)
    sigma0 = vignettes(2)

    def first_use(_):
        start.wait()
        return embed(sigma0, tiny)

    with ThreadPoolExecutor(16) as pool:
        outs = list(pool.map(first_use, range(16)))
    assert len(loads) == 1
    assert all(np.abs(out - outs[0]).max() <= tolerance(tiny) for out in outs)
    (network,) = runtime._networks.values()
    assert not network.module.training
    assert not any(p.requires_grad for p in network.module.parameters())


def test_random_numbers_of_the_user_go_on(tiny, no_cache):
    state = torch.random.get_rng_state()
    embed_block(vignettes(1), INCIDENCE[:1], handle=tiny)
    assert torch.equal(torch.random.get_rng_state(), state)


@given(st.integers(0, 200), st.integers(1, 40))
def test_batches_cover_all_images_in_the_fewest_calls_of_one_size(count, most):
    parts = runtime.batches(count, most)
    assert [i for part in parts for i in range(count)[part]] == list(range(count))
    assert len(parts) == -(-count // most)
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes, default=0) <= most
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


def test_gradients_are_off_in_every_thread(tiny, monkeypatch):
    modes, pooled = [], runtime.pool_tokens
    monkeypatch.setattr(
        runtime,
        "pool_tokens",
        lambda *a: modes.append(torch.is_inference_mode_enabled()) or pooled(*a),
    )
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: embed(vignettes(1), tiny), range(2)))
    assert modes == [True, True]


def test_threads_are_shared_and_given_back(tiny, monkeypatch):
    before = torch.get_num_threads()
    seen, pooled = {}, runtime.pool_tokens
    inside = threading.Barrier(2)

    def spy(*args):
        # the second block starts while the first runs: from its next micro-batch on, the
        # first one has its share
        inside.wait()
        seen.setdefault(threading.get_ident(), []).append(torch.get_num_threads())
        out = pooled(*args)
        inside.wait()
        return out

    monkeypatch.setattr(runtime, "pool_tokens", spy)
    network = runtime.get_network(tiny)
    monkeypatch.setattr(network, "batch", 2)
    after = []

    def block(_):
        embed(vignettes(4), tiny)
        after.append(torch.get_num_threads())

    try:
        torch.set_num_threads(2)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(block, range(2)))
        assert [counts[-1] for counts in seen.values()] == [1, 1]
        assert torch.get_num_threads() == 2
        assert after == [2, 2]
        with ThreadPoolExecutor(
            1
        ) as pool:  # a new thread starts from the last value set
            assert pool.submit(torch.get_num_threads).result() == 2
        assert runtime._active_blocks == 0
    finally:
        torch.set_num_threads(before)


def test_threads_are_given_back_after_an_error(tiny):
    before = torch.get_num_threads()
    with pytest.raises(UnitsError):
        embed(vignettes(2).astype(np.uint8), tiny)
    assert torch.get_num_threads() == before
    assert runtime._active_blocks == 0


@pytest.mark.parametrize("largest", [4, 1])
def test_batch_is_halved_when_the_device_is_out_of_memory(monkeypatch, largest):
    sizes = []

    def device(batch):
        sizes.append(len(batch))
        if len(batch) > largest:
            raise torch.OutOfMemoryError("fake")
        return batch * 2

    network = runtime.Network(None, torch.device("cuda:0"), torch.float32, 16)
    images = np.arange(18.0)[:, None]
    out = runtime._halving(device, images, network)
    np.testing.assert_array_equal(out, images * 2)
    assert network.batch == largest  # the next block starts from what worked
    assert (
        sizes[: len(sizes) - sum(s <= largest for s in sizes)]
        == [16, 8, 4, 2][: 2 if largest == 4 else 4]
    )


def test_one_vignette_that_does_not_fit_is_an_error_that_says_so():
    def device(batch):
        raise torch.OutOfMemoryError("fake")

    network = runtime.Network(None, torch.device("cuda:0"), torch.float32, 2)
    with pytest.raises(OceansarError, match="device='cpu'"):
        runtime._halving(device, np.zeros((2, 1)), network)


def test_width_of_the_output_is_checked(tiny, monkeypatch):
    monkeypatch.setattr(
        runtime,
        "pool_tokens",
        lambda summary, patches, pooling: patches.flatten(1)[:, :95],
    )
    with pytest.raises(WeightsMismatchError, match=r"length 96.*gives 95"):
        embed(vignettes(2), tiny)


def test_changed_weights_are_refused_at_load(make_tiny, tmp_path, no_cache):
    handle = make_tiny(tmp_path)
    wrong = replace(handle, backbone=replace(handle.backbone, sha256="0" * 64))
    with pytest.raises(WeightsMismatchError, match="SHA-256"):
        embed(vignettes(1), wrong)


def test_bf16_stays_close(tiny, no_cache):
    sigma0 = vignettes(4)
    full = embed(sigma0, load_model(tiny, precision="fp32"))[:, :96]
    half = embed(sigma0, load_model(tiny, precision="bf16"))[:, :96]
    assert half.dtype == np.float32
    assert not np.array_equal(full, half)
    cosine = (
        (full * half).sum(1)
        / np.linalg.norm(full, axis=1)
        / np.linalg.norm(half, axis=1)
    )
    assert cosine.min() > 0.9999
    # the last normalisation is in float32: few numbers are left that bf16 has
    rounded = torch.from_numpy(half).bfloat16().float().numpy()
    assert (rounded == half).mean() < 0.05


@pytest.mark.parametrize(
    ("flags", "expected"), [("avx2 amx_bf16", "bf16"), ("avx2", "fp32")]
)
def test_automatic_precision_is_bf16_only_where_the_cpu_has_amx(
    monkeypatch, tmp_path, flags, expected
):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags : fpu {flags} sse\n")
    monkeypatch.setattr(runtime, "_CPUINFO", cpuinfo)
    assert runtime._resolve_precision.__wrapped__("auto", "cpu") == expected
    assert runtime._resolve_precision.__wrapped__("fp32", "cpu") == "fp32"


def test_missing_device_is_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(OceansarError, match="no CUDA device"):
        runtime.resolve_device("cuda:0")


def test_simulated_model_warns_at_first_use(make_tiny, tmp_path, monkeypatch, no_cache):
    handle = make_tiny(tmp_path, simulated=True)
    monkeypatch.setattr(library, "_warned", False)
    with pytest.warns(UserWarning, match="simulated vignettes only") as caught:
        embed(vignettes(1), handle)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed(vignettes(1), handle)


def swh_head(handle, **changes) -> Head:
    spec = HeadSpec(
        name="swh",
        kind="linear",
        target="swh",
        units="m",
        pooling=handle.backbone.pooling,
        backbone_sha256=handle.weights_sha256,
        ancillary=("sigma0_mean_db", "incidence"),
    )
    weight = np.zeros((98, 1), np.float32)
    weight[0], weight[96], weight[97] = 1.0, 0.1, 0.01
    arrays = {
        "mean": np.zeros(98),
        "std": np.ones(98),
        "weight": weight,
        "bias": np.zeros(1),
    }
    return Head(replace(spec, **changes), {k: np.float32(v) for k, v in arrays.items()})


def test_head_block_by_hand(tiny, make_tiny, tmp_path):
    handle = make_tiny(tmp_path, heads=[swh_head(tiny)])
    embedding = np.random.default_rng(0).normal(size=(3, 96)).astype(np.float32)
    embedding[1, 5] = np.nan
    level, incidence = np.array([0.1, 0.1, 0.01]), np.array([36.0, 36.0, 24.0])
    expected = embedding[:, 0] + [-1.0, np.nan, -2.0] + 0.01 * incidence
    for head in ("swh", handle.heads[0]):
        out = head_block(embedding, level, incidence, handle=handle, head=head)
        assert out.shape == (3, 1)
        np.testing.assert_allclose(out[:, 0], expected, rtol=1e-5)
    none = head_block(
        embedding[:0], level[:0], incidence[:0], handle=handle, head="swh"
    )
    assert none.shape == (0, 1)
    with pytest.raises(WeightsMismatchError, match=r"length 96; got 95"):
        head_block(embedding[:, 1:], level, incidence, handle=handle, head="swh")


@pytest.mark.parametrize(
    "change",
    [{"backbone_sha256": "b" * 64}, {"pooling": "cls"}],
    ids=["weights", "pooling"],
)
def test_head_of_another_backbone_is_refused(tiny, change):
    one = np.zeros(1)
    spec = swh_head(tiny, **change).spec
    with pytest.raises(WeightsMismatchError, match="fitted on"):
        head_block(np.zeros((1, 96)), one, one, handle=tiny, head=spec)


def test_loading_describing_and_applying_heads_need_no_torch(tiny, make_tiny, tmp_path):
    make_tiny(tmp_path, heads=[swh_head(tiny)])
    code = f"""
import sys
import numpy as np
from xoceansar.models import load_model
from xoceansar.models.inference.runtime import embed_block, head_block
handle = load_model({str(tmp_path)!r})
repr(handle), hash(handle)
out = head_block(np.ones((2, 96)), np.ones(2), np.ones(2), handle=handle, head="swh")
assert np.isfinite(out).all()
assert embed_block(np.ones((0, 40, 40)), np.ones(0), handle=handle).values.shape == (0, 96)
heavy = {{"torch", "timm", "huggingface_hub", "sklearn"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)
