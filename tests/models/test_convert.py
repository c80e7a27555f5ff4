import argparse
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.models.conftest import TINY
from xoceansar.errors import BundleError, OceansarWarning, WeightsMismatchError
from xoceansar.models.bundle.conversion import convert_checkpoint, one_channel
from xoceansar.models.inference.runtime import embed_block
from xoceansar.models.networks.vit import (
    build_network,
    create_network,
    load_state,
    network_weights,
    pooled_features,
)

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

VIT = {
    "architecture": TINY.architecture,
    "size": 32,
    "pooling": "cls+mean+std",
    "kwargs": TINY.kwargs,
}


def random_weights(network, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: (
            1.0 * ("norm" in name or "var" in name) + rng.uniform(-0.2, 0.2, a.shape)
        ).astype(np.float32)
        for name, a in network_weights(network).items()
    }


def tensors(state: Mapping[str, np.ndarray], prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name}": torch.from_numpy(value) for name, value in state.items()}


def outputs(conversion) -> np.ndarray:
    network = build_network(conversion.backbone, 32).eval()
    load_state(network, conversion.state, "converted")
    image = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return pooled_features(network, image, conversion.backbone.pooling).numpy()


def chunked(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """DINOv2's FSDP blocks: blocks.<chunk>.<absolute index>."""
    return {
        n.replace("blocks.", f"blocks.{'1' if '.1.' in n else '0'}.", 1): v
        for n, v in state.items()
    }


def compiled(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        n.replace("blocks.0.attn", "blocks.0._fsdp_wrapped_module.attn"): v
        for n, v in state.items()
    }


LAYOUTS = {
    "plain": lambda s: tensors(s),
    "dinov2 file": lambda s: {
        "teacher": {
            **tensors(s, "backbone."),
            "dino_head.mlp.0.weight": torch.zeros(3, 3),
        }
    },
    "dotted teacher": lambda s: tensors(s, "teacher.backbone."),
    "dinov2 chunks": lambda s: {"teacher": tensors(chunked(s), "backbone.")},
    "data parallel": lambda s: {
        "epoch": 3,
        "state_dict": tensors(s, "module.backbone."),
    },
    "lightning": lambda s: {
        "pytorch-lightning_version": "2.5",
        "state_dict": {
            **tensors(s, "teacher_backbone."),
            **tensors({n: v + 1 for n, v in s.items()}, "student_backbone."),
        },
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(2)}}}],
    },
    "compiled": lambda s: {"model": tensors(s, "_orig_mod.")},
    "fsdp, whole": lambda s: {
        "student": tensors(compiled(s), "_fsdp_wrapped_module.backbone.")
    },
    "student and teacher": lambda s: {
        "student": tensors({n: v + 1 for n, v in s.items()}, "module.backbone."),
        "teacher": tensors(s, "backbone."),
    },
    "with a classifier": lambda s: {
        "model": {
            **tensors(s),
            "head.weight": torch.zeros(10, 32),
            "mask_token": torch.zeros(1, 32),
        }
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_load_to_equal_outputs(tiny_state, layout, tmp_path):
    file = tmp_path / "checkpoint.pth"
    torch.save(LAYOUTS[layout](tiny_state), file)
    conversion = convert_checkpoint(file, **VIT)
    assert conversion.state.keys() == tiny_state.keys()
    for name, value in tiny_state.items():
        np.testing.assert_array_equal(conversion.state[name], value)
    assert conversion.backbone == TINY
    assert conversion.changes == ()


def test_teacher_is_preferred_and_reported_and_the_choice_is_the_users(tiny_state):
    both = LAYOUTS["student and teacher"](tiny_state)
    teacher = convert_checkpoint(both, **VIT)
    student = convert_checkpoint(both, branch="student", **VIT)
    assert (teacher.branch, student.branch) == ("teacher", "student")
    assert teacher.ignored == ("student.backbone",)
    np.testing.assert_array_equal(
        student.state["norm.bias"], tiny_state["norm.bias"] + 1
    )
    with pytest.raises(WeightsMismatchError, match="branch='student'"):
        convert_checkpoint({"teacher": both["teacher"]}, branch="student", **VIT)


def test_unknown_prefix_is_refused_until_it_is_named(tiny_state):
    state = {**tensors(tiny_state, "foo."), "step": torch.zeros(())}
    with pytest.raises(WeightsMismatchError, match=r"\['foo\.'\].*prefix="):
        convert_checkpoint(state, **VIT)
    conversion = convert_checkpoint(state, prefix="foo", **VIT)
    np.testing.assert_array_equal(
        conversion.state["norm.bias"], tiny_state["norm.bias"]
    )


def test_two_backbones_are_not_chosen_between(tiny_state):
    state = {"model": tensors(tiny_state), "network": tensors(tiny_state)}
    with pytest.raises(WeightsMismatchError, match="several backbones"):
        convert_checkpoint(state, **VIT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: {n: v for n, v in s.items() if "blocks.1.mlp.fc2" not in n},
            "missing.*fc2",
        ),
        (lambda s: {**s, "blocks.0.ls1.gamma": np.ones(32)}, r"unknown.*ls1\.gamma"),
        (lambda s: {**s, "norm.bias": np.ones(31)}, r"other shape.*norm\.bias"),
        (lambda s: {"weights": s["norm.bias"]}, "no backbone was found"),
    ],
    ids=["missing", "unknown", "shape", "none"],
)
def test_every_weight_is_found_or_nothing_is_converted(tiny_state, change, message):
    with pytest.raises(WeightsMismatchError, match=message):
        convert_checkpoint(change(tiny_state), **VIT)


def test_flat_parameters_are_refused_with_the_reason():
    state = {"backbone._fsdp_wrapped_module._flat_param": torch.zeros(100)}
    with pytest.raises(WeightsMismatchError, match="FULL_STATE_DICT"):
        convert_checkpoint(state, **VIT)


class Malicious:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


def test_objects_in_a_checkpoint_are_never_made(tmp_path, tiny_state):
    marker, file = tmp_path / "executed", tmp_path / "bad.pth"
    torch.save({"model": tensors(tiny_state), "extra": Malicious(marker)}, file)
    with pytest.raises(BundleError, match=r"Python objects.*open.*state_dict\(\)"):
        convert_checkpoint(file, **VIT)
    file.write_bytes(pickle.dumps(Malicious(marker), protocol=2))
    with pytest.raises(BundleError):
        convert_checkpoint(file, **VIT)
    assert not marker.exists()


def test_old_namespace_is_refused_and_numpy_numbers_are_not(tmp_path, tiny_state):
    file = tmp_path / "old.pth"
    torch.save({"model": tensors(tiny_state), "args": argparse.Namespace(lr=1)}, file)
    with pytest.raises(BundleError, match="Namespace"):
        convert_checkpoint(file, **VIT)
    torch.save(
        {"model": tensors(tiny_state), "best": np.float64(75.5), "n": np.int64(3)}, file
    )
    assert convert_checkpoint(file, **VIT).backbone == TINY


def test_numpy_numbers_of_before_numpy_2_are_read(tmp_path, tiny_state):
    new, old = tmp_path / "new.pth", tmp_path / "old.pth"
    torch.save({"model": tensors(tiny_state), "best": np.float64(75.5)}, new)
    with zipfile.ZipFile(new) as source, zipfile.ZipFile(old, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                content = content.replace(b"numpy._core.", b"numpy.core.")
                assert b"numpy.core.multiarray" in content
            target.writestr(name, content)
    assert convert_checkpoint(old, **VIT).backbone == TINY


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(BundleError, match="no checkpoint"):
        convert_checkpoint(tmp_path / "absent.pth", **VIT)
    for name in ("cut.pth", "cut.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 not a checkpoint")
        with pytest.raises(BundleError, match=r"readable checkpoint|Python objects"):
            convert_checkpoint(tmp_path / name, **VIT)
    with pytest.raises(BundleError, match="no tensor"):
        convert_checkpoint({"epoch": 3}, **VIT)


def test_safetensors_and_half_precision_are_read(tmp_path, tiny_state):
    from safetensors.torch import save_file

    half = {n: t.to(torch.bfloat16) for n, t in tensors(tiny_state).items()}
    save_file(half, tmp_path / "w.safetensors")
    conversion = convert_checkpoint(tmp_path / "w.safetensors", **VIT)
    np.testing.assert_array_equal(
        conversion.state["norm.bias"], half["norm.bias"].float().numpy()
    )


def test_registers_and_layerscale_of_dinov2_give_the_same_tokens(tiny_state):
    """The reference adds positions to class and patches, and registers after them."""
    rng = np.random.default_rng(1)
    registers = rng.normal(size=(1, 4, 32)).astype(np.float32)
    gammas = {
        f"blocks.{i}.ls{j}.gamma": rng.uniform(0.5, 1, 32).astype(np.float32)
        for i in (0, 1)
        for j in (1, 2)
    }
    theirs = {**chunked({**tiny_state, **gammas}), "register_tokens": registers}
    theirs["mask_token"] = np.zeros((1, 32), np.float32)
    kwargs = {**TINY.kwargs, "init_values": 1e-5}
    ours = {**kwargs, "reg_tokens": 4, "no_embed_class": True}
    conversion = convert_checkpoint(theirs, **{**VIT, "kwargs": ours})
    network = build_network(conversion.backbone, 32).eval()
    load_state(network, conversion.state, "converted")

    reference = build_network(replace(TINY, kwargs=kwargs), 32).eval()
    load_state(reference, {**tiny_state, **gammas}, "reference")
    image = torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        tokens = torch.cat(
            [reference.cls_token.expand(2, -1, -1), reference.patch_embed(image)], 1
        )
        tokens = tokens + reference.pos_embed
        extra = torch.from_numpy(registers).expand(2, -1, -1)
        tokens = torch.cat([tokens[:, :1], extra, tokens[:, 1:]], 1)
        expected = reference.norm(reference.blocks(tokens))
        found = network.forward_features(image)
    assert found.shape == (2, 1 + 4 + 16, 32)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_dinov3_names_and_masked_bias():
    kwargs = {"embed_dim": 32, "depth": 2, "num_heads": 2}
    arguments = {"size": 32, "pooling": "cls", "kwargs": kwargs}
    name = "vit_small_patch16_dinov3_qkvb"
    state = random_weights(create_network(name, 32, 8, kwargs))
    theirs = {"storage_tokens": state["reg_token"], "mask_token": np.zeros((1, 32))}
    theirs["rope_embed.periods"] = np.ones(4)
    renames = {"gamma_1": "ls1.gamma", "gamma_2": "ls2.gamma"}
    for key, value in state.items():
        last = key.split(".")[-1]
        if last == "q_bias":
            v_bias = state[key.replace("q_bias", "v_bias")]
            block = key.removesuffix("q_bias")
            # the key's part is masked, so its value must not matter
            theirs[f"{block}qkv.bias"] = np.concatenate([value, value + 9, v_bias])
            theirs[f"{block}qkv.bias_mask"] = np.ones(96)
        elif last not in ("v_bias", "reg_token"):
            theirs[key.replace(last, renames.get(last, last))] = value
    conversion = convert_checkpoint({"teacher": theirs}, architecture=name, **arguments)
    for key, value in state.items():
        np.testing.assert_array_equal(conversion.state[key], value)
    assert np.isfinite(outputs(conversion)).all()
    with pytest.raises(WeightsMismatchError, match="qkvb"):
        convert_checkpoint(theirs, architecture="vit_small_patch16_dinov3", **arguments)


def test_positions_of_another_grid_are_resized_only_when_asked(tiny_state):
    with pytest.raises(
        WeightsMismatchError, match=r"4 x 4 patches.*8 x 8.*resize_positions"
    ):
        convert_checkpoint(tiny_state, **{**VIT, "size": 64})
    flat = dict(tiny_state)
    flat["pos_embed"] = np.concatenate(
        [flat["pos_embed"][:, :1], np.full((1, 16, 32), 0.5, np.float32)], 1
    )
    with pytest.warns(OceansarWarning, match="16 positions are taken for 4 x 4"):
        conversion = convert_checkpoint(
            flat, **{**VIT, "size": 64}, resize_positions=True
        )
    assert conversion.state["pos_embed"].shape == (1, 65, 32)
    np.testing.assert_array_equal(
        conversion.state["pos_embed"][:, 0], flat["pos_embed"][:, 0]
    )
    np.testing.assert_allclose(conversion.state["pos_embed"][:, 1:], 0.5, atol=1e-6)
    assert conversion.changes == ("pos_embed: 4 x 4 patches interpolated to 8 x 8",)


@pytest.mark.parametrize("prefix", [0, 1])
@pytest.mark.parametrize("size", [32, 64])
def test_the_grid_of_positions_is_the_stated_one(tiny_state, size, prefix):
    """2 x 8 patches have as many positions as 4 x 4: a ramp along the rows tells them apart."""
    rows, columns = (2, 8), size // 8
    ramp = np.repeat(np.arange(2.0), 8)[None, :, None] * np.ones((1, 1, 32))
    first = tiny_state["pos_embed"][:, :prefix]
    flat = {**tiny_state, "pos_embed": np.concatenate([first, ramp], 1)}
    kwargs = {**TINY.kwargs, "no_embed_class": not prefix}
    arguments = {**VIT, "size": size, "kwargs": kwargs}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = convert_checkpoint(flat, **arguments, resize_positions=rows)
    found = made.state["pos_embed"][0, prefix:].reshape(columns, columns, 32)
    np.testing.assert_allclose(
        found, found[:, :1, :1].repeat(columns, 1).repeat(32, 2), atol=1e-5
    )
    assert (np.diff(found[:, 0, 0]) > 0).all()
    assert made.changes == (
        f"pos_embed: 2 x 8 patches interpolated to {columns} x {columns}",
    )


def test_positions_that_fit_the_size_are_those_of_the_size(tiny_state):
    made = convert_checkpoint(tiny_state, **VIT)
    np.testing.assert_array_equal(made.state["pos_embed"], tiny_state["pos_embed"])
    assert made.changes == ()


def test_positions_of_another_shape_are_refused(tiny_state):
    flat = {**tiny_state, "pos_embed": tiny_state["pos_embed"].ravel()}
    with pytest.raises(WeightsMismatchError, match=r"pos_embed must be \(1, tokens"):
        convert_checkpoint(flat, **VIT)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ((3, 5), WeightsMismatchError, "17 tokens, which is not 3 x 5 of patches"),
        ((0, 16), BundleError, "rows and columns"),
        (4, BundleError, "rows and columns"),
        ("4 x 4", BundleError, "rows and columns"),
    ],
)
def test_a_grid_that_is_none_is_refused(tiny_state, asked, error, message):
    with pytest.raises(error, match=message):
        convert_checkpoint(tiny_state, **VIT, resize_positions=asked)


@pytest.mark.parametrize(
    ("means", "stds"),
    [
        (None, None),
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # ImageNet
    ],
)
def test_one_channel_equals_three_on_repeated_input(means, stds):
    three = timm.create_model(
        TINY.architecture, img_size=32, patch_size=8, num_classes=0, **TINY.kwargs
    ).eval()
    state = random_weights(three)
    load_state(three, state, "three")
    conversion = convert_checkpoint(state, **VIT, channel_mean=means, channel_std=stds)
    network = build_network(conversion.backbone, 32).eval()
    load_state(network, conversion.state, "one")
    image = torch.rand(2, 1, 32, 32)
    repeated = image.repeat(1, 3, 1, 1)
    single = image
    if means is None:
        assert (conversion.mean, conversion.std) == (None, None)
    else:
        shape = (1, 3, 1, 1)
        repeated = (repeated - torch.tensor(means).view(shape)) / torch.tensor(
            stds
        ).view(shape)
        single = (image - conversion.mean) / conversion.std
    with torch.inference_mode():
        expected = three.forward_features(repeated)
        torch.testing.assert_close(
            network.forward_features(single), expected, atol=1e-5, rtol=1e-5
        )
    assert conversion.changes == ("patch_embed.proj: 3 channels summed into one",)


def test_one_channel_without_a_bias_refuses_different_means():
    weight = np.ones((2, 3, 1, 1))
    same = one_channel(
        weight, None, channel_mean=(1, 1, 1), channel_std=(1, 2, 4), mean=1.0, std=2.0
    )
    np.testing.assert_allclose(same[0], np.full((2, 1, 1, 1), 2 + 1 + 0.5))
    with pytest.raises(WeightsMismatchError, match="no bias"):
        one_channel(
            weight,
            None,
            channel_mean=(0, 1, 2),
            channel_std=(1, 1, 1),
            mean=1.0,
            std=1.0,
        )


def to_lightly(name: str) -> str:
    stage, rest = name.split(".", 1)
    table = {
        "conv1": "0",
        "bn1": "1",
        "layer1": "4",
        "layer2": "5",
        "layer3": "6",
        "layer4": "7",
    }
    return f"{table[stage]}.{rest}"


def to_transformers(name: str) -> str:
    parts = name.split(".")
    if not parts[0].startswith("layer"):
        kind = {"conv1": "convolution", "bn1": "normalization"}[parts[0]]
        return f"embedder.embedder.{kind}.{parts[1]}"
    block = f"encoder.stages.{int(parts[0][-1]) - 1}.layers.{parts[1]}"
    if parts[2] == "downsample":
        kind = "normalization" if parts[3] == "1" else "convolution"
        return f"{block}.shortcut.{kind}.{parts[4]}"
    kind = "convolution" if parts[2].startswith("conv") else "normalization"
    return f"{block}.layer.{int(parts[2][-1]) - 1}.{kind}.{parts[3]}"


@pytest.mark.parametrize(
    "layout",
    [
        lambda s: {**s, "fc.weight": np.zeros((10, 2048)), "fc.bias": np.zeros(10)},
        lambda s: {f"student_backbone.{to_lightly(n)}": v for n, v in s.items()},
        lambda s: {f"resnet.{to_transformers(n)}": v for n, v in s.items()},
    ],
    ids=["torchvision", "lightly", "transformers"],
)
def test_oceansar1_resnet50_layouts(layout):
    with torch.device("meta"):
        shapes = create_network("resnet50", 256, None, {}).state_dict()
    # each weight its own number: none may land under the name of another
    state = {
        n: np.full(tuple(t.shape), i, np.float32)
        for i, (n, t) in enumerate(shapes.items())
    }
    conversion = convert_checkpoint(
        layout(state), architecture="resnet50", size=256, pooling="mean"
    )
    assert conversion.backbone.embedding_dim == 2048
    assert conversion.backbone.patch_size is None
    assert not any("num_batches_tracked" in name for name in conversion.state)
    for name, value in conversion.state.items():
        np.testing.assert_array_equal(value, state[name])


def test_torchvision_resnet_and_ours_agree():
    torchvision = pytest.importorskip("torchvision")
    theirs = torchvision.models.resnet18().eval()
    theirs.conv1 = torch.nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    conversion = convert_checkpoint(
        theirs.state_dict(), architecture="resnet18", size=64, pooling="mean"
    )
    theirs.fc = torch.nn.Identity()
    network = build_network(conversion.backbone, 64).eval()
    load_state(network, conversion.state, "converted")
    image = torch.randn(2, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(
            pooled_features(network, image, "mean"), theirs(image), atol=1e-5, rtol=1e-5
        )


def test_converted_weights_become_a_bundle(make_tiny, tmp_path, tiny_state, tiny):
    from tests.models.conftest import vignettes

    conversion = convert_checkpoint(LAYOUTS["dinov2 file"](tiny_state), **VIT)
    handle = make_tiny(
        tmp_path, backbone=conversion.backbone, backbone_state=conversion.state
    )
    assert handle.weights_sha256 == tiny.weights_sha256
    sigma0, incidence = vignettes(2), np.full(2, 36.0)
    np.testing.assert_array_equal(
        embed_block(sigma0, incidence, handle=handle).values,
        embed_block(sigma0, incidence, handle=tiny).values,
    )


def of_transformers(name: str, gated: bool) -> str:
    """DINOv3 in transformers: modeling_dinov3_vit.py, of the names of its authors."""
    for old, new in (
        ("patch_embed.proj.", "embeddings.patch_embeddings."),
        ("cls_token", "embeddings.cls_token"),
        ("storage_tokens", "embeddings.register_tokens"),
        ("blocks.", "layer."),
        (".attn.proj.", ".attention.o_proj."),
        (".ls1.gamma", ".layer_scale1.lambda1"),
        (".ls2.gamma", ".layer_scale2.lambda1"),
        (".mlp.w1.", ".mlp.gate_proj."),
        (".mlp.w2." if gated else ".mlp.fc1.", ".mlp.up_proj."),
        (".mlp.w3." if gated else ".mlp.fc2.", ".mlp.down_proj."),
    ):
        name = name.replace(old, new)
    return name


@pytest.mark.parametrize("gated", [False, True])
def test_dinov3_of_transformers_is_the_same_as_of_its_authors(gated):
    kwargs = {"embed_dim": 32, "depth": 2, "num_heads": 2}
    size = "small_plus" if gated else "small"
    arguments = {"size": 32, "pooling": "cls", "kwargs": kwargs}
    arguments["architecture"] = f"vit_{size}_patch16_dinov3_qkvb"
    state = random_weights(create_network(arguments["architecture"], 32, 8, kwargs))
    original, hub = {}, {}
    for name, value in state.items():
        last = name.rpartition(".")[2]
        block = name.removesuffix(last)
        renamed = {"gamma_1": "ls1.gamma", "gamma_2": "ls2.gamma"}.get(last, last)
        renamed = {"reg_token": "storage_tokens"}.get(name, f"{block}{renamed}")
        for old, new in (("fc1_g", "w1"), ("fc1_x", "w2"), ("fc2", "w3")):
            renamed = renamed.replace(f".{old}.", f".{new}.") if gated else renamed
        if last in ("q_bias", "v_bias"):
            layer = of_transformers(block, gated).replace(".attn.", ".attention.")
            hub[f"{layer}{last[0]}_proj.bias"] = value
            q, v = state[f"{block}q_bias"], state[f"{block}v_bias"]
            original[f"{block}qkv.bias"] = np.concatenate([q, 0 * q, v])
        elif name.endswith("qkv.weight"):
            layer = of_transformers(name, gated).replace(".attn.qkv.", ".attention.{}.")
            for part, values in zip("qkv", np.split(value, 3), strict=True):
                hub[layer.format(f"{part}_proj")] = values
            original[name] = value
        else:
            original[renamed] = value
            hub[of_transformers(renamed, gated)] = value
    assert not any(".attention.k_proj.bias" in name for name in hub)
    hub["embeddings.mask_token"] = np.zeros((1, 1, 32), np.float32)
    hub["rope_embeddings.inv_freq"] = np.ones(4, np.float32)
    theirs, ours = (convert_checkpoint(s, **arguments) for s in (original, hub))
    assert ours.state.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(ours.state[name], value)
        np.testing.assert_array_equal(theirs.state[name], value)
    np.testing.assert_allclose(outputs(ours), outputs(theirs), atol=1e-6)


@pytest.mark.parametrize("prefix", ["", "dinov2_with_registers."])
def test_dinov2_of_transformers_is_the_same_as_of_its_authors(tiny_state, prefix):
    """Names of Dinov2WithRegistersModel, alone and under a classifier."""
    rng = np.random.default_rng(1)
    original = {**tiny_state, "register_tokens": rng.normal(size=(1, 4, 32))}
    original |= {
        f"blocks.{i}.ls{j}.gamma": rng.uniform(0.5, 1, 32)
        for i in (0, 1)
        for j in (1, 2)
    }
    hub = {"embeddings.mask_token": np.zeros((1, 32))}
    for name, value in original.items():
        renamed = name.replace("blocks.", "encoder.layer.")
        renamed = renamed.replace("attn.proj", "attention.output.dense")
        renamed = renamed.replace(".gamma", ".lambda1").replace(".ls", ".layer_scale")
        for old, new in (
            ("patch_embed.proj", "embeddings.patch_embeddings.projection"),
            ("pos_embed", "embeddings.position_embeddings"),
            ("register_tokens", "embeddings.register_tokens"),
            ("cls_token", "embeddings.cls_token"),
        ):
            renamed = renamed.replace(old, new)
        renamed = f"layer{renamed}" if renamed.startswith("norm.") else renamed
        if ".attn.qkv." in name:
            for part, values in zip(
                ("query", "key", "value"), np.split(value, 3), strict=True
            ):
                place = renamed.replace("attn.qkv", f"attention.attention.{part}")
                hub[place] = values
        else:
            hub[renamed] = value
    hub = {f"{prefix}{name}": value for name, value in hub.items()}
    kwargs = {
        **TINY.kwargs, "init_values": 1e-5, "reg_tokens": 4, "no_embed_class": True
    }  # fmt: skip
    theirs, ours = (
        convert_checkpoint(s, **{**VIT, "kwargs": kwargs}) for s in (original, hub)
    )
    assert ours.state.keys() == theirs.state.keys()
    for name, value in theirs.state.items():
        np.testing.assert_array_equal(ours.state[name], value)
    np.testing.assert_allclose(outputs(ours), outputs(theirs), atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": 5},
        {"architecture": {}},
        {"pooling": {}},
        {"pooling": "x"},
        {"prefix": 5},
        {"size": {}},
        {"size": 0},
    ],
)
def test_requests_that_make_no_sense_are_refused(tiny_state, change):
    with pytest.raises(BundleError, match=f"{next(iter(change))} must be"):
        convert_checkpoint(tiny_state, **{**VIT, **change})


@pytest.mark.parametrize("kwargs", [-1, "depth", ["depth"]])
def test_arguments_that_are_no_mapping_are_refused(tiny_state, tmp_path, kwargs):
    file = tmp_path / "a.pth"
    torch.save({n: torch.from_numpy(v) for n, v in tiny_state.items()}, file)
    with pytest.raises(BundleError, match=r"backbone\.kwargs must be a mapping"):
        convert_checkpoint(file, **VIT | {"kwargs": kwargs})
