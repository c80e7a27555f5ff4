"""Block functions of the detector: from a block of sigma0 to boxes and scores.

A vignette larger than the network's input is covered by windows, and what two windows both see is one
detection. torch is imported inside the functions.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.errors import UnitsError
from xoceansar.models.bundle.weight_files import read_arrays
from xoceansar.models.inference.runtime import (
    Network,
    NetworkOutput,
    batches,
    detectors,
    forward_block,
    get_network,
    load_lock,
    pooled,
    run_network,
    share_of_threads,
)
from xoceansar.models.networks.preprocessing import Quantity, network_input
from xoceansar.models.networks.vit import image_tokens, load_weights
from xoceansar.models.spec import ModelHandle
from xoceansar.models.spec.detector_spec import DetectorSpec, check_detector

if TYPE_CHECKING:
    import torch


#: Windows overlap by at least this part: a target at the edge of one is well inside another.
_OVERLAP: Final = 0.25
#: Boxes of different windows that share more than this part of the smaller are one target.
_SAME: Final = 0.5
#: Probability of a target in a cell from which it counts as likely.
_LIKELY: Final = 0.2
#: Part of the queries that likely targets may take: where most queries have one, none is sure of its own.
_BUSY: Final = 0.5
#: Probability in a cell that is no peak is less.
_NONE: Final = 1e-20


def token_block(
    sigma0: Array,
    incidence: Array,
    *,
    handle: ModelHandle,
    quantity: Quantity = "linear",
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Compute the network input and the final patch tokens of a block of vignettes.

    Shapes: `sigma0` (n, line, sample), `incidence` (n,).
    """
    network = get_network(handle)
    images, _, _ = network_input(
        sigma0, incidence, spec=handle.input, quantity=quantity
    )
    usable = np.isfinite(images[:, 0, 0, 0])
    parts: list[Array] = []
    chosen = images[usable]
    with share_of_threads(network) as rebalance:
        for part in batches(len(chosen), network.batch):
            rebalance()
            parts.append(run_network(network, chosen[part], _tokens))
    side = handle.input.size // (handle.backbone.patch_size or 1)
    shape = (len(images), side, side, handle.backbone.width)
    tokens = np.full(shape, np.nan, dtype=np.float32)
    if parts:
        tokens[usable] = np.concatenate(parts)
    return images, tokens


def _tokens(module: "torch.nn.Module", images: "torch.Tensor") -> "torch.Tensor":
    return image_tokens(module, images)[1]


def detect_block(
    sigma0: Array,
    incidence: Array,
    *,
    handle: ModelHandle,
    detector: DetectorSpec,
    quantity: Quantity = "linear",
    threshold: float | None = None,
    most: int | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Detect targets in a block of vignettes.

    Shapes: `sigma0` (n, line, sample), `incidence` (n,).
    """
    limit = detector.threshold if threshold is None else threshold
    out, count = _missing(len(sigma0), most or detector.n_queries)
    if not len(sigma0):
        return out, count
    check_detector(detector, handle.backbone)
    network = get_network(handle)
    module = _get_detector(detector, handle, network)
    size = handle.input.size
    found: list[list[Array]] = [[] for _ in sigma0]
    refused: UnitsError | None = None
    for top, left in windows(sigma0.shape[1], sigma0.shape[2], size):
        columns = slice(left, left + size)
        angle = incidence if incidence.ndim == 1 else incidence[:, columns]
        try:
            images, _, _ = network_input(
                sigma0[:, top : top + size, columns],
                angle,
                spec=handle.input,
                quantity=quantity,
            )
        except UnitsError as error:
            refused = error
            continue
        usable = np.flatnonzero(np.isfinite(images[:, 0, 0, 0]))
        for row, boxes in zip(
            usable, _detect(images[usable], network, module), strict=True
        ):
            boxes[:, :4] += np.array([top, left, top, left], dtype=np.float32)
            found[row].append(boxes)
    if refused is not None and not any(found):
        raise refused
    scale = np.array([*sigma0.shape[1:], *sigma0.shape[1:], 1], dtype=np.float32)
    for i, parts in enumerate(found):
        if parts:
            out[i], count[i] = _best(parts, out.shape[1], scale, limit)
    return out, count


def embed_and_detect_block(
    sigma0: Array,
    incidence: Array,
    *,
    handle: ModelHandle,
    detector: DetectorSpec,
    quantity: Quantity = "linear",
    threshold: float | None = None,
    most: int | None = None,
) -> tuple[NetworkOutput, npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Embed a block of vignettes and detect targets in it, with one run of the backbone.

    Shapes: `sigma0` (n, size, size).
    """
    limit = detector.threshold if threshold is None else threshold
    targets, count = _missing(len(sigma0), most or detector.n_queries)
    check_detector(detector, handle.backbone)
    module = _get_detector(detector, handle, get_network(handle))
    both = forward_block(
        sigma0,
        incidence,
        handle=handle,
        quantity=quantity,
        forward=partial(_features_and_boxes, handle=handle, detector=module),
        width=handle.embedding_dim + 5 * (detector.n_queries + 1),
    )
    vectors, boxes = np.split(both.values, [handle.embedding_dim], axis=1)
    found = boxes.reshape(len(boxes), -1, 5)
    scale = np.array([*sigma0.shape[1:], *sigma0.shape[1:], 1], dtype=np.float32)
    crowded = _is_crowded(found, detector)
    for i in np.flatnonzero(np.isfinite(both.sigma0_mean) & ~crowded):
        targets[i], count[i] = _best([found[i, :-1]], targets.shape[1], scale, limit)
    if crowded.any():
        targets[crowded], count[crowded] = detect_block(
            sigma0[crowded], incidence[crowded], handle=handle, detector=detector,
            quantity=quantity, threshold=limit, most=targets.shape[1],
        )  # fmt: skip
    return both._replace(values=vectors), targets, count


def windows(lines: int, samples: int, size: int) -> list[tuple[int, int]]:
    """Cover an image by windows.

    Examples
    --------
    >>> windows(384, 384, 256)
    [(0, 0), (0, 128), (128, 0), (128, 128)]
    """
    starts = []
    for length in (lines, samples):
        count = 1 + max(0, -(-(length - size) // int(size * (1 - _OVERLAP))))
        starts.append(np.linspace(0, max(0, length - size), count).round().astype(int))
    return [(int(top), int(left)) for top in starts[0] for left in starts[1]]


def _missing(
    n: int, most: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Boxes and counts of vignettes that cannot be used."""
    return (
        np.full((n, most, 5), np.nan, dtype=np.float32),
        np.full(n, np.nan, dtype=np.float32),
    )


def _detect(images: Array, network: Network, module: Any) -> list[Array]:
    """Boxes and scores of each image (queries, 5): as many queries as it takes to find all."""
    found: list[Array] = []
    with share_of_threads(network) as rebalance:
        for part in batches(len(images), network.batch):
            rebalance()
            some = partial(_boxes, detector=module)
            found.extend(run_network(network, images[part], some))
        every = partial(_every_box, detector=module)
        for i, boxes in enumerate(found):
            if _is_crowded(boxes, module.spec):
                rebalance()
                found[i] = run_network(network, images[i : i + 1], every)[0]
    return [boxes[:-1] for boxes in found]


def _is_crowded(found: Array, spec: DetectorSpec) -> Array:
    """Whether there may be more targets than the queries have found.

    That is for the detector to say, and not for the caller's threshold: a lower one then shows more
    of the same boxes.
    """
    score, likely = found[..., :-1, 4], found[..., -1, 4]
    full = (score >= spec.threshold).all(axis=-1)
    return np.asarray(full | (likely > score.shape[-1] * _BUSY))


def _boxes(
    module: "torch.nn.Module", images: "torch.Tensor", detector: Any
) -> "torch.Tensor":
    """Run backbone and detector: as `_corners`."""
    tokens = image_tokens(module, images)[1]
    return _corners(detector(images.float(), tokens), images.shape[-1])


def _every_box(
    module: "torch.nn.Module", image: "torch.Tensor", detector: Any
) -> "torch.Tensor":
    """Search one image with more queries, until it is not crowded or no peak is left."""
    from xoceansar.models.networks.detection_transformer import count_peaks

    tokens = image_tokens(module, image)[1]
    queries = detector.spec.n_queries
    while True:
        found = detector(image.float(), tokens, queries)
        boxes = _corners(found, image.shape[-1])
        peaks = max(queries, int(count_peaks(found.heat, _NONE)))
        crowded = _is_crowded(boxes[0].cpu().numpy(), detector.spec)
        if queries == peaks or not crowded:
            return boxes
        queries = min(max(2 * queries, int(boxes[0, -1, 4] / _BUSY)), peaks)


def _features_and_boxes(
    module: "torch.nn.Module",
    images: "torch.Tensor",
    handle: ModelHandle,
    detector: Any,
) -> "torch.Tensor":
    """Run backbone and detector: embeddings, then the boxes of each image in a row."""
    summary, tokens = image_tokens(module, images)
    features = pooled(summary, tokens, handle)
    found = detector(images.float(), tokens)
    boxes = _corners(found, images.shape[-1]).flatten(1)
    torch = require("torch", extra="models")
    return torch.cat([features, boxes], dim=1)  # type: ignore[no-any-return]


def _corners(found: Any, size: int) -> "torch.Tensor":
    """Corners in pixels and score (n, queries + 1, 5); in the last row how many places are likely."""
    from xoceansar.models.networks.detection_transformer import count_peaks

    torch = require("torch", extra="models")
    boxes = found.boxes[-1]
    half = boxes[..., 2:].exp() / 2
    corners = [(boxes[..., :2] + sign * half).clamp(0, size) for sign in (-1, 1)]
    score = found.logits[-1].sigmoid()[..., None]
    all_boxes = torch.cat([*corners, score], dim=-1)
    likely = count_peaks(found.heat, _LIKELY).to(all_boxes.dtype)
    last = likely[:, None, None].expand(-1, 1, 5)
    return torch.cat([all_boxes, last], dim=1)  # type: ignore[no-any-return]


def _best(
    parts: list[Array], most: int, scale: Array, threshold: float
) -> tuple[Array, int]:
    """Keep the best of what all windows found, each target once, and count all."""
    boxes = np.concatenate(parts)
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    if len(parts) > 1:
        boxes = boxes[_distinct(boxes)]
    out = np.full((most, 5), np.nan, dtype=np.float32)
    out[:, 4] = 0.0
    kept = boxes[:most] / scale
    out[: len(kept)] = kept
    return out, int((boxes[:, 4] >= threshold).sum())


def _distinct(boxes: Array) -> list[int]:
    kept: list[int] = []
    area = (boxes[:, 2:4] - boxes[:, :2]).prod(axis=1)
    for i, box in enumerate(boxes):
        low = np.maximum(boxes[kept, :2], box[:2])
        high = np.minimum(boxes[kept, 2:4], box[2:4])
        common = np.clip(high - low, 0, None).prod(axis=1)
        if not (common > _SAME * np.minimum(area[kept], area[i])).any():
            kept.append(i)
    return kept


def _get_detector(
    spec: DetectorSpec, handle: ModelHandle, network: Network
) -> "torch.nn.Module":
    from xoceansar.models.networks.detection_transformer import Detector

    key = (spec, str(network.device))
    with load_lock:
        if key not in detectors:
            path = Path(handle.path) / spec.file
            build = partial(Detector, spec, handle.backbone.width)
            module = load_weights(build, read_arrays(path, spec.sha256), str(path))
            detectors[key] = module.to(device=network.device)
        return detectors[key]
