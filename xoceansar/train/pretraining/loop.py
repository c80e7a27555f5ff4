"""The loop of a pretraining: batches in, steps, log and checkpoints, a bundle out."""

import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from lightning_fabric import Fabric

from xoceansar._progress import is_watched
from xoceansar.conventions import CLASS_FILL, OCEAN_CLASSES
from xoceansar.conventions.flags import class_indices, class_table
from xoceansar.errors import TrainingError
from xoceansar.models.bundle.library import write_bundle
from xoceansar.models.networks.vit import network_weights
from xoceansar.train.curation.subset import curate
from xoceansar.train.data.loader import Loader, Share
from xoceansar.train.data.vignette_dataset import VignetteDataset
from xoceansar.train.pretraining.checkpoint_files import save_checkpoint
from xoceansar.train.pretraining.config import PretrainConfig
from xoceansar.train.pretraining.launch import gather
from xoceansar.train.pretraining.learner import Learner, backbone_spec
from xoceansar.train.pretraining.probe import Probe, embed_rows
from xoceansar.train.pretraining.run_folder import Run
from xoceansar.train.pretraining.step import draw_batch
from xoceansar.train.pretraining.training_log import TrainingLog, steps_bar

Rows = npt.NDArray[np.int64]

#: What is counted over a run, resumes included.
_COUNTED: Final = ("images", "replaced", "empty_crops", "skipped_steps")
_CARD: Final = """# {name}

A backbone pretrained without labels by xoceansar.train.pretraining.entry: {steps} steps, {images} images.
It has no heads yet. The configuration is in config.json, under provenance.
"""


class Training:
    """One process of a run.

    Checkpoints keep the `identity` of the vignettes.
    """

    def __init__(
        self,
        fabric: Fabric,
        ds: xr.Dataset,
        config: PretrainConfig,
        folder: Path,
        probe: xr.Dataset | None,
        identity: str,
    ) -> None:
        self.fabric, self.config, self.folder = fabric, config, folder
        self._identity = identity
        dataset = VignetteDataset(
            ds,
            config.input.spec(),
            min_valid_fraction=config.data.min_valid_fraction,
            exclude=config.data.exclude,
            cache_bytes=int(config.data.cache_gib * 2**30),
        )
        self.loader = Loader(
            dataset,
            batch=config.optimisation.batch,
            seed=config.seed,
            rank=fabric.global_rank,
            world=fabric.world_size,
            choose=self._choose,
        )
        self.labels, self.class_names = _classes(ds)
        self.learner = Learner(config, fabric)
        self.probe = None if probe is None else Probe(probe, config)
        self.log = TrainingLog(
            folder,
            warmup=config.optimisation.warmup_steps,
            writes=fabric.is_global_zero,
        )
        self.step = 0
        self.counters = dict.fromkeys(_COUNTED, 0)
        self._bad_in_a_row = 0

    # ------------------------------------------------------------------ data

    def _choose(self, epoch: int, last: Rows | None) -> Rows:
        """Choose the rows of an epoch; by curation where it is due."""
        cure = self.config.curation
        bad = np.unique(np.concatenate(gather(self.fabric, self.loader.dataset.bad)))
        whole = np.setdiff1d(self.loader.dataset.rows, bad)
        current = whole if last is None else np.setdiff1d(last, bad)
        since = epoch - cure.warmup_epochs
        if not cure.enabled or since < 0 or since % cure.every_epochs:
            return current
        return self._curated(epoch, whole if cure.source == "pool" else current)

    def _curated(self, epoch: int, candidates: Rows) -> Rows:
        """Embed the candidates with the teacher and keep a balanced part of them."""
        cure = self.config.curation
        start = time.perf_counter()
        rank, world = self.fabric.global_rank, self.fabric.world_size
        own = candidates[rank::world]
        features, kept = embed_rows(
            self.loader.dataset,
            own,
            self.learner,
            pooling=self.config.backbone.summary,
            size=cure.size,
        )
        rows = np.concatenate(gather(self.fabric, kept))
        matrix = np.concatenate(gather(self.fabric, features))
        order = np.argsort(rows)
        rows, matrix = rows[order], matrix[order]
        selection = curate(
            matrix,
            fraction=cure.fraction,
            levels=cure.levels,
            preference=cure.preference,
            subsample=cure.subsample,
            seed=int(
                np.random.SeedSequence([self.config.seed, epoch]).generate_state(1)[0]
            ),
            labels=None if self.labels is None else self.labels[rows],
            class_names=self.class_names,
        )
        if self.fabric.is_global_zero:
            record = {
                "epoch": epoch,
                "step": self.step,
                "seconds": round(time.perf_counter() - start, 1),
                **selection.report.summary(),
            }
            with (self.folder / "curation.jsonl").open("a") as file:
                file.write(json.dumps(record) + "\n")
            self.log.say(f"curated at epoch {epoch}: {selection.report}")
        # One process decides: elsewhere the last bit of a matrix product may differ.
        chosen: Rows = gather(self.fabric, rows[selection.rows])[0]
        return chosen

    # ------------------------------------------------------------------ loop

    def run(self, *, simulated: bool) -> Run:
        """Train to the last step and export the teacher."""
        watch, total = self.config.watch, self.config.optimisation.steps
        shown = watch.progress and self.fabric.is_global_zero and is_watched()
        with steps_bar(total, self.step, shown=shown) as advance:
            for share in self.loader.shares(self.step, total):
                began = time.perf_counter()
                values = self._learn(share)
                self.step += 1
                values["step_seconds"] = time.perf_counter() - began
                values["data_seconds"] = share.waited
                if self.step % watch.log_every == 0 or self.step in (1, total):
                    self._record(values)
                if watch.probe_every and self.step % watch.probe_every == 0:
                    self._probe()
                if self.step % watch.checkpoint_every == 0:
                    self._save()
                advance(self.step, values["loss"])
        self._save()
        bundle = self._export(simulated)
        skipped = {f"skipped: {k}": v for k, v in self.loader.dataset.skipped.items()}
        return Run(self.folder, self.step, bundle, {**self.counters, **skipped})

    def _learn(self, share: Share) -> dict[str, float]:
        """Make one step, and stop a run that no longer learns."""

        def tensor(array: npt.NDArray[np.float32]) -> torch.Tensor:
            return torch.from_numpy(array).to(self.fabric.device, non_blocking=True)

        batch = draw_batch(
            tensor(share.images),
            self.config,
            step=self.step,
            first=self.loader.first,
            mean=tensor(share.mean),
            scale=tensor(share.scale),
        )
        values = self.learner.step(batch, self.step)
        self.counters["images"] += self.config.optimisation.batch
        self.counters["replaced"] += share.replaced
        self.counters["empty_crops"] += batch.empty
        if not values["bad"]:
            self._bad_in_a_row = 0
            return values
        self._bad_in_a_row += 1
        self.counters["skipped_steps"] += 1
        self.log.say(f"step {self.step} was not finite and was skipped")
        if self._bad_in_a_row > self.config.optimisation.max_bad_steps:
            raise TrainingError(
                f"{self._bad_in_a_row} steps in a row were not finite, the last one step "
                f"{self.step}. Lower optimisation.learning_rate or set optimisation.precision to "
                f"'fp32', and go on from {self.folder / 'checkpoints'}."
            )
        return values

    def _record(self, values: dict[str, float]) -> None:
        row = {"epoch": self.loader.epoch, **self.counters, **values}
        self.log.record(self.step, row)

    def _probe(self) -> None:
        if self.probe is not None and self.fabric.is_global_zero:
            self._record(self.probe.scores(self.learner))
        self.fabric.barrier()

    # --------------------------------------------------------- state and result

    def _save(self) -> None:
        bad = np.unique(np.concatenate(gather(self.fabric, self.loader.dataset.bad)))
        if self.fabric.is_global_zero:
            state = {
                "config": self.config.to_dict(),
                "data": self._identity,
                "step": self.step,
                "feed": self.loader.state(),
                "bad": torch.from_numpy(bad),
                "counters": dict(self.counters),
                **self.learner.state(),
            }
            keep = self.config.watch.keep
            save_checkpoint(self.folder / "checkpoints", self.step, state, keep=keep)
        self.fabric.barrier()

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.learner.load(state)
        self.loader.load(state["feed"])
        self.loader.dataset.bad = state["bad"].numpy()
        self.step, self.counters = state["step"], dict(state["counters"])
        self.log.say(f"went on from step {self.step}")

    def _export(self, simulated: bool) -> Path | None:
        if not self.fabric.is_global_zero:
            return None
        config = self.config
        handle = write_bundle(
            self.folder / "bundle",
            name=config.name,
            backbone=backbone_spec(config),
            backbone_state=network_weights(self.learner.teacher.backbone.vit),
            input=config.input.spec(),
            simulated=simulated,
            provenance={
                "pretraining": config.to_dict(),
                "steps": self.step,
                "counters": self.counters,
            },
            card=_CARD.format(name=config.name, steps=self.step, **self.counters),
        )
        return Path(handle.path)


def _classes(ds: xr.Dataset) -> tuple[Rows | None, tuple[str, ...]]:
    """Return the class of each vignette (-1 where unknown) and the names, for reports alone."""
    if "ocean_class" not in ds:
        return None, ()
    labels = ds["ocean_class"]
    described: dict[str, Any] = {"default": OCEAN_CLASSES, "error": TrainingError}
    index = np.nan_to_num(class_indices(labels, **described), nan=CLASS_FILL)
    return index.astype(np.int64), tuple(class_table(labels, **described))
