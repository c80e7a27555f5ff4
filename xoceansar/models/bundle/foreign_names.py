"""Names of weights in other libraries, turned into those of timm."""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import WeightsMismatchError
from xoceansar.models.bundle.foreign_checkpoint import Family

__all__ = ["original_names", "to_timm"]

Array = npt.NDArray[Any]
State = dict[str, Array]

#: Parts of training and classifiers, which the embedding does not need.
_NOT_BACKBONE: Final = re.compile(
    r"(head|fc|classifier|dino_head|ibot_head|projection_head|local_cls_norm|rope_embed)\.|"
    r"mask_token$|.*(num_batches_tracked|bias_mask|periods)$"
)
_LIGHTLY_STAGES: Final = {"0": "conv1", "1": "bn1"} | {
    str(i + 3): f"layer{i}" for i in range(1, 5)
}
_HF_RESNET: Final = (
    (r"^embedder\.embedder\.convolution", "conv1"),
    (r"^embedder\.embedder\.normalization", "bn1"),
    (r"shortcut\.convolution", "downsample.0"),
    (r"shortcut\.normalization", "downsample.1"),
)
#: DINOv2 and DINOv3 of transformers, by the names that their authors gave.
_HF_VIT: Final = (
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.patch_embeddings\.(projection\.)?", "patch_embed.proj."),
    (r"^layernorm\.", "norm."),
    (r"^(encoder\.)?layer\.(\d+)\.", r"blocks.\2."),
    (r"\.layer_scale(\d)\.lambda1$", r".ls\1.gamma"),
    (r"\.attention\.(output\.dense|o_proj)\.", ".attn.proj."),
    (r"\.attention\.(attention\.)?(query|q_proj)\.", ".attn.q."),
    (r"\.attention\.(attention\.)?(key|k_proj)\.", ".attn.k."),
    (r"\.attention\.(attention\.)?(value|v_proj)\.", ".attn.v."),
    (r"\.mlp\.weights_in\.", ".mlp.w12."),
    (r"\.mlp\.weights_out\.", ".mlp.w3."),
    (r"\.mlp\.gate_proj\.", ".mlp.w1."),
)
#: Names of the other layers of an MLP, gated or not.
_HF_MLP: Final = {True: ("w2", "w3"), False: ("fc1", "fc2")}


def original_names(state: Mapping[str, Array]) -> State:
    """Give a ViT of transformers the names of DINOv2 and DINOv3."""
    gated = any(".mlp.gate_proj." in name for name in state)
    up, down = _HF_MLP[gated]
    renames = (
        *_HF_VIT,
        (r"\.mlp\.up_proj\.", f".mlp.{up}."),
        (r"\.mlp\.down_proj\.", f".mlp.{down}."),
    )
    out: State = {}
    for original, value in state.items():
        name = original
        for pattern, new in renames:
            name = re.sub(pattern, new, name)
        if not name.startswith("rope_embeddings."):
            out[name] = value
    for name in [n for n in out if n.endswith(".attn.q.weight")]:
        block = name.removesuffix("q.weight")
        for kind in ("weight", "bias"):
            parts = [out.pop(f"{block}{part}.{kind}", None) for part in "qkv"]
            known = [part for part in parts if part is not None]
            if known:
                none = np.zeros_like(known[0])
                joined = [none if part is None else part for part in parts]
                out[f"{block}qkv.{kind}"] = np.concatenate(joined)
    return out


def to_timm(
    state: Mapping[str, Array], family: Family, own: Mapping[str, Array]
) -> State:
    """Rename the weights of a backbone to those of a timm network."""
    kept = {n: v for n, v in state.items() if not _NOT_BACKBONE.match(n)}
    if family == "lightly_resnet":
        return {_from_lightly(name): value for name, value in kept.items()}
    if family == "hf_resnet":
        return {_from_transformers(name): value for name, value in kept.items()}
    return _vit(kept, state, own) if family == "vit" else kept


def _from_lightly(name: str) -> str:
    stage, _, rest = name.partition(".")
    return f"{_LIGHTLY_STAGES.get(stage, stage)}.{rest}"


def _from_transformers(name: str) -> str:
    for pattern, new in _HF_RESNET:
        name = re.sub(pattern, new, name)
    stage = re.match(r"encoder\.stages\.(\d)\.layers\.(\d+)\.(.*)", name)
    if stage is None:
        return name
    inner = re.match(r"layer\.(\d)\.(convolution|normalization)\.(.*)", stage[3])
    rest = stage[3]
    if inner is not None:
        kind = "conv" if inner[2] == "convolution" else "bn"
        rest = f"{kind}{int(inner[1]) + 1}.{inner[3]}"
    return f"layer{int(stage[1]) + 1}.{stage[2]}.{rest}"


def _vit(kept: State, state: Mapping[str, Array], own: Mapping[str, Array]) -> State:
    """DINOv2 and DINOv3 to timm: chunks of blocks, registers, LayerScale, gated MLP."""
    gated = "blocks.0.mlp.fc1_g.weight" in own
    renames = [
        (
            r"^blocks\.\d+\.(\d+)\.",
            r"blocks.\1.",
        ),  # blocks.<chunk>.<index>, index absolute
        (r"^(register_tokens|storage_tokens)$", "reg_token"),
        (r"\.mlp\.w12\.", ".mlp.fc1."),
        (r"\.mlp\.w1\.", ".mlp.fc1_g."),
        (r"\.mlp\.w2\.", ".mlp.fc1_x."),
        (r"\.mlp\.w3\.", ".mlp.fc2."),
    ]
    if "blocks.0.gamma_1" in own:
        renames.append((r"\.ls([12])\.gamma$", r".gamma_\1"))
    out: State = {}
    for original, value in kept.items():
        name = original
        for pattern, new in renames:
            name = re.sub(pattern, new, name)
        out[name] = value
    if gated and "blocks.0.mlp.fc1.weight" in out:
        raise WeightsMismatchError(
            "the network has gated MLPs (SwiGLU) and the checkpoint plain ones; choose the "
            "architecture without 'plus'."
        )
    _split_bias(out, own)
    return out


def _split_bias(out: State, own: Mapping[str, Array]) -> None:
    """DINOv3 keeps one bias for query, key and value, with the key's masked to zero."""
    if "blocks.0.attn.qkv.bias" in own:
        return
    for name in [name for name in out if name.endswith("attn.qkv.bias")]:
        query, _, value = np.split(out.pop(name), 3)
        block = name.removesuffix("qkv.bias")
        if f"{block}q_bias" in own:
            out[f"{block}q_bias"], out[f"{block}v_bias"] = query, value
        elif query.any() or value.any():
            raise WeightsMismatchError(
                f"the checkpoint has a bias {name!r} that is not zero, and the network has "
                "none. Choose the architecture with 'qkvb' in its name."
            )
