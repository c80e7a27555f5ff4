"""Fit a detector on the patch tokens of a frozen backbone."""

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
import xarray as xr
from torch.optim.swa_utils import AveragedModel

from xoceansar._paths import local_target
from xoceansar._progress import tracked
from xoceansar._typing import Array
from xoceansar.errors import TrainingError, warn
from xoceansar.models.bundle.library import load_model
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.networks.detection_transformer import Detector
from xoceansar.models.networks.vit import network_weights
from xoceansar.models.spec import ModelHandle
from xoceansar.models.spec.detector_spec import DetectorSpec, TrainedDetector
from xoceansar.train.detector.detector_loss import detection_loss
from xoceansar.train.detector.examples import Crops, TrainingSet, prepare

Report = Callable[[Mapping[str, float]], None]

#: Steps without a finite loss after which the training stops.
_MOST_BROKEN: Final = 10
#: Steps between two reports.
_EVERY: Final = 25
#: Largest decay of the average of the weights that is kept.
_DECAY: Final = 0.995
_CLIP: Final = 1.0
#: Queries for each target of a crop, at least: so that most have none, as when the detector is used.
_QUERIES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe:
    """All that decides a detector, beside the data.

    Parameters
    ----------
    steps : int
        Steps of AdamW.
    batch : int
        Crops for each step.
    crop : int
        Side of a crop in pixels.
    learning_rate, weight_decay : float
        Of AdamW; the rate rises over the first 5 % of the steps and falls as a cosine.
    seed : int
        Of the first weights and of the crops.

    Examples
    --------
    >>> recipe = DetectorRecipe(steps=500)
    >>> recipe.crop, recipe.learning_rate
    (128, 0.0003)
    """

    steps: int = 2000
    batch: int = 16
    crop: int = 128
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4
    seed: int = 0


def fit_detector(
    ds: xr.Dataset,
    *,
    model: str | ModelHandle | None = None,
    boxes: str = "iceberg_box",
    recipe: DetectorRecipe | None = None,
    strides: tuple[int, ...] = (4, 8, 16),
    cache: str | Path | None = None,
    report: Report | None = None,
) -> TrainedDetector:
    """Fit a detector on a Dataset of vignettes with boxes.

    Parameters
    ----------
    ds : Dataset
        Calibrated images in the layout of `open_wave_mode`, with the boxes of the targets;
        vignettes without any teach it what is none. Read chunk by chunk.
    model : str or ModelHandle, optional
        Name, path or handle of the model whose backbone it runs on, frozen.
    boxes : str
        Variable (vignette, iceberg, edge): ``line_min, sample_min, line_max, sample_max`` as
        fractions of the image, NaN beyond the last target.
    recipe : DetectorRecipe, optional
        How.
    strides : tuple of int
        See `DetectorSpec`; ``(16,)`` detects on the final patch map alone.
    cache : str or Path, optional
        Folder for images and tokens (1 MB a vignette), used again by the next call with the same
        model and the same pixels; a temporary one where not given.
    report : callable, optional
        Gets the parts of the loss every 25 steps.

    Returns
    -------
    TrainedDetector
        For ``write_bundle(..., detectors=[...])``. Its threshold is 0.5:
        `xoceansar.evaluate.choose_threshold` sets it on vignettes that were not fitted on. ``n_queries`` is 64,
        or twice the targets of the vignette that has most, where that is more.

    Raises
    ------
    MissingVariableError
        If there are no boxes.
    TrainingError
        If a box is no fraction of the image, no vignette has a target, or the training
        diverges.

    Examples
    --------
    >>> import xoceansar as xos
    >>> icy = xos.simulate.vignettes(400, classes=["icebergs"])  # doctest: +SKIP
    >>> detector = xos.train.fit_detector(icy, cache="tokens")  # doctest: +SKIP
    """
    handle = load_model(model)
    spec = DetectorSpec(backbone_sha256=handle.weights_sha256, strides=strides)
    with tempfile.TemporaryDirectory() as temporary:
        folder = local_target(temporary if cache is None else cache, "a cache")
        examples = prepare(ds, handle, boxes, folder)
        needed = _QUERIES * max(len(examples.boxes[row]) for row in examples.rows)
        spec = replace(spec, n_queries=max(spec.n_queries, needed))
        return train_detector(examples, spec, recipe or DetectorRecipe(), report)


@plain_torch(gradients=True)
def train_detector(
    examples: TrainingSet,
    spec: DetectorSpec,
    recipe: DetectorRecipe,
    report: Report | None = None,
) -> TrainedDetector:
    """Fit a detector on prepared examples."""
    crops = Crops(examples, side=recipe.crop, seed=recipe.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        detector = Detector(spec, examples.tokens.shape[-1])
    average = AveragedModel(detector, avg_fn=_averaged)
    optimiser = torch.optim.AdamW(
        detector.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: _rate(step, recipe.steps)
    )
    share = (recipe.crop / examples.images.shape[1]) ** 2
    n_queries = max(8, math.ceil(2 * spec.n_queries * share))
    broken = 0
    steps = range(1, recipe.steps + 1)
    with tracked(steps, "training the detector", recipe.steps) as each:
        for step in each:
            images, tokens, boxes = crops.draw(recipe.batch)
            queries = max(n_queries, _QUERIES * max(map(len, boxes)))
            found = detector(
                torch.from_numpy(images), torch.from_numpy(tokens), queries
            )
            try:
                loss = detection_loss(
                    found, [_target(b) for b in boxes], spec.strides[0]
                )
            except TrainingError:
                broken += 1
                if broken >= _MOST_BROKEN:
                    raise
                continue
            optimiser.zero_grad()
            loss.total.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(detector.parameters(), _CLIP)
            optimiser.step()
            schedule.step()
            average.update_parameters(detector)
            if report is not None and step % _EVERY == 0:
                parts = {
                    name: float(getattr(loss, name).detach()) for name in loss.__slots__
                }
                report({"step": step, **parts})
    if broken:
        warn(f"{broken} of {recipe.steps} steps had no finite loss and were left out.")
    metrics = {
        "n_fit": len(examples.rows),
        "n_dropped": len(examples.boxes) - len(examples.rows),
    }
    return TrainedDetector(
        replace(spec, metrics=metrics), network_weights(average.module)
    )


def _averaged(
    average: torch.Tensor, current: torch.Tensor, n: int | torch.Tensor
) -> torch.Tensor:
    """Average over the last tenth of the steps so far, at first; the start is forgotten."""
    decay = min(_DECAY, (1 + int(n)) / (10 + int(n)))
    return average + (1 - decay) * (current - average)


def _target(boxes: Array) -> torch.Tensor:
    """Turn corners in pixels into centre and log size."""
    corners = torch.from_numpy(np.ascontiguousarray(boxes, dtype=np.float32))
    size = (corners[:, 2:] - corners[:, :2]).clamp(min=0.25)
    return torch.cat([(corners[:, :2] + corners[:, 2:]) / 2, size.log()], dim=1)


def _rate(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) + 0.005
