"""Add a head to a bundle: a copy that is complete, so that the original stays what it was."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from xoceansar._paths import local_target
from xoceansar.errors import BundleError
from xoceansar.models.bundle.library import BUNDLES
from xoceansar.models.bundle.schema import write_config
from xoceansar.models.bundle.weight_files import read_checked, write_file
from xoceansar.models.heads.head import Head, check_backbone, save_head
from xoceansar.models.spec import ModelHandle, Simulated

__all__ = ["extend_bundle"]


def extend_bundle(
    folder: str | Path,
    handle: ModelHandle,
    head: Head,
    *,
    name: str,
    keep: Collection[str],
    simulated: Simulated,
    provenance: Mapping[str, Any],
    card: str,
) -> ModelHandle:
    """Write a bundle with the backbone of another, some of its heads, and one more.

    Notes
    -----
    Files are copied byte by byte, so that the backbone keeps its SHA-256 and embeddings that were
    made with it stay valid.
    """
    target, source = local_target(folder, "a bundle").resolve(), Path(handle.path)
    if target.is_relative_to(BUNDLES):
        raise BundleError(
            f"{target} is a bundle of the package, which the next installation would replace. "
            "Write to a folder of your own."
        )
    check_backbone(head.spec, handle.backbone)
    own = head.spec.name
    kept = {
        spec.name: spec
        for spec in handle.heads
        if spec.name in keep and spec.name != own
    }
    detectors = tuple(spec for spec in handle.detectors if spec.name in keep)
    files = {handle.backbone.file: handle.backbone.sha256}
    files |= {spec.file: spec.sha256 for spec in kept.values()}
    files |= {spec.file: spec.sha256 for spec in detectors}
    for file, sha256 in files.items():
        content = read_checked(source / file, sha256)
        if target != source:
            write_file(target / file, content)
    saved = {**kept, own: save_head(head, target)}
    order = dict.fromkeys([*(spec.name for spec in handle.heads), own])
    written = ModelHandle(
        name=name,
        path=str(target),
        backbone=handle.backbone,
        input=handle.input,
        heads=tuple(saved[name] for name in order if name in saved),
        detectors=detectors,
        simulated=simulated,
        device=handle.device,
        precision=handle.precision,
    )
    (target / "README.md").write_text(card, encoding="utf-8")
    write_config(written, provenance)
    return written
