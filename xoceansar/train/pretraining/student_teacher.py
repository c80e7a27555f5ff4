"""Student and teacher of the pretraining: a vision transformer that takes crops and masks, and heads.

The transformer is timm's, so its weights are those of the bundle; what is added here is a mask
token, and positions for images smaller than the network's own.
"""

import copy
import itertools
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

import timm.models.vision_transformer as timm_vit
import torch
from torch import nn
from torch.nn import functional as F

from xoceansar.errors import TrainingError
from xoceansar.models.networks.vit import build_network
from xoceansar.models.spec import BackboneSpec

Tensor = torch.Tensor

#: Steepness of the units of `energy_start`: normalised amplitudes are about 1, where gelu bends.
_GAIN: Final = 2.0
#: How much of the signed amplitudes they take out. The normalisation before them divides by the
#: spread of the token, which is about this for a usual patch.
_TAKEN: Final = 0.8


@dataclass(slots=True)
class Features:
    """Tokens after the last normalisation."""

    #: (n, d): The class token.
    summary: Tensor
    #: (n, rows * columns, d): The patch tokens, row by row; registers are left out.
    patches: Tensor


class VisionBackbone(nn.Module):
    """A timm vision transformer that takes images up to its own size, and masks.

    `size` is the side of the images at inference, which decides the grid of positions.

    Notes
    -----
    An image of fewer patches than the grid takes the positions of a window of it:
    one step of position is always one patch, so the same number of metres. Interpolated positions
    would make a step of a crop mean more metres than one of the whole image.
    """

    def __init__(self, spec: BackboneSpec, size: int) -> None:
        super().__init__()
        vit: Any = build_network(spec, size)
        plain = isinstance(vit, timm_vit.VisionTransformer)
        if not plain or vit.cls_token is None or vit.pos_embed is None:
            raise TrainingError(
                f"pretraining needs a plain vision transformer with a class token and learned "
                f"positions; backbone.architecture {spec.architecture!r} gives "
                f"{type(vit).__name__}. Use for example 'vit_small_patch16_224'."
            )
        self.vit: Any = vit
        self.patch: int = vit.patch_embed.patch_size[0]
        self.grid: int = size // self.patch
        self.mask_token = nn.Parameter(torch.zeros(1, 1, vit.embed_dim))
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(
        self, images: Tensor, windows: Tensor, masks: Tensor | None = None
    ) -> Features:
        """Encode images.

        Shapes: `images` (n, 1, lines, samples), `windows` (n, 2), `masks` (n, rows, columns).
        """
        vit = self.vit
        embed = vit.patch_embed
        tokens = embed.norm(embed.proj(images).flatten(2).transpose(1, 2))
        if masks is not None:
            hidden = masks.flatten(1)[..., None]
            tokens = torch.where(hidden, self.mask_token.to(tokens.dtype), tokens)
        rows, columns = (side // self.patch for side in images.shape[-2:])
        tokens = self._with_positions(tokens, windows, (rows, columns))
        tokens = vit.norm(vit.blocks(vit.norm_pre(vit.pos_drop(tokens))))
        return Features(tokens[:, 0], tokens[:, vit.num_prefix_tokens :])

    def _with_positions(
        self, tokens: Tensor, windows: Tensor, grid: tuple[int, int]
    ) -> Tensor:
        """Add the positions and put the class and register tokens in front."""
        vit, n = self.vit, len(tokens)
        prefix = (
            [vit.cls_token] if vit.reg_token is None else [vit.cls_token, vit.reg_token]
        )
        first = torch.cat([token.expand(n, -1, -1) for token in prefix], dim=1)
        embedded = 0 if vit.no_embed_class else vit.num_prefix_tokens
        positions = vit.pos_embed[0, embedded:].unflatten(0, (self.grid, self.grid))
        rows, columns = (
            windows[:, i, None] + torch.arange(length, device=tokens.device)
            for i, length in enumerate(grid)
        )
        own = positions[rows[:, :, None], columns[:, None, :]].flatten(1, 2)
        if embedded:
            first = first + vit.pos_embed[:, :embedded]
        return torch.cat([first, tokens + own], dim=1)


class ProjectionHead(nn.Module):
    """From a token to the logits of the prototypes, as in DINO.

    Notes
    -----
    ``logit_k = <z / |z|, w_k / |w_k|>`` with z the output of a perceptron with GELU: a cosine
    with each prototype.

    References
    ----------
    Caron et al. (2021), https://doi.org/10.1109/ICCV48922.2021.00951.
    """

    def __init__(
        self, width: int, *, hidden: int, bottleneck: int, prototypes: int, layers: int
    ) -> None:
        super().__init__()
        widths = [width, *[hidden] * (layers - 1), bottleneck]
        parts: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(widths):
            parts += [nn.Linear(n_in, n_out), nn.GELU()]
        self.mlp = nn.Sequential(*parts[:-1])
        # Normalised where it is used: torch's weight norm cannot be deep-copied.
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        for module in self.mlp:
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Give the logits.

        Shapes: `tokens` (..., width) -> (..., prototypes).
        """
        direction = F.normalize(self.mlp(tokens), dim=-1, eps=1e-6)
        return F.linear(direction, F.normalize(self.prototypes, dim=-1))


class Network(nn.Module):
    """A backbone with its projection heads: what the student and the teacher both are.

    A view is summed up by the class token, or by the mean of the patch tokens.

    Notes
    -----
    The class token starts as an average of nothing in particular and learns slowly where to look;
    the mean of the patches of a sea is its spectrum from the first step.
    """

    def __init__(
        self,
        backbone: VisionBackbone,
        heads: dict[str, ProjectionHead],
        losses: Collection[str],
        summary: Literal["cls", "mean"] = "cls",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = nn.ModuleDict(heads)
        self.losses = frozenset(losses)
        self._mean = summary == "mean"
        # Data-parallel training waits for the gradient of every parameter that may have one.
        backbone.mask_token.requires_grad_("ibot" in self.losses)

    def forward(
        self,
        crops: Tensor,
        windows: Tensor,
        masks: Tensor,
        *,
        hide: bool,
        local: Tensor | None = None,
        local_windows: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Encode the views of a batch.

        Shapes: `crops` (m, 1, side, side), `windows` (m, 2), `masks` (m, rows, columns), `local`
        (k, 1, side, side), `local_windows` (k, 2).
        """
        tokens = self.backbone(crops, windows, masks if hide else None)
        summary = self._summary(tokens)
        out = {"summary": summary}
        if "dino" in self.losses:
            head = self._head("dino")
            out["dino"] = head(summary)
            if local is not None:
                out["local"] = head(self._summary(self.backbone(local, local_windows)))
        if "ibot" in self.losses:
            out["ibot"] = self._head("ibot")(tokens.patches[masks.flatten(1)])
        return out

    def _summary(self, tokens: Features) -> Tensor:
        return tokens.patches.mean(dim=1) if self._mean else tokens.summary

    def _head(self, name: str) -> nn.Module:
        return self.heads[name if name in self.heads else "shared"]


def teacher_of(student: Network) -> Network:
    """Copy the student into a teacher that is never differentiated."""
    return copy.deepcopy(student).requires_grad_(False).eval()


@torch.no_grad()
def update_teacher(teacher: Network, student: Network, momentum: float) -> None:
    """Move the teacher towards the student.

    Notes
    -----
    ``teacher = momentum * teacher + (1 - momentum) * student`` for every parameter.
    """
    for own, other in zip(teacher.parameters(), student.parameters(), strict=True):
        own.lerp_(other, 1 - momentum)


@torch.no_grad()
def energy_start(backbone: VisionBackbone) -> None:
    """Start the first layers as local wave spectra: Fourier modes of each patch, then their strength.

    Notes
    -----
    Channels 2j and 2j + 1 of the patch embedding are the cosine and the sine of the j-th wavevector
    of the half plane, in the order of its length, under the square root of a Hann window and of unit
    norm; channels from 2m on start empty. Since ``gelu(x) + gelu(-x)`` grows as ``|x|``, four hidden
    units for each wavevector write its strength, ``|cosine| + |sine|``, whatever its phase, to
    channel 2m + j; since ``gelu(x) - gelu(-x) = x``, the same units take out most of the signed
    amplitudes, which mean nothing beyond their own patch. m is a quarter of the width, and at most
    what the patch resolves. No label and no image is used.

    A random start must first discover that a wave has no origin, and neighbouring crops of one sea
    have nothing in common until it has: in a short training it never gets there.

    References
    ----------
    Adelson and Bergen (1985), https://doi.org/10.1364/JOSAA.2.000284, for the sum over a quadrature
    pair.
    """
    vit = backbone.vit
    if not isinstance(vit.blocks[0].ls2, nn.Identity):
        raise TrainingError(
            "backbone.start 'energy' needs blocks without LayerScale, which would damp what the "
            "first one writes. Leave init_values out of backbone.kwargs, or use start = 'random'."
        )
    projection, mlp = vit.patch_embed.proj, vit.blocks[0].mlp
    kernels = _wave_kernels(backbone.patch)
    m = min(vit.embed_dim // 4, len(kernels) // 2, mlp.fc1.out_features // 4)
    projection.weight.zero_()
    projection.weight[: 2 * m, 0] = kernels[: 2 * m].to(projection.weight)
    if projection.bias is not None:
        projection.bias.zero_()
    mlp.fc1.weight[: 4 * m], mlp.fc2.weight[:, : 4 * m] = 0, 0
    mlp.fc1.bias.zero_()
    mlp.fc2.bias.zero_()
    signed = torch.arange(2 * m, device=projection.weight.device)
    up, down, strength = 2 * signed, 2 * signed + 1, 2 * m + signed // 2
    mlp.fc1.weight[up, signed], mlp.fc1.weight[down, signed] = _GAIN, -_GAIN
    mlp.fc2.weight[strength, up] = mlp.fc2.weight[strength, down] = 1 / _GAIN
    mlp.fc2.weight[signed, up], mlp.fc2.weight[signed, down] = (
        -_TAKEN / _GAIN,
        _TAKEN / _GAIN,
    )


def _wave_kernels(side: int) -> Tensor:
    """Pairs of cosine and sine below the Nyquist wavenumber, longest wave first (2 m, side, side)."""
    reach = range(-((side - 1) // 2), (side - 1) // 2 + 1)
    half = [(a, b) for a in reach for b in reach if a > 0 or (a == 0 and b >= 0)]
    modes = sorted(half, key=lambda m: (m[0] ** 2 + m[1] ** 2, m))
    wave = torch.tensor(modes, dtype=torch.float64)[:, :, None, None]
    steps = torch.arange(side, dtype=torch.float64)
    phase = 2 * math.pi / side * (wave[:, 0] * steps[:, None] + wave[:, 1] * steps)
    window = torch.hann_window(side + 2, periodic=False, dtype=torch.float64)[1:-1]
    kernels = torch.stack([phase.cos(), phase.sin()], dim=1).flatten(0, 1)
    kernels = kernels * (window[:, None] * window).sqrt()
    # The sine of the constant mode is zero, and stays it.
    norm = kernels.flatten(1).norm(dim=1).clamp(min=1e-6)
    return torch.div(kernels, norm[:, None, None])
