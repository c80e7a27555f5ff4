"""Which networks a bundle or a config may ask timm for: names and arguments that decide a shape.

A bundle comes from someone else. Whatever it names goes to `timm.create_model`, which also reads files,
asks the network and takes Python objects: so nothing passes that is not in these tables.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from xoceansar.errors import BundleError

#: A name in timm's registry, with the tag of its weights: no colon, no path.
_NAME: Final = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")
#: Side of the largest input, in pixels.
LARGEST_INPUT: Final = 8192

_Test = tuple[Callable[[Any], bool], str]


def _whole(most: int) -> _Test:
    return (
        lambda v: isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= most,
        f"a whole number from 0 to {most}",
    )


def _number(most: float) -> _Test:
    return (
        lambda v: (
            isinstance(v, int | float)
            and not isinstance(v, bool)
            and math.isfinite(v)
            and abs(v) <= most
        ),
        f"a number of at most {most:g}",
    )


def _one_of(*choices: object) -> _Test:
    return (
        lambda v: any(v == c and type(v) is type(c) for c in choices),
        f"one of {list(choices)}",
    )


_SWITCH: Final = _one_of(True, False)
_SWITCH_OR_NULL: Final = _one_of(True, False, None)
_RATE: Final = _number(1)
_ACTIVATION: Final = _one_of(
    *("gelu", "gelu_tanh", "quick_gelu", "relu", "silu", "swish", "leaky_relu")
)
#: Every argument that a bundle or a config may give, with a test of its value and what is needed.
ARGUMENTS: Final[Mapping[str, _Test]] = {
    # size of a transformer
    "depth": _whole(256),
    "embed_dim": _whole(16384),
    "num_heads": _whole(256),
    "mlp_ratio": _number(64),
    "reg_tokens": _whole(256),
    "num_reg_tokens": _whole(256),
    # what its blocks are made of
    "act_layer": _ACTIVATION,
    "norm_layer": _one_of("layernorm", "rmsnorm", "batchnorm", "batchnorm2d"),
    "init_values": (
        lambda v: v is None or _number(1e3)[0](v),
        "a number of at most 1000, or null",
    ),
    "qkv_bias": _SWITCH,
    "qkv_fused": _SWITCH,
    "qk_norm": _SWITCH,
    "proj_bias": _SWITCH,
    "swiglu_mlp": _SWITCH,
    "scale_mlp": _SWITCH,
    "scale_attn_inner": _SWITCH,
    "scale_attn_norm": _SWITCH,
    "scale_mlp_norm": _SWITCH,
    # tokens and positions
    "class_token": _SWITCH,
    "no_embed_class": _SWITCH,
    "pos_embed": _one_of("learn", "none", ""),
    "use_abs_pos_emb": _SWITCH,
    "use_rot_pos_emb": _SWITCH,
    "rope_temperature": _number(1e9),
    # norms around the blocks, and the summary that timm itself would take
    "pre_norm": _SWITCH,
    "final_norm": _SWITCH,
    "fc_norm": _SWITCH_OR_NULL,
    "use_fc_norm": _SWITCH_OR_NULL,
    "global_pool": _one_of("", "avg", "avgmax", "max", "token", "map"),
    # a convnet
    "output_stride": _one_of(8, 16, 32),
    "stem_width": _whole(4096),
    "base_width": _whole(4096),
    "cardinality": _whole(1024),
    "avg_down": _SWITCH,
    "zero_init_last": _SWITCH,
    # what is left out in training
    "drop_rate": _RATE,
    "pos_drop_rate": _RATE,
    "patch_drop_rate": _RATE,
    "proj_drop_rate": _RATE,
    "attn_drop_rate": _RATE,
    "drop_path_rate": _RATE,
    "drop_block_rate": _RATE,
}


def check_architecture(architecture: str) -> None:
    """Refuse an architecture that is not the plain name of one of timm's networks."""
    if not isinstance(architecture, str) or not _NAME.fullmatch(architecture):
        raise BundleError(
            "backbone.architecture must be the name of a network of timm, letters, digits and "
            f"underscores as in 'vit_small_patch16_224'; got {str(architecture)[:80]!r}. Weights of the Hub "
            "are downloaded by name of the bundle, or converted with xoceansar.models.bundle.conversion."
        )


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments of a network that do more than decide its shape."""
    if not isinstance(arguments, Mapping):
        raise BundleError(
            f"backbone.kwargs must be a mapping of arguments; got {str(arguments)[:80]!r}."
        )
    unknown = sorted(set(arguments) - set(ARGUMENTS), key=str)
    if unknown:
        raise BundleError(
            f"backbone.kwargs must be without {unknown}: other fields decide it, or it is not an "
            f"argument that decides the shape of a network. Known: {sorted(ARGUMENTS)}."
        )
    for name, value in arguments.items():
        fits, needed = ARGUMENTS[name]
        if not fits(value):
            raise BundleError(
                f"backbone.kwargs[{name!r}] must be {needed}; got {str(value)[:80]!r}."
            )


def check_patches(size: int, patch_size: int | None) -> None:
    """Refuse an input that the patches do not cover: its border would never be seen."""
    if patch_size is None or size % patch_size == 0:
        return
    below = size // patch_size * patch_size
    near = [str(s) for s in (below, below + patch_size) if s > 0]
    raise BundleError(
        f"input.size must be a multiple of backbone.patch_size {patch_size}; got {size}, of which "
        f"{size - below} lines and samples would never be seen. Use {' or '.join(near)}."
    )
