"""Each `fit_*` takes a Dataset: the head is the one that its arrays give."""

import numpy as np
import pytest
import xarray as xr

from xoceansar import train
from xoceansar.conventions import OCEAN_CLASSES, class_attrs
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    TrainingError,
    WeightsMismatchError,
)
from xoceansar.models import FeatureBlock, HeadSpec
from xoceansar.sar.bearings import look_angle
from xoceansar.train.heads.dataset_arrays import arrays_of

N, DIM = 480, 4
RNG = np.random.default_rng(5)
VECTOR = RNG.normal(size=(N, DIM)).astype(np.float32)
SWH = 3 + VECTOR[:, 0]
CLASS = (VECTOR[:, 1] > 0).astype(np.int8)
CUTOFF = RNG.uniform(100, 400, N).astype(np.float32)
LEVEL = RNG.uniform(0.01, 0.2, N)
INCIDENCE = np.full(N, 23.8)
HEADING = np.full(N, -12.0)
TRACK = np.arange(N) // 4
TOWARDS = RNG.uniform(0, 360, N)


@pytest.fixture
def ds():
    return xr.Dataset(
        {
            "embedding_vector": (("vignette", "embedding"), VECTOR, {"weights_sha256": "0" * 64}),
            "azimuth_cutoff": ("vignette", CUTOFF, {"units": "m"}),
            "swh": ("vignette", SWH, {"units": "m"}),
            "ocean_class": ("vignette", CLASS, class_attrs(OCEAN_CLASSES[:2])),
            "wind_to_direction": ("vignette", TOWARDS, {"units": "degree"}),
        },
        coords={
            "sigma0_mean": ("vignette", LEVEL),
            "incidence": ("vignette", INCIDENCE, {"units": "degree"}),
            "ground_heading": ("vignette", HEADING, {"units": "degree"}),
            "track": ("vignette", TRACK),
        },
    )  # fmt: skip


def spec(**fields):
    known = {
        "name": "head", "kind": "linear", "target": "swh", "units": "m", "pooling": "mean",
        "backbone_sha256": "0" * 64, "ancillary": ("sigma0_mean_db", "incidence"),
    }  # fmt: skip
    return HeadSpec(**{**known, **fields})


CLASSES = {"target": "ocean_class", "units": "1", "classes": OCEAN_CLASSES[:2]}
CASES = {
    "fit_ridge": (spec(lower_bound=0.0), "swh", SWH),
    "fit_logistic": (spec(kind="logistic", **CLASSES), "ocean_class", CLASS),
    "fit_knn": (spec(kind="knn"), "swh", SWH),
    "fit_mlp": (spec(kind="mlp"), "swh", SWH),
    "fit_direction": (
        spec(target="wind_to_direction", units="degree", encoding="axis"),
        "wind_to_direction",
        look_angle(TOWARDS, HEADING),
    ),
    "fit_distance": (
        spec(kind="distance", target="ood_score", units="1"), "ocean_class", CLASS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_dataset_gives_the_head_of_its_arrays(ds, name):
    head_spec, target, values = CASES[name]
    function = getattr(train, name)
    more = {"learning_rates": [1e-3], "epochs": 2} if name == "fit_mlp" else {}
    ours = function(ds.chunk(vignette=100), target, head_spec, groups="track", **more)
    theirs = function(
        VECTOR, values, head_spec, sigma0_mean=LEVEL, incidence=INCIDENCE, groups=TRACK, **more
    )  # fmt: skip
    for key, array in theirs.arrays.items():
        np.testing.assert_array_equal(ours.arrays[key], array, err_msg=key)
    assert ours.spec == theirs.spec


def test_a_temperature_is_fitted_from_a_dataset(ds):
    head_spec, target, _ = CASES["fit_logistic"]
    head = train.fit_logistic(ds, target, head_spec, groups="track")
    ours = train.fit_temperature(head, ds, target, groups="track")
    theirs = train.fit_temperature(
        head, VECTOR, CLASS, sigma0_mean=LEVEL, incidence=INCIDENCE, groups=TRACK
    )
    assert ours.spec.temperature == theirs.spec.temperature != 1


def test_features_of_the_head_are_taken_by_name(ds):
    block = FeatureBlock(name="cutoff", columns=("azimuth_cutoff",), units=("m",))
    both = spec(features=(block,), ancillary=())
    given = arrays_of(ds, "swh", both)
    np.testing.assert_array_equal(given.features, np.column_stack([VECTOR, CUTOFF]))
    alone = spec(features=(block,), ancillary=(), embedding=False)
    given = arrays_of(ds, "swh", alone)
    np.testing.assert_array_equal(given.features, CUTOFF[:, None])
    made = train.fit_ridge(
        ds.drop_vars("embedding_vector"), "swh", alone, groups="track"
    )
    assert made.n_inputs == 1
    with pytest.raises(MissingVariableError, match="takes the features 'cutoff'"):
        train.fit_ridge(ds.drop_vars("azimuth_cutoff"), "swh", both)


def test_what_does_not_belong_together_is_refused(ds):
    with pytest.raises(
        MissingVariableError, match=r"no 'embedding_vector'.*oceansar.embed"
    ):
        train.fit_ridge(ds.drop_vars("embedding_vector"), "swh", spec())
    other = spec(backbone_sha256="1" * 64)
    with pytest.raises(WeightsMismatchError, match="is of the backbone 111111111111"):
        train.fit_ridge(ds, "swh", other)
    with pytest.raises(
        TrainingError, match="gives 'swh', and the truth is 'azimuth_cutoff'"
    ):
        train.fit_ridge(ds, "azimuth_cutoff", spec())
    with pytest.raises(DimensionError, match="along the dim 'vignette'"):
        train.fit_ridge(ds.rename(vignette="row"), "swh", spec())
