"""The first stages: what is known of each vignette, its physical parameters and its embedding."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._progress import computing
from xoceansar.building.request import PRETRAIN
from xoceansar.building.workspace import Facts, Workspace, digest_values
from xoceansar.conventions import LINE, SAMPLE, VIGNETTE, annotate
from xoceansar.conventions.attributes import attribute_text, is_simulated
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, ProductError
from xoceansar.io.archive.zarr_archive import (
    SETTINGS,
    is_archive,
    open_archive,
    to_zarr,
)
from xoceansar.io.remote import encode_options
from xoceansar.io.safe.product import expand
from xoceansar.io.safe.product_names import parse_ocn_file, parse_product
from xoceansar.layout.images import centre_incidence, find_embedding
from xoceansar.models.bundle.library import load_model
from xoceansar.models.spec import ModelHandle
from xoceansar.ops.embedding import embed, observe
from xoceansar.ops.feature_blocks import FEATURE_BLOCKS, measured_block
from xoceansar.ops.quality_flags import quality
from xoceansar.processing.run import ProcessReport, process
from xoceansar.splits.orbit_passes import orbit_pass

ARCHIVE: Final = "archive"
EMBEDDING: Final = "embedding"
BACKBONE: Final = "backbone"
_IMAGES: Final = frozenset({"sigma0", "sigma0_db"})
#: Vignettes of a store whose images are in memory at once.
_CHUNK: Final = 8


def make_archive(work: Workspace, folder: Path) -> Facts:
    """Make the archive of the products, or take a store of vignettes for it."""
    request = work.request
    store = given_store(request.inputs)
    # where the backbone is yet to be pretrained, its embeddings are a stage of their own
    handle = None if request.backbone == PRETRAIN else backbone_of(work)
    if store is not None:
        return _of_store(work, store, folder, handle)
    outputs = [*request.features]
    if request.images or request.backbone == PRETRAIN:
        outputs.append("sigma0")
    if handle is not None:
        outputs.append("embedding" if request.has_backbone else "level")
    return _processed(work, folder / "vignettes.zarr", outputs, handle)


def make_embedding(work: Workspace, folder: Path) -> Facts:
    """Embed the vignettes by the backbone that was pretrained on them."""
    handle = backbone_of(work)
    store = given_store(work.request.inputs)
    if store is not None:
        return _of_store(work, store, folder, handle)
    return _processed(work, folder / "vignettes.zarr", ["embedding"], handle)


def backbone_of(work: Workspace) -> ModelHandle:
    """Return the bundle without heads whose backbone is used."""
    return load_model(work.path(BACKBONE) / "bundle")


def given_store(inputs: Iterable[str]) -> str | None:
    """Return the store of vignettes that the inputs are; None where they are products."""
    paths = list(inputs)
    stores = [p for p in paths if not parse_product(Path(p).name) and is_archive(p)]
    if not stores:
        return None
    if len(paths) > 1:
        raise ProductError(
            f"one store of vignettes is taken, or products; got {stores[0]} and "
            f"{len(paths) - 1} more. Give one, or the products."
        )
    return stores[0]


def products_of(inputs: Iterable[str], kind: str, options: str = "{}") -> list[str]:
    """Return the inputs that are, or may hold, products of a kind: SLC or OCN."""
    found = []
    for path in expand(inputs, options):
        named = parse_product(Path(path).name)
        its = "OCN" if parse_ocn_file(path) else None if named is None else named.kind
        if its in (None, kind):
            found.append(path)
    if not found:
        raise ProductError(
            f"no {kind} product is among the {len(list(inputs))} inputs. Give one, or a folder of them."
        )
    return found


def _processed(
    work: Workspace, target: Path, outputs: list[str], handle: ModelHandle | None
) -> Facts:
    request, how = work.request, work.execution
    report = process(
        products_of(request.inputs, "SLC", encode_options(how.storage_options)),
        target,
        store="zarr",
        outputs=outputs,
        model=handle,
        beam=request.beam,
        spacing=request.spacing,
        shape=request.shape,
        scheduler=how.scheduler,
        workers=how.workers,
        retry_failed=how.retry_failed,
        storage_options=how.storage_options,
        progress=how.progress,
    )
    _refuse_nothing(report)
    ds = open_archive(target)
    return {
        **_about(ds),
        "store": target.name,
        "products": report.processed + report.skipped - len(report.failed),
        "failed": [[record.product, record.failure] for record in report.failed],
        "duplicates": report.duplicates,
        "repeated": report.repeated,
        "digest": _digest(ds, attribute_text(ds.attrs, SETTINGS) or ""),
    }


def _refuse_nothing(report: ProcessReport) -> None:
    done = report.processed + report.skipped
    if done > len(report.failed):
        return
    reasons = Counter(record.failure for record in report.failed).most_common(3)
    raise ProductError(
        f"none of the {done} products could be processed: "
        f"{'; '.join(f'{n} x {reason}' for reason, n in reasons)}. Mend what it says, and run again "
        "with retry_failed=True."
    )


def _of_store(
    work: Workspace, store: str, folder: Path, handle: ModelHandle | None
) -> Facts:
    """Take a store as it is where it has all that is needed, or measure it in its images."""
    ds = open_archive(store)
    if VIGNETTE not in ds.dims or "vignette_id" not in ds.variables:
        raise MissingVariableError(
            f"{store} has no 'vignette_id' along 'vignette', by which a truth is matched. Give products, "
            "or a store that xoceansar.process or xoceansar.to_zarr made of them."
        )
    ds = ds.set_coords([n for n in _PLACES if n in ds])
    absent = _absent(ds, work, handle)
    where = store
    if absent:
        if _IMAGES.isdisjoint(ds):
            raise MissingVariableError(
                f"{store} lacks {absent} and has no images to measure them in. Process the products "
                f"again with outputs={absent}, or build from the products."
            )
        target = folder / "vignettes.zarr"
        with computing("measuring vignettes"):
            to_zarr(_measured(ds, work, handle), target, overwrite=target.exists())
        where, ds = target.name, open_archive(target)
    about = {
        "features": list(work.request.features),
        "weights": "" if handle is None else handle.weights_sha256,
    }
    return {
        **_about(ds),
        "store": where,
        "products": len(np.unique(text_values(ds["product"])))
        if "product" in ds
        else 0,
        "failed": [],
        "digest": _digest(ds, repr(about)),
    }


#: Coordinates of vignettes that a store may have as variables.
_PLACES: Final = (
    "vignette_id", "product", "time", "longitude", "latitude", "beam", "platform",
    "polarisation", "ipf_version", "incidence", "sigma0_mean", "ground_heading",
)  # fmt: skip


def _absent(ds: xr.Dataset, work: Workspace, handle: ModelHandle | None) -> list[str]:
    """Name what heads take and a store does not have."""
    blocks = {name: FEATURE_BLOCKS[name].variables for name in work.request.features}
    absent = [
        name for name, variables in blocks.items() if not set(variables) <= set(ds)
    ]
    if handle is None:
        return absent
    if "sigma0_mean" not in ds.coords:
        absent.append("level")
    if work.request.has_backbone:
        vector = find_embedding(ds)
        made_by = None if vector is None else vector.attrs.get("weights_sha256")
        if made_by != handle.weights_sha256:
            absent.append("embedding")
    return absent


def _measured(
    ds: xr.Dataset, work: Workspace, handle: ModelHandle | None
) -> xr.Dataset:
    """Measure physical parameters and embed, chunk by chunk."""
    ds = ds.chunk({VIGNETTE: _CHUNK, LINE: -1, SAMPLE: -1})
    made: dict[str, Any] = {}
    for name in work.request.features:
        block = measured_block(ds, name, "the archive")
        made |= {str(n): v for n, v in block.data_vars.items()}
    coords = {n: c for n, c in ds.coords.items() if not {LINE, SAMPLE} & set(c.dims)}
    if handle is not None:
        with_network = work.request.has_backbone
        vector = embed(ds, handle) if with_network else observe(ds, handle, "flag")
        coords |= dict(vector.coords)
        if with_network:
            made["embedding_vector"] = vector
    made["quality"] = ds["quality"] if "quality" in ds else quality(ds)
    kept = {n: v.reset_coords(drop=True) for n, v in made.items()}
    labels = {d: c for v in made.values() for d, c in v.coords.items() if d in v.dims}
    return xr.Dataset(kept, {**labels, **coords}, ds.attrs)


def open_vignettes(work: Workspace, *, images: bool = False) -> xr.Dataset:
    """Open the vignettes with all that heads take; lazy."""
    ds = _opened(work, ARCHIVE)
    found = work.facts(EMBEDDING)
    if found is not None and work.request.backbone == PRETRAIN:
        embedded = _opened(work, EMBEDDING)
        ids = text_values(ds["vignette_id"])
        if not np.array_equal(ids, text_values(embedded["vignette_id"])):
            raise ProductError(
                f"{work.path(EMBEDDING)} has other vignettes than {work.path(ARCHIVE)}: a product "
                "could be read for one and not for the other. Make both again: rerun='archive'."
            )
        more = {n: c for n, c in embedded.coords.items() if n not in ds.coords}
        ds = ds.assign_coords(more).assign(
            embedding_vector=embedded["embedding_vector"]
        )
    return _with_images(ds, work) if images else without_pixels(ds)


def _with_images(ds: xr.Dataset, work: Workspace) -> xr.Dataset:
    """Add the images of the store that was given, where the archive has what was measured in them."""
    store = given_store(work.request.inputs)
    if store is None or not _IMAGES.isdisjoint(ds):
        return ds
    theirs = open_archive(store)
    found = [str(name) for name in theirs.data_vars if name in _IMAGES]
    return ds.assign({name: theirs[name].reset_coords(drop=True) for name in found})


def without_pixels(ds: xr.Dataset) -> xr.Dataset:
    """Leave out what lies along the image, but for the incidence in its middle, so that heads take what was measured."""
    if "sigma0" in ds:
        incidence = centre_incidence(ds["sigma0"])
        if incidence is not None:
            ds = ds.assign_coords(incidence=annotate(incidence, "incidence"))
    across = [n for n, v in ds.variables.items() if {LINE, SAMPLE} & set(v.dims)]
    return ds.drop_vars(across)


def _opened(work: Workspace, stage: str) -> xr.Dataset:
    store = str(work.found(stage)["store"])
    own = work.path(stage) / store
    ds = open_archive(own if own.exists() else store)
    return ds.set_coords([n for n in _PLACES if n in ds.data_vars])


def _digest(ds: xr.Dataset, settings: str) -> str:
    ids = text_values(ds["vignette_id"]).tolist() if VIGNETTE in ds.dims else []
    return digest_values({"ids": ids, "settings": settings})


def _about(ds: xr.Dataset) -> Facts:
    """Say what the vignettes are."""
    if VIGNETTE not in ds.dims or not ds.sizes[VIGNETTE]:
        raise ProductError(
            "the products have no vignette that could be kept. Look at 'failed' with: xoceansar "
            "process --status, and at beam=..."
        )
    counts = {
        name: dict(sorted(Counter(_texts(ds, name)).items()))
        for name in ("platform", "beam", "polarisation", "ipf_version")
        if name in ds.coords
    }
    times = np.asarray(ds["time"].values, "datetime64[s]") if "time" in ds else None
    known = times[~np.isnat(times)] if times is not None else []
    return {
        "vignettes": ds.sizes[VIGNETTE],
        "passes": len(np.unique(orbit_pass(ds))),
        "counts": counts,
        "period": [str(min(known)), str(max(known))] if len(known) else [],
        "simulated": is_simulated(ds.attrs),
        "source": attribute_text(ds.attrs, "source") or "",
    }


def _texts(ds: xr.Dataset, name: str) -> list[str]:
    values = np.broadcast_to(text_values(ds[name]), (ds.sizes[VIGNETTE],))
    return [str(v) for v in values.tolist()]
