"""Process one product: what a worker runs. One pass over the pixels gives every output."""

import json
import time
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar import ops
from xoceansar.conventions import VARIABLES, VIGNETTE, Quality, annotate
from xoceansar.errors import OceansarWarning
from xoceansar.io.safe.wave_mode import open_wave_mode
from xoceansar.layout.images import centre_incidence
from xoceansar.models.bundle.library import warn_if_simulated
from xoceansar.models.spec import ModelHandle
from xoceansar.ops.embedding import observe
from xoceansar.ops.head_inputs import block_variables
from xoceansar.ops.joint_outputs import embed_and_icebergs
from xoceansar.processing.product_listing import Unit
from xoceansar.processing.settings import COMPLEX_OUTPUTS, Output, Settings

#: How the names of variables of an output begin.
_BEGINS: Final[dict[Output, tuple[str, ...]]] = {
    "embedding": ("embedding_vector",),
    "swh": ("swh",),
    "wind": ("wind_",),
    "class": ("ocean_class", "class_probability"),
    "icebergs": ("iceberg_",),
    "quality": ("quality", "ood_score", "no_data_fraction", "below_noise_fraction"),
    "texture": (
        "texture_power",
        "texture_percentile",
        "texture_mean",
        "texture_spread",
        "texture_gradient",
        "texture_valid_fraction",
    ),
    "spectra": (
        "cross_spectrum_",
        "look_variance",
        "periodograms",
        "masked_fraction",
        "noise_share",
    ),
    "cutoff": ("azimuth_cutoff",),
    "cwave": ("cwave",),
    "statistics": (
        "normalised_variance",
        "sigma0_skewness",
        "sigma0_kurtosis",
        "modulation_variance",
    ),
    "swell": ("swell_",),
    "doppler": ("doppler_anomaly", "radial_velocity"),
    "level": ("sigma0_mean", "valid_fraction"),
    "sigma0": ("sigma0",),
}
#: Outputs for which the network runs.
_OF_BACKBONE: Final = frozenset({"embedding", "swh", "wind", "class", "icebergs"})
#: How warnings end whose vignettes are rows in a Dataset.
_SAID: Final = " Its rows are missing and its quality says 'unreadable'."
#: Vignettes that are in memory at once.
_CHUNK: Final = 8


@dataclass(frozen=True)
class Task:
    """What a worker needs beside the product."""

    settings: Settings
    handle: ModelHandle | None
    #: From `xoceansar.io.remote.encode_options`.
    options: str
    #: Whether pixels are held to their checksums.
    verify: bool = True


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a product."""

    unit: Unit
    #: Its results in memory, along ``vignette``; None where there are none.
    rows: xr.Dataset | None
    #: Why it could not be processed; empty where it could.
    failure: str = ""
    #: Warnings on the way.
    notes: tuple[str, ...] = ()
    #: Time of the worker, by the clock and of its processor.
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def process_unit(unit: Unit, task: Task) -> Outcome:
    """Process a product.

    Notes
    -----
    Holds eight vignettes of pixels at a time, whatever the size of the product.
    """
    start, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        if task.handle is not None:
            warn_if_simulated(task.handle)  # the caller has been told
        caught.clear()
        warnings.simplefilter("always", OceansarWarning)
        lazy = results(_opened(unit, task), task)
        # the worker is one of many: its own thread is all that it takes
        rows = lazy.compute(scheduler="synchronous") if lazy is not None else None
    failure = ""
    if unit.product is not None and rows is not None:
        rows, failure = _readable(rows, [str(w.message) for w in caught])
    notes = [str(w.message) for w in caught if issubclass(w.category, OceansarWarning)]
    return Outcome(
        unit,
        rows,
        failure=failure,
        notes=tuple(dict.fromkeys(notes)),
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
    )


def _readable(rows: xr.Dataset, said: list[str]) -> tuple[xr.Dataset | None, str]:
    """Leave out vignettes that did not come: an archive that has them would not ask for them again."""
    lost = (rows["quality"].values.astype(int) & Quality.UNREADABLE) > 0
    if not lost.any():
        return rows, ""
    first = next((text for text in said if "'unreadable'" in text), "")
    reason = (
        f"{int(lost.sum())} of {lost.size} vignettes could not be read and are left out: "
        f"{first.removesuffix(_SAID)}"
    )
    kept = np.flatnonzero(~lost)
    return (rows.isel({VIGNETTE: kept}) if kept.size else None), reason


def _opened(unit: Unit, task: Task) -> xr.Dataset:
    settings = task.settings
    return open_wave_mode(
        unit.path if unit.product is None else unit.product,
        reader=settings.reader,
        spacing=settings.spacing,
        shape=settings.shape,
        beam=settings.beam,
        chunks=_CHUNK,
        uncalibrated=settings.uncalibrated,
        complex=not COMPLEX_OUTPUTS.isdisjoint(settings.outputs),
        verify=task.verify,
        storage_options=json.loads(task.options),
    )


def results(ds: xr.Dataset, task: Task) -> xr.Dataset | None:
    """Build the outputs of vignettes."""
    if not ds.sizes[VIGNETTE]:
        return None
    settings = task.settings
    made: dict[str, xr.DataArray] = {}
    if task.handle is not None:
        made = _model_outputs(ds, task.handle, settings)
    for described in _descriptions(ds, settings.outputs):
        made |= {str(name): value for name, value in described.data_vars.items()}
    found = {str(name): value for name, value in ds.data_vars.items()} | made
    keep_pixels = "sigma0" in settings.outputs
    coords = dict(ds.coords)
    incidence = centre_incidence(ds["sigma0"])
    if not keep_pixels and incidence is not None:
        coords["incidence"] = annotate(incidence, "incidence")
    for value in found.values():
        for name, coord in value.coords.items():
            coords.setdefault(name, coord)
    wanted = tuple(start for output in settings.outputs for start in _BEGINS[output])
    values = {
        name: value.drop_vars(list(value.coords))
        for name, value in found.items()
        if name.startswith(wanted)
    }
    if keep_pixels:
        values["sigma0"] = values["sigma0"].astype(np.float16)
    return xr.Dataset(values, coords, _attrs(ds, made))


def _descriptions(ds: xr.Dataset, outputs: Collection[Output]) -> Iterator[xr.Dataset]:
    """Give what needs no model; the spectra are measured once."""
    if "texture" in outputs:
        yield ops.texture(ds)
    if "statistics" in outputs:
        yield ops.image_statistics(ds)
    if "doppler" in outputs:
        yield ops.radial_velocity(ds)
    if {"spectra", "cutoff", "cwave", "swell"}.isdisjoint(outputs):
        return
    measured = ops.spectra(ds, grid="esa")
    if "spectra" in outputs:
        yield measured
    if "cutoff" in outputs:
        yield ops.cutoff(measured)
    if "cwave" in outputs:
        yield ops.cwave(measured)
    if "swell" in outputs:
        yield ops.swell(measured)


def odd_columns(names: Iterable[str], settings: Settings) -> str:
    """Say in what the variables of an archive are not those that its settings give."""
    there = list(names)
    wanted = tuple(start for output in settings.outputs for start in _BEGINS[output])
    odd = [
        name for name in there if name not in VARIABLES and not name.startswith(wanted)
    ]
    if odd:
        return f"has the variables {odd}, which 'process' does not give it"
    lacking = [
        output
        for output in settings.outputs
        if not any(name.startswith(_BEGINS[output]) for name in there)
    ]
    return f"has no variable of the outputs {lacking}" if lacking else ""


def _model_outputs(
    ds: xr.Dataset, handle: ModelHandle, settings: Settings
) -> dict[str, xr.DataArray]:
    """Embedding, heads on it and icebergs: the backbone runs once, or not at all for the level."""
    if _OF_BACKBONE.isdisjoint(settings.outputs):
        return {"observed": observe(ds, handle, "flag")}
    found = xr.Dataset()
    if "icebergs" in settings.outputs:
        vector, found = embed_and_icebergs(
            ds, model=handle, threshold=settings.threshold
        )
    else:
        vector = ops.embed(ds, model=handle)
    embedded = xr.Dataset({"embedding_vector": vector, "quality": ds["quality"]})
    embedded = embedded.assign(block_variables(ds, handle, handle.heads).data_vars)
    made = ops.retrieve(embedded, model=handle, confidence=settings.confidence)
    named = {
        str(name): value
        for name, value in (*made.data_vars.items(), *found.data_vars.items())
    }
    return {"embedding_vector": vector, **named}


def _attrs(ds: xr.Dataset, made: dict[str, Any]) -> dict[str, Any]:
    """Attributes of the archive; the history of a product is not that of all."""
    attrs = dict(ds.attrs)
    attrs.pop("history", None)
    for value in made.values():
        for name in ("model", "weights_sha256", "model_training"):
            if name in value.attrs:
                attrs.setdefault(name, value.attrs[name])
    return attrs
