"""The same images as calibrated sigma0, as digital numbers and as a quick-look."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.evaluate.diagnosis import collapsed_embedding
from xoceansar.evaluate.experiments.common import (
    about,
    compare,
    first_notes,
    open_store,
    output_signs,
)
from xoceansar.evaluate.experiments.computed_rows import (
    Given,
    Precomputed,
    embedded,
    known_tasks,
    numbered,
    out_of_pass,
    own_outputs,
)
from xoceansar.evaluate.experiments.experiment_result import (
    ExperimentResult,
    paired_gain,
    summary,
)
from xoceansar.evaluate.linear_probes import Probe
from xoceansar.ops.embedding import Model, as_handle
from xoceansar.splits.orbit_passes import orbit_pass

QUESTION: Final = (
    "What is calibration worth: the same vignettes as sigma0, as digital numbers whose gain is not "
    "known, and as an 8-bit quick-look, each with probes of its own?"
)
SIGMA0, DN, QUICK = "sigma0", "digital numbers", "quick-look"
#: Spread in dB of the gain of uncalibrated products, from pass to pass and beam to beam.
GAIN_SPREAD: Final = 2.0
_PROBES: Final = ("linear", "knn")
#: Percentiles that a quick-look is stretched between.
_STRETCH: Final = (1.0, 99.0)


def digital_numbers(
    ds: xr.Dataset, *, spread: float = GAIN_SPREAD, seed: int = 0
) -> xr.DataArray:
    """Undo the calibration: the amplitude that a product holds, up to one constant for all.

    Notes
    -----
    The calibration amplitude A of a product depends on its beam, its processor and its gain
    setting, and a reader of digital numbers does not know it. In the metadata of ten Sentinel-1
    products ``20 log10 A`` is 41 to 66 dB over all modes, 0.5 to 0.7 dB apart between the
    sub-swaths of one product, and varies by 0.7 dB (Stripmap) to 3.5 dB (EW) within an image. The
    spread of 2 dB between passes is assumed. Dividing by a constant changes nothing for a network
    that is normalised on its data, and keeps the numbers near those of sigma0.
    """
    raw = ds["sigma0"] + ds["nesz"] if "nesz" in ds else ds["sigma0"]
    beams = text_values(ds["beam"]) if "beam" in ds else ""
    keys = np.char.add(np.char.add(orbit_pass(ds), " "), beams)
    names, index = np.unique(keys, return_inverse=True)
    gain = np.random.default_rng(seed).normal(0.0, spread, len(names))[index]
    factor = xr.DataArray((10 ** (gain / 20)).astype(np.float32), dims=VIGNETTE)
    # of a DataArray, so lazily
    amplitude: xr.DataArray = raw.clip(min=0) ** 0.5 * factor
    return amplitude.assign_attrs(units="1")


def quick_look(ds: xr.Dataset) -> xr.DataArray:
    """Make 8-bit pictures, each stretched on its own."""
    raw = ds["sigma0"] + ds["nesz"] if "nesz" in ds else ds["sigma0"]
    out: xr.DataArray = xr.apply_ufunc(
        _stretch,
        raw,
        input_core_dims=[[LINE, SAMPLE]],
        output_core_dims=[[LINE, SAMPLE]],
        dask="parallelized",
        output_dtypes=[np.float32],
    )
    return out.assign_attrs(units="1")


def _stretch(raw: Array) -> npt.NDArray[np.float32]:
    """Stretch a block; a module-level name for Dask to call."""
    amplitude = np.sqrt(np.maximum(raw, 0))
    low, high = np.nanpercentile(amplitude, _STRETCH, axis=(-2, -1), keepdims=True)
    scaled = (amplitude - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    grey = np.clip(np.round(255 * scaled), 0, 255) / 255
    return np.asarray(grey, dtype=np.float32)


def dn(
    ds: xr.Dataset,
    model: Model = None,
    *,
    spread: float = GAIN_SPREAD,
    limit: int | None = None,
    draws: int = 500,
    seed: int = 0,
    cache: str | Path | None = None,
) -> ExperimentResult:
    """Compare probes on the same images, calibrated and not.

    Notes
    -----
    The backbone stays the one that was trained on sigma0: this measures what is lost in the
    input, not what a backbone trained on digital numbers would have learned.
    """
    some, handle, store = numbered(ds, limit), as_handle(model), open_store(cache)
    tasks = known_tasks(some)
    images = {
        SIGMA0: some["sigma0"],
        DN: digital_numbers(some, spread=spread, seed=seed),
        QUICK: quick_look(some),
    }
    given, signs, own = [], [], []
    for name, image in images.items():
        seen = some.assign(sigma0=image)
        matrix = embedded(seen, handle, store)
        signs.append(collapsed_embedding(matrix[:, :-1], model=name))
        for kind in _PROBES:
            probe = Probe(Precomputed(name, matrix, with_level=True), kind)
            found = {
                t.name: out_of_pass(probe, some, t, store, seed=seed) for t in tasks
            }
            given.append(Given(f"{name}, {kind} probe", found, handle))
        outputs = own_outputs(seen, handle, tasks, store)
        if len(outputs) == len(tasks):
            own.append(Given(f"{name}, own heads", outputs, handle))
    parts = compare(some, tasks, [*given, *own], draws=draws, seed=seed)
    signs += output_signs(parts, [g.name for g in own], "output")
    answer = []
    for part in parts.values():
        metric = part.task.metrics[0]
        for other in (DN, QUICK):
            pair = [f"{name}, linear probe" for name in (SIGMA0, other)]
            gain = paired_gain(part, *pair, draws=draws, seed=seed)
            units = "" if metric.units == "1" else f" {metric.units}"
            answer.append(
                f"{part.task.name}: calibration is worth {gain.value:+.2g}{units} of "
                f"{metric.label} over {other} [{gain.lower:+.2g}, {gain.upper:+.2g}], linear "
                "probes."
            )
    notes = first_notes(some, handle)
    notes.append(
        f"Gains of the digital numbers spread {spread:g} dB between passes and beams (assumed)."
    )
    if "nesz" not in some:
        notes.append("No nesz: the digital numbers have no noise but the speckle.")
    return ExperimentResult(
        name="dn",
        question=QUESTION,
        table=summary(parts),
        answer=tuple(answer),
        signs=tuple(signs),
        notes=tuple(notes),
        metadata=about(some, handle, seed, draws=draws, spread_db=spread),
        parts=parts,
    )
