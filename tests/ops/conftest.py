"""A model that detects, and images with places."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def detecting(tiny_model, tmp_path_factory):
    """The tiny bundle with a detector of random numbers."""
    torch = pytest.importorskip("torch")
    from xoceansar.models import write_bundle
    from xoceansar.models.bundle.weight_files import read_arrays
    from xoceansar.models.networks.detection_transformer import Detector
    from xoceansar.models.networks.vit import network_weights
    from xoceansar.models.spec.detector_spec import DetectorSpec, TrainedDetector

    torch.set_num_threads(1)
    torch.manual_seed(4)
    spec = DetectorSpec(
        backbone_sha256=tiny_model.weights_sha256,
        width=16,
        n_heads=2,
        hidden=16,
        encoder_layers=1,
        decoder_layers=1,
        n_queries=5,
        threshold=0.012,
    )
    detector = Detector(spec, 24)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return write_bundle(
        tmp_path_factory.mktemp("detecting"),
        name="detecting",
        backbone=tiny_model.backbone,
        backbone_state=read_arrays(
            Path(tiny_model.path) / tiny_model.backbone.file, tiny_model.weights_sha256
        ),
        input=tiny_model.input,
        detectors=[TrainedDetector(spec, network_weights(detector))],
    )


@pytest.fixture
def placed(images):
    """The shared images with a heading; the last has a bright square, the third no data."""
    images["sigma0"][2] = np.nan
    images["sigma0"][5, 20:26, 30:34] = 0.5
    return images.assign_coords(ground_heading=("vignette", np.full(6, 347.0)))


def with_corners(ds):
    """Corners of 0.1 degrees around each centre, the first across 180 degrees."""
    lon = np.array([180.0, -29.6, -29.2, -28.8, -28.4, -28.0])
    corner_lon = lon[:, None] + np.array([-0.05, 0.05, 0.05, -0.05])
    corner_lat = ds.latitude.values[:, None] + np.array([-0.05, -0.05, 0.05, 0.05])
    return ds.assign_coords(
        corner_longitude=(("vignette", "corner"), (corner_lon + 180) % 360 - 180),
        corner_latitude=(("vignette", "corner"), corner_lat),
    )
