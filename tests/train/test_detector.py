import dataclasses

import numpy as np
import pytest
import xarray as xr

from xoceansar.errors import MissingVariableError, OceansarWarning, TrainingError
from xoceansar.models.spec.detector_spec import DetectorSpec

pytestmark = pytest.mark.usefixtures("torch")
torch = pytest.importorskip("torch")

from xoceansar.models.networks.detection_transformer import Detections, Detector  # noqa: E402
from xoceansar.train.detector.detector_loss import detection_loss, match  # noqa: E402
from xoceansar.train.detector.detector_training import (  # noqa: E402
    DetectorRecipe,
    fit_detector,
    train_detector,
)
from xoceansar.train.detector.examples import (  # noqa: E402
    Crops,
    TrainingSet,
    check_boxes,
    prepare,
)

SMALL = DetectorSpec(
    backbone_sha256="0" * 64,
    width=32,
    n_heads=4,
    hidden=64,
    encoder_layers=1,
    decoder_layers=2,
    n_queries=8,
)


def one_square(seed=0):
    """One image with a bright square, and tokens that know nothing of it."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0, 1, (1, 64, 64))
    image[0, 20:30, 36:44] += 6
    tokens = rng.normal(0, 1, (1, 4, 4, 24))
    box = [np.array([[20, 36, 30, 44]], np.float32)]
    return TrainingSet(
        image.astype(np.float16), tokens.astype(np.float16), box, np.array([0])
    )


def found_by(fitted, examples):
    detector = Detector(fitted.spec, examples.tokens.shape[-1]).eval()
    detector.load_state_dict(
        {name: torch.from_numpy(w) for name, w in fitted.weights.items()}
    )
    with torch.inference_mode():
        found = detector(
            torch.from_numpy(examples.images.astype(np.float32))[:, None],
            torch.from_numpy(examples.tokens.astype(np.float32)),
        )
    best = int(found.logits[-1][0].argmax())
    y, x, h, w = found.boxes[-1][0, best].double().numpy()
    h, w = np.exp(h), np.exp(w)
    return (y - h / 2, x - w / 2, y + h / 2, x + w / 2), found


@pytest.mark.slow
def test_one_image_is_learned_by_heart():
    from xoceansar.evaluate.metrics.box_scores import box_iou

    examples = one_square()
    losses = []
    recipe = DetectorRecipe(steps=250, batch=2, crop=64, learning_rate=1e-3)
    fitted = train_detector(examples, SMALL, recipe, losses.append)
    box, found = found_by(fitted, examples)
    assert box_iou(np.array([box]), examples.boxes[0])[0, 0] > 0.7
    score = found.logits[-1].sigmoid().numpy()[0]
    assert score.max() > 0.5
    assert np.sort(score)[-2] < 0.1
    assert [report["step"] for report in losses] == list(range(25, 251, 25))
    assert fitted.spec.metrics == {"n_fit": 1, "n_dropped": 0}


def recorded(monkeypatch):
    """Note the rate and the first weights of each step of AdamW."""
    rates, weights = [], []

    class Noting(torch.optim.AdamW):
        def step(self, *args):
            rates.append(self.param_groups[0]["lr"])
            out = super().step(*args)
            weights.append(self.param_groups[0]["params"][0].detach().clone())
            return out

    monkeypatch.setattr(torch.optim, "AdamW", Noting)
    return rates, weights


def test_the_rate_rises_over_a_twentieth_of_the_steps_and_falls_as_a_cosine(
    monkeypatch,
):
    rates, _ = recorded(monkeypatch)
    recipe = DetectorRecipe(steps=80, batch=1, crop=32, learning_rate=2e-4)
    train_detector(one_square(), SMALL, recipe)
    cosine = 0.5 * (1 + np.cos(np.pi * np.arange(76) / 76)) + 0.005
    expected = 2e-4 * np.concatenate([[0.25, 0.5, 0.75, 1.0], cosine])
    np.testing.assert_allclose(rates, expected[:80], rtol=1e-6)


def test_what_is_kept_is_an_average_that_forgets_the_start(monkeypatch):
    _, weights = recorded(monkeypatch)
    recipe = DetectorRecipe(steps=30, batch=1, crop=32, learning_rate=1e-3)
    fitted = train_detector(one_square(), SMALL, recipe)
    average = weights[0].double()
    for n, now in enumerate(weights[1:], 1):
        kept = min(0.995, (1 + n) / (10 + n))
        average = kept * average + (1 - kept) * now.double()
    name = next(iter(dict(Detector(SMALL, 24).named_parameters())))
    np.testing.assert_allclose(fitted.weights[name], average, atol=1e-6)
    assert np.abs(fitted.weights[name] - weights[-1].numpy()).max() > 1e-4


def test_the_same_seed_gives_the_same_weights_and_leaves_torch_alone():
    state = torch.random.get_rng_state()
    recipe = DetectorRecipe(steps=3, batch=2, crop=32)
    a, b = (train_detector(one_square(), SMALL, recipe) for _ in range(2))
    for name, weight in a.weights.items():
        np.testing.assert_array_equal(weight, b.weights[name])
    assert torch.equal(state, torch.random.get_rng_state())
    other = train_detector(
        one_square(), SMALL, DetectorRecipe(steps=3, batch=2, crop=32, seed=1)
    )
    assert any((other.weights[n] != w).any() for n, w in a.weights.items())


def detections(logits, boxes, heat=None):
    """Of two layers that say the same, with queries as leaves that take gradients."""
    n = len(logits)
    heat = torch.zeros(n, 8, 8) if heat is None else heat
    cells = torch.zeros(n, 8, 8, 4, requires_grad=True)
    return Detections(
        logits.expand(2, *logits.shape), boxes.expand(2, *boxes.shape), heat, cells
    )


def test_images_without_targets_train_the_scores_and_not_the_boxes():
    logits = torch.zeros(2, 3, requires_grad=True)
    boxes = torch.rand(2, 3, 4, requires_grad=True)
    empty = [torch.empty(0, 4), torch.empty(0, 4)]
    loss = detection_loss(detections(logits, boxes), empty, 4)
    assert float(loss.box) == float(loss.overlap) == float(loss.cell) == 0.0
    loss.total.backward()
    assert (logits.grad > 0).all()
    assert (boxes.grad == 0).all()


def test_one_empty_image_beside_one_with_targets():
    logits = torch.zeros(2, 3, requires_grad=True)
    boxes = torch.tensor([[[8.0, 8, 1, 1], [20, 20, 1, 1], [4, 28, 1, 1]]] * 2)
    target = torch.tensor([[20.0, 20, 1, 1], [8, 8, 1, 1]])
    loss = detection_loss(detections(logits, boxes), [torch.empty(0, 4), target], 4)
    assert float(loss.box) == pytest.approx(0, abs=1e-6)
    assert float(loss.overlap) == pytest.approx(0, abs=1e-5)
    # focal loss at a probability of 1/2: 0.25 or 0.75 of log 2 / 4, for 2 and 4 queries, two targets
    expected = (2 * 0.25 + 4 * 0.75) * np.log(2) / 4 / 2
    assert float(loss.score) == pytest.approx(expected, rel=1e-5)


def test_box_loss_is_relative_to_the_size():
    logits = torch.full((1, 1), 5.0)
    boxes = torch.tensor([[[10.0, 10.0, np.log(8.0), np.log(8.0)]]])
    target = torch.tensor([[12.0, 10.0, np.log(8.0), np.log(4.0)]])
    loss = detection_loss(detections(logits, boxes), [target], 4)
    assert float(loss.box) == pytest.approx((2 / 8 + np.log(2)) / 4, rel=1e-5)
    # 6 x 4 common of 64 + 32 - 24; the hull is 10 x 8
    common, union, hull = 24, 72, 80
    expected = 1 - (common / union - (hull - union) / hull)
    assert float(loss.overlap) == pytest.approx(expected, rel=1e-4)


def test_heat_is_one_where_a_centre_is_and_little_beside():
    perfect = torch.full((1, 8, 8), -20.0)
    perfect[0, 2, 5] = 20.0
    target = torch.tensor([[9.0, 22.0, np.log(4.0), np.log(4.0)]]).float()
    boxes, logits = torch.zeros(1, 1, 4), torch.zeros(1, 1)
    right = detection_loss(detections(logits, boxes, perfect), [target], 4).heat
    wrong = detection_loss(detections(logits, boxes, perfect.flip(1)), [target], 4).heat
    near = torch.full((1, 8, 8), -20.0)
    near[0, 2, 5], near[0, 2, 6] = 20.0, 20.0
    beside = detection_loss(detections(logits, boxes, near), [target], 4).heat
    assert float(right) < 1e-6
    assert float(wrong) > 20
    assert 0 < float(beside) < 20


@pytest.mark.parametrize(
    ("centre", "cell"), [((1.0, 2.0), (0, 0)), ((31.9, -0.5), (7, 0))]
)
def test_heat_of_a_target_at_the_edge_is_in_the_outermost_cell(centre, cell):
    perfect = torch.full((1, 8, 8), -20.0)
    perfect[0, cell[0], cell[1]] = 20.0
    target = torch.tensor([[*centre, np.log(4.0), np.log(4.0)]]).float()
    boxes, logits = torch.zeros(1, 1, 4), torch.zeros(1, 1)
    loss = detection_loss(detections(logits, boxes, perfect), [target], 4)
    assert float(loss.heat) < 1e-6


def test_matching_is_the_cheapest_of_all():
    """Against every permutation."""
    import itertools

    torch.manual_seed(0)
    logits, boxes = torch.randn(4), torch.rand(4, 4) * torch.tensor([30, 30, 2, 2.0])
    target = torch.rand(3, 4) * torch.tensor([30, 30, 2, 2.0])

    def cost(pairs):
        total = 0.0
        for q, t in pairs:
            total += single_cost(logits[q], boxes[q], target[t])
        return total

    best = min(
        cost(zip(p, range(3), strict=True)) for p in itertools.permutations(range(4), 3)
    )
    query, number = match(logits, boxes, target)
    assert cost(zip(query, number, strict=True)) == pytest.approx(best, rel=1e-5)


def single_cost(logit, box, target):
    """Deformable DETR's: 2 focal + 5 L1 (here of relative errors) - 2 GIoU, by hand."""
    p = 1 / (1 + np.exp(-float(logit)))
    focal = 0.25 * (1 - p) ** 2 * -np.log(p) - 0.75 * p**2 * -np.log(1 - p)
    b, t = box.double().numpy(), target.double().numpy()
    size_b, size_t = np.exp(b[2:]), np.exp(t[2:])
    l1 = (np.abs(b[:2] - t[:2]) / np.maximum(size_t, 4)).sum() + np.abs(
        b[2:] - t[2:]
    ).sum()
    low_b, high_b = b[:2] - size_b / 2, b[:2] + size_b / 2
    low_t, high_t = t[:2] - size_t / 2, t[:2] + size_t / 2
    common = np.clip(
        np.minimum(high_b, high_t) - np.maximum(low_b, low_t), 0, None
    ).prod()
    union = size_b.prod() + size_t.prod() - common
    hull = (np.maximum(high_b, high_t) - np.minimum(low_b, low_t)).prod()
    giou = common / union - (hull - union) / hull
    return 2 * focal + 5 * l1 / 4 - 2 * giou


@pytest.mark.parametrize(("name", "at"), [("logits", 0), ("boxes", 1)])
def test_a_prediction_that_is_not_finite_is_named(name, at):
    parts = [torch.zeros(3), torch.zeros(3, 4)]
    parts[at][1] = float("nan")
    with pytest.raises(TrainingError, match=f"{name} are not finite"):
        match(*parts, torch.zeros(1, 4))


def test_every_target_of_a_crop_has_a_query(monkeypatch):
    """Nine targets, and a detector of four queries."""
    boxes = np.array([[y, x, y + 6, x + 6] for y in (5, 25, 45) for x in (5, 25, 45)])
    alone = one_square()
    examples = TrainingSet(
        alone.images, alone.tokens, [boxes.astype(np.float32)], alone.rows
    )
    seen = []

    def loss(found, targets, stride):
        seen.append((found.logits.shape[-1], len(targets[0])))
        return detection_loss(found, targets, stride)

    monkeypatch.setattr(
        "xoceansar.train.detector.detector_training.detection_loss", loss
    )
    spec = dataclasses.replace(SMALL, n_queries=4)
    train_detector(examples, spec, DetectorRecipe(steps=2, batch=1, crop=64))
    assert seen == [(18, 9), (18, 9)]


def test_more_targets_than_queries_are_refused():
    target = torch.zeros(4, 4)
    with pytest.raises(TrainingError, match="4 targets in a crop for 3 queries"):
        match(torch.zeros(3), torch.zeros(3, 4), target)


def test_a_detector_has_the_queries_that_its_truth_needs(bergs, tiny_model):
    boxes = np.full((6, 40, 4), np.nan, np.float32)
    boxes[0] = [
        np.array([y, x, y + 4, x + 4]) / 72
        for y in range(8, 60, 7)
        for x in range(8, 36, 6)
    ]
    crowded = bergs.assign(iceberg_box=(("vignette", "iceberg", "edge"), boxes))
    recipe = DetectorRecipe(steps=1, batch=1, crop=32)
    fitted = fit_detector(crowded, model=tiny_model, recipe=recipe)
    assert fitted.spec.n_queries == 80


def test_a_training_that_diverges_stops_and_says_so():
    examples = one_square()
    broken = TrainingSet(
        np.full_like(examples.images, np.inf),
        examples.tokens,
        examples.boxes,
        examples.rows,
    )
    with pytest.raises(TrainingError, match="diverged"):
        train_detector(broken, SMALL, DetectorRecipe(steps=30, batch=1, crop=64))


def test_boxes_without_extent_stay_finite():
    from xoceansar.train.detector.detector_training import _target

    target = _target(np.array([[5.0, 5.0, 5.0, 9.0]], np.float32))
    loss = detection_loss(
        detections(torch.zeros(1, 2), torch.zeros(1, 2, 4)), [target], 4
    )
    assert np.isfinite(float(loss.total))


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0.1, 0.2, 0.3, np.nan], "an edge that is missing"),
        ([10.0, 20.0, 30.0, 40.0], "divided by the image's size"),
        ([-0.1, 0.2, 0.3, 0.4], "outside 0 to 1"),
        ([0.3, 0.2, 0.1, 0.4], "no extent"),
        ([0.1, 0.2, 0.3, 0.2], "no extent"),
    ],
)
def test_boxes_are_checked_and_the_vignette_named(box, message):
    boxes = np.full((2, 3, 4), np.nan)
    boxes[0, 0], boxes[1, 1] = [0.0, 0.0, 1.0, 1.0], box
    with pytest.raises(TrainingError, match=f"second.*{message}"):
        check_boxes(boxes, np.array(["first", "second"]))


def grid_set():
    """Two vignettes of 8 x 8 patches whose pixels and tokens say where they are."""
    line, sample = np.mgrid[:128, :128]
    images = np.stack([line + sample / 256, -line - sample / 256])
    row, column = np.mgrid[:8, :8]
    tokens = np.stack([np.stack([row, column], -1)] * 2)
    boxes = [np.array([[30.0, 70, 50, 90], [0, 0, 20, 20]]), np.empty((0, 4))]
    return TrainingSet(
        images.astype(np.float16), tokens.astype(np.float16), boxes, np.array([0, 1])
    )


def test_a_crop_has_its_pixels_its_tokens_and_its_boxes():
    image, tokens, boxes = grid_set().crop(0, 1, 4, 3)
    assert image.shape == (48, 48)
    assert image[0, 0] == pytest.approx(16 + 64 / 256, abs=0.02)
    np.testing.assert_array_equal(tokens[0, 0], [1, 4])
    np.testing.assert_allclose(boxes, [[14, 6, 34, 26]])


@pytest.mark.parametrize(("left", "kept"), [(4, 1), (5, 1), (6, 0)])
def test_a_box_that_is_mostly_outside_is_left_out(left, kept):
    """Of 70 to 90, samples 64, 80 and 96 leave all, half and nothing."""
    assert len(grid_set().crop(0, 1, left, 2)[2]) == kept


def test_crops_show_targets_often_and_empty_vignettes_too():
    crops = Crops(grid_set(), side=32, seed=0)
    images, tokens, boxes = crops.draw(300)
    assert images.shape == (300, 1, 32, 32)
    assert tokens.shape == (300, 2, 2, 2)
    corner = images[:, 0, 0, 0]
    np.testing.assert_allclose(np.abs(corner).astype(int) // 16, tokens[:, 0, 0, 0])
    assert 0.5 < np.mean([len(b) > 0 for b in boxes]) < 0.85
    assert (corner < 0).mean() > 0.1
    for box in boxes:
        assert ((box >= 0) & (box <= 32)).all()


@pytest.mark.parametrize("side", [24, 256, 0])
def test_a_crop_has_whole_patches(side):
    with pytest.raises(TrainingError, match="whole patches of 16 pixels"):
        Crops(grid_set(), side=side, seed=0)


def test_a_set_without_any_target_is_refused():
    data = grid_set()
    empty = TrainingSet(data.images, data.tokens, [np.empty((0, 4))] * 2, data.rows)
    with pytest.raises(
        TrainingError, match="none of the 2 usable vignettes has a target"
    ):
        Crops(empty, side=32, seed=0)


@pytest.fixture
def bergs(images):
    """The shared six vignettes, with a box in the first and one that the model does not see."""
    boxes = np.full((6, 2, 4), np.nan, np.float32)
    boxes[0, 0] = np.array([20, 30, 28, 40]) / 72
    boxes[1, 0] = np.array([0, 0, 3, 3]) / 72
    images["sigma0"][2] = np.nan
    return images.assign(iceberg_box=(("vignette", "iceberg", "edge"), boxes))


def test_preparation_follows_the_crop_of_the_model(bergs, tiny_model, tmp_path):
    """64 of 72 pixels are seen: boxes move by 4, and one in the corner is gone."""
    with pytest.warns(
        OceansarWarning, match="1 boxes lie outside of the 64 x 64 pixels"
    ):
        made = prepare(bergs, tiny_model, "iceberg_box", tmp_path)
    np.testing.assert_allclose(made.boxes[0], [[16, 26, 24, 36]], atol=1e-4)
    assert [len(boxes) for boxes in made.boxes] == [1, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(made.rows, [0, 1, 3, 4, 5])
    assert made.tokens.shape == (6, 4, 4, 24)


def test_preparation_is_not_done_twice(bergs, tiny_model, tmp_path, monkeypatch):
    first = prepare(bergs, tiny_model, "iceberg_box", tmp_path)
    monkeypatch.setattr("xoceansar.train.detector.examples.token_block", None)
    again = prepare(bergs.chunk(vignette=2), tiny_model, "iceberg_box", tmp_path)
    np.testing.assert_array_equal(first.tokens, again.tokens)


def test_each_call_learns_from_its_own_pixels(bergs, tiny_model, tmp_path):
    """A, B and A again in one folder, with the same names and boxes."""
    other = bergs.assign(sigma0=bergs.sigma0[::-1].copy(data=bergs.sigma0.values[::-1]))
    sets = [bergs, other, bergs]
    made = [prepare(ds, tiny_model, "iceberg_box", tmp_path / "kept") for ds in sets]
    alone = [
        prepare(ds, tiny_model, "iceberg_box", tmp_path / str(i))
        for i, ds in enumerate(sets)
    ]
    for found, expected in zip(made, alone, strict=True):
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.tokens, expected.tokens)
    assert not np.array_equal(made[0].images, made[1].images, equal_nan=True)
    assert len(list((tmp_path / "kept").iterdir())) == 2
    with pytest.raises(ValueError, match="read-only"):
        made[0].images[0, 0, 0] = 1
    nearer = bergs.assign_coords(incidence=bergs.incidence - 5)
    prepare(nearer, tiny_model, "iceberg_box", tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 3


def test_a_preparation_that_failed_leaves_nothing(
    bergs, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr("xoceansar.train.detector.examples.token_block", None)
    with pytest.raises(TypeError):
        prepare(bergs, tiny_model, "iceberg_box", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_detector_is_fitted_and_finds_its_way_into_a_bundle(
    bergs, tiny_model, tmp_path
):
    from pathlib import Path

    from xoceansar.models import write_bundle
    from xoceansar.models.bundle.weight_files import read_arrays

    recipe = DetectorRecipe(steps=2, batch=2, crop=32)
    fitted = fit_detector(bergs.chunk(vignette=2), model=tiny_model, recipe=recipe)
    assert fitted.spec.metrics == {"n_fit": 5, "n_dropped": 1}
    state = read_arrays(
        Path(tiny_model.path) / tiny_model.backbone.file, tiny_model.weights_sha256
    )
    handle = write_bundle(
        tmp_path / "with",
        name="with",
        backbone=tiny_model.backbone,
        backbone_state=state,
        input=tiny_model.input,
        detectors=[fitted],
    )
    found = bergs.assign_coords(
        ground_heading=("vignette", np.zeros(6))
    ).oceansar.icebergs(model=handle, threshold=0.001)
    assert np.isnan(found.iceberg_count[2])
    assert (found.iceberg_count[[0, 1, 3]] >= 0).all()


def test_a_dataset_without_boxes_is_refused(images, tiny_model):
    with pytest.raises(MissingVariableError, match="iceberg_box"):
        fit_detector(images, model=tiny_model)


def test_vignettes_without_data_are_refused(bergs, tiny_model, tmp_path):
    gone = bergs.assign(sigma0=xr.full_like(bergs.sigma0, np.nan))
    with pytest.raises(TrainingError, match="none of the 6"):
        prepare(gone, tiny_model, "iceberg_box", tmp_path)
