"""A small detection transformer on the final patch tokens of a frozen backbone.

Coordinates are pixels of the image, and every operation is the same wherever a target lies: the detector
is fitted on crops and runs on whole vignettes.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn
from torch.nn import functional as F

from xoceansar.models.spec.detector_spec import DetectorSpec

Tensor = torch.Tensor

#: Channels of the maps of image details, by stride.
_DETAIL: Final = {2: 32, 4: 64, 8: 128, 16: 128, 32: 128}
#: Initial probability of a target in a cell and in a query: targets are rare.
_PRIOR: Final = 0.01
#: Size of a target before anything is learned, in pixels.
_SIZE: Final = 4.0
#: Bounds of a target's size in pixels, so that a wild step of the training stays finite.
_SIZES: Final = (0.25, 4096.0)
#: Queries farther apart than this many pixels no longer see how far.
_REACH: Final = 128.0


@dataclass(slots=True)
class Detections:
    """What the detector gives, layer by layer."""

    #: (layers, n, queries): Of there being a target, best last.
    logits: Tensor
    #: (layers, n, queries, 4): ``line, sample, log height, log width``: centre and size in pixels.
    boxes: Tensor
    #: (n, rows, columns): Logits of there being the centre of a target in each cell of the finest
    #: map.
    heat: Tensor
    #: (n, rows, columns, 4): The box that each cell proposes, as `boxes`.
    cells: Tensor


class DeformableAttention(nn.Module):
    """Attention to a few points of each map, whose places depend on the query.

    Notes
    -----
    Zhu et al. (2021), Deformable DETR, https://arxiv.org/abs/2010.04159, equation 2, without the
    projection of the values: the maps come out of linear layers of their own.
    """

    def __init__(self, width: int, n_heads: int, n_points: int, n_levels: int) -> None:
        super().__init__()
        self.shape = (n_heads, n_levels, n_points)
        self.offsets = nn.Linear(width, 2 * n_heads * n_levels * n_points)
        self.weights = nn.Linear(width, n_heads * n_levels * n_points)
        self.out = nn.Linear(width, width)
        self._start()

    def _start(self) -> None:
        """Let each head look in its own direction, one point farther than the other."""
        heads, levels, points = self.shape
        angle = torch.arange(heads) * (2 * math.pi / heads)
        direction = torch.stack([angle.sin(), angle.cos()], -1)
        direction = direction / direction.abs().amax(-1, keepdim=True)
        step = torch.arange(1, points + 1) / points
        start = direction[:, None, None] * step[None, None, :, None]
        nn.init.zeros_(self.offsets.weight)
        with torch.no_grad():
            self.offsets.bias.copy_(start.expand(heads, levels, points, 2).reshape(-1))
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)

    def forward(
        self, queries: Tensor, centre: Tensor, reach: Tensor, maps: list[Tensor]
    ) -> Tensor:
        """Attend.

        Shapes: `queries` (n, q, width), `centre` (n, q, 2), `reach` (n, q, levels, 2), `maps` (n,
        rows, columns, width) -> (n, q, width).
        """
        n, q = queries.shape[:2]
        heads, levels, points = self.shape
        offsets = self.offsets(queries).view(n, q, heads, levels, points, 2)
        weights = self.weights(queries).view(n, q, heads, levels * points)
        place = centre[:, :, None, None, None] + offsets * reach[:, :, None, :, None]
        grid = (2 * place - 1).flip(-1)  # grid_sample wants x before y, in -1 to 1
        grid = grid.permute(3, 0, 2, 1, 4, 5).reshape(levels, n * heads, q, points, 2)
        sampled = []
        for level, features in enumerate(maps):
            value = features.reshape(*features.shape[:3], heads, -1)
            value = value.permute(0, 3, 4, 1, 2).flatten(0, 1)
            sampled.append(
                F.grid_sample(value, grid[level], mode="bilinear", align_corners=False)
            )
        found = torch.cat(sampled, dim=-1).view(n, heads, -1, q, levels * points)
        share = weights.softmax(-1).transpose(1, 2)[:, :, None]
        mixed = (found * share).sum(-1).flatten(1, 2).transpose(1, 2)
        return torch.as_tensor(self.out(mixed))


class _Hidden(nn.Sequential):
    """Two linear layers."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class _EncoderLayer(nn.Module):
    """Deformable attention of a map to itself."""

    def __init__(self, spec: DetectorSpec) -> None:
        super().__init__()
        self.attention = DeformableAttention(spec.width, spec.n_heads, spec.n_points, 1)
        self.hidden = _Hidden(spec.width, spec.hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(spec.width) for _ in range(2))

    def forward(self, features: Tensor) -> Tensor:
        n, rows, columns, width = features.shape
        y, x = (
            (torch.arange(size, device=features.device) + 0.5) / size
            for size in (rows, columns)
        )
        centre = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1).view(1, -1, 2)
        cell = features.new_tensor([2 / rows, 2 / columns])  # two cells to each side
        flat = features.reshape(n, -1, width)
        seen = self.attention(
            self.norms[0](flat),
            centre.expand(n, -1, -1),
            cell.expand(n, rows * columns, 1, 2),
            [self.norms[0](features)],
        )
        flat = flat + seen
        flat = flat + self.hidden(self.norms[1](flat))
        return torch.as_tensor(flat.view(n, rows, columns, width))


class _DecoderLayer(nn.Module):
    """Queries see each other, then the maps; then they know better where their target is."""

    def __init__(self, spec: DetectorSpec) -> None:
        super().__init__()
        width, levels = spec.width, len(spec.strides)
        self.strides = spec.strides
        self.between = nn.MultiheadAttention(width, spec.n_heads, batch_first=True)
        self.nearness = nn.Parameter(torch.zeros(spec.n_heads))
        self.attention = DeformableAttention(width, spec.n_heads, spec.n_points, levels)
        self.hidden = _Hidden(width, spec.hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.score = nn.Linear(width, 1)
        last = nn.Linear(width, 4)
        self.box = nn.Sequential(nn.Linear(width, width), nn.GELU(), last)
        nn.init.constant_(self.score.bias, math.log(_PRIOR / (1 - _PRIOR)))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(
        self, queries: Tensor, boxes: Tensor, maps: list[Tensor], size: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        known = self.norms[0](queries)
        queries = queries + self._among(known, boxes)
        height_width = boxes[..., 2:].exp()
        cells = boxes.new_tensor(self.strides)[:, None]
        reach = torch.maximum(height_width[:, :, None], cells) / size
        queries = queries + self.attention(
            self.norms[1](queries), boxes[..., :2] / size, reach, maps
        )
        queries = queries + self.hidden(self.norms[2](queries))
        out = self.norms[3](queries)
        move = self.box(out)
        low, high = (math.log(limit) for limit in _SIZES)
        refined = torch.cat(
            [
                boxes[..., :2] + move[..., :2] * height_width.clamp(min=2.0),
                (boxes[..., 2:] + move[..., 2:]).clamp(low, high),
            ],
            dim=-1,
        )
        return queries, self.score(out)[..., 0], refined

    def _among(self, known: Tensor, boxes: Tensor) -> Tensor:
        distance = torch.cdist(boxes[..., :2], boxes[..., :2]).clamp(max=_REACH) / 16
        bias = -F.softplus(self.nearness)[None, :, None, None] * distance[:, None]
        seen, _ = self.between(
            known, known, known, attn_mask=bias.flatten(0, 1), need_weights=False
        )
        return torch.as_tensor(seen)


class _Details(nn.Module):
    """Convolutions on the image itself: what is smaller than a patch.

    Without normalisation over the image: it would tell a crop from a whole vignette.
    """

    def __init__(self, strides: tuple[int, ...]) -> None:
        super().__init__()
        self.strides = strides
        layers, channels = [], 1
        for i in range(strides[-1].bit_length() - 1):
            width = _DETAIL[2 ** (i + 1)]
            size = 5 if i == 0 else 3
            layers.append(
                nn.Sequential(
                    nn.Conv2d(channels, width, size, stride=2, padding=size // 2),
                    nn.GELU(),
                    nn.Conv2d(width, width, 3, padding=1, groups=width),
                    nn.GELU(),
                )
            )
            channels = width
        self.layers = nn.ModuleList(layers)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = {1: images}
        for i, layer in enumerate(self.layers):
            maps[2 ** (i + 1)] = layer(maps[2**i])
        return [maps[stride] for stride in self.strides]


class _Finer(nn.Module):
    """A map of half the stride: the coarser one up-sampled, and details of the image."""

    def __init__(self, stride: int, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.lateral = nn.Linear(_DETAIL[stride], width)
        narrow = width // 4
        self.norm = nn.LayerNorm(width)
        self.enter = nn.Linear(width, narrow)
        self.around = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.leave = nn.Linear(narrow, width)

    def forward(self, coarse: Tensor, detail: Tensor) -> Tensor:
        n, rows, columns, width = coarse.shape
        four = self.up(coarse).view(n, rows, columns, 2, 2, width)
        above = four.transpose(2, 3).reshape(n, 2 * rows, 2 * columns, width)
        joined = above + self.lateral(detail)
        narrow = self.enter(F.gelu(self.norm(joined))).permute(0, 3, 1, 2)
        around = F.gelu(self.around(narrow)).permute(0, 2, 3, 1)
        return torch.as_tensor(joined + self.leave(around))


class Detector(nn.Module):
    """Boxes from an image and its patch tokens.

    Notes
    -----
    Deformable DETR in two stages: the finest map proposes targets where its heat has a
    peak, and the decoder refines the best of them. With one stride, the final patch map is all that
    there is; with more, it is up-sampled and joined by convolutions on the image, as the pyramid of
    ViTDet (Li et al. 2022, https://arxiv.org/abs/2203.16527).
    """

    def __init__(self, spec: DetectorSpec, token_width: int) -> None:
        super().__init__()
        self.spec = spec
        width, finer = spec.width, spec.strides[:-1]
        self.tokens = nn.Sequential(
            nn.LayerNorm(token_width), nn.Linear(token_width, width)
        )
        self.encoder = nn.ModuleList(
            _EncoderLayer(spec) for _ in range(spec.encoder_layers)
        )
        self.details = _Details(finer) if finer else None
        self.pyramid = nn.ModuleList(_Finer(stride, width) for stride in finer)
        self.level = nn.Parameter(torch.zeros(len(spec.strides), width))
        nn.init.normal_(self.level, std=0.02)
        self.heat = nn.Sequential(nn.Linear(width, width), nn.GELU())
        self.proposal = nn.Linear(width, 5)
        self.query = nn.Linear(width, width)
        self.decoder = nn.ModuleList(
            _DecoderLayer(spec) for _ in range(spec.decoder_layers)
        )
        nn.init.zeros_(self.proposal.weight)
        with torch.no_grad():
            self.proposal.bias.copy_(
                torch.tensor([math.log(_PRIOR / (1 - _PRIOR)), 0, 0, 0, 0])
            )

    def forward(
        self, images: Tensor, tokens: Tensor, n_queries: int | None = None
    ) -> Detections:
        """Detect.

        Shapes: `images` (n, 1, size, size), `tokens` (n, rows, columns, token_width).
        """
        size = images.shape[-1]
        maps = self._maps(images, tokens)
        known = self.heat(maps[0])
        proposed = self.proposal(known)
        heat = proposed[..., 0]
        cells = self._cells(proposed[..., 1:])
        count = min(n_queries or self.spec.n_queries, heat[0].numel())
        chosen = _peaks(heat).flatten(1).topk(count).indices[..., None]
        known = known.flatten(1, 2)
        queries = self.query(known.gather(1, chosen.expand(-1, -1, known.shape[-1])))
        boxes = cells.flatten(1, 2).gather(1, chosen.expand(-1, -1, 4)).detach()
        all_logits, all_boxes = [], []
        for layer in self.decoder:
            queries, logits, boxes = layer(queries, boxes, maps, size)
            all_logits.append(logits)
            all_boxes.append(boxes)
            boxes = boxes.detach()
        return Detections(torch.stack(all_logits), torch.stack(all_boxes), heat, cells)

    def _maps(self, images: Tensor, tokens: Tensor) -> list[Tensor]:
        """Feature maps (n, rows, columns, width), the finest first."""
        coarse = self.tokens(tokens)
        for layer in self.encoder:
            coarse = layer(coarse)
        maps = [coarse]
        details = self.details(images) if self.details is not None else []
        for layer, detail in reversed(list(zip(self.pyramid, details, strict=True))):
            maps.insert(0, layer(maps[0], detail.permute(0, 2, 3, 1)))
        return [features + self.level[i] for i, features in enumerate(maps)]

    def _cells(self, raw: Tensor) -> Tensor:
        """Boxes in pixels that the cells of the finest map propose."""
        stride = self.spec.strides[0]
        y, x = (
            (torch.arange(n, device=raw.device) + 0.5) * stride for n in raw.shape[1:3]
        )
        centre = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1)
        low, high = (math.log(limit) for limit in _SIZES)
        return torch.cat(
            [
                centre + raw[..., :2] * stride,
                (raw[..., 2:] + math.log(_SIZE)).clamp(low, high),
            ],
            dim=-1,
        )


def count_peaks(heat: Tensor, least: float) -> Tensor:
    """Count the places in each image where a target may be.

    Shapes: `heat` (n, rows, columns) -> (n,).
    """
    return (_peaks(heat).sigmoid() >= least).sum(dim=(1, 2))


def _peaks(heat: Tensor) -> Tensor:
    """Heat where it is the highest of its neighbours; elsewhere it can be no target."""
    highest = F.max_pool2d(heat[:, None], 3, stride=1, padding=1)[:, 0]
    return torch.where(heat >= highest, heat, torch.finfo(heat.dtype).min)
