"""What a fit gives: the head, how good it is, and a bundle to use it with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar._html import card
from xoceansar._paths import local_target
from xoceansar.errors import TrainingError, warn
from xoceansar.models.bundle.extension import extend_bundle
from xoceansar.models.bundle.library import write_bundle
from xoceansar.models.bundle.schema import read_provenance
from xoceansar.models.heads.head import Head
from xoceansar.models.spec import ModelHandle

__all__ = ["FitResult"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FitResult:
    """A fitted head.

    Parameters
    ----------
    head : Head
        With its metrics.
    model : ModelHandle
        The model whose backbone it was fitted on; where that was fine-tuned, the one before.
    scores : DataFrame
        Of the validation rows, over all and over each beam, in the units of the target.
    validation : Dataset
        ``truth`` and ``predicted`` of each validation row, with ``group`` and the coordinates of
        the vignettes; of a classifier, the classes and the probability of each.
    dropped : dict of str to int
        Vignettes that were left out, by the reason.
    provenance : dict
        All of this that goes into the bundle, as JSON values.
    simulated : bool
        Whether the truth is simulated.
    backbone_state : mapping of str to ndarray, optional
        Weights of the backbone where it was fine-tuned.
    bundle : ModelHandle, optional
        The bundle, where it was written.

    Examples
    --------
    >>> import xoceansar as xos
    >>> vectors = xos.open_archive("embeddings.zarr")  # doctest: +SKIP
    >>> result = xos.train.fit(vectors, "swh")  # doctest: +SKIP
    >>> result.scores  # doctest: +SKIP
    """

    head: Head
    model: ModelHandle
    scores: pd.DataFrame
    validation: xr.Dataset
    dropped: dict[str, int]
    provenance: dict[str, Any]
    simulated: bool
    backbone_state: Mapping[str, npt.NDArray[Any]] | None = field(default=None)
    bundle: ModelHandle | None = None

    @property
    def sweep(self) -> pd.Series:
        """Validation loss at each learning rate that was tried; empty where none was."""
        losses = self.head.spec.metrics.get("sweep", {})
        index = pd.Index([float(rate) for rate in losses], name="learning_rate")
        return pd.Series(list(losses.values()), index=index, name="loss", dtype=float)

    def write(
        self, folder: str | Path, *, name: str | None = None, keep_heads: bool = True
    ) -> ModelHandle:
        """Write a bundle with the head: a copy of the model that it was fitted with.

        Parameters
        ----------
        folder : str or Path
            Where; the model's own folder adds the head in place.
        name : str, optional
            Name of the bundle; the folder's where not given.
        keep_heads : bool
            Whether the other heads and the detectors of the model are copied too. Those of a backbone that was
            fine-tuned are not, whatever this says.

        Returns
        -------
        ModelHandle
            For ``model=`` of every method.

        Raises
        ------
        TrainingError
            If the backbone was fine-tuned and `folder` is that of the model before.
        WeightsMismatchError
            If a file of the model is not what its ``config.json`` says.

        Notes
        -----
        The bundle counts as simulated if the truth of any of its heads is.

        Examples
        --------
        >>> model = result.write("with-my-head")  # doctest: +SKIP
        >>> ds.oceansar.swh(model)  # doctest: +SKIP
        """
        path = local_target(folder, "a bundle").resolve()
        called = name or path.name
        if self.backbone_state is not None:
            return self._write_fine_tuned(path, called)
        others = set(self._names()) - {self.head.spec.name}
        kept = others if keep_heads else set[str]()
        theirs = self.model.simulated and bool(kept)
        if theirs and not self.simulated:
            warn(
                f"the other heads of {self.model.name!r} were fitted on simulated vignettes, so "
                "the whole bundle is marked as simulated. For this head alone: "
                "write(folder, keep_heads=False)."
            )
        return extend_bundle(
            path,
            self.model,
            self.head,
            name=called,
            keep=kept,
            simulated=self.simulated or theirs,
            provenance=self._provenance(),
            card=self._card(called),
        )

    def _write_fine_tuned(self, path: Path, name: str) -> ModelHandle:
        assert self.backbone_state is not None
        if path == Path(self.model.path):
            raise TrainingError(
                f"{path} holds the model before its fine-tuning, with heads that need its "
                "weights. Write to another folder."
            )
        if self._names():
            warn(
                f"the heads {self._names()} of "
                f"{self.model.name!r} belong to its backbone before the fine-tuning and are left "
                "out: fit them again with model= this bundle."
            )
        written = write_bundle(
            path,
            name=name,
            backbone=replace(self.model.backbone, sha256=""),
            backbone_state=self.backbone_state,
            input=self.model.input,
            heads=[self.head],
            simulated=self.simulated,
            provenance=self._provenance(),
            card=self._card(name),
        )
        return replace(
            written, device=self.model.device, precision=self.model.precision
        )

    def _names(self) -> list[str]:
        heads = [spec.name for spec in self.model.heads]
        return heads + [spec.name for spec in self.model.detectors]

    def _provenance(self) -> dict[str, Any]:
        before = read_provenance(Path(self.model.path))
        heads = {**before.get("heads", {}), self.head.spec.name: self.provenance}
        return {**before, "heads": heads}

    def _card(self, name: str) -> str:
        card = self.model.card or f"# {name}\n"
        return f"{card.rstrip()}\n\n{self._section()}"

    def _section(self) -> str:
        spec, about = self.head.spec, self.provenance
        kind = "simulated vignettes" if self.simulated else "vignettes"
        scores = "; ".join(
            f"{name} {value:.4g}" for name, value in self.scores.loc["all"].items()
        )
        return (
            f"## Head `{spec.name}`\n\n"
            f"{spec.kind}, gives {spec.target} ({spec.units}); fitted on {about['n_fit']} {kind} "
            f"in {about['groups']['fit']} groups ({about['groups']['by']}), backbone "
            f"{about['finetune'] or 'frozen'}. On {about['groups']['validation']} other groups: "
            f"{scores}.\n"
        )

    def __repr__(self) -> str:
        table = self.scores.to_string(float_format=lambda value: f"{value:.4g}")
        lines = [*self._facts(), *(f"  {line}" for line in table.splitlines())]
        return "\n".join([*lines, self._where()])

    def _repr_html_(self) -> str:
        cautions = ["The truth is simulated."] if self.simulated else []
        said = "\n".join([*self._facts(), self._where()])
        return card(said, warnings=cautions, tables=[self.scores])

    def _facts(self) -> list[str]:
        spec, about = self.head.spec, self.provenance
        groups = about["groups"]
        lines = [
            f"<FitResult {spec.name}: {spec.kind} head for {spec.target} [{spec.units}]>",
            f"  fitted     on {about['n_fit']} vignettes of {groups['fit']} groups "
            f"({groups['by']}), backbone {about['finetune'] or 'frozen'}",
            f"  validated  on {about['n_validation']} vignettes of {groups['validation']} groups"
            + (", simulated" if self.simulated else ""),
        ]
        if self.dropped:
            parts = [f"{n} {reason}" for reason, n in self.dropped.items()]
            lines.append(f"  left out   {', '.join(parts)}")
        if len(self.sweep):
            lines.append(
                f"  rate       {spec.metrics['learning_rate']:g} of "
                f"{[float(f'{rate:g}') for rate in self.sweep.index]}, chosen on the validation"
            )
        return lines

    def _where(self) -> str:
        where = self.bundle.path if self.bundle else "nowhere yet: .write(folder)"
        return f"  written    {where}"


def plain(value: Any) -> Any:
    """Turn numpy values into JSON ones; what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
