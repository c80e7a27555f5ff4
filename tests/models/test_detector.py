import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.models.conftest import TINY, vignettes
from xoceansar.errors import BundleError, DomainError, WeightsMismatchError
from xoceansar.models import load_model
from xoceansar.models.inference.detection_blocks import (
    detect_block,
    embed_and_detect_block,
    token_block,
    windows,
)
from xoceansar.models.spec.detector_spec import DetectorSpec, TrainedDetector

torch = pytest.importorskip("torch")

from xoceansar.models.networks.detection_transformer import (  # noqa: E402
    DeformableAttention,
    Detector,
)
from xoceansar.models.networks.vit import network_weights  # noqa: E402

ANGLE = np.array([23.8])


def small(**changes):
    values = {
        "backbone_sha256": "0" * 64,
        "strides": (2, 4, 8),
        "width": 16,
        "n_heads": 2,
        "n_points": 2,
        "hidden": 16,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "n_queries": 6,
    }
    return DetectorSpec(**{**values, **changes})


def random_detector(spec, token_width=32, seed=0):
    """A detector whose every number is random: no symmetry hides a mistake."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    detector = Detector(spec, token_width)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return detector.eval()


@pytest.fixture(scope="module")
def model(make_tiny, tmp_path_factory):
    """The tiny bundle with a random detector."""
    folder = tmp_path_factory.mktemp("detecting")
    sha = make_tiny(folder).weights_sha256
    spec = small(backbone_sha256=sha)
    weights = network_weights(random_detector(spec))
    return make_tiny(folder, detectors=[TrainedDetector(spec, weights)])


def sampled(features, y, x):
    """Bilinear value of a map (rows, columns, width) at a place in cells; 0 outside."""
    rows, columns, width = features.shape
    out = np.zeros(width)
    for i in (math.floor(y), math.floor(y) + 1):
        for j in (math.floor(x), math.floor(x) + 1):
            if 0 <= i < rows and 0 <= j < columns:
                out += (1 - abs(y - i)) * (1 - abs(x - j)) * features[i, j]
    return out


def test_deformable_attention_equals_plain_loops():
    torch.manual_seed(3)
    heads, levels, points, width = 2, 2, 3, 8
    layer = DeformableAttention(width, heads, points, levels)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    queries, centre = torch.randn(1, 4, width), torch.rand(1, 4, 2)
    reach = 0.2 * torch.rand(1, 4, levels, 2)
    maps = [torch.randn(1, 6, 5, width), torch.randn(1, 3, 4, width)]
    with torch.no_grad():
        found = layer(queries, centre, reach, maps)[0].numpy()
        offsets = layer.offsets(queries).view(4, heads, levels, points, 2).numpy()
        logits = layer.weights(queries).view(4, heads, levels * points).numpy()
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for q in range(4):
        mixed = []
        for h in range(heads):
            total = np.zeros(width // heads)
            for level, features in enumerate(maps):
                part = features[0].numpy()[:, :, h * 4 : (h + 1) * 4]
                for p in range(points):
                    place = (
                        centre[0, q].numpy()
                        + offsets[q, h, level, p] * reach[0, q, level].numpy()
                    )
                    y, x = place * part.shape[:2] - 0.5
                    total += weights[q, h, level * points + p] * sampled(part, y, x)
            mixed.append(total)
        expected = layer.out(torch.tensor(np.concatenate(mixed)).float())
        np.testing.assert_allclose(found[q], expected.detach().numpy(), atol=1e-5)


def test_what_is_found_moves_with_the_target():
    """Crops of training and whole vignettes must mean the same: no place is special."""
    detector = random_detector(small())
    torch.manual_seed(1)
    image, tokens = torch.randn(1, 1, 160, 160), torch.randn(1, 20, 20, 32)
    inner = image[:, :, 32:128, 32:128], tokens[:, 4:16, 4:16]
    with torch.no_grad():
        whole, part = detector(image, tokens), detector(*inner)
    # five patches from the edges of the crop, where its padding is not seen
    whole_rows, part_rows = slice(36, 44), slice(20, 28)
    np.testing.assert_allclose(
        whole.heat[0, whole_rows, whole_rows],
        part.heat[0, part_rows, part_rows],
        atol=1e-4,
    )
    np.testing.assert_allclose(
        whole.cells[0, whole_rows, whole_rows] - torch.tensor([32.0, 32.0, 0, 0]),
        part.cells[0, part_rows, part_rows],
        atol=1e-3,
    )


def test_proposals_are_the_peaks_of_the_heat():
    detector = random_detector(small(decoder_layers=1, n_queries=3))
    with torch.no_grad():
        detector.decoder[0].box[-1].weight.zero_()
        detector.decoder[0].box[-1].bias.zero_()
        found = detector(torch.randn(1, 1, 64, 64), torch.randn(1, 8, 8, 32))
    heat = found.heat[0].numpy()
    padded = np.pad(heat, 1, constant_values=-np.inf)
    around = np.stack(
        [padded[i : i + 32, j : j + 32] for i in range(3) for j in range(3)]
    )
    peak = np.where(heat >= around.max(0), heat, -np.inf)
    best = np.argsort(-peak.ravel())[:3]
    cells = found.cells[0].reshape(-1, 4).numpy()[best]
    np.testing.assert_allclose(found.boxes[-1][0].numpy(), cells, atol=1e-5)


def test_one_stride_detects_on_the_final_patch_map_alone():
    """Nothing but the tokens decides, and a cell is a patch."""
    detector = random_detector(small(strides=(8,)))
    tokens = torch.randn(1, 4, 4, 32)
    with torch.no_grad():
        a = detector(torch.randn(1, 1, 32, 32), tokens)
        b = detector(torch.randn(1, 1, 32, 32), tokens)
    np.testing.assert_array_equal(a.logits, b.logits)
    assert a.heat.shape == (1, 4, 4)


def test_details_of_the_image_reach_the_finest_map():
    detector = random_detector(small())
    tokens, image = torch.randn(1, 4, 4, 32), torch.zeros(1, 1, 32, 32)
    bright = image.clone()
    bright[0, 0, 9, 21] = 10.0
    with torch.no_grad():
        a, b = detector(image, tokens), detector(bright, tokens)
    changed = (a.heat - b.heat).abs()[0]
    assert changed.shape == (16, 16)
    assert changed[4, 10] > 1e-3


def test_the_default_has_six_to_twelve_million_parameters():
    detector = Detector(DetectorSpec(backbone_sha256="0" * 64), 192)
    assert 6e6 < sum(p.numel() for p in detector.parameters()) < 12e6


@pytest.mark.parametrize(
    ("lines", "samples", "size"),
    [(64, 64, 64), (100, 64, 64), (384, 500, 256), (65, 64, 64)],
)
def test_windows_cover_the_image_and_overlap(lines, samples, size):
    seen = np.zeros((lines, samples), bool)
    places = windows(lines, samples, size)
    for top, left in places:
        assert 0 <= top <= lines - size
        assert 0 <= left <= samples - size
        seen[top : top + size, left : left + size] = True
    assert seen.all()
    tops = sorted({top for top, _ in places})
    assert all(b - a <= 0.75 * size + 1 for a, b in pairwise(tops))


def test_windows_are_as_few_as_overlap_by_a_quarter():
    assert windows(256, 256, 256) == [(0, 0)]
    assert windows(448, 256, 256) == [(0, 0), (192, 0)]
    assert windows(449, 256, 256) == [(0, 0), (96, 0), (193, 0)]
    assert windows(64, 112, 64) == [(0, 0), (0, 48)]


def test_blocks_do_not_change_what_is_found(model):
    sigma0, angle = vignettes(5, 32), np.full(5, 30.0)
    spec = model.detectors[0]
    whole = detect_block(sigma0, angle, handle=model, detector=spec)[0]
    parts = [
        detect_block(sigma0[i : i + 2], angle[i : i + 2], handle=model, detector=spec)[
            0
        ]
        for i in (0, 2, 4)
    ]
    np.testing.assert_allclose(whole, np.concatenate(parts), atol=1e-5)
    assert whole.shape == (5, 6, 5)
    assert (np.diff(whole[..., 4]) <= 0).all()
    assert ((whole[..., :4] >= 0) & (whole[..., :4] <= 1)).all()
    assert (whole[..., 2:4] >= whole[..., :2]).all()


def test_a_vignette_without_data_is_missing_and_harms_no_neighbour(model):
    sigma0, angle, spec = vignettes(3, 32), np.full(3, 30.0), model.detectors[0]
    expected, _ = detect_block(sigma0, angle, handle=model, detector=spec)
    broken = sigma0.copy()
    broken[1] = np.nan
    found, count = detect_block(broken, angle, handle=model, detector=spec)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(np.isnan(count), [False, True, False])
    np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], atol=1e-5)


def test_larger_vignettes_are_covered_by_windows(model):
    """One window of a larger image is what the network would see of it alone."""
    sigma0, spec = vignettes(1, 56), model.detectors[0]
    whole = detect_block(sigma0, ANGLE, handle=model, detector=spec)[0][0]
    candidates = []
    for top, left in windows(56, 56, 32):
        part = sigma0[:, top : top + 32, left : left + 32]
        found = detect_block(part, ANGLE, handle=model, detector=spec)[0][0]
        found[:, :4] = (found[:, :4] * 32 + [top, left, top, left]) / 56
        candidates.append(found)
    every = np.concatenate(candidates)
    for row in whole[whole[:, 4] > 0]:
        assert np.abs(every - row).max(axis=1).min() < 1e-5
    best = every[every[:, 4].argmax()]
    np.testing.assert_allclose(whole[0], best, atol=1e-5)


def test_what_two_windows_see_is_one_detection(model):
    from xoceansar.models.inference.detection_blocks import _distinct

    boxes = np.array(
        [
            [0, 0, 10, 10, 0.9],
            [1, 0, 10, 10, 0.8],
            [4, 4, 6, 6, 0.7],
            [20, 20, 30, 30, 0.6],
            [27, 20, 40, 30, 0.5],
        ]
    )
    assert _distinct(boxes) == [0, 3, 4]
    # more than half of the smaller is shared, or just half
    for left, kept in ((4, [0]), (5, [0, 1])):
        pair = np.array([[0, 0, 10, 10, 0.9], [left, 0, left + 10, 10, 0.8]])
        assert _distinct(pair) == kept


def test_a_window_without_data_leaves_the_rest(model):
    sigma0, spec = vignettes(1, 64), model.detectors[0]
    sigma0[:, :32] = np.nan
    found = detect_block(sigma0, ANGLE, handle=model, detector=spec)[0][0]
    assert np.isfinite(found[0]).all()
    # windows begin at lines 0, 16 and 32; the first has no data
    assert (found[np.isfinite(found[:, 0]), 0] >= 0.25).all()


def test_an_empty_block_has_no_detection(model):
    found, count = detect_block(
        np.empty((0, 32, 32), np.float32), np.empty(0), handle=model,
        detector=model.detectors[0],
    )  # fmt: skip
    assert found.shape == (0, 6, 5)
    assert count.shape == (0,)


def squares(side, size=384):
    """A calm sea with side x side bright squares of 4 pixels, and their first lines and samples."""
    rng = np.random.default_rng(0)
    sigma0 = 0.05 * rng.gamma(30, 1 / 30, (1, size, size))
    step = size // side
    corners = [np.array(at) * step + step // 2 for at in np.ndindex(side, side)]
    for line, sample in corners:
        sigma0[0, line : line + 4, sample : sample + 4] = 1.0
    return sigma0.astype(np.float32), corners


@pytest.mark.parametrize(("side", "queries"), [(3, 5), (10, 64)])
def test_a_crowded_window_is_searched_with_more_queries(side, queries):
    """The shipped detector, with fewer queries than there are targets."""
    handle = load_model()
    spec = replace(handle.detectors[0], n_queries=queries)
    sigma0, corners = squares(side)
    found, count = detect_block(sigma0, ANGLE, handle=handle, detector=spec)
    assert count.tolist() == [side**2]
    assert found.shape == (1, queries, 5)
    assert (found[0, :, 4] > spec.threshold).all()
    arguments = {"handle": handle, "detector": spec, "most": 2 * side**2}
    every, count = detect_block(sigma0, ANGLE, **arguments)
    np.testing.assert_array_equal(every[:, :queries], found)
    boxes = every[0, every[0, :, 4] >= spec.threshold, :2] * 384
    distance = np.abs(boxes[:, None] - np.array(corners)[None]).max(-1)
    assert len(boxes) == side**2
    np.testing.assert_array_less(distance.min(axis=0), 1.5)
    _, targets, again = embed_and_detect_block(sigma0, ANGLE, **arguments)
    np.testing.assert_allclose(targets, every, atol=1e-4)
    assert again.tolist() == [side**2]


def test_counts_follow_the_threshold_and_boxes_do_not(model):
    sigma0, spec = vignettes(2, 56), model.detectors[0]
    angle, most = np.full(2, 30.0), 400
    low, many = detect_block(
        sigma0, angle, handle=model, detector=spec, threshold=1e-6, most=most
    )
    limit = float(np.median(low[0, :10, 4]))
    same, few = detect_block(
        sigma0, angle, handle=model, detector=spec, threshold=limit, most=most
    )
    np.testing.assert_array_equal(same, low)
    np.testing.assert_array_equal(few, (low[..., 4] >= limit).sum(axis=1))
    np.testing.assert_array_equal(many, (low[..., 4] >= 1e-6).sum(axis=1))
    assert (few < many).all()


def test_tokens_are_those_that_the_embedding_pools(model):
    from xoceansar.models.inference.runtime import embed_block

    sigma0, angle = vignettes(3, 36), np.full(3, 30.0)
    sigma0[1] = np.nan
    images, tokens = token_block(sigma0, angle, handle=model)
    assert images.shape == (3, 1, 32, 32)
    assert tokens.shape == (3, 4, 4, 32)
    assert np.isnan(tokens[1]).all()
    embedding = embed_block(sigma0, angle, handle=model).values
    np.testing.assert_allclose(tokens[0].mean((0, 1)), embedding[0, 32:64], atol=1e-5)
    np.testing.assert_allclose(tokens[2].std((0, 1)), embedding[2, 64:96], atol=1e-5)


def test_a_bundle_keeps_its_detector(model):
    again = load_model(model.path)
    assert again.detectors == model.detectors
    assert again.detectors[0].strides == (2, 4, 8)
    assert "detector   icebergs" in repr(again)
    sigma0 = vignettes(1, 32)
    np.testing.assert_array_equal(
        detect_block(sigma0, ANGLE, handle=again, detector=again.detectors[0])[0],
        detect_block(sigma0, ANGLE, handle=model, detector=model.detectors[0])[0],
    )


def test_a_bundle_without_detector_loads(tiny):
    assert load_model(tiny.path).detectors == ()


def test_a_detector_of_another_backbone_is_refused(make_tiny, model, tmp_path):
    spec = small(backbone_sha256="1" * 64)
    detector = TrainedDetector(spec, network_weights(random_detector(spec)))
    with pytest.raises(
        WeightsMismatchError, match="fitted on the backbone 111111111111"
    ):
        make_tiny(tmp_path, detectors=[detector])
    with pytest.raises(WeightsMismatchError, match="Fit it again"):
        detect_block(vignettes(1, 32), ANGLE, handle=model, detector=spec)


def test_a_detector_of_other_patches_is_refused(make_tiny, model, tmp_path):
    spec = small(backbone_sha256=model.weights_sha256, strides=(2, 4))
    detector = TrainedDetector(spec, network_weights(random_detector(spec)))
    with pytest.raises(WeightsMismatchError, match=f"have {TINY.patch_size}"):
        make_tiny(tmp_path, detectors=[detector])


def test_an_image_smaller_than_the_network_s_is_refused(model):
    with pytest.raises(DomainError, match="32 x 32"):
        detect_block(vignettes(1, 24), ANGLE, handle=model, detector=model.detectors[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strides": ()}, "powers of two"),
        ({"strides": (4, 16)}, "twice the one before"),
        ({"strides": (1, 2)}, "powers of two from 2"),
        ({"width": 15}, "multiple of n_heads 2"),
        ({"threshold": 1.0}, "between 0 and 1"),
        ({"n_queries": 0}, "n_queries must be from 1 to 10000; got 0"),
        ({"encoder_layers": -1}, "encoder_layers must be from 0"),
    ],
)
def test_a_wrong_description_names_its_field(changes, message):
    with pytest.raises(BundleError, match=message):
        small(**changes)
