"""Bundles and checkpoints of someone else: nothing runs, nothing hangs, every error is typed."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import TINY, vignettes
from xoceansar.errors import BundleError, OceansarError, WeightsMismatchError
from xoceansar.models import load_model
from xoceansar.models.bundle import weight_files
from xoceansar.models.bundle.conversion import convert_checkpoint
from xoceansar.models.bundle.schema import read_provenance
from xoceansar.models.inference import runtime
from xoceansar.models.inference.runtime import embed_block, get_network
from xoceansar.models.networks.vit import create_network

torch = pytest.importorskip("torch")


class Marker:
    """Pickled, it leaves a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def handle(make_tiny, tmp_path, no_cache):
    return make_tiny(tmp_path / "bundle", provenance={"seed": 1})


def edit(handle, change) -> Path:
    file = Path(handle.path) / "config.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    (file.parent / "config.sha256").unlink(missing_ok=True)
    return file.parent


def run(folder: Path) -> np.ndarray:
    return embed_block(vignettes(1), np.full(1, 36.0), handle=load_model(folder)).values


@pytest.mark.parametrize(
    "key",
    [
        "checkpoint_path",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "cache_dir",
        "pretrained_strict",
        "features_only",
        "pruned",
        "embed_layer",
        "in_chans",
        "img_size",
    ],
)
def test_arguments_that_do_more_than_decide_a_shape_are_refused(handle, tmp_path, key):
    pickled, mark = tmp_path / "weights.pth", tmp_path / "mark"
    torch.save({"state_dict": Marker(mark)}, pickled)
    folder = edit(handle, lambda c: c["backbone"]["kwargs"].update({key: str(pickled)}))
    with pytest.raises(BundleError, match=rf"backbone\.kwargs must be without.*{key}"):
        run(folder)
    with pytest.raises(BundleError, match=key):
        create_network(TINY.architecture, 32, 8, {key: str(pickled)})
    with pytest.raises(BundleError, match=key):
        convert_checkpoint(
            {"patch_embed.proj.weight": np.zeros((2, 1, 8, 8))},
            architecture=TINY.architecture,
            size=32,
            pooling="cls",
            kwargs={key: str(pickled)},
        )
    assert not mark.exists()


@pytest.mark.parametrize(
    "name",
    [
        "hf-hub:someone/network",
        "hf_hub:someone/network",
        "local-dir:/tmp",
        "someone/network",
        "../network",
        "vit_tiny_patch16_224\n",
        "vit_tiny_patch16_224.a.b",
        "",
    ],
)
def test_architectures_that_name_a_place_are_refused(handle, monkeypatch, name):
    import timm

    asked = []
    monkeypatch.setattr(timm, "create_model", lambda *a, **k: asked.append(a))
    folder = edit(handle, lambda c: c["backbone"].update(architecture=name))
    with pytest.raises(BundleError, match=r"backbone\.architecture must be the name"):
        load_model(folder)
    with pytest.raises(BundleError, match=r"backbone\.architecture must be the name"):
        create_network(name, 32, 8, {})
    assert asked == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("depth", 1_000_000),
        ("depth", -1),
        ("depth", True),
        ("embed_dim", 10**400),
        ("mlp_ratio", 1e30),
        ("global_pool", "eval"),
        ("act_layer", ["gelu"]),
        ("act_layer", "os.system"),
        ("qkv_bias", 1),
    ],
)
def test_values_beyond_any_network_are_refused(handle, key, value):
    folder = edit(handle, lambda c: c["backbone"]["kwargs"].update({key: value}))
    with pytest.raises(BundleError, match=rf"backbone\.kwargs\['{key}'\] must be"):
        load_model(folder)


def test_a_network_larger_than_its_weights_takes_no_memory(handle):
    """2.5e10 parameters: 100 GB, were it built before its weights are looked at."""
    large = {"embed_dim": 16384, "depth": 8, "num_heads": 2}

    def claim(content):
        content["backbone"].update(kwargs=large, embedding_dim=3 * 16384)

    with pytest.raises(WeightsMismatchError, match="other shape"):
        run(edit(handle, claim))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema_version": 1' + "0" * 5000 + "}", "digits"),
        ('{"schema_version": 1, "schema_version": 1}', "stand twice"),
        ('{"provenance": ' + "[" * 100_000 + "}", "recursion"),
        ('{"provenance": ' + "[" * 40 + "]" * 40 + "}", "deep"),
        ('{"name": "\ud800"}', "not valid JSON"),
        (r'{"name": "\ud800"}', "surrogates"),
        (r'{"heads": [{"classes": ["ice", "\udfff"]}]}', "surrogates"),
        ("null", "must hold an object"),
        ("1.5", "must hold an object"),
    ],
    ids=[
        "digits",
        "twins",
        "recursion",
        "depth",
        "surrogate",
        "escape",
        "class",
        "null",
        "number",
    ],
)
def test_configs_that_are_hard_to_parse_are_refused(handle, text, message):
    file = Path(handle.path) / "config.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BundleError, match=rf"config\.json.*{message}"):
        load_model(handle.path)
    with pytest.raises(BundleError, match=rf"config\.json.*{message}"):
        read_provenance(Path(handle.path))


@pytest.mark.parametrize("number", ["1e400", "NaN", "1" + "0" * 400])
def test_numbers_that_are_not_finite_are_refused(handle, number):
    file = Path(handle.path) / "config.json"
    text = file.read_text()
    assert '"mean": -12.0' in text
    file.write_text(text.replace('"mean": -12.0', f'"mean": {number}'))
    with pytest.raises(BundleError, match=r"input\.mean"):
        load_model(handle.path)


def test_a_card_that_is_not_utf_8_is_refused_when_it_is_read(handle):
    (Path(handle.path) / "README.md").write_bytes("Modèle".encode("latin-1"))
    with pytest.raises(BundleError, match=r"README\.md must be text in UTF-8"):
        _ = load_model(handle.path).card


def test_a_border_that_no_patch_sees_is_refused(handle):
    with pytest.raises(
        BundleError, match=r"multiple of backbone\.patch_size 14; got 384, of which 6"
    ):
        replace(
            handle,
            backbone=replace(handle.backbone, patch_size=14),
            input=replace(handle.input, size=384),
        )
    with pytest.raises(BundleError, match="Use 378 or 392"):
        create_network(TINY.architecture, 384, 14, {})
    folder = edit(handle, lambda c: c["input"].update(size=36))
    with pytest.raises(BundleError, match="of which 4 lines and samples"):
        load_model(folder)


def replace_weights(handle, content: bytes) -> Path:
    """Give a bundle other weights, with the hash that they have."""
    (Path(handle.path) / "backbone.safetensors").write_bytes(content)
    sha256 = weight_files.sha256_of(content)
    return edit(handle, lambda c: c["backbone"].update(sha256=sha256))


def weights_as(state, dtype) -> bytes:
    from safetensors.torch import save

    return save({n: torch.from_numpy(v).to(dtype) for n, v in state.items()})


def test_damaged_weights_with_a_matching_hash_are_refused(handle):
    whole = (Path(handle.path) / "backbone.safetensors").read_bytes()
    length = struct.unpack("<Q", whole[:8])[0]
    header = json.loads(whole[8 : 8 + length])
    name = next(n for n in header if n != "__metadata__")
    header[name]["data_offsets"][1] += 4
    moved = json.dumps(header).encode().ljust(length)
    for broken in (
        b"",
        whole[:-4],
        whole + b"\0",
        b"\xff" * 64,
        whole[:8] + b"[" * length + whole[8 + length :],
        struct.pack("<Q", len(moved)) + moved + whole[8 + length :],
    ):
        with pytest.raises(BundleError, match="not a readable safetensors file"):
            run(replace_weights(handle, broken))


def test_weights_of_other_types_are_read_or_refused(handle, tiny_state):
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        content = weights_as(tiny_state, dtype)
        file = Path(replace_weights(handle, content)) / "backbone.safetensors"
        read = weight_files.read_arrays(file, weight_files.sha256_of(content))
        for name, value in tiny_state.items():
            expected = torch.from_numpy(value).to(dtype).float().numpy()
            np.testing.assert_array_equal(read[name], expected)
        assert np.isfinite(run(Path(handle.path))).all()
    for dtype, name in (
        (torch.float8_e4m3fn, "F8_E4M3"),
        (torch.int8, "I8"),
        (torch.bool, "BOOL"),
    ):
        folder = replace_weights(handle, weights_as(tiny_state, dtype))
        with pytest.raises(BundleError, match=f"must be of the type .*got {name}"):
            run(folder)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 1e300])
def test_weights_that_are_not_finite_are_refused(handle, tiny_state, bad):
    from safetensors.numpy import save

    state = {n: v.astype(np.float64) for n, v in tiny_state.items()}
    state["norm.bias"] = state["norm.bias"].copy()
    state["norm.bias"][3] = bad
    with pytest.raises(BundleError, match=r"'norm\.bias'.*not finite"):
        run(replace_weights(handle, save(state)))


def test_weights_that_give_no_number_are_refused(handle, tiny_state):
    name = "patch_embed.proj.weight"
    state = {**tiny_state, name: np.full_like(tiny_state[name], 3e38)}
    with pytest.raises(WeightsMismatchError, match="gives no finite number"):
        run(replace_weights(handle, weights_as(state, torch.float32)))


def test_a_network_that_gives_no_number_of_one_image_is_refused(handle, monkeypatch):
    model = load_model(handle.path)
    network = runtime.run_network

    def overflow(*arguments):
        found = network(*arguments)
        found[1] = np.nan
        return found

    monkeypatch.setattr(runtime, "run_network", overflow)
    with pytest.raises(
        WeightsMismatchError, match="gives no finite number of an image"
    ):
        embed_block(vignettes(3), np.full(3, 36.0), handle=model)


def test_a_pipe_in_place_of_a_file_does_not_hang(handle):
    import os

    for name in ("backbone.safetensors", "config.json"):
        path = Path(handle.path) / name
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(BundleError, match="named pipe"):
            get_network(handle) if name.startswith("back") else load_model(handle.path)


# Checkpoints

CONVERT = {
    "architecture": TINY.architecture,
    "size": 32,
    "pooling": "cls+mean+std",
    "kwargs": TINY.kwargs,
}


def saved(content, path: Path) -> Path:
    torch.save(content, path)
    return path


def with_weight(state, value) -> dict:
    tensors = {n: torch.from_numpy(v) for n, v in state.items()}
    return {**tensors, "norm.bias": value}


def recursive(state) -> dict:
    content = {"model": with_weight(state, torch.zeros(32))}
    content["model"]["again"] = content
    return content


def nested(state, depth: int) -> dict:
    content: dict = {"x": torch.zeros(2)}
    for _ in range(depth):
        content = {"model": content}
    return content


CHECKPOINTS = {
    "quantised": lambda s: with_weight(
        s, torch.quantize_per_tensor(torch.zeros(32), 0.1, 0, torch.qint8)
    ),
    "sparse": lambda s: with_weight(s, torch.zeros(32).to_sparse()),
    "integers": lambda s: with_weight(s, torch.zeros(32, dtype=torch.int8)),
    "complex": lambda s: with_weight(s, torch.zeros(32, dtype=torch.complex64)),
    "not finite": lambda s: with_weight(s, torch.full((32,), torch.inf)),
    "on no device": lambda s: with_weight(s, torch.zeros(32, device="meta")),
    "recursive": recursive,
    "nested": lambda s: nested(s, 300),
    "expanded": lambda s: with_weight(s, torch.zeros(1).expand(10**12)),
    "list": lambda s: [torch.from_numpy(v) for v in s.values()],
    "list of one": lambda s: [with_weight(s, torch.zeros(32))],
    "a tensor": lambda s: torch.zeros(3),
    "a number": lambda s: 3,
    "wrong rank": lambda s: {"patch_embed.proj.weight": torch.zeros(2, 2, 2, 2)},
    "no positions": lambda s: {
        n: v for n, v in with_weight(s, torch.zeros(32)).items() if n != "pos_embed"
    },
    "flat positions": lambda s: {
        **with_weight(s, torch.zeros(32)),
        "pos_embed": torch.zeros(17, 32),
    },
    "no channels": lambda s: {
        **with_weight(s, torch.zeros(32)),
        "patch_embed.proj.weight": torch.zeros(32, 0, 8, 8),
    },
    "other patch": lambda s: {
        **with_weight(s, torch.zeros(32)),
        "patch_embed.proj.weight": torch.zeros(32, 1, 0, 0),
    },
}


@pytest.mark.filterwarnings("ignore:.*quantiz.*", "ignore:.*TypedStorage.*")
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoints_of_odd_content_are_refused_in_words(tiny_state, tmp_path, kind):
    file = saved(CHECKPOINTS[kind](tiny_state), tmp_path / "odd.pth")
    with pytest.raises((BundleError, WeightsMismatchError)) as caught:
        convert_checkpoint(file, **CONVERT)
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_truncated_checkpoints_are_refused(tiny_state, tmp_path, suffix):
    whole = tmp_path / f"whole.{suffix}"
    if suffix == "pth":
        saved(with_weight(tiny_state, torch.zeros(32)), whole)
    else:
        whole.write_bytes(weights_as(tiny_state, torch.float32))
    content, cut = whole.read_bytes(), tmp_path / f"cut.{suffix}"
    for keep in (0, 1, 7, 100, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:keep])
        with pytest.raises(OceansarError, match=r"cut\.(pth|safetensors)"):
            convert_checkpoint(cut, **CONVERT)


def test_old_files_of_torch_and_tars_run_nothing(tmp_path, tiny_state):
    mark = tmp_path / "mark"
    file = tmp_path / "old.pth"
    torch.save({"model": Marker(mark)}, file, _use_new_zipfile_serialization=False)
    with pytest.raises(BundleError):
        convert_checkpoint(file, **CONVERT)
    assert not mark.exists()


def test_a_flipped_byte_in_a_checkpoint_is_an_error(tmp_path, tiny_state):
    file = saved(with_weight(tiny_state, torch.zeros(32)), tmp_path / "bad.pth")
    content = file.read_bytes()
    value = tiny_state["norm.weight"].tobytes()
    assert content.count(value) == 1
    file.write_bytes(content.replace(value, value[:-1] + bytes([value[-1] ^ 1])))
    with pytest.raises(BundleError, match=r"bad\.pth is damaged.*CRC-32"):
        convert_checkpoint(file, **CONVERT)
