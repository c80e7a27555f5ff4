"""The student: crops, masks and positions on a timm network; the teacher; the Fourier start."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from xoceansar.errors import TrainingError
from xoceansar.models.spec import BackboneSpec
from xoceansar.train.network import (
    Network,
    ProjectionHead,
    VisionBackbone,
    fourier_start,
    teacher_of,
    update_teacher,
)

SMALL = {"depth": 2, "embed_dim": 24, "num_heads": 2}
WHOLE = torch.zeros(2, 2, dtype=torch.int64)


def backbone(size=64, **kwargs):
    torch.manual_seed(0)
    spec = BackboneSpec(
        architecture="vit_tiny_patch16_224",
        embedding_dim=24,
        pooling="cls",
        kwargs={**SMALL, **kwargs},
    )
    return VisionBackbone(spec, size).eval()


def network(losses=("dino", "ibot")):
    head = ProjectionHead(24, hidden=32, bottleneck=8, prototypes=12, layers=3)
    return Network(backbone(), {"shared": head}, losses)


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"reg_tokens": 2}, {"reg_tokens": 2, "no_embed_class": True}],
    ids=["plain", "registers", "positions of patches only"],
)
def test_whole_images_give_the_tokens_of_timm(kwargs):
    model = backbone(**kwargs)
    images = torch.randn(2, 1, 64, 64)
    tokens = model(images, WHOLE)
    expected = model.vit.forward_features(images)
    prefix = model.vit.num_prefix_tokens
    torch.testing.assert_close(tokens.summary, expected[:, 0])
    torch.testing.assert_close(tokens.patches, expected[:, prefix:])


def test_a_crop_takes_the_positions_of_its_window():
    """With one block and no attention between them, a patch in place is a patch of the image."""
    model = backbone(depth=1)
    for layer in (model.vit.blocks[0].attn.proj, model.vit.blocks[0].mlp.fc2):
        torch.nn.init.zeros_(layer.weight)
    image = torch.randn(1, 1, 64, 64)
    whole = model(image, WHOLE[:1]).patches.reshape(4, 4, -1)
    crop = model(image[..., 16:48, 32:64], torch.tensor([[1, 2]])).patches
    torch.testing.assert_close(crop.reshape(2, 2, -1), whole[1:3, 2:4])


def test_each_image_has_its_own_window_and_mask():
    model = backbone()
    images = torch.randn(3, 1, 32, 32)
    windows = torch.tensor([[0, 0], [2, 1], [1, 2]])
    masks = torch.rand(3, 2, 2) < 0.5
    together = model(images, windows, masks).patches
    for i in range(3):
        row = slice(i, i + 1)
        alone = model(images[row], windows[row], masks[row]).patches
        torch.testing.assert_close(together[row], alone)


def test_a_masked_patch_is_not_seen():
    model = backbone()
    images, masks = torch.randn(2, 1, 64, 64), torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[:, 1, 2] = True
    changed = images.clone()
    changed[..., 16:32, 32:48] += 5
    hidden = model(images, WHOLE, masks).patches
    torch.testing.assert_close(hidden, model(changed, WHOLE, masks).patches)
    assert not torch.allclose(
        model(images, WHOLE).patches, model(changed, WHOLE).patches
    )


def test_networks_without_positions_or_class_token_are_refused():
    spec = BackboneSpec(
        architecture="resnet18", embedding_dim=512, pooling="mean", patch_size=None
    )
    with pytest.raises(TrainingError, match="plain vision transformer"):
        VisionBackbone(spec, 64)
    with pytest.raises(TrainingError, match="plain vision transformer"):
        backbone(pos_embed="none")


def test_logits_are_cosines_with_the_prototypes():
    head = ProjectionHead(24, hidden=32, bottleneck=8, prototypes=12, layers=3)
    tokens = torch.randn(5, 24)
    logits = head(tokens)
    z = head.mlp(tokens)
    for i in range(5):
        for k in range(12):
            expected = F.cosine_similarity(z[i], head.prototypes[k], dim=0)
            torch.testing.assert_close(logits[i, k], expected)
    assert head(torch.empty(0, 24)).shape == (0, 12)


def test_outputs_are_those_of_the_losses_that_are_on():
    crops, masks = torch.randn(2, 1, 64, 64), torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, 0, :2] = True
    arguments = {"hide": True, "local": torch.randn(3, 1, 32, 32)}
    windows = torch.zeros(3, 2, dtype=torch.int64)
    both = network()(crops, WHOLE, masks, **arguments, local_windows=windows)
    assert {k: tuple(v.shape) for k, v in both.items()} == {
        "summary": (2, 24),
        "dino": (2, 12),
        "local": (3, 12),
        "ibot": (2, 12),
    }
    only = network(["ibot"])(crops, WHOLE, masks, **arguments, local_windows=windows)
    assert set(only) == {"summary", "ibot"}


def test_teacher_has_its_own_weights_and_learns_nothing():
    student = network().train()
    teacher = teacher_of(student)
    pairs = list(zip(teacher.parameters(), student.parameters(), strict=True))
    assert all(a.data_ptr() != b.data_ptr() for a, b in pairs)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not teacher.training
    assert student.training


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.996, 1.0])
def test_teacher_moves_by_the_exact_formula(momentum):
    student = network()
    teacher = teacher_of(student)
    with torch.no_grad():
        for weight in student.parameters():
            weight.add_(torch.randn_like(weight))
    before = [p.clone() for p in teacher.parameters()]
    update_teacher(teacher, student, momentum)
    for old, own, new in zip(
        before, student.parameters(), teacher.parameters(), strict=True
    ):
        expected = momentum * old.double() + (1 - momentum) * own.double()
        torch.testing.assert_close(new.double(), expected, atol=1e-6, rtol=1e-5)


def test_fourier_start_answers_a_wave_at_its_own_wavevector():
    projection = torch.nn.Conv2d(1, 192, 16, 16)
    fourier_start(projection)
    kernels = projection.weight.detach()[:, 0].flatten(1)
    torch.testing.assert_close(kernels.norm(dim=1)[2:], torch.ones(190))
    y, x = np.mgrid[:16, :16]
    power = {}
    for wave in ((3, 0), (0, 3), (3, -2)):
        image = np.cos(2 * np.pi * (wave[0] * y + wave[1] * x) / 16 + 0.7)
        tokens = projection(torch.from_numpy(image).float()[None, None]).flatten()
        strength = tokens.detach().reshape(-1, 2).square().sum(1)
        power[wave] = int(strength.argmax())
    assert len(set(power.values())) == 3
    shifted = np.cos(2 * np.pi * 3 * (y + 1) / 16)
    tokens = projection(torch.from_numpy(shifted).float()[None, None]).flatten()
    assert int(tokens.reshape(-1, 2).square().sum(1).argmax()) == power[3, 0]


def test_fourier_start_leaves_kernels_beyond_nyquist_random():
    projection = torch.nn.Conv2d(1, 384, 16, 16)
    before = projection.weight.detach().clone()
    fourier_start(projection)
    assert torch.equal(projection.weight[226:], before[226:])
    assert not torch.equal(projection.weight[:226], before[:226])
