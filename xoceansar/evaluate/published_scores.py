"""Published scores on real data: to know the order of magnitude, never to be ranked with ours.

Each is of other vignettes, another truth or another split than a benchmark here. Where only a
summary of a publication was at hand, the note says so.
"""

from dataclasses import dataclass
from typing import Final

_OCEANSAR2: Final = "https://arxiv.org/abs/2601.07392"
_CARDS: Final = "https://huggingface.co/galeio-research"
_PROTOCOL: Final = "from a summary; protocol not seen"
_LINEAR: Final = "linear probe, frozen backbone"


@dataclass(frozen=True, slots=True)
class Reference:
    """A published score."""

    #: Name of the task.
    task: str
    #: What was scored.
    system: str
    #: Name of the score.
    metric: str
    #: In the units of the task's metric.
    value: float
    #: Where it is published.
    source: str
    #: How it was scored, as far as known.
    note: str


REFERENCES: Final = (
    Reference("classification", "OceanSAR-2 ViT-S/16", "accuracy", 0.940, _OCEANSAR2, _PROTOCOL),
    Reference("classification", "OceanSAR-1 ViT-B/8", "accuracy", 0.836, _CARDS, _LINEAR),
    Reference("classification", "OceanSAR-1 ViT-S/16", "accuracy", 0.786, _CARDS, _LINEAR),
    Reference("classification", "OceanSAR-1 ResNet50", "accuracy", 0.755, _CARDS, _LINEAR),
    Reference("swh", "Quach et al. (2021)", "rmse", 0.3, "https://doi.org/10.1109/TGRS.2020.3003839", "cross-spectra and metadata, against altimeters, 2018"),
    Reference("swh", "WV-Net ResNet50", "rmse", 0.50, "https://arxiv.org/abs/2406.18765", _LINEAR),
    Reference("swh", "OceanSAR-2 ViT-S/16", "rmse", 0.52, _OCEANSAR2, _PROTOCOL),
    Reference("swh", "OceanSAR-1 ViT-B/8", "rmse", 0.54, _CARDS, _LINEAR),
    Reference("swh", "OceanSAR-1 ViT-S/16", "rmse", 0.57, _CARDS, _LINEAR),
    Reference("wind_speed", "OceanSAR-2 ViT-S/16", "rmse", 1.32, _OCEANSAR2, _PROTOCOL),
    Reference("wind_speed", "OceanSAR-1 ViT-B/8", "rmse", 1.37, _CARDS, _LINEAR),
    Reference("wind_speed", "OceanSAR-1 ViT-S/16", "rmse", 1.39, _CARDS, _LINEAR),
    Reference("icebergs", "OceanSAR-2 ViT-S/16", "f1", 0.865, _OCEANSAR2, "F1 at IoU 0.1; from a summary; threshold not seen"),
)  # fmt: skip


def references(task: str) -> tuple[Reference, ...]:
    """List the published scores for a task.

    Examples
    --------
    >>> [r.value for r in references("wind_speed")]
    [1.32, 1.37, 1.39]
    """
    return tuple(r for r in REFERENCES if r.task == task)
