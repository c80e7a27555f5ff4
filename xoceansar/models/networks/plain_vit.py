"""timm's plain vision transformer, for inference alone and without timm.

timm imports torchvision and, through it, torch's compiler, which take as long as all else that a first
result needs (docs/adr/0019). The names of the weights are timm's, and so is every bit of the result.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xoceansar.models.spec import BackboneSpec
from xoceansar.models.spec.architecture import check_patches

#: Width, blocks and heads by the name that timm has for them; bundles state their input and patch.
_SIZES: Final = {
    "vit_tiny_patch16_224": (192, 12, 3),
    "vit_small_patch16_224": (384, 12, 6),
    "vit_base_patch16_224": (768, 12, 12),
    "vit_large_patch16_224": (1024, 24, 16),
}
#: Arguments that are understood here; those of the second set decide nothing outside training.
_ARGUMENTS: Final = {"embed_dim", "depth", "num_heads", "init_values", "reg_tokens"}
_RATES: Final = {
    "drop_rate",
    "pos_drop_rate",
    "patch_drop_rate",
    "proj_drop_rate",
    "attn_drop_rate",
    "drop_path_rate",
}
_EPSILON: Final = 1e-6
_MLP_RATIO: Final = 4


def plain_transformer(backbone: BackboneSpec, size: int) -> "Transformer | None":
    """Build the network of a bundle, if it is a plain vision transformer."""
    given = backbone.kwargs
    known = given.keys() <= _ARGUMENTS | _RATES
    if backbone.architecture not in _SIZES or backbone.patch_size is None or not known:
        return None
    check_patches(size, backbone.patch_size)
    width, depth, heads = (
        given.get(name, usual)
        for name, usual in zip(
            ("embed_dim", "depth", "num_heads"),
            _SIZES[backbone.architecture],
            strict=True,
        )
    )
    if not (heads and width and depth) or width % heads:
        return None
    return Transformer(
        grid=size // backbone.patch_size,
        patch_size=backbone.patch_size,
        width=width,
        depth=depth,
        heads=heads,
        registers=given.get("reg_tokens", 0),
        scaled=bool(given.get("init_values")),
    )


class Transformer(nn.Module):
    """A vision transformer with a class token, from images of one channel to normalised tokens.

    Register tokens come after the class token; `scaled` blocks scale what they add (LayerScale).
    """

    def __init__(
        self,
        *,
        grid: int,
        patch_size: int,
        width: int,
        depth: int,
        heads: int,
        registers: int,
        scaled: bool,
    ) -> None:
        super().__init__()
        self.num_features = width
        self.num_prefix_tokens = 1 + registers
        self.patch_embed = _Patches(patch_size, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.reg_token = (
            nn.Parameter(torch.zeros(1, registers, width)) if registers else None
        )
        count = self.num_prefix_tokens + grid**2
        self.pos_embed = nn.Parameter(torch.zeros(1, count, width))
        self.blocks = nn.Sequential(
            *(_Block(width, heads, scaled) for _ in range(depth))
        )
        self.norm = nn.LayerNorm(width, _EPSILON)

    def forward_features(self, images: Tensor) -> Tensor:
        """Turn images into tokens.

        Shapes: `images` (n, 1, size, size) -> (n, tokens, width).
        """
        prefix = [self.cls_token]
        if self.reg_token is not None:
            prefix.append(self.reg_token)
        n = len(images)
        tokens = [token.expand(n, -1, -1) for token in prefix]
        embedded = torch.cat([*tokens, self.patch_embed(images)], dim=1)
        out: Tensor = self.norm(self.blocks(embedded + self.pos_embed))
        return out


class InSinglePrecision(nn.Module):
    """A layer that takes its input, of any precision, in float32."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, values: Tensor) -> Tensor:
        """Apply the layer."""
        out: Tensor = self.layer(values.float())
        return out


class _Patches(nn.Module):
    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.proj = nn.Conv2d(1, width, size, size)

    def forward(self, images: Tensor) -> Tensor:
        patches: Tensor = self.proj(images)
        return patches.flatten(2).transpose(1, 2)

    def dynamic_feat_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of patches in an image, by timm's name."""
        return size[0] // self.size, size[1] // self.size


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, scaled: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, _EPSILON)
        self.attn = _Attention(width, heads)
        self.ls1 = _Scale(width) if scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(width, _EPSILON)
        self.mlp = _Mlp(width)
        self.ls2 = _Scale(width) if scaled else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        out: Tensor = tokens + self.ls2(self.mlp(self.norm2(tokens)))
        return out


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        parts = self.qkv(tokens).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, _MLP_RATIO * width)
        self.fc2 = nn.Linear(_MLP_RATIO * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out


class _Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma
