"""Pretrain a backbone without labels: DINO, iBOT and KoLeo on vignettes that are re-curated.

Everything that a run leaves is in its folder: ``config.json``, ``checkpoints``, ``log`` (one CSV
file for each start, by Lightning's logger), ``log.txt`` (the same for a person), ``curation.jsonl``
and, at the end, ``bundle``.
"""

import json
from pathlib import Path
from typing import Any, Final

import torch
import xarray as xr

from xoceansar._paths import local_target
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.attributes import is_simulated
from xoceansar.errors import TrainingError
from xoceansar.layout.image_identity import digest_sample
from xoceansar.layout.images import find_images
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.train.pretraining.checkpoint_files import load_checkpoint
from xoceansar.train.pretraining.config import PretrainConfig
from xoceansar.train.pretraining.launch import launch
from xoceansar.train.pretraining.loop import Training
from xoceansar.train.pretraining.run_folder import Run

#: Parts of a configuration that may differ when a run goes on.
_FREE_TO_CHANGE: Final = ("watch",)


@plain_torch(gradients=True)
def pretrain(
    ds: xr.Dataset,
    config: PretrainConfig,
    folder: str | Path,
    *,
    probe: xr.Dataset | None = None,
    resume: bool = False,
) -> Run:
    """Pretrain a backbone on vignettes, without labels.

    Parameters
    ----------
    ds : Dataset
        Vignettes with ``sigma0`` or ``sigma0_db`` (vignette, line, sample) and ``incidence``: from
        `open_wave_mode`, a Zarr archive or `simulate.vignettes`; read chunk by chunk.
    config : PretrainConfig
        The recipe: `load_config` reads one.
    folder : str or Path
        Where the run is kept; made if it does not exist.
    probe : Dataset, optional
        Labelled vignettes (any of ``ocean_class``, ``swh``, ``wind_speed``), of products that are
        not in `ds`: every ``watch.probe_every`` steps nearest neighbours of other products are
        scored. Never learned from.
    resume : bool
        Whether to go on from the newest checkpoint of the folder; from the beginning where there
        is none.

    Returns
    -------
    Run
        ``run.bundle`` is a model bundle without heads.

    Raises
    ------
    TrainingError
        If the folder has a run and `resume` is false; there are fewer usable vignettes than a
        batch; the checkpoint belongs to another configuration or to other vignettes; or ``optimisation.max_bad_steps``
        steps in a row were not finite.

    Notes
    -----
    Minimises ``w_dino DINO + w_ibot iBOT + w_koleo KoLeo`` of a student against its moving average.
    On a CPU, N steps equal k steps, a resume and N - k steps, to the bit. Vignettes that cannot be
    used are skipped and counted. Under ``torchrun`` each process takes its share of every batch;
    what a vignette's views are does not depend on the number of processes.

    References
    ----------
    Oquab et al. (2023), https://doi.org/10.48550/arXiv.2304.07193.
    OceanSAR-2 (2026), https://doi.org/10.48550/arXiv.2601.07392.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(64, seed=1)  # doctest: +SKIP
    >>> run = xos.train.pretrain(
    ...     sea, xos.train.load_config("two-cores"), "run"
    ... )  # doctest: +SKIP
    >>> vectors = sea.oceansar.embed(run.bundle)  # doctest: +SKIP
    """
    path = local_target(folder, "a run")
    state = _begin(path, config, resume)
    identity = digest_sample(*find_images(ds))
    if state is not None and state.get("data", identity) != identity:
        raise TrainingError(
            f"the run in {path} was made with other vignettes than these {ds.sizes[VIGNETTE]}. Go on "
            "with those, in the same order, or choose another folder."
        )
    fabric = launch(config)
    with torch.random.fork_rng():
        training = Training(fabric, ds, config, path, probe, identity)
        if state is not None:
            training.load(state)
        return training.run(simulated=is_simulated(ds.attrs))


def _begin(folder: Path, config: PretrainConfig, resume: bool) -> dict[str, Any] | None:
    """Return the state to go on from, None for a fresh start; write the configuration."""
    state = load_checkpoint(folder / "checkpoints")
    if state is not None and not resume:
        raise TrainingError(
            f"{folder} holds a run of {state['step']} steps. Go on with resume=True, or "
            "choose another folder."
        )
    now = config.to_dict()
    if state is not None:
        other = _differences(state["config"], now)
        if other:
            raise TrainingError(
                f"the run in {folder} was made with another configuration: {', '.join(other)}. Use "
                "that one to go on, or another folder."
            )
        return state
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(now, indent=1) + "\n")
    return None


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say what differs, as ``table.key was X and is Y``."""
    one, two = _flat(before), _flat(now)
    return [
        f"{key} was {one.get(key)!r} and is {two.get(key)!r}"
        for key in sorted(one.keys() | two.keys())
        if key.split(".")[0] not in _FREE_TO_CHANGE and one.get(key) != two.get(key)
    ]


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        inside = value if isinstance(value, dict) else {"": value}
        flat |= {f"{name}.{key}".rstrip("."): item for key, item in inside.items()}
    return flat
