"""The student: crops, masks and positions on a timm network; the teacher; the Fourier start."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from xoceansar.errors import TrainingError
from xoceansar.models.spec import BackboneSpec
from xoceansar.train.pretraining.student_teacher import (
    Network,
    ProjectionHead,
    VisionBackbone,
    energy_start,
    teacher_of,
    update_teacher,
)

SMALL = {"depth": 2, "embed_dim": 24, "num_heads": 2}
WHOLE = torch.zeros(2, 2, dtype=torch.int64)


def backbone(size=64, **kwargs):
    torch.manual_seed(0)
    spec = BackboneSpec(
        architecture="vit_tiny_patch16_224",
        embedding_dim=kwargs.get("embed_dim", 24),
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


@pytest.mark.parametrize("shape", [(1, 4), (4, 1), (3, 2)])
def test_the_rows_and_columns_of_a_crop_are_its_own(shape):
    """Of 1 x 4 patches there are as many as of 2 x 2."""
    model = backbone(depth=1)
    for layer in (model.vit.blocks[0].attn.proj, model.vit.blocks[0].mlp.fc2):
        torch.nn.init.zeros_(layer.weight)
    image, (rows, columns) = torch.randn(1, 1, 64, 64), shape
    whole = model(image, WHOLE[:1]).patches.reshape(4, 4, -1)
    crop = model(image[..., : 16 * rows, : 16 * columns], WHOLE[:1]).patches
    torch.testing.assert_close(crop.reshape(rows, columns, -1), whole[:rows, :columns])


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


def wave(a, b, phase=0.0, size=64):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return torch.cos(2 * np.pi * (a * y + b * x) / 16 + phase)[None, None]


def first_block(model, images):
    """Tokens after the first perceptron, with the attention before it switched off."""
    block = model.vit.blocks[0]
    torch.nn.init.zeros_(block.attn.proj.weight)
    tokens = model.vit.patch_embed(images)
    return tokens + block.mlp(block.norm2(tokens))


@pytest.mark.parametrize("mode", [(3, 0), (0, 3), (3, -2), (1, 4)])
def test_energy_start_tells_a_wave_and_not_its_phase(mode):
    model = backbone(depth=1, embed_dim=192, num_heads=3)
    energy_start(model)
    signed = model.vit.patch_embed(wave(*mode))[0, 0, :96].reshape(48, 2)
    strongest = int(signed.square().sum(1).argmax())
    strengths = [
        first_block(model, wave(*mode, phase))[..., 96:144]
        for phase in (0.0, 0.6, 1.5, 2.9)
    ]
    for strength in strengths:
        assert (strength.argmax(-1) == strongest).all()
        level = strength[..., strongest]
        assert level.std() < 0.02 * level.mean()
    levels = torch.stack([s[0, 0, strongest] for s in strengths])
    assert levels.max() < 1.5 * levels.min()


def test_energy_start_gives_different_channels_to_different_waves():
    model = backbone(depth=1, embed_dim=192, num_heads=3)
    energy_start(model)
    modes = [(3, 0), (0, 3), (3, -2), (-2, 3), (1, 4), (5, 1)]
    found = {
        int(first_block(model, wave(*mode))[0, 0, 96:144].argmax()) for mode in modes
    }
    assert len(found) == len(modes)


def test_energy_start_fits_narrow_and_wide_networks():
    for width in (24, 384):
        model = backbone(depth=1, embed_dim=width, num_heads=2)
        energy_start(model)
        kernels = model.vit.patch_embed.proj.weight[:, 0].flatten(1).norm(dim=1)
        filled = 2 * min(width // 4, 113)
        expected = torch.ones(width)
        expected[1], expected[filled:] = 0, 0  # the sine of the constant mode; the rest
        torch.testing.assert_close(kernels, expected)


def test_energy_start_refuses_blocks_that_damp_what_they_write():
    with pytest.raises(TrainingError, match="LayerScale"):
        energy_start(backbone(init_values=1e-5))
