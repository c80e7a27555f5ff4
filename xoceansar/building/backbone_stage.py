"""The backbone: none, one that there is, or one that is pretrained on the archive."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from xoceansar._optional import require
from xoceansar.building.archive_stage import BACKBONE, given_store, open_vignettes
from xoceansar.building.request import PRETRAIN, Request
from xoceansar.building.workspace import Facts, Workspace, digest_bundle
from xoceansar.errors import BundleError
from xoceansar.io.archive.zarr_archive import SETTINGS, open_archive
from xoceansar.models.bundle.conversion import convert_checkpoint
from xoceansar.models.bundle.library import load_model, write_bundle
from xoceansar.models.bundle.schema import read_provenance, write_config
from xoceansar.models.bundle.weight_files import read_checked, write_file
from xoceansar.models.networks.vit import build_network, network_weights
from xoceansar.models.spec import BackboneSpec, InputSpec, ModelHandle

#: Files of checkpoints of other libraries.
_CHECKPOINTS: Final = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
#: The network of a bundle whose heads take none: what a bundle must have, as small as it gets.
_NOTHING: Final = BackboneSpec(
    architecture="vit_tiny_patch16_224",
    kwargs={"depth": 1, "embed_dim": 24, "num_heads": 2},
    embedding_dim=24,
    pooling="mean",
)


def make_backbone(work: Workspace, folder: Path) -> Facts:
    """Write the bundle without heads that embeds the archive."""
    request, target = work.request, folder / "bundle"
    if request.backbone == PRETRAIN:
        handle = _pretrained(work, folder, target)
    elif not request.has_backbone:
        handle = _without_network(request, target)
    elif Path(request.backbone).suffix in _CHECKPOINTS:
        handle = _converted(request, target)
    else:
        handle = _bare(load_model(request.backbone), target)
    return {
        "name": handle.name,
        "weights_sha256": handle.weights_sha256,
        "simulated": handle.simulated,
        "used": request.has_backbone,
        "provenance": read_provenance(target),
        "digest": digest_bundle(target),
    }


def _without_network(request: Request, target: Path) -> ModelHandle:
    """Write what a bundle must have where no head takes an embedding: a network that never runs."""
    torch = require("torch", extra="models")
    size = min(_shape(request))
    size -= size % (_NOTHING.patch_size or 1)
    if not size:
        raise BundleError(
            f"images of 16 x 16 pixels or more are needed; got shape={request.shape}."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(_NOTHING, size)
    spec = InputSpec(
        scale="dB",
        size=size,
        centre="vignette",
        mean=None,
        std=None,
        spacing=request.spacing,
        polarisations=("VV", "HH"),
    )
    return write_bundle(
        target,
        name="no-backbone",
        backbone=_NOTHING,
        backbone_state=network_weights(network),
        input=spec,
        card="# No backbone\n\nAn untrained network that no head takes, and that never runs.\n",
    )


def _shape(request: Request) -> tuple[int, int]:
    """Return the pixels of the images: those of a store that says them, or those asked for."""
    store = given_store(request.inputs)
    if store is None:
        return request.shape
    ds = open_archive(store)
    if {"line", "sample"} <= set(ds.sizes):
        return ds.sizes["line"], ds.sizes["sample"]
    said = json.loads(ds.attrs.get(SETTINGS, "{}")).get("shape")
    return (int(said[0]), int(said[1])) if said else request.shape


def _converted(request: Request, target: Path) -> ModelHandle:
    """Convert a checkpoint of another library."""
    if not request.architecture:
        raise BundleError(
            f"{request.backbone} is a checkpoint, which does not say of which network. Give "
            "architecture='vit_small_patch16_224', or another name of timm, and pooling='cls'."
        )
    size = min(_shape(request))
    converted = convert_checkpoint(
        request.backbone,
        architecture=request.architecture,
        size=size - size % 16,
        pooling=request.pooling,
        resize_positions=True,
    )
    return write_bundle(
        target,
        name=Path(request.backbone).stem,
        backbone=converted.backbone,
        backbone_state=converted.state,
        input=InputSpec(
            scale="dB",
            size=size - size % 16,
            centre="vignette",
            mean=None,
            std=None,
            spacing=request.spacing,
        ),
        provenance={"converted": list(converted.changes)},
        card=f"# {Path(request.backbone).stem}\n\nConverted from a checkpoint.\n",
    )


def _bare(handle: ModelHandle, target: Path) -> ModelHandle:
    """Copy the backbone of a bundle, byte by byte, without its heads."""
    content = read_checked(
        Path(handle.path) / handle.backbone.file, handle.backbone.sha256
    )
    write_file(target / handle.backbone.file, content)
    (target / "README.md").write_text(handle.card, encoding="utf-8")
    bare = replace(handle, path=str(target), heads=(), detectors=())
    before = read_provenance(Path(handle.path))
    write_config(bare, {k: v for k, v in before.items() if k != "heads"})
    return bare


def _pretrained(work: Workspace, folder: Path, target: Path) -> ModelHandle:
    """Pretrain on the archive, or go on with a pretraining that was begun."""
    require("lightning_fabric", extra="train")
    from xoceansar.train.pretraining.config import parse_config
    from xoceansar.train.pretraining.entry import pretrain

    config = parse_config(dict(work.request.recipe))
    (folder / "recipe.toml").write_text(config.to_toml(), encoding="utf-8")
    run = pretrain(learned_from(work), config, folder / "run", resume=True)
    if run.bundle is None:
        raise BundleError(
            f"the pretraining in {folder / 'run'} made no bundle. Look at its log, and remove the "
            "folder to begin again."
        )
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run.bundle, target)
    return load_model(target)


def take_part(work: Workspace) -> None:
    """Pretrain beside the process that leads."""
    from xoceansar.train.pretraining.config import parse_config
    from xoceansar.train.pretraining.entry import pretrain

    config = parse_config(dict(work.request.recipe))
    pretrain(learned_from(work), config, work.path(BACKBONE) / "run", resume=True)


def learned_from(work: Workspace) -> Any:
    """Return the images that a backbone is pretrained on: none of what is scored."""
    import numpy as np

    from xoceansar.building.target_stage import PART, TEST_PARTS, open_targets

    part = open_targets(work)[PART].values
    return open_vignettes(work, images=True).isel(
        vignette=np.flatnonzero(~np.isin(part, TEST_PARTS))
    )


__all__ = ["BACKBONE", "learned_from", "make_backbone", "take_part"]
