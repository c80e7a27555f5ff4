"""The 35 features of ESA's scalers: names, order, the odd one, and the ranges of the training sets."""

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.spectra.real_spectra import FOLDER, each_real_file, read
from xoceansar.errors import DimensionError
from xoceansar.spectra.scaler_features import SCALER_FEATURES, assemble_scaler_features
from xoceansar.spectra.wavenumber_grids import esa_grid

ESA = esa_grid(4.68, 4.15)
SCALARS = {
    "skewness": 2.5,
    "normalised_variance": 1.2,
    "azimuth_cutoff": 208.0,
    "sigma0": 0.02,
    "snr": 135.0,
    "wind_speed": 6.7,
    "wind_to_direction": 43.0,
    "ground_heading": 203.0,
}


def test_the_wind_is_as_the_networks_took_it():
    spectra = np.ones((2, 3, 185, 128), complex)
    wind = {**SCALARS, "wind_to_direction": np.array([43.0, 300.0])}
    found = assemble_scaler_features(spectra, ESA, **wind)
    assert found.shape == (2, 35)
    for to, value in zip((43.0, 300.0), found[:, 5], strict=True):
        u, v = math.sin(math.radians(to)), math.cos(math.radians(to))
        published = math.cos(math.radians(203.0) - math.atan2(v, u))
        assert value == pytest.approx(published)
    assert_allclose(found[:, [0, 1, 2, 3, 4, 6]], [[2.5, 1.2, 208, 0.02, 135, 6.7]] * 2)


def test_three_lags_are_needed():
    with pytest.raises(DimensionError, match="lags 0, 1 and 2"):
        assemble_scaler_features(np.ones((2, 185, 128)), ESA, **SCALARS)


@each_real_file
def test_real_features_are_within_the_training_sets(path):
    values, grid, fields = read(path)
    found = assemble_scaler_features(
        values,
        grid,
        skewness=fields["oswSkew"],
        normalised_variance=fields["oswNv"],
        azimuth_cutoff=fields["oswAzCutoff"],
        sigma0=10 ** (fields["oswNrcs"] / 10),
        snr=10 ** (fields["oswSnr"] / 10),
        wind_speed=fields["oswWindSpeed"],
        wind_to_direction=fields["oswWindDirection"] + 180,
        ground_heading=fields["oswHeading"],
    )
    beam = path.name[4:7]
    scalers = sorted((FOLDER / "sarhs").glob(f"s1a-{beam}_*.json"))
    assert len(scalers) == 2
    for scaler in map(json.loads, (s.read_text() for s in scalers)):
        assert tuple(scaler["features_names_order"]) == SCALER_FEATURES
        inside = (found >= scaler["data_min"]) & (found <= scaler["data_max"])
        assert inside.all(), np.array(SCALER_FEATURES)[~inside]
