"""Frozen features, probes on them, and the baselines: what every study measures."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from xoceansar import models
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.models import HeadSpec, ModelHandle
from xoceansar.models.heads.head import head_inputs
from xoceansar.models.inference.runtime import clear_cache, embed_block
from xoceansar.models.networks.vit import network_weights
from xoceansar.train.heads.linear_heads import fit_knn, fit_logistic, fit_ridge
from xoceansar.train.pretraining.config import PretrainConfig
from xoceansar.train.pretraining.learner import backbone_spec, build_student

sys.path.append(str(Path(__file__).parents[2] / "training/sim-vit-tiny"))

from data import Labelled

__all__ = ["Probes", "untrained"]

UNITS = {"swh": "m", "wind_speed": "m s-1", "ocean_class": "1"}
#: Classes with few vignettes in the pool.
RARE = ("biological_slicks", "icebergs", "atmospheric_front", "oceanic_front")


class Probes:
    """Ridge, logistic and nearest-neighbour probes on one labelled split."""

    def __init__(self, n_train: int = 1500, n_test: int = 500) -> None:
        self.train = Labelled("train", slice(n_train))
        self.test = Labelled("test", slice(n_test))

    def of_bundle(self, handle: ModelHandle) -> dict[str, float]:
        """Score the frozen backbone of a bundle."""
        clear_cache()
        features = []
        for part in (self.train, self.test):
            sigma0 = part.ds["sigma0"]
            blocks = [
                embed_block(
                    sigma0[i : i + 50].values, part.incidence[i : i + 50], handle=handle
                ).values
                for i in range(0, len(part), 50)
            ]
            features.append(np.concatenate(blocks))
        return self.scores(*features)

    def of_hand_features(self) -> dict[str, float]:
        """Score the 68 hand features of the whole vignettes."""
        return self.scores(self.train.hand, self.test.hand)

    def of_the_level(self) -> dict[str, float]:
        """Score what every other row has too: mean sigma0 and incidence."""
        return self.scores(*(np.zeros((len(p), 1)) for p in (self.train, self.test)))

    def scores(self, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
        """Fit on one set and score on the other, with level and incidence beside the features."""
        found: dict[str, float] = {}
        for target in UNITS:
            for kind in ("linear", "knn"):
                classes = OCEAN_CLASSES if target == "ocean_class" else ()
                out = self._predict(train, test, target, kind, classes)
                truth = self.test.truth[target]
                if not classes:
                    error = out[:, 0] - truth
                    found[f"{kind}/{target}"] = float(np.sqrt(np.nanmean(error**2)))
                    continue
                hit = out.argmax(1) == truth
                rare = np.isin(truth, [OCEAN_CLASSES.index(name) for name in RARE])
                found[f"{kind}/{target}"] = float(hit.mean())
                found[f"{kind}/rare_classes"] = float(hit[rare].mean())
        return {name: round(value, 4) for name, value in found.items()}

    def _predict(
        self,
        train: np.ndarray,
        test: np.ndarray,
        target: str,
        kind: str,
        classes: tuple[str, ...],
    ) -> np.ndarray:
        fits: dict[str, Any] = {"linear": fit_ridge, "knn": fit_knn}
        extra: dict[str, Any] = {}
        if classes and kind == "linear":
            kind, fits["logistic"] = "logistic", fit_logistic
            extra = {"strengths": (1e-3, 1e-2, 1e-1), "folds": 3}
        spec = HeadSpec(
            name=target,
            kind=kind,
            target=target,
            units=UNITS[target],
            classes=classes,
            ancillary=("sigma0_mean_db", "incidence"),
            pooling="cls",
            backbone_sha256="",
        )
        side = [
            {"sigma0_mean": 10 ** (p.mean_db / 10), "incidence": p.incidence}
            for p in (self.train, self.test)
        ]
        head = fits[kind](train, self.train.truth[target], spec, **side[0], **extra)
        return head(
            head_inputs(
                test.astype(np.float32),
                side[1]["sigma0_mean"],
                side[1]["incidence"],
                head.spec,
            )
        )


def untrained(config: PretrainConfig, folder: Path) -> ModelHandle:
    """Write the bundle of a network before its first step."""
    network = build_student(config)
    return models.write_bundle(
        folder,
        name=config.name,
        backbone=backbone_spec(config),
        backbone_state=network_weights(network.backbone.vit),
        input=config.input.spec(),
        simulated=True,
    )
