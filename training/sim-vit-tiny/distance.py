"""The out-of-distribution score."""

import numpy as np
from data import Labelled

from xoceansar.models import Head, HeadSpec, ModelHandle
from xoceansar.train import fit_distance


def fit_distance_score(data: Labelled, handle: ModelHandle) -> Head:
    """Fit the score on a further set, each class and beam by itself."""
    spec = HeadSpec(
        name="ood_score",
        kind="distance",
        target="ood_score",
        units="1",
        ancillary=("sigma0_mean_db", "incidence"),
        pooling=handle.backbone.pooling,
        backbone_sha256=handle.weights_sha256,
    )
    embedded = data.embedding(handle)
    return fit_distance(
        embedded[:, :-2],
        np.char.add(data.beam, data.classes.astype(str)),
        spec,
        sigma0_mean=embedded[:, -2],
        incidence=data.incidence,
    )
