"""The experiments by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import xarray as xr

from xoceansar.errors import OceansarError
from xoceansar.evaluate.experiments import (
    digital_numbers,
    miscalibration,
    other_sensors,
    small_objects,
    trained_backbone,
    zero_shot,
)
from xoceansar.evaluate.experiments.experiment_result import ExperimentResult


@dataclass(frozen=True)
class Experiment:
    """An experiment that can be run by name."""

    #: On the command line.
    name: str
    question: str
    #: From vignettes and a model to a result; takes ``limit``, ``draws``, ``seed`` and ``cache``,
    #: and what `options` names.
    run: Callable[..., ExperimentResult]
    #: Vignettes with any of class, wave height and wind; with boxes of icebergs; or none.
    needs: Literal["truth", "boxes", "nothing"] = "truth"
    #: Further arguments of `run`.
    options: tuple[str, ...] = ()


#: The experiments, by name.
EXPERIMENTS: Final[Mapping[str, Experiment]] = MappingProxyType(
    {
        e.name: e
        for e in (
            Experiment("zero-shot", zero_shot.QUESTION, zero_shot.zero_shot),
            Experiment(
                "dn", digital_numbers.QUESTION, digital_numbers.dn, options=("spread",)
            ),
            Experiment(
                "finetune",
                trained_backbone.QUESTION,
                trained_backbone.finetune,
                options=("task", "modes"),
            ),
            Experiment(
                "calibration", miscalibration.QUESTION, miscalibration.calibration
            ),
            Experiment(
                "sensor",
                other_sensors.QUESTION,
                other_sensors.sensor,
                needs="nothing",
                options=("sensors",),
            ),
            Experiment(
                "small-objects",
                small_objects.QUESTION,
                small_objects.small_objects,
                needs="boxes",
            ),
        )
    }
)


def find_experiment(name: str) -> Experiment:
    """Find an experiment by its name.

    Examples
    --------
    >>> find_experiment("sensor").needs
    'nothing'
    """
    if name not in EXPERIMENTS:
        raise OceansarError(
            f"there is no experiment {name!r}; there are {list(EXPERIMENTS)}."
        )
    return EXPERIMENTS[name]


def experiment(
    name: str, ds: xr.Dataset | None = None, model: Any = None, **options: Any
) -> ExperimentResult:
    """Run an experiment of the paper.

    Parameters
    ----------
    name : str
        ``zero-shot``, ``dn``, ``finetune``, ``calibration``, ``sensor`` or ``small-objects``.
    ds : Dataset, optional
        Vignettes with their truth; none for ``sensor``.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    **options
        ``limit``, ``draws``, ``seed``, ``cache``, and those of the experiment itself.

    Returns
    -------
    ExperimentResult

    Raises
    ------
    OceansarError
        If there is no such experiment or option, or it needs data and gets none; and what the
        experiment raises.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(600, seed=1)  # doctest: +SKIP
    >>> print(xos.evaluate.experiment("zero-shot", sea).to_markdown())  # doctest: +SKIP
    """
    chosen = find_experiment(name)
    known = {"limit", "draws", "seed", "cache", *chosen.options}
    unknown = sorted(set(options) - known)
    if unknown:
        raise OceansarError(
            f"experiment {name!r} has no option {', '.join(unknown)}; it has {sorted(known)}."
        )
    if ds is None and chosen.needs != "nothing":
        raise OceansarError(
            f"experiment {name!r} needs vignettes with their truth ({chosen.needs}); got none."
        )
    return chosen.run(ds, model, **options)
