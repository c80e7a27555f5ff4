"""The wind of the geophysical model function, as a competitor."""

from dataclasses import dataclass

import numpy as np

from xoceansar._typing import Array
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.evaluate.competitors import Competitor
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.tasks import Task
from xoceansar.ops.wind_directions import gmf_wind

__all__ = ["ModelFunction"]


@dataclass(frozen=True)
class ModelFunction(Competitor):
    """CMOD5.N inverted for the wind speed."""

    #: Variable of the data with the direction to which the wind blows; none is assumed where it is empty.
    direction: str = ""
    needs_training = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"CMOD5.N with {self.direction}" if self.direction else "CMOD5.N"

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Invert the mean backscatter of each vignette.

        Shapes: gives (vignette,).
        """
        del train, store
        if task.kind != "number" or task.units not in ("m s-1", "m/s"):
            raise OceansarError(
                f"CMOD5.N gives a wind speed; task {task.name!r} is of {task.target!r}."
            )
        if not self.direction:
            wind = gmf_wind(test.ds)
        elif self.direction in test.ds:
            wind = gmf_wind(test.ds, wind_to_direction=test.ds[self.direction])
        else:
            raise MissingVariableError(
                f"cmod5n:{self.direction} needs that variable along vignette, and the data have "
                f"{sorted(map(str, test.ds.data_vars))}."
            )
        return np.asarray(wind["wind_speed"].values, np.float64)
